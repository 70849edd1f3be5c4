//! What a configuration may say: keys with type, default, meaning and range, in sections and choices.

use dermx_data::ImageSize;
use dermx_score::Variable;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use toml::Value;

/// What stands at one place of a configuration.
#[derive(Debug, Clone)]
pub enum Node {
    /// A key with a value.
    Key(Key),
    /// A section of keys.
    Section(Section),
    /// One of several things, each with keys of its own.
    Choice(Choice),
}

/// A key: everything that is known of it.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name in its section.
    pub name: &'static str,
    /// What it is for.
    pub meaning: String,
    /// What its value looks like.
    pub kind: Kind,
    /// Its value where no file gives one.
    pub default: Default,
    /// Which values are allowed.
    pub range: Range,
    /// Whether a value can be read, or why not.
    pub read: fn(Value) -> Result<(), String>,
}

/// A section of keys.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub meaning: String,
    /// Whether it may be absent, which `"none"` says as well.
    pub is_optional: bool,
    /// What stands in it.
    pub nodes: Vec<Node>,
}

/// One of several things, each with keys of its own.
///
/// It is written as a section whose key [`Self::tag`] names it; the name alone stands for a section with
/// nothing else.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Its name.
    pub name: &'static str,
    /// What is chosen.
    pub meaning: String,
    /// The key that names what is chosen.
    pub tag: &'static str,
    /// What is chosen where no file says it.
    pub default: &'static str,
    /// What there is.
    pub options: Vec<ChoiceOption>,
}

/// One of the things of a [`Choice`].
#[derive(Debug, Clone)]
pub struct ChoiceOption {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub meaning: String,
    /// Its keys.
    pub keys: Vec<Node>,
}

/// The value of a key that no file gives.
#[derive(Debug, Clone)]
pub enum Default {
    /// There is none: only the user knows it.
    Required,
    /// A fixed value.
    Value(Value),
    /// Nothing, which this word says.
    Word(&'static str),
    /// What follows from the rest of the configuration: in words, and computed of its table.
    Derived(&'static str, fn(&toml::Table) -> Option<Value>),
}

/// What a value looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number, not negative.
    Whole,
    /// A number.
    Number,
    /// A number that is kept in 32 bits.
    Number32,
    /// Any text.
    Text,
    /// A file or folder.
    Path,
    /// One of some words.
    Words(&'static [&'static str]),
    /// One of some words, or something else.
    WordsOr(&'static [&'static str], Box<Self>),
    /// `[height, width]` in pixels.
    Size,
    /// A list.
    List(Box<Self>),
    /// A list of two.
    Pair(Box<Self>),
    /// Names with a text each.
    Names,
    /// Names with a number each.
    Numbers,
    /// Names with any value each.
    Table,
}

/// Which values of a kind are allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// All.
    Any,
    /// Numbers of an interval.
    Interval(Interval),
    /// Numbers of things, from the first to the second: more is a slip of the pen.
    Count(u32, u32),
    /// What a 32-bit float can hold above 0.
    Positive32,
    /// Sizes whose sides are at least so many pixels long, and not longer than [`MAX_SIDE_PX`].
    Sides(u32),
    /// Lists of so many different things at least.
    Distinct(usize),
    /// `[low, high]`, not negative, in this order.
    LowHigh,
    /// Some texts.
    OneOf(&'static [&'static str]),
}

/// An interval of numbers; without `high` it has no upper end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// Whether the lower end belongs to it.
    pub has_low: bool,
    /// The upper end.
    pub high: Option<f64>,
    /// Whether the upper end belongs to it.
    pub has_high: bool,
}

/// The largest side that is not a slip of the pen, in pixels.
pub const MAX_SIDE_PX: u32 = ImageSize::MAX_SIDE_PX;

/// The most images that a batch is made of, and batches that a step is made of: no memory holds more.
pub const MAX_BATCH: u32 = 65536;

impl Range {
    /// Numbers from `low` on.
    pub const fn at_least(low: f64) -> Self {
        Self::Interval(Interval { low, has_low: true, high: None, has_high: false })
    }

    /// Numbers above 0.
    pub const fn positive() -> Self {
        Self::Interval(Interval { low: 0.0, has_low: false, high: None, has_high: false })
    }

