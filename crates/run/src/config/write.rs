//! A configuration as TOML, in the order of the declarations.

use super::declare::shortest;
use super::resolve::NONE;
use super::schema::{Choice, Default, Node, join};
use serde::Serialize;
use std::fmt::Write;
use toml::{Table, Value};

/// The keys of `config`, which `nodes` declare, with the words that stand for what is absent.
///
/// # Errors
/// A value that TOML cannot hold.
pub(super) fn complete_table(
    nodes: &[Node],
    config: &impl Serialize,
) -> Result<Table, toml::ser::Error> {
    Table::try_from(config).map(|table| complete(nodes, &table))
}

/// `table` with the words that stand for what is absent.
pub(super) fn complete(nodes: &[Node], table: &Table) -> Table {
    let mut all = Table::new();
    for node in nodes {
        let value = match (node, table.get(node.name())) {
            (Node::Key(key), Some(value)) => Some(shortest(value.clone(), &key.kind)),
            (Node::Key(key), None) => match key.default {
                Default::Word(word) => Some(word.into()),
                _ => None,
            },
            (Node::Section(section), Some(Value::Table(table))) => {
                Some(Value::Table(complete(&section.nodes, table)))
            }
            (Node::Section(section), _) if section.is_optional => Some(NONE.into()),
            (Node::Choice(choice), Some(Value::Table(table))) => {
                let mut all = complete(chosen_keys(choice, table), table);
                all.extend(
                    table.get(choice.tag).map(|name| (choice.tag.to_string(), name.clone())),
                );
                Some(Value::Table(all))
            }
            _ => None,
        };
        all.extend(value.map(|value| (node.name().to_string(), value)));
    }
    all
}

fn chosen_keys<'a>(choice: &'a Choice, table: &Table) -> &'a [Node] {
    let name = table.get(choice.tag).and_then(Value::as_str).unwrap_or(choice.default);
    choice.option(name).map(|option| option.keys.as_slice()).unwrap_or_default()
}

/// `table`, which is complete, as a TOML file; behind each line what `note` says of its key.
pub(super) fn to_text(
    nodes: &[Node],
    table: &Table,
    note: &dyn Fn(&str) -> Option<String>,
) -> String {
    let mut writer = Writer { text: String::new(), note };
    writer.section("", nodes, table);
    writer.text
}

struct Writer<'a> {
    text: String,
    note: &'a dyn Fn(&str) -> Option<String>,
}

impl Writer<'_> {
    /// First the lines of a section, then the sections in it.
    fn section(&mut self, prefix: &str, nodes: &[Node], table: &Table) {
        let mut inner = Vec::new();
        for node in nodes {
            let path = join(prefix, node.name());
            match (node, table.get(node.name())) {
                (Node::Section(section), Some(Value::Table(table))) => {
                    inner.push((path, section.nodes.as_slice(), table, None));
                }
                (Node::Choice(choice), Some(Value::Table(table))) => {
                    match (chosen_keys(choice, table), table.get(choice.tag)) {
                        ([], Some(name)) => {
                            self.line(choice.name, name, &join(&path, choice.tag));
                        }
                        (keys, _) => inner.push((path, keys, table, Some(choice.tag))),
                    }
                }
                (_, Some(value)) => self.line(node.name(), value, &path),
                (_, None) => {}
            }
        }
        for (path, nodes, table, tag) in inner {
            if !self.text.is_empty() {
                self.text.push('\n');
            }
            // Writing into a string cannot fail.
            let _ = writeln!(self.text, "[{path}]");
            if let Some((tag, name)) = tag.and_then(|tag| Some((tag, table.get(tag)?))) {
                self.line(tag, name, &join(&path, tag));
            }
            self.section(&path, nodes, table);
        }
    }

    fn line(&mut self, key: &str, value: &Value, path: &str) {
        let _ = write!(self.text, "{key} = {value}");
        if let Some(note) = (self.note)(path) {
            let _ = write!(self.text, "  # {note}");
        }
        self.text.push('\n');
    }
}
