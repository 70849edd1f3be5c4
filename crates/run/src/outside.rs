//! Reports of what another program made: maps, predictions, or both, scored on a data set.

use crate::error::RunResult;
use crate::labels::labels;
use crate::report::{is_report, write_files};
use crate::run_folder::REPORT;
use dermx_data::{Existing, OutputFolder};
use dermx_eval::EvalRecord;
use dermx_report::{ReportInput, render};
use dermx_score::counts;
use std::path::{Path, PathBuf};

/// What was scored, as the user named it.
#[derive(Debug, Clone, Copy)]
pub struct Outside<'a> {
    /// The data set.
    pub data: &'a Path,
    /// The folder of the maps, if maps were scored.
    pub heatmaps: Option<&'a Path>,
    /// The table of predictions, if there was one.
    pub predictions: Option<&'a Path>,
}

/// Writes the report of `record`, which is of `scored`, into the folder `report` of the scores in `out`; the path
/// of the page. A report that is there already is replaced.
///
/// # Errors
/// An output folder that cannot be written to.
pub fn write_outside_report(
    scored: Outside<'_>,
    record: &EvalRecord,
    out: &Path,
) -> RunResult<PathBuf> {
    let owns = |path: &Path| is_report(&Path::new(REPORT).join(path));
    let folder = OutputFolder::open(&out.join(REPORT), Existing::Replace, &[], owns)?;
    write_files(render(&input(scored, record)?)?.files, &folder.path())?;
    let page = folder.place().join("index.html");
    folder.finish()?;
    Ok(page)
}

fn input(scored: Outside<'_>, record: &EvalRecord) -> RunResult<ReportInput> {
    let Outside { data, heatmaps, predictions } = scored;
    let called = match (heatmaps, predictions) {
        (Some(maps), _) => labels(&[maps])?.concat(),
        (None, Some(table)) => table.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        (None, None) => String::new(),
    };
    let shown = |path: &Path| path.display().to_string();
    let facts = [
        ("Heat maps", heatmaps.map(shown)),
        ("Predictions", predictions.map(shown)),
        ("Data set", Some(shown(data))),
        ("dermx", Some(env!("CARGO_PKG_VERSION").to_owned())),
    ];
    let facts = facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let mut notes = Vec::new();
    if heatmaps.is_some() {
        notes.push(
            "The heat maps are of another program: which network and class they explain, and how, is not \
             known here."
                .to_owned(),
        );
    }
    notes.extend(counts(record));
    Ok(ReportInput {
        title: format!("{called}, tested on {}", record.dataset.name),
        run_facts: facts.collect(),
        evaluation: record.clone(),
        notes,
        ..ReportInput::default()
    })
}