    /// `[low, high]`.
    pub const fn closed(low: f64, high: f64) -> Self {
        Self::Interval(Interval { low, has_low: true, high: Some(high), has_high: true })
    }

    /// `[low, high)`.
    pub const fn below(low: f64, high: f64) -> Self {
        Self::Interval(Interval { low, has_low: true, high: Some(high), has_high: false })
    }

    /// `(low, high)`.
    pub const fn between(low: f64, high: f64) -> Self {
        Self::Interval(Interval { low, has_low: false, high: Some(high), has_high: false })
    }

    /// `(low, high]`.
    pub const fn up_to(low: f64, high: f64) -> Self {
        Self::Interval(Interval { low, has_low: false, high: Some(high), has_high: true })
    }

    /// What is wrong with `value`, which can be read: what stands after the name of the key.
    ///
    /// # Errors
    /// A value that is not allowed.
    pub fn check(self, value: &Value) -> Result<(), String> {
        match self {
            Self::Any => Ok(()),
            Self::Interval(interval) => {
                let each = value.as_table().map_or_else(|| vec![value], |of| of.values().collect());
                let mut numbers = each.into_iter().filter_map(number);
                let is_inside = numbers.all(|value| interval.contains(value));
                if is_inside { Ok(()) } else { Err(format!("has to {}", interval.words())) }
            }
            Self::Count(low, high) => match number(value) {
                Some(number) if number < f64::from(low) => Err(format!("has to be at least {low}")),
                Some(number) if number > f64::from(high) => {
                    Err(format!("has to be at most {high}"))
                }
                _ => Ok(()),
            },
            Self::Positive32 => match number(value) {
                Some(number) if !is_float(number) => Err(format!(
                    "is {number:?}; it has to be a positive number that a 32-bit float can hold, {:e} to {:e}",
                    f32::MIN_POSITIVE,
                    f32::MAX
                )),
                _ => Ok(()),
            },
            Self::Sides(min_px) => check_sides(value, min_px),
            Self::Distinct(min) => check_distinct(value, min),
            Self::LowHigh => {
                let ends: Vec<f64> =
                    value.as_array().into_iter().flatten().filter_map(number).collect();
                match ends[..] {
                    [low, high] if !(0.0 <= low && low <= high && high.is_finite()) => {
                        Err("has to be [low, high] with 0 <= low <= high".to_string())
                    }
                    _ => Ok(()),
                }
            }
            Self::OneOf(texts) => match value.as_str() {
                Some(text) if !texts.contains(&text) => {
                    Err(format!("is `{text}`; there are: {}", texts.join(", ")))
                }
                _ => Ok(()),
            },
        }
    }

    /// In words, after the kind of the key; empty where all are allowed.
    pub fn words(self) -> String {
        match self {
            Self::Any | Self::OneOf(_) => String::new(),
            Self::Interval(interval) => {
                let Interval { low, has_low, high, has_high } = interval;
                match high {
                    None if has_low => format!(" >= {low}"),
                    None => format!(" > {low}"),
                    Some(high) => format!(
                        " in {}{low}, {high}{}",
                        if has_low { '[' } else { '(' },
                        if has_high { ']' } else { ')' }
                    ),
                }
            }
            Self::Count(low, high) => format!(" in [{low}, {high}]"),
            Self::Positive32 => " > 0".to_string(),
            Self::Sides(min_px) => format!(", {min_px} to {MAX_SIDE_PX} pixels a side"),
            Self::Distinct(0) => ", none twice".to_string(),
            Self::Distinct(min) => format!(", at least {min}, none twice"),
            Self::LowHigh => ", 0 <= low <= high".to_string(),
        }
    }
}

impl Interval {
    fn contains(self, value: f64) -> bool {
        let above = if self.has_low { value >= self.low } else { value > self.low };
        let below = self.high.is_none_or(|high| match self.has_high {
            true => value <= high,
            false => value < high,
        });
        value.is_finite() && above && below
    }

    fn words(self) -> String {
        match (self.high, self.has_low, self.low) {
            (None, true, low) => format!("be at least {low}"),
            (None, false, 0.0) => "be positive".to_string(),
            _ => format!("lie{}", Range::Interval(self).words()),
        }
    }
}

/// Whether a positive number stays one as a 32-bit float, which weights are moved in.
pub fn is_float(value: f64) -> bool {
    (f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX)).contains(&value)
}

