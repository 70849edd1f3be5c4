//! A TOML file whose every complaint names a line.

use serde::de::DeserializeOwned;
use serde::de::value::UnitDeserializer;
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// A parsed TOML file with the line of every key.
#[derive(Debug, Clone)]
pub struct Document {
    origin: String,
    root: toml::Table,
    places: BTreeMap<String, String>,
}

impl Document {
    /// Parses `text`; `origin` names the file in complaints.
    ///
    /// # Errors
    /// What is wrong with the syntax, and where.
    pub fn parse(origin: &str, text: &str) -> Result<Self, String> {
        let parsed = DeTable::parse(text).map_err(|error| format!("{origin}: {error}"))?;
        let root = text.parse::<toml::Table>().map_err(|error| format!("{origin}: {error}"))?;
        let mut places = BTreeMap::new();
        collect_places(parsed.get_ref(), "", origin, text, &mut places);
        Ok(Self { origin: origin.to_string(), root, places })
    }

    /// Applies an override `section.key=value`; the value is TOML, or else a plain string.
    ///
    /// # Errors
    /// An override without `=`, or through something that is not a section.
    pub fn set(&mut self, assignment: &str) -> Result<(), String> {
        let (path, text) = assignment.split_once('=').ok_or_else(|| {
            format!("--set {assignment}: write section.key=value, for example run.epochs=5")
        })?;
        let (path, text) = (path.trim(), text.trim());
        let value = format!("value = {text}")
            .parse::<toml::Table>()
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| toml::Value::String(text.to_string()));
        let mut table = &mut self.root;
        let parts: Vec<&str> = path.split('.').collect();
        let (key, sections) = parts.split_last().unwrap_or((&"", &[]));
        for section in sections {
            table = table
                .entry((*section).to_string())
                .or_insert_with(|| toml::Value::Table(toml::Table::new()))
                .as_table_mut()
                .ok_or_else(|| format!("--set {assignment}: `{section}` is not a section"))?;
        }
        table.insert((*key).to_string(), value);
        self.places.insert(path.to_string(), format!("--set {path}"));
        Ok(())
    }

    /// Whether there is a section of that name.
    pub fn has(&self, section: &str) -> bool {
        self.root.contains_key(section)
    }

    /// Reads `section.key`. A missing key is a problem, unless the type has a value for nothing.
    pub fn read<T: DeserializeOwned>(
        &self,
        section: &str,
        key: &str,
        problems: &mut Vec<String>,
    ) -> Option<T> {
        let path = format!("{section}.{key}");
        let table = self.root.get(section).and_then(toml::Value::as_table);
        let Some(value) = table.and_then(|table| table.get(key)) else {
            let nothing = UnitDeserializer::<serde::de::value::Error>::new();
            let read = T::deserialize(nothing).ok();
            if read.is_none() {
                problems.push(format!("{}: `{path}` is missing", self.place(section)));
            }
            return read;
        };
        match T::deserialize(value.clone()) {
            Ok(read) => Some(read),
            Err(error) => {
                let message = error.to_string();
                problems.push(format!("{}: `{path}`: {}", self.place(&path), message.trim_end()));
                None
            }
        }
    }

    /// Reports the keys of `section` that are not in `known`, with a suggestion.
    pub fn report_unknown(&self, section: &str, known: &[&str], problems: &mut Vec<String>) {
        match self.root.get(section) {
            None => {}
            Some(toml::Value::Table(table)) => {
                for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
                    let path = format!("{section}.{key}");
                    problems.push(unknown(&self.place(&path), &path, key, known));
                }
            }
            Some(_) => {
                problems.push(format!("{}: `{section}` has to be a section", self.place(section)));
            }
        }
    }

    /// Reports the sections that are not in `known`, with a suggestion.
    pub fn report_unknown_sections(&self, known: &[&str], problems: &mut Vec<String>) {
        for section in self.root.keys().filter(|section| !known.contains(&section.as_str())) {
            problems.push(unknown(&self.place(section), section, section, known));
        }
    }

    /// Where `path` was set: `file:line`, `--set path`, or just the file.
    pub fn place(&self, path: &str) -> String {
        self.places.get(path).cloned().unwrap_or_else(|| self.origin.clone())
    }
}

fn unknown(place: &str, path: &str, key: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(key, candidate), *candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 2.max(candidate.len() / 3));
    match nearest {
        Some((_, candidate)) => {
            format!("{place}: `{path}` is not known; did you mean `{candidate}`?")
        }
        None => format!("{place}: `{path}` is not known; there are: {}", known.join(", ")),
    }
}

fn collect_places(
    table: &DeTable<'_>,
    prefix: &str,
    origin: &str,
    text: &str,
    places: &mut BTreeMap<String, String>,
) {
    for (key, value) in table.iter() {
        let name = key.get_ref();
        let path = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
        let line = 1 + text[..key.span().start.min(text.len())].matches('\n').count();
        places.insert(path.clone(), format!("{origin}:{line}"));
        if let DeValue::Table(inner) = value.get_ref() {
            collect_places(inner, &path, origin, text, places);
        }
    }
}
