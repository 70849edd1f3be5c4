//! What lies in a folder and is in no key of the file that was written for it.

use super::Look;
use crate::convert::quoted;
use crate::dataset_file::Format;
use std::collections::{BTreeMap, BTreeSet};

/// Columns of a table that a sentence names.
const MAX_COLUMNS: usize = 8;

impl Look {
    /// A sentence for everything that was seen, and that `text` does not use.
    pub(super) fn seen(&self, format: Format, text: &str) -> Vec<String> {
        let formats = self.annotations.iter().filter(|(other, _)| **other != format);
        let mut seen: Vec<String> = formats
            .map(|(other, files)| {
                format!(
                    "whether {} files that look like {} count ({}): only {} is read (`format`)",
                    files.len(),
                    other.name(),
                    files.first().map_or("", |(file, _)| file.as_str()),
                    format.name()
                )
            })
            .collect();
        if let (Some(pattern), false) = (self.pattern(), format == Format::Masks) {
            seen.push(format!(
                "whether PNG files are masks: paths are as `{pattern}`, and only {} is read (`format`)",
                format.name()
            ));
        }
        seen.extend(self.unused_tables(text));
        seen.extend(self.folders_alike().map(|(one, other, num)| {
            format!(
                "whether `{other}` holds masks of the photos in `{one}`, or `{one}` of those in `{other}`: {num} files \
                 have the same names (`images`, and `masks.pattern`)"
            )
        }));
        seen.extend(self.photos_that_go_on().map(|(photo, id, num)| {
            format!(
                "whether {num} photos are masks: their names go on those of others, as `{id}` does of `{photo}` \
                 (`masks.pattern`)"
            )
        }));
        seen
    }

    /// Tables that no key names.
    fn unused_tables(&self, text: &str) -> Vec<String> {
        let unused = self.tables().filter(|(file, _)| {
            !text.lines().any(|line| !line.starts_with('#') && line.contains(&quoted(file)))
        });
        let sentence = |(file, table): (&String, dermx_data::CsvTable)| {
            let columns = table.columns();
            let rest = if columns.len() > MAX_COLUMNS { ", ..." } else { "" };
            let shown = columns.iter().take(MAX_COLUMNS).cloned().collect::<Vec<_>>().join(", ");
            format!("what the table {file} says, which is not used (its columns are {shown}{rest})")
        };
        unused.map(sentence).collect()
    }

    /// The two folders there are, if their photos have the same names, and how many these are.
    fn folders_alike(&self) -> Option<(String, String, usize)> {
        let mut folders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (top, rest) in self.ids.iter().filter_map(|id| id.split_once('/')) {
            folders.entry(top).or_default().insert(rest);
        }
        // More folders are classes that count their photos from 1.
        match folders.into_iter().collect::<Vec<_>>().as_slice() {
            [(one, names), (other, same)] if names == same && names.len() > 1 => {
                Some(((*one).to_owned(), (*other).to_owned(), names.len()))
            }
            _ => None,
        }
    }

    /// A photo, one whose name goes on its name (`a_mask` of `a`), and how many such there are.
    fn photos_that_go_on(&self) -> Option<(String, String, usize)> {
        let base = |id: &String| {
            let ends = id.char_indices().filter(|(_, char)| matches!(char, '_' | '-' | '.' | ' '));
            let found = ends.map(|(end, _)| &id[..end]).find(|base| self.ids.contains(*base));
            found.map(|base| (base.to_owned(), id.clone()))
        };
        let found: Vec<(String, String)> = self.ids.iter().filter_map(base).collect();
        let (photo, id) = found.first().cloned()?;
        Some((photo, id, found.len()))
    }
}
