//! What came out: the table of the trials, and the best configuration.

use crate::base::Base;
use crate::error::{SearchError, SearchResult};
use crate::folder::SearchFolder;
use crate::search::Trial;
use crate::table::{Row, ranking};
use dermx_data::to_json;
use dermx_work::Work;
use std::fmt::Write;

/// The table of a search, and the best configuration.
#[derive(Debug)]
pub struct Results {
    rows: Vec<Row>,
    /// `best.toml`; `None` when no trial finished.
    best: Option<String>,
}

impl Results {
    /// What `trials` came to, which vary `base`.
    ///
    /// # Errors
    /// A base that is not there any more, or was changed so that the best parameters do not fit.
    pub fn of<W: Work + ?Sized>(work: &W, base: &Base, trials: &[Trial]) -> SearchResult<Self> {
        let rows = ranking(trials);
        let best = match rows.first() {
            Some(Row { state: "finished", trial, value: Some(value), params, .. }) => {
                let text = base.resolve(work, params)?.text;
                Some(format!(
                    "# The best configuration of a search: trial {trial}, {value:.4} on the \
                     validation photos.\n\n{text}"
                ))
            }
            _ => None,
        };
        Ok(Self { rows, best })
    }

    /// Writes `table.csv`, `table.json` and `best.toml`.
    ///
    /// # Errors
    /// A full disk.
    pub fn write(&self, folder: &SearchFolder) -> SearchResult<()> {
        folder.write("table.csv", &self.csv()?)?;
        folder.write("table.json", &self.json()?)?;
        match &self.best {
            Some(best) => folder.write("best.toml", best.as_bytes()),
            None => Ok(()),
        }
    }

    /// The table as JSON.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn json(&self) -> SearchResult<Vec<u8>> {
        to_json(&self.rows).map_err(|error| SearchError::Internal(error.to_string()))
    }

    fn csv(&self) -> SearchResult<Vec<u8>> {
        let internal = |error: String| SearchError::Internal(error);
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in self.cells() {
            writer.write_record(row).map_err(|error| internal(error.to_string()))?;
        }
        writer.into_inner().map_err(|error| internal(error.to_string()))
    }

    /// The table for the terminal.
    pub fn text(&self) -> String {
        let rows = self.cells();
        let num_columns = rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..num_columns).map(width).collect();
        let mut text = String::new();
        for row in &rows {
            for (cell, width) in row.iter().zip(&widths) {
                // Writing into a string cannot fail.
                let _ = write!(text, "{cell:<width$}  ");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }

    /// The trials from best to worst.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Whether a trial finished.
    pub const fn has_best(&self) -> bool {
        self.best.is_some()
    }

    /// The header, then a row for each trial.
    fn cells(&self) -> Vec<Vec<String>> {
        let header = ["rank", "trial", "state", "value", "epoch", "num_epochs"];
        let mut header: Vec<String> = header.iter().map(ToString::to_string).collect();
        header.extend(self.rows.iter().take(1).flat_map(|row| row.params.keys().cloned()));
        let cells = |row: &Row| {
            let mut cells = vec![
                row.rank.to_string(),
                row.trial.to_string(),
                row.state.to_string(),
                row.value.map_or(String::new(), |value| format!("{value:.6}")),
                row.epoch.map_or(String::new(), |epoch| epoch.to_string()),
                row.num_epochs.to_string(),
            ];
            cells.extend(row.params.values().map(ToString::to_string));
            cells
        };
        std::iter::once(header).chain(self.rows.iter().map(cells)).collect()
    }
}
