//! Scoring a run of several labels an image.

use crate::config::Config;
use crate::error::{RunError, RunResult};
use crate::run_folder::{SeedFolder, how_to_finish};
use dermx_eval::EvalRecord;
use dermx_score::{
    LabelPredictions, label_scores_over_seeds, read_annotations, score_labels, write_record,
};
use std::path::Path;

/// Scores every seed of `run` and aggregates them; writes `eval.json` for each and for all into `out`.
///
/// # Errors
/// A seed that predicted nothing yet, or a data set that cannot be read.
pub fn evaluate_seeds(config: &Config, run: &Path, out: &Path) -> RunResult<EvalRecord> {
    let dataset = read_annotations(config.data.test_folder()?)?.labelled();
    let labels = &config.data.classes;
    let (mut predicted, mut records) = (Vec::new(), Vec::new());
    for &seed in &config.run.seeds {
        let path = SeedFolder::of(run, seed).predictions();
        if !path.exists() {
            let (path, advice) = (path.display(), how_to_finish(run));
            let message = format!("{path}: seed {seed} has predicted nothing yet; {advice}");
            return Err(RunError::missing_input(message));
        }
        let predictions = LabelPredictions::read(&path, labels)?;
        let mut record = score_labels(&dataset, &predictions, labels)?;
        record.set_seed(seed);
        write_record(&record, &SeedFolder::of(out, seed).path())?;
        predicted.push(predictions);
        records.push(record);
    }
    let record = label_scores_over_seeds(&dataset, &predicted, labels, &records)?;
    write_record(&record, out)?;
    Ok(record)
}