/// The number that `value` is.
pub fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|number| number as f64))
}

fn check_sides(value: &Value, min_px: u32) -> Result<(), String> {
    let Ok(size) = value.clone().try_into::<ImageSize>() else { return Ok(()) };
    let allowed = min_px..=MAX_SIDE_PX;
    if allowed.contains(&size.height) && allowed.contains(&size.width) {
        return Ok(());
    }
    Err(format!("is {size}; it has to lie between {min_px} and {MAX_SIDE_PX} pixels a side"))
}

fn check_distinct(value: &Value, min: usize) -> Result<(), String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let twice = items.iter().enumerate().find(|(idx, item)| items[..*idx].contains(item));
    match twice {
        Some((_, item)) => Err(format!("names {item} twice")),
        None if items.len() < min => Err(format!("has to name at least {min}")),
        None => Ok(()),
    }
}

/// A type that a key may have.
pub trait Described {
    /// What its values look like.
    fn kind() -> Kind;
}

/// Types and their kinds.
macro_rules! described {
    ($($type:ty => $kind:expr,)*) => {
        $(impl Described for $type {
            fn kind() -> Kind {
                $kind
            }
        })*
    };
}

described! {
    bool => Kind::Bool,
    u16 => Kind::Whole,
    u32 => Kind::Whole,
    u64 => Kind::Whole,
    usize => Kind::Whole,
    f32 => Kind::Number32,
    f64 => Kind::Number,
    String => Kind::Text,
    Variable => Kind::Text,
    PathBuf => Kind::Path,
    ImageSize => Kind::Size,
    BTreeMap<String, String> => Kind::Names,
    BTreeMap<String, f64> => Kind::Numbers,
    BTreeMap<String, Value> => Kind::Table,
}

impl<T: Described> Described for Option<T> {
    fn kind() -> Kind {
        T::kind()
    }
}

impl<T: Described> Described for Vec<T> {
    fn kind() -> Kind {
        Kind::List(Box::new(T::kind()))
    }
}

impl<T: Described> Described for [T; 2] {
    fn kind() -> Kind {
        Kind::Pair(Box::new(T::kind()))
    }
}

/// The words of an enumeration, as its `Deserialize` knows them.
pub fn words_of<T: for<'de> Deserialize<'de>>() -> Kind {
    Kind::Words(T::deserialize(Probe).err().map_or(&[], |Found(words)| words))
}

/// Gives nothing to read, but learns which words are expected.
struct Probe;

/// The words that were expected.
#[derive(Debug)]
struct Found(&'static [&'static str]);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl std::error::Error for Found {}

impl de::Error for Found {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Found;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found(&[]))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Found> {
        Err(Found(words))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl Kind {
    /// A value that can be read, where there is no better one.
    pub(super) fn empty(&self) -> Value {
        match self {
            Self::Bool => Value::Boolean(false),
            Self::Whole => Value::Integer(0),
            Self::Number | Self::Number32 => Value::Float(0.0),
            Self::Text | Self::Path => Value::String(String::new()),
            Self::Words(words) | Self::WordsOr(words, _) => {
                Value::String(words.first().copied().unwrap_or_default().into())
            }
            Self::Size => Value::Array(vec![Value::Integer(1); 2]),
            Self::List(_) => Value::Array(Vec::new()),
            Self::Pair(kind) => Value::Array(vec![kind.empty(); 2]),
            Self::Names | Self::Numbers | Self::Table => Value::Table(toml::Table::new()),
        }
    }
}

impl Node {
    /// Its name in its section.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Key(key) => key.name,
            Self::Section(section) => section.name,
            Self::Choice(choice) => choice.name,
        }
    }
}

impl Choice {
    /// The option called `name`.
    pub fn option(&self, name: &str) -> Option<&ChoiceOption> {
        self.options.iter().find(|option| option.name == name)
    }

    /// The names of the options.
    pub fn names(&self) -> Vec<&'static str> {
        self.options.iter().map(|option| option.name).collect()
    }
}

/// The node called `name`.
pub fn find<'a>(nodes: &'a [Node], name: &str) -> Option<&'a Node> {
    nodes.iter().find(|node| node.name() == name)
}

/// `section.key`.
pub fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_string() } else { format!("{section}.{key}") }
}
