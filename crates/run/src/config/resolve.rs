//! A document, filled up with defaults and checked key by key.

use super::document::Document;
use super::moved::new_place;
use super::schema::{Choice, Default, Key, Node, Section, find, join};
use dermx_data::json;
use dermx_data::text::first_problems;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// Problems that are named at once.
const MAX_NAMED: usize = 50;

/// Unknown keys for which a known one is looked for.
const MAX_LOOKED_FOR: usize = 100;

/// Longest name that is compared with the known ones, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// The value of every key that has one, and where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    /// The values. Keys and sections that are absent, also by a word such as `"none"`, are not there.
    pub(super) table: Table,
    /// The place of every key that was written: `file:line` or `--set path`; others have their default.
    pub(super) places: BTreeMap<String, String>,
    /// Keys with a problem, which have some value nevertheless so that the others can be looked at.
    pub(super) bad: BTreeSet<String>,
}

/// Fills up `document`, which is normalized, with the defaults of `nodes`; adds everything that is wrong to
/// `problems`.
pub(super) fn resolve(nodes: &[Node], document: &Document, problems: &mut Vec<String>) -> Resolved {
    let mut resolver = Resolver {
        all: nodes,
        document,
        problems,
        places: BTreeMap::new(),
        bad: BTreeSet::new(),
        derived: Vec::new(),
    };
    let mut table = resolver.nodes(nodes, "", None, &document.root);
    for (path, derive) in std::mem::take(&mut resolver.derived) {
        if let Some(value) = derive(&table) {
            insert_at(&mut table, &path, value);
        }
    }
    Resolved { table, places: resolver.places, bad: resolver.bad }
}

/// Problems, a line each; of very many the first.
pub(super) fn listed(problems: &[String]) -> String {
    first_problems(problems, MAX_NAMED, "\n")
}

type Derive = fn(&Table) -> Option<Value>;

struct Resolver<'a> {
    all: &'a [Node],
    document: &'a Document,
    problems: &'a mut Vec<String>,
    places: BTreeMap<String, String>,
    bad: BTreeSet<String>,
    derived: Vec<(String, Derive)>,
}

