//! Declarations: of each key its type, default, meaning and range, once.

use toml::Value;

/// Declares a section: a struct, and what is known of its keys.
///
/// A key is `name: Type, how, range;` with the range left out where all values are allowed, and `how` one
/// of
/// - `required`: there is no default;
/// - `default(value)`;
/// - `word("none")`: an `Option` that is `None` without the key, and with this word;
/// - `derived("in words", function)`: what follows from the table of the rest;
/// - `section`, `optional`: a section in the section, which may be absent;
/// - `choice`: a choice.
macro_rules! section {
    ($(#[doc = $doc:literal])* $name:ident {
        $($(#[doc = $key_doc:literal])* $key:ident: $type:ty, $how:ident $(($($arg:tt)*))?
          $(, $range:expr)?;)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $key_doc])* pub $key: $type,)*
        }

        impl $name {
            /// What it is for.
            #[allow(dead_code, reason = "the outermost section has no name")]
            pub(super) fn meaning() -> String {
                $crate::config::declare::meaning(&[$($doc),*])
            }

            /// Its keys.
            pub(super) fn nodes() -> Vec<$crate::config::schema::Node> {
                vec![$($crate::config::declare::node!(
                    stringify!($key), $type, &[$($key_doc),*], $how $(($($arg)*))? $(, $range)?
                ),)*]
            }
        }
    };
}

/// Declares a choice: an enum whose variants have keys of their own, and what is known of them.
macro_rules! choice {
    ($(#[doc = $doc:literal])* $name:ident by $tag:literal, default $default:literal {
        $($(#[doc = $option_doc:literal])* $option:ident = $word:literal {
            $($(#[doc = $key_doc:literal])* $key:ident: $type:ty, $how:ident $(($($arg:tt)*))?
              $(, $range:expr)?;)*
        })*
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = $tag)]
        pub enum $name {
            $($(#[doc = $option_doc])* #[serde(rename = $word)] $option {
                $($(#[doc = $key_doc])* $key: $type,)*
            },)*
        }

        impl $name {
            /// The choice as the key `name`.
            pub(super) fn choice(name: &'static str, meaning: String) -> $crate::config::schema::Choice {
                $crate::config::schema::Choice {
                    name,
                    meaning,
                    tag: $tag,
                    default: $default,
                    options: vec![$($crate::config::schema::ChoiceOption {
                        name: $word,
                        meaning: $crate::config::declare::meaning(&[$($option_doc),*]),
                        keys: vec![$($crate::config::declare::node!(
                            stringify!($key), $type, &[$($key_doc),*], $how $(($($arg)*))?
                            $(, $range)?
                        ),)*],
                    },)*],
                }
            }
        }
    };
}

/// One node of a declaration.
macro_rules! node {
    ($name:expr, $type:ty, $doc:expr, section) => {
        $crate::config::declare::section_node($name, <$type>::meaning(), false, <$type>::nodes())
    };
    ($name:expr, $type:ty, $doc:expr, optional($section:ty)) => {
        $crate::config::declare::section_node($name, <$section>::meaning(), true, <$section>::nodes())
    };
    ($name:expr, $type:ty, $doc:expr, choice) => {
        $crate::config::schema::Node::Choice(
            <$type>::choice($name, $crate::config::declare::meaning($doc)),
        )
    };
    ($name:expr, $type:ty, $doc:expr, $how:ident $(($($arg:tt)*))?) => {
        $crate::config::declare::node!(
            $name, $type, $doc, $how $(($($arg)*))?, $crate::config::schema::Range::Any
        )
    };
    ($name:expr, $type:ty, $doc:expr, $how:ident $(($($arg:tt)*))?, $range:expr) => {
        $crate::config::schema::Node::Key($crate::config::schema::Key {
            name: $name,
            meaning: $crate::config::declare::meaning($doc),
            kind: <$type as $crate::config::schema::Described>::kind(),
            default: $crate::config::declare::default!($type, $how $(($($arg)*))?),
            range: $range,
            read: $crate::config::declare::read::<$type>,
        })
    };
}

/// The default of a key.
macro_rules! default {
    ($type:ty, required) => {
        $crate::config::schema::Default::Required
    };
    ($type:ty, default($value:expr)) => {{
        let value: $type = $value;
        $crate::config::declare::fixed(
            &value,
            &<$type as $crate::config::schema::Described>::kind(),
        )
    }};
    ($type:ty, word($word:expr)) => {
        $crate::config::schema::Default::Word($word)
    };
    ($type:ty, derived($words:expr, $function:expr)) => {
        $crate::config::schema::Default::Derived($words, $function)
    };
}

pub(super) use {choice, default, node, section};

use super::schema::{Default, Kind, Node, Section};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The lines of a documentation as one text.
pub(super) fn meaning(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").trim().to_string()
}

/// A fixed default.
pub(super) fn fixed(value: &impl Serialize, kind: &Kind) -> Default {
    // What TOML cannot hold is no value of a key.
    Value::try_from(value).map_or(Default::Required, |value| Default::Value(shortest(value, kind)))
}

/// A number of 32 bits in the shortest notation that is the same in them: 0.9, not 0.8999999761581421.
pub(super) fn shortest(value: Value, kind: &Kind) -> Value {
    match value {
        Value::Float(number) if *kind == Kind::Number32 => {
            Value::Float((number as f32).to_string().parse().unwrap_or(number))
        }
        value => value,
    }
}

pub(super) fn section_node(
    name: &'static str,
    meaning: String,
    is_optional: bool,
    nodes: Vec<Node>,
) -> Node {
    Node::Section(Section { name, meaning, is_optional, nodes })
}

/// Whether a value can be read as a `T`.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<(), String> {
    T::deserialize(value).map(drop).map_err(|error| error.to_string().trim_end().to_string())
}
