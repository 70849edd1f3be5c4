//! TOML whose every key knows where it was written.

use super::schema::{Choice, Kind, Node, find, join};
use dermx_data::text::{Lines, toml_error};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// Keys and values, with the place of each key: of a file, of `--set`, or of several laid over each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Document {
    origin: String,
    pub(super) root: Table,
    places: BTreeMap<String, String>,
}

/// What becomes of the keys of a choice when another is chosen above them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnOther {
    /// They belong to what is no longer chosen, and go.
    Drop,
    /// They were given together with it, in any order, and stay.
    Keep,
}

impl Document {
    /// Parses `text`; `origin` names the file in complaints.
    ///
    /// # Errors
    /// What is wrong with the syntax, and where.
    pub(super) fn parse(origin: &str, text: &str) -> Result<Self, String> {
        let wrong = |error: toml::de::Error| {
            format!("{origin}: {}", toml_error(text, error.span(), error.message()))
        };
        let parsed = DeTable::parse(text).map_err(wrong)?;
        let root = text.parse::<Table>().map_err(wrong)?;
        let mut places = BTreeMap::new();
        collect_places(parsed.get_ref(), "", origin, &Lines::new(text), &mut places);
        Ok(Self { origin: origin.to_string(), root, places })
    }

    /// All `assignments`, `section.key=value`, together; of two values of a key the later one. A value is
    /// TOML, or else a plain string.
    ///
    /// # Errors
    /// An assignment without `=`, or through something that is not a section.
    pub(super) fn of_assignments(nodes: &[Node], assignments: &[String]) -> Result<Self, String> {
        let mut all = Self::default();
        for assignment in assignments {
            let mut one = Self::of_assignment(assignment)?;
            one.normalize(nodes);
            let path = assignment.split_once('=').map_or("", |(path, _)| path.trim());
            if let Some(section) = all.value_above(nodes, path) {
                return Err(format!("--set {assignment}: `{section}` is not a section"));
            }
            all.lay(nodes, one, OnOther::Keep);
        }
        Ok(all)
    }

    fn of_assignment(assignment: &str) -> Result<Self, String> {
        let (path, text) = assignment.split_once('=').ok_or_else(|| {
            format!("--set {assignment}: write section.key=value, for example run.epochs=5")
        })?;
        let (path, text) = (path.trim(), text.trim());
        let mut value = format!("value = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| Value::String(text.to_string()));
        for name in path.rsplit('.') {
            value = Value::Table(Table::from_iter([(name.to_string(), value)]));
        }
        let root = value.as_table().cloned().unwrap_or_default();
        let origin = format!("--set {path}");
        let mut places = BTreeMap::from([(path.to_string(), origin.clone())]);
        if let Some(Value::Table(inner)) = value_at(&root, path) {
            same_place(inner, path, &origin, &mut places);
        }
        Ok(Self { origin: String::new(), root, places })
    }

    /// The first name of `path` that has a value which is neither a section nor a choice's name.
    fn value_above(&self, nodes: &[Node], path: &str) -> Option<String> {
        let mut above = path.rmatch_indices('.').map(|(end, _)| &path[..end]);
        above
            .find(|above| {
                let value = value_at(&self.root, above);
                value.is_some_and(|value| !value.is_table())
                    && !matches!(node_at(nodes, above), Some(Node::Section(_)))
            })
            .map(str::to_string)
    }

    /// Removes and returns the key `name` beside the sections.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.root.remove(name)
    }

    /// Writes the name of a choice as a section with its tag alone.
    pub(super) fn normalize(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Choice(choice) => {
                    tag(&mut self.root, choice, choice.name, &mut self.places);
                }
                Node::Section(section) => {
                    let Some(Value::Table(table)) = self.root.get_mut(section.name) else {
                        continue;
                    };
                    for node in &section.nodes {
                        if let Node::Choice(choice) = node {
                            tag(table, choice, &join(section.name, choice.name), &mut self.places);
                        }
                    }
                }
                Node::Key(_) => {}
            }
        }
    }

    /// Lays `over` over this document: its values win. Both are normalized.
    pub(super) fn lay_over(&mut self, nodes: &[Node], over: Self) {
        // Assignments have no origin of their own.
        if !over.origin.is_empty() {
            self.origin.clone_from(&over.origin);
        }
        self.lay(nodes, over, OnOther::Drop);
    }

    fn lay(&mut self, nodes: &[Node], over: Self, on_other: OnOther) {
        let Self { root, places, .. } = self;
        let mut merge = Merge { places, over: &over.places, on_other };
        merge.tables(nodes, "", root, over.root);
    }

    /// Where `path` was written: `file:line`, `--set path`, or just the file.
    pub(super) fn place(&self, path: &str) -> String {
        self.places.get(path).unwrap_or(&self.origin).clone()
    }

    /// Whether `place` is in a file that the outermost one is laid over.
    pub(super) fn is_of_base(&self, place: &str) -> bool {
        let line = place.strip_prefix(&self.origin).and_then(|rest| rest.strip_prefix(':'));
        line.is_none() && !place.starts_with("--set ")
    }
}

