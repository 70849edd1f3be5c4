//! What a call comes to.

use crate::refusal;
use crate::tables::{record_tables, report_files};
use dermx_data::write_atomic;
use dermx_eval::{EvalRecord, FuzzyScores, MapRow};
use dermx_score::{ScoreResult, Scorecard, counts, to_json, write_record};
use dermx_table::Table;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::PathBuf;

/// One of the scores of a mask.
type ScoreOf = fn(&FuzzyScores) -> Option<f64>;

/// Scores, and how they look.
#[pyclass(frozen, module = "dermx._native")]
pub struct Scores(Content);

enum Content {
    /// Of maps, predictions, or both.
    Card(Scorecard),
    /// Of what never saw a network.
    Record(EvalRecord),
    /// Tables of agreement.
    Agreement { json: Vec<u8>, tables: Vec<Table> },
}

impl Scores {
    /// Those of maps.
    pub fn of_card(card: Scorecard) -> Self {
        Self(Content::Card(card))
    }

    /// Those of baselines.
    pub fn of_record(record: EvalRecord) -> Self {
        Self(Content::Record(record))
    }

    /// Tables of agreement, and all of it as JSON.
    pub fn of_agreement(json: Vec<u8>, tables: Vec<Table>) -> Self {
        Self(Content::Agreement { json, tables })
    }

    fn record(&self) -> Option<&EvalRecord> {
        match &self.0 {
            Content::Card(card) => Some(&card.record),
            Content::Record(record) => Some(record),
            Content::Agreement { .. } => None,
        }
    }

    fn rows(&self) -> &[MapRow] {
        match &self.0 {
            Content::Card(card) => &card.rows,
            _ => &[],
        }
    }

    fn tables(&self) -> Vec<Table> {
        match &self.0 {
            Content::Card(Scorecard { record, .. }) | Content::Record(record) => {
                record_tables(record)
            }
            Content::Agreement { tables, .. } => tables.clone(),
        }
    }

    fn bytes(&self) -> ScoreResult<Vec<u8>> {
        match &self.0 {
            Content::Card(Scorecard { record, .. }) | Content::Record(record) => to_json(record),
            Content::Agreement { json, .. } => Ok(json.clone()),
        }
    }
}

#[pymethods]
impl Scores {
    /// The bytes of `eval.json`, or of `dataset tables --json`.
    fn json(&self) -> PyResult<String> {
        String::from_utf8(self.bytes().map_err(refusal)?).map_err(refusal)
    }

    /// The columns of `per_image.csv`; an undefined score is `None`.
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let rows = self.rows();
        let columns = PyDict::new(py);
        let text = |name: &str, of: fn(&MapRow) -> &String| {
            columns.set_item(name, rows.iter().map(of).collect::<Vec<&String>>())
        };
        text("image_id", |row| &row.image_id)?;
        text("rater", |row| &row.rater)?;
        text("characteristic", |row| &row.characteristic)?;
        let score = |name: &str, of: &dyn Fn(&MapRow) -> Option<f64>| {
            columns.set_item(name, rows.iter().map(of).collect::<Vec<Option<f64>>>())
        };
        let fuzzy: [(&str, ScoreOf); 4] = [
            ("f1", |scores| scores.f1),
            ("sensitivity", |scores| scores.sensitivity),
            ("specificity", |scores| scores.specificity),
            ("mass", |scores| scores.mass),
        ];
        for (name, of) in fuzzy {
            score(name, &|row| of(&row.scores))?;
        }
        let more = rows.first().and_then(MapRow::localization);
        for (idx, (name, _)) in more.iter().flatten().enumerate() {
            score(name, &|row| row.localization().and_then(|scores| scores[idx].1))?;
        }
        Ok(columns)
    }

    /// The tables as text.
    fn text(&self) -> String {
        let mut lines = self.record().map(counts).unwrap_or_default();
        lines.extend(self.tables().iter().map(|table| format!("\n{}", table.terminal())));
        lines.join("\n").trim().to_owned()
    }

    /// The tables as HTML.
    fn html(&self) -> String {
        self.tables().iter().map(Table::html).collect()
    }

    /// Write what `dermx evaluate --out` writes.
    fn write(&self, py: Python<'_>, folder: PathBuf) -> PyResult<()> {
        py.detach(|| match &self.0 {
            Content::Card(card) => card.write(&folder),
            Content::Record(record) => write_record(record, &folder),
            Content::Agreement { json, .. } => {
                std::fs::create_dir_all(&folder)
                    .map_err(|error| dermx_score::ScoreError::io(&folder, &error))?;
                Ok(write_atomic(&folder.join("tables.json"), json)?)
            }
        })
        .map_err(refusal)
    }

    /// Write a page with all scores, and what it is made of; the path of the page.
    fn report(&self, py: Python<'_>, folder: PathBuf) -> PyResult<PathBuf> {
        let Some(record) = self.record() else {
            return Err(refusal("there is no report of the tables of agreement; write() has them"));
        };
        py.detach(|| report_files(record, &folder)).map_err(refusal)
    }
}
