//! The list of all keys.

use super::bench;
use super::config::Config;
use super::schema::{Choice, Default, Key, Kind, Node, join};
use super::search;
use std::fmt::Write;

/// Width of the text, in letters.
const WIDTH: usize = 100;

/// A key as it is listed.
struct Listed {
    path: String,
    kind: String,
    default: String,
    meaning: String,
}

/// A section with its keys, as it is listed.
struct Group {
    heading: String,
    meaning: String,
    keys: Vec<Listed>,
}

/// Every key with its type, default and meaning, for a terminal.
pub fn keys_text() -> String {
    let mut text = String::new();
    for group in groups() {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{}", wrapped(&format!("{}: {}", group.heading, group.meaning), ""));
        for Listed { path, kind, default, meaning } in group.keys {
            let _ = writeln!(text, "  {path}: {kind}; {default}");
            let _ = writeln!(text, "{}", wrapped(&meaning, "      "));
        }
        text.push('\n');
    }
    text
}

/// Every key with its type, default and meaning, as tables in Markdown.
pub fn keys_markdown() -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let code = |text: &str| text.replace('*', "\\*");
    let mut text = String::new();
    for group in groups() {
        let _ = writeln!(text, "### {}\n\n{}\n", group.heading, code(&group.meaning));
        if group.keys.is_empty() {
            continue;
        }
        text.push_str("| key | type | default | meaning |\n|---|---|---|---|\n");
        for Listed { path, kind, default, meaning } in group.keys {
            let (kind, default, meaning) = (cell(&kind), cell(&default), code(&cell(&meaning)));
            let _ = writeln!(text, "| `{path}` | {kind} | {default} | {meaning} |");
        }
        text.push('\n');
    }
    format!("{}\n", text.trim_end())
}

fn groups() -> Vec<Group> {
    let base = Listed {
        path: super::files::BASE.to_string(),
        kind: "text".to_string(),
        default: "no default".to_string(),
        meaning: "The configuration that this one changes: a file beside it or in configs/, or a \
                  built-in one. It stands above all sections, and works in files of searches and \
                  comparisons, too."
            .to_string(),
    };
    let mut groups = vec![Group {
        heading: "Any file".to_string(),
        meaning: "What it may say beside sections.".to_string(),
        keys: vec![base],
    }];
    for root in [Config::nodes(), search::root(), bench::root()] {
        add(&mut groups, "", &root);
    }
    groups
}

/// The groups of `nodes` in the section `prefix`, whose own keys stand in the last group.
fn add(groups: &mut Vec<Group>, prefix: &str, nodes: &[Node]) {
    for node in nodes {
        let path = join(prefix, node.name());
        match node {
            Node::Key(key) => {
                if let Some(group) = groups.last_mut() {
                    group.keys.push(listed(key, path));
                }
            }
            Node::Section(section) => {
                let meaning = match section.is_optional {
                    true => format!("{} There is none by default.", section.meaning),
                    false => section.meaning.clone(),
                };
                groups.push(Group { heading: format!("[{path}]"), meaning, keys: Vec::new() });
                let (keys, choices): (Vec<Node>, Vec<Node>) =
                    section.nodes.iter().cloned().partition(|node| matches!(node, Node::Key(_)));
                add(groups, &path, &keys);
                add(groups, &path, &choices);
            }
            Node::Choice(choice) => add_choice(groups, &path, choice),
        }
    }
}

fn add_choice(groups: &mut Vec<Group>, path: &str, choice: &Choice) {
    let names: Vec<String> = choice.names().iter().map(|name| format!("\"{name}\"")).collect();
    let tag = Listed {
        path: join(path, choice.tag),
        kind: format!("one of {}", names.join(", ")),
        default: format!("default \"{}\"", choice.default),
        meaning: format!(
            "Which; `{} = \"{}\"` says it, too, where nothing else is said.",
            choice.name, choice.default
        ),
    };
    groups.push(Group {
        heading: format!("[{path}]"),
        meaning: choice.meaning.clone(),
        keys: vec![tag],
    });
    for option in &choice.options {
        let heading = format!("[{path}] {} = \"{}\"", choice.tag, option.name);
        groups.push(Group { heading, meaning: option.meaning.clone(), keys: Vec::new() });
        add(groups, path, &option.keys);
    }
}

fn listed(key: &Key, path: String) -> Listed {
    let words = match key.default {
        Default::Word(word) => format!(", or \"{word}\""),
        _ => String::new(),
    };
    let kind = match (&key.kind, key.range) {
        (_, super::schema::Range::OneOf(texts)) => one_of(texts),
        (kind, range) => format!("{}{}", kind_words(kind), range.words()),
    };
    let default = match &key.default {
        Default::Required => "no default".to_string(),
        Default::Value(value) => format!("default {value}"),
        Default::Word(word) => format!("default \"{word}\""),
        Default::Derived(words, _) => format!("default: {words}"),
    };
    Listed { path, kind: format!("{kind}{words}"), default, meaning: key.meaning.clone() }
}

fn one_of(words: &[&str]) -> String {
    format!("one of \"{}\"", words.join("\", \""))
}

fn kind_words(kind: &Kind) -> String {
    match kind {
        Kind::Bool => "true or false".to_string(),
        Kind::Whole => "whole number".to_string(),
        Kind::Number | Kind::Number32 => "number".to_string(),
        Kind::Text => "text".to_string(),
        Kind::Path => "path".to_string(),
        Kind::Words(words) => one_of(words),
        Kind::WordsOr(words, kind) => format!("{}, or {}", one_of(words), kind_words(kind)),
        Kind::Size => "[height, width]".to_string(),
        Kind::List(kind) => format!("list of: {}", kind_words(kind)),
        Kind::Pair(kind) => format!("two of: {}", kind_words(kind)),
        Kind::Names => "table of texts".to_string(),
        Kind::Numbers => "table of numbers".to_string(),
        Kind::Table => "table".to_string(),
    }
}

/// `text` in lines of [`WIDTH`] letters at most, each after `indent`.
fn wrapped(text: &str, indent: &str) -> String {
    let mut lines = vec![indent.to_string()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > indent.len() && last + 1 + word.chars().count() > WIDTH {
            lines.push(indent.to_string());
        }
        if let Some(line) = lines.last_mut() {
            if line.len() > indent.len() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}