impl Resolver<'_> {
    fn problem(&mut self, path: &str, message: &str) {
        let place = self.document.place(path);
        self.problems.push(format!("{place}: `{path}` {message}"));
        self.bad.insert(path.to_string());
    }

    /// The values of `nodes` in the section `prefix`, which was given as `given`, beside `tag` in a choice.
    fn nodes(
        &mut self,
        nodes: &[Node],
        prefix: &str,
        tag: Option<&'static str>,
        given: &Table,
    ) -> Table {
        for name in given.keys().filter(|name| find(nodes, name).is_none()) {
            let known: Vec<&str> = nodes.iter().map(Node::name).chain(tag).collect();
            self.unknown(&known, prefix, name);
        }
        let mut table = Table::new();
        for node in nodes {
            let path = join(prefix, node.name());
            let given = given.get(node.name());
            let value = match node {
                Node::Key(key) => self.key(key, &path, given),
                Node::Section(section) => self.section(section, &path, given),
                Node::Choice(choice) => Some(self.choice(choice, &path, given)),
            };
            if let Some(value) = value {
                table.insert(node.name().to_string(), value);
            }
        }
        table
    }

    fn key(&mut self, key: &Key, path: &str, given: Option<&Value>) -> Option<Value> {
        let Some(value) = given else {
            if matches!(key.default, Default::Required) {
                self.problem(path, "is missing");
            }
            return self.default(key, path);
        };
        self.places.insert(path.to_string(), self.document.place(path));
        if matches!(key.default, Default::Word(word) if value.as_str() == Some(word)) {
            return None;
        }
        if let Err(message) = (key.read)(value.clone()) {
            let place = self.document.place(path);
            let message = json::plain(&message).replace("an object", "a section");
            self.problems.push(format!("{place}: `{path}`: {message}"));
            self.bad.insert(path.to_string());
            return self.default(key, path);
        } else if let Err(message) = key.range.check(value) {
            self.problem(path, &message);
        }
        Some(value.clone())
    }

    fn default(&mut self, key: &Key, path: &str) -> Option<Value> {
        match &key.default {
            // There is a problem already.
            Default::Required => Some(key.kind.empty()),
            Default::Value(value) => Some(value.clone()),
            Default::Word(_) => None,
            Default::Derived(_, derive) => {
                self.derived.push((path.to_string(), *derive));
                None
            }
        }
    }

    fn section(&mut self, section: &Section, path: &str, given: Option<&Value>) -> Option<Value> {
        match given {
            None if section.is_optional => None,
            Some(Value::String(word)) if section.is_optional && word == NONE => None,
            None => Some(Value::Table(self.nodes(&section.nodes, path, None, &Table::new()))),
            Some(Value::Table(given)) => {
                Some(Value::Table(self.nodes(&section.nodes, path, None, given)))
            }
            Some(_) => {
                self.problem(path, "has to be a section");
                match section.is_optional {
                    true => None,
                    false => {
                        Some(Value::Table(self.nodes(&section.nodes, path, None, &Table::new())))
                    }
                }
            }
        }
    }

    fn choice(&mut self, choice: &Choice, path: &str, given: Option<&Value>) -> Value {
        let empty = Table::new();
        let given = match given {
            None => &empty,
            Some(Value::Table(given)) => given,
            Some(_) => {
                let names = choice.names().join("\", \"");
                self.problem(path, &format!("has to be a section, or one of \"{names}\""));
                &empty
            }
        };
        let tag = join(path, choice.tag);
        let name = match given.get(choice.tag) {
            None => choice.default,
            Some(value) => {
                self.places.insert(tag.clone(), self.document.place(&tag));
                match value.as_str().and_then(|name| choice.option(name)) {
                    Some(option) => option.name,
                    None => {
                        self.unknown_option(choice, &tag, value);
                        let keys = choice.option(choice.default).map(|option| &option.keys[..]);
                        let mut table = self.nodes(keys.unwrap_or_default(), path, None, &empty);
                        table.insert(choice.tag.to_string(), choice.default.into());
                        return Value::Table(table);
                    }
                }
            }
        };
        let keys = choice.option(name).map(|option| option.keys.as_slice()).unwrap_or_default();
        let mut own = given.clone();
        own.remove(choice.tag);
        for (key, _) in given.iter().filter(|(key, _)| *key != choice.tag) {
            let of: Vec<String> = choice
                .options
                .iter()
                .filter(|option| find(&option.keys, key).is_some())
                .map(|option| format!("\"{}\"", option.name))
                .collect();
            if find(keys, key).is_none() && !of.is_empty() {
                own.remove(key);
                let message =
                    format!("is for `{tag}` = {}; here it is \"{name}\"", of.join(" or "));
                self.problem(&join(path, key), &message);
            }
        }
        let mut table = self.nodes(keys, path, Some(choice.tag), &own);
        table.insert(choice.tag.to_string(), name.into());
        Value::Table(table)
    }

    fn unknown_option(&mut self, choice: &Choice, tag: &str, value: &Value) {
        let place = self.document.place(tag);
        let names = choice.names();
        let text = match value {
            Value::String(name) => {
                format!("{place}: `{tag}` is `{name}`{}", suggestion(name, &names))
            }
            other => format!("{place}: `{tag}` is {other}; there are: {}", names.join(", ")),
        };
        self.problems.push(text);
        self.bad.insert(tag.to_string());
    }

    fn unknown(&mut self, known: &[&str], prefix: &str, name: &str) {
        // Only some are named, and to look for what each may have meant takes time.
        if self.problems.len() >= MAX_LOOKED_FOR {
            self.problems.push(format!("`{name}` is not known"));
            return;
        }
        let path = join(prefix, name);
        if let Some(now) = new_place(prefix, name) {
            self.problem(&path, &format!("is now `{now}`"));
            return;
        }
        let elsewhere = match nearest(name, known) {
            None => self.elsewhere(name),
            Some(_) => None,
        };
        let message = match elsewhere {
            Some(path) => format!("is not known; did you mean `{path}`?"),
            None => format!("is not known{}", suggestion(name, known)),
        };
        self.problem(&path, &message);
    }

    /// The path of a key of that name in another section.
    fn elsewhere(&self, name: &str) -> Option<String> {
        self.all.iter().find_map(|node| match node {
            Node::Section(section) => find(&section.nodes, name).map(|_| join(section.name, name)),
            _ => None,
        })
    }
}

/// The word for a section that is not there.
pub(super) const NONE: &str = "none";

fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if name.len() > MAX_NAME_BYTES {
        return None;
    }
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), *candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 2.max(candidate.len() / 3))
        .map(|(_, candidate)| candidate)
}

fn suggestion(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(candidate) => format!("; did you mean `{candidate}`?"),
        None if known.is_empty() => "; there is none".to_string(),
        None => format!("; there are: {}", known.join(", ")),
    }
}

/// Puts `value` at `path`, whose section is there unless something is wrong with it.
pub(super) fn insert_at(table: &mut Table, path: &str, value: Value) {
    let Some((section, key)) = path.rsplit_once('.') else {
        table.insert(path.to_string(), value);
        return;
    };
    let section = section
        .split('.')
        .try_fold(table, |table, name| table.get_mut(name).and_then(Value::as_table_mut));
    if let Some(section) = section {
        section.insert(key.to_string(), value);
    }
}
