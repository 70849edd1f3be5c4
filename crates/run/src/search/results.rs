//! What came out: the table of the trials, and the best configuration.

use super::folder::SearchFolder;
use crate::config::SearchConfig;
use crate::error::RunResult;
use crate::run_folder::{resolved, to_json};
use dermx_search::{Row, Trial, ranking};
use dermx_table::{Cell, Column, Table};

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
        folder.write("table.csv", &self.table().csv())?;
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
        self.table().terminal()
    }

    /// Whether a trial finished.
    pub const fn has_best(&self) -> bool {
        self.best.is_some()
    }

    /// A row for each trial.
    fn table(&self) -> Table {
        let params = self.rows.iter().take(1).flat_map(|row| row.params.keys());
        let columns = [
            Column::count("rank"),
            Column::count("trial"),
            Column::text("state"),
            Column::number("value").decimals(6),
            Column::count("epoch"),
            Column::count("num_epochs"),
        ];
        let columns = columns.into_iter().chain(params.map(|name| Column::text(name).label(name)));
        let mut table = Table::new("table", "", columns);
        for row in &self.rows {
            let cells = [
                row.rank.into(),
                row.trial.into(),
                row.state.into(),
                Cell::number_or(row.value, ""),
                Cell::count_or(row.epoch.map(u64::from), ""),
                row.num_epochs.into(),
            ];
            table.push(cells.into_iter().chain(row.params.values().map(|v| v.to_string().into())));
        }
        table
    }
}