/// One document that is laid over another.
struct Merge<'a> {
    places: &'a mut BTreeMap<String, String>,
    over: &'a BTreeMap<String, String>,
    on_other: OnOther,
}

impl Merge<'_> {
    fn tables(&mut self, nodes: &[Node], prefix: &str, into: &mut Table, over: Table) {
        for (name, value) in over {
            let path = join(prefix, &name);
            match (find(nodes, &name), into.get_mut(&name), value) {
                (Some(Node::Section(section)), Some(Value::Table(into)), Value::Table(over)) => {
                    self.take_place(&path);
                    self.tables(&section.nodes, &path, into, over);
                }
                (Some(Node::Choice(choice)), Some(Value::Table(into)), Value::Table(over)) => {
                    self.choice(choice, &path, into, over);
                }
                // Single names of a table are set by `--set` alone, which gives the table no place.
                (Some(Node::Key(key)), Some(Value::Table(into)), Value::Table(over))
                    if matches!(key.kind, Kind::Names | Kind::Numbers | Kind::Table)
                        && !self.over.contains_key(&path) =>
                {
                    self.tables(&[], &path, into, over);
                }
                (None, Some(Value::Table(into)), Value::Table(over)) => {
                    self.tables(&[], &path, into, over);
                }
                (_, _, value) => {
                    self.replace_places(&path);
                    into.insert(name, value);
                }
            }
        }
    }

    fn choice(&mut self, choice: &Choice, path: &str, into: &mut Table, over: Table) {
        let chosen = over.get(choice.tag);
        let before = into.get(choice.tag).and_then(Value::as_str).unwrap_or(choice.default);
        let is_other = chosen.is_some_and(|chosen| chosen.as_str() != Some(before));
        if is_other && self.on_other == OnOther::Drop {
            into.clear();
            self.forget_below(path);
        }
        self.take_place(path);
        self.tables(&[], path, into, over);
    }

    fn take_place(&mut self, path: &str) {
        if let Some(place) = self.over.get(path) {
            self.places.insert(path.to_string(), place.clone());
        }
    }

    fn forget_below(&mut self, path: &str) {
        let below = format!("{path}.");
        self.places.retain(|known, _| !known.starts_with(&below));
    }

    fn replace_places(&mut self, path: &str) {
        self.forget_below(path);
        let below = format!("{path}.");
        let over =
            self.over.iter().filter(|(known, _)| *known == path || known.starts_with(&below));
        self.places.extend(over.map(|(known, place)| (known.clone(), place.clone())));
    }
}

/// Writes the name of `choice` in `table` as a section with its tag alone.
fn tag(table: &mut Table, choice: &Choice, path: &str, places: &mut BTreeMap<String, String>) {
    let Some(value @ Value::String(_)) = table.get_mut(choice.name) else { return };
    let tagged = Table::from_iter([(choice.tag.to_string(), value.clone())]);
    *value = Value::Table(tagged);
    if let Some(place) = places.get(path).cloned() {
        places.insert(join(path, choice.tag), place);
    }
}

/// The value of `path`.
pub(super) fn value_at<'a>(root: &'a Table, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let first = root.get(names.next()?)?;
    names.try_fold(first, |value, name| value.as_table()?.get(name))
}

fn node_at<'a>(nodes: &'a [Node], path: &str) -> Option<&'a Node> {
    let mut names = path.split('.');
    let first = find(nodes, names.next()?)?;
    names.try_fold(first, |node, name| match node {
        Node::Section(section) => find(&section.nodes, name),
        _ => None,
    })
}

fn same_place(table: &Table, prefix: &str, place: &str, places: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let path = join(prefix, name);
        places.insert(path.clone(), place.to_string());
        if let Value::Table(inner) = value {
            same_place(inner, &path, place, places);
        }
    }
}

fn collect_places(
    table: &DeTable<'_>,
    prefix: &str,
    origin: &str,
    lines: &Lines,
    places: &mut BTreeMap<String, String>,
) {
    for (key, value) in table.iter() {
        let path = join(prefix, key.get_ref());
        let line = lines.line(key.span().start);
        places.insert(path.clone(), format!("{origin}:{line}"));
        if let DeValue::Table(inner) = value.get_ref() {
            collect_places(inner, &path, origin, lines, places);
        }
    }
}
