//! A table as text.

use crate::error::{ScoreError, ScoreResult};
use dermx_eval::{ClassScores, Score};

/// Cells as Markdown and CSV show them.
#[derive(Debug)]
pub struct TextTable {
    /// The name of its file.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// The first row.
    pub header: Vec<String>,
    /// The other rows.
    pub rows: Vec<Vec<String>>,
}

impl TextTable {
    /// A table without rows.
    pub fn new(name: &str, title: impl Into<String>, header: &[&str]) -> Self {
        let header = header.iter().map(ToString::to_string).collect();
        Self { name: name.to_string(), title: title.into(), header, rows: Vec::new() }
    }

    /// As Markdown, under its title.
    pub fn markdown(&self) -> String {
        let cell = |cell: &String| cell.replace('|', "\\|").replace(['\n', '\r'], " ");
        let line = |cells: &[String]| {
            format!("| {} |\n", cells.iter().map(cell).collect::<Vec<_>>().join(" | "))
        };
        let rule = vec!["---".to_string(); self.header.len()];
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        let title = self.title.replace(['\n', '\r'], " ");
        format!("**{title}**\n\n{}{}{rows}", line(&self.header), line(&rule))
    }

    /// As CSV, without its title.
    ///
    /// # Errors
    /// None that a user can cause.
    pub fn csv(&self) -> ScoreResult<Vec<u8>> {
        to_csv(std::iter::once(&self.header).chain(&self.rows))
    }
}

/// The text of a CSV file.
///
/// # Errors
/// Rows of different lengths, which no caller makes.
pub fn to_csv<'a>(rows: impl IntoIterator<Item = &'a Vec<String>>) -> ScoreResult<Vec<u8>> {
    let internal = |error: String| ScoreError::internal(error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|error| internal(error.to_string()))?;
    }
    writer.into_inner().map_err(|error| internal(error.to_string()))
}

/// `mean ± std [low, high]`, or why there is none.
pub fn score_cell(score: &Score) -> String {
    let Some(mean) = score.mean else { return "undefined".to_string() };
    let std = score.std.map_or(String::new(), |std| format!(" ± {std:.2}"));
    format!("{mean:.2}{std}{}", interval(score.interval))
}

/// The three scores of a class; `too few` where there are none.
pub fn scores_cells(scores: Option<&ClassScores>) -> [String; 3] {
    match scores {
        Some(scores) => [&scores.f1, &scores.sensitivity, &scores.specificity].map(score_cell),
        None => [(); 3].map(|()| "too few".to_string()),
    }
}

/// ` [low, high]`, or nothing.
pub fn interval(interval: Option<[f64; 2]>) -> String {
    interval.map_or(String::new(), |[low, high]| format!(" [{low:.2}, {high:.2}]"))
}

/// Pretty JSON with a final newline.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn to_json(value: &impl serde::Serialize) -> ScoreResult<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| ScoreError::internal(error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}
