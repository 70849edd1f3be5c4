//! Scoring maps and predictions of any program.

use crate::choices::ScoringChoices;
use crate::diagnoses::{DIAGNOSES, diagnoses_csv};
use crate::error::{ScoreError, ScoreResult};
use crate::json::to_json;
use crate::parts_table::parts_table;
use crate::per_image::{PER_IMAGE, per_image_csv};
use crate::predictions::read_predictions;
use crate::sanity::score_sanity;
use crate::score::{Extras, Scored, Scorer, read_annotations};
use dermx_data::{ontology, write_atomic};
use dermx_eval::{EvalRecord, HeatmapScoring};
use std::path::Path;

/// What is scored, and how.
#[derive(Debug, Clone)]
pub struct FileScoring<'a> {
    /// The annotated data set.
    pub data: &'a Path,
    /// How maps are prepared.
    pub scoring: HeatmapScoring,
    /// Which masks count, and how scores are averaged.
    pub choices: ScoringChoices,
    /// What is scored beyond fuzzy F1.
    pub extras: Extras,
    /// Whether images without a map or prediction are left out.
    pub partial: bool,
    /// Where scores are written, if anywhere.
    pub out: Option<&'a Path>,
}

impl FileScoring<'_> {
    /// What maps score that never saw a network, and raters among themselves.
    ///
    /// # Errors
    /// A data set that cannot be read, a folder that cannot be written to.
    pub fn baselines(&self) -> ScoreResult<EvalRecord> {
        let dataset = read_annotations(self.data)?;
        let scorer = self.scorer(&dataset);
        let record = scorer.score_baselines()?;
        if let Some(out) = self.out {
            std::fs::create_dir_all(out).map_err(|error| ScoreError::io(out, &error))?;
            write_atomic(&out.join("eval.json"), &to_json(&record)?)?;
        }
        Ok(record)
    }

    /// Scores the heat maps in the folder `heatmaps` and, if given, the table `predictions`.
    ///
    /// # Errors
    /// Anything missing or damaged, choices that do not make sense together.
    pub fn score(&self, heatmaps: &Path, predictions: Option<&Path>) -> ScoreResult<EvalRecord> {
        if self.extras.by.contains(&crate::Variable::Correct) && predictions.is_none() {
            let message = "--by correct needs --predictions";
            return Err(ScoreError::usage(message));
        }
        let dataset = read_annotations(self.data)?;
        let predictions = match predictions {
            Some(path) => Some((path, read_predictions(path)?)),
            None => None,
        };
        let predictions = predictions.as_ref().map(|(path, rows)| (*path, rows.as_slice()));
        let classes = ontology::DIAGNOSES.map(str::to_string);
        let mut exchanged = self.choices.class_exchange.iter().flatten();
        if let Some(unknown) = exchanged.find(|class| !classes.contains(class)) {
            let message = format!("`{unknown}` is not a class; there are: {}", classes.join(", "));
            return Err(ScoreError::usage(message));
        }
        let scorer = self.scorer(&dataset);
        let mut scored = scorer.score(heatmaps, predictions, &classes, self.partial)?;
        score_sanity(&scorer, heatmaps, self.partial, &mut scored.record)?;
        if let Some(out) = self.out {
            write_scored(&scored, out)?;
            if !scored.record.by.is_empty() {
                let table = parts_table(&scored.record);
                write_atomic(&out.join("by.csv"), &table.csv())?;
            }
        }
        Ok(scored.record)
    }

    fn scorer<'d>(&self, dataset: &'d dermx_data::DermxDataset) -> Scorer<'d> {
        Scorer::new(dataset, self.scoring, self.choices.clone(), self.extras.clone())
    }
}

/// Writes the scores of one network, or of maps of another program, into the folder `out`.
///
/// # Errors
/// A folder that cannot be written to.
pub fn write_scored(scored: &Scored, out: &Path) -> ScoreResult<()> {
    std::fs::create_dir_all(out).map_err(|error| ScoreError::io(out, &error))?;
    let Scored { rows, record, diagnoses } = scored;
    write_atomic(&out.join(PER_IMAGE), &per_image_csv(rows))?;
    if let Some(diagnoses) = diagnoses {
        write_atomic(&out.join(DIAGNOSES), &diagnoses_csv(diagnoses, &record.classes))?;
    }
    Ok(write_atomic(&out.join("eval.json"), &to_json(record)?)?)
}
