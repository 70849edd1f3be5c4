//! What came out: the table of the trials, and the best configuration.

use crate::base::Base;
use crate::error::{SearchError, SearchResult};
use crate::folder::SearchFolder;
use crate::table::{Row, ranking};
use crate::trial::Trial;
use dermx_data::to_json;
use dermx_table::{Cell, Column, Table};
use dermx_work::Work;

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
        folder.write("table.csv", &self.table().csv())?;
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

    /// The table for the terminal.
    pub fn text(&self) -> String {
        self.table().terminal()
    }

    /// The trials from best to worst.
    pub fn rows(&self) -> &[Row] {
        &self.rows
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
