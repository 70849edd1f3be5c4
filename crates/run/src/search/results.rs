//! What came out: the table of the trials, and the best configuration.

use super::folder::SearchFolder;
use crate::config::SearchConfig;
use crate::error::RunResult;
use crate::run_folder::{resolved, to_json};
use dermx_score::to_csv;
use dermx_search::{Row, Trial, ranking};
use std::fmt::Write;

/// The table of a search, and the best configuration.
#[derive(Debug)]
pub struct Results {
    rows: Vec<Row>,
    /// `best.toml`; `None` when no trial finished.
    best: Option<String>,
}

/// What `trials` came to.
///
/// # Errors
/// None that a user can cause.
pub fn results(config: &SearchConfig, trials: &[Trial]) -> RunResult<Results> {
    let rows = ranking(trials);
    let best = match rows.first() {
        Some(Row { state: "finished", trial, value: Some(value), params, .. }) => {
            let comment = format!(
                "The best configuration of a search: trial {trial}, {value:.4} on the validation photos."
            );
            Some(resolved(&config.with(params)?, &comment)?)
        }
        _ => None,
    };
    Ok(Results { rows, best })
}

impl Results {
    /// Writes `table.csv`, `table.json` and `best.toml`.
    ///
    /// # Errors
    /// A full disk.
    pub fn write(&self, folder: &SearchFolder) -> RunResult<()> {
        folder.write("table.csv", &to_csv(&self.cells())?)?;
        folder.write("table.json", &to_json(&self.rows)?)?;
        match &self.best {
            Some(best) => folder.write("best.toml", best.as_bytes()),
            None => Ok(()),
        }
    }

    /// The table as JSON.
    ///
    /// # Errors
    /// None that a user can cause.
    pub fn json(&self) -> RunResult<Vec<u8>> {
        Ok(to_json(&self.rows)?)
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
