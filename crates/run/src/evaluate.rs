//! Scoring a run.

use crate::certificate;
use crate::config::Config;
use crate::context::Context;
use crate::error::RunError;
use crate::error::RunResult;
use crate::run_folder::{RunFolder, SeedFolder, check_idle, is_same_folder};
use dermx_data::write_atomic;
use dermx_eval::{EvalRecord, SeedPredictions, aggregate};
use dermx_score::{
    BOOTSTRAP, Diagnosis, Extras, MIN_IMAGES, Scored, Scorer, read_annotations, read_predictions,
    score_sanity, to_json, write_scored,
};
use std::path::Path;

/// Scores a finished run again: in its folder, whose certificate then covers the new scores, or, with
/// `out`, in another one, which leaves the run as it is.
///
/// # Errors
/// A run that is not finished, that a process is at work on, or whose data set cannot be read.
pub fn evaluate_again(
    run: &Path,
    out: Option<&Path>,
    context: Context<'_>,
) -> RunResult<EvalRecord> {
    if let Some(out) = out {
        std::fs::create_dir_all(out).map_err(|error| RunError::io(out, &error))?;
        if !is_same_folder(run, out) {
            check_idle(run)?;
            return evaluate_seeds(run, out);
        }
    }
    let folder = RunFolder::resume(run, None)?;
    let record = evaluate_run(&folder)?;
    certificate::renew_scores(&folder, &Config::load_run(run)?, context.session)?;
    Ok(record)
}

/// Scores every seed of a run and aggregates them; writes `eval.json` for each and for all.
///
/// # Errors
/// A seed that is not explained yet, or a data set that cannot be read.
pub fn evaluate_run(folder: &RunFolder) -> RunResult<EvalRecord> {
    evaluate_seeds(folder.path(), folder.path())
}

/// Scores every seed of `run` and aggregates them; writes into `out`.
fn evaluate_seeds(run: &Path, out: &Path) -> RunResult<EvalRecord> {
    let config = Config::load_run(run)?;
    let dataset = read_annotations(config.data.test_set()?.0)?;
    let extras =
        Extras { localization: true, by: config.evaluate.by.clone(), min_images: MIN_IMAGES };
    let scorer = Scorer::new(&dataset, config.heatmap_scoring(), config.scoring_choices(), extras);
    let mut records = Vec::new();
    let mut diagnoses = Vec::new();
    let mut rows = Vec::new();
    for &seed in &config.run.seeds {
        let scored = evaluate_seed(&scorer, &config, seed, &SeedFolder::of(run, seed))?;
        write_scored(&scored, &SeedFolder::of(out, seed).path())?;
        records.push(scored.record);
        diagnoses.push(scored.diagnoses.unwrap_or_default());
        rows.push(scored.rows);
    }
    let mut record = aggregate(&records)?;
    record.leads = scorer.leads(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
    describe_images(&mut record, &diagnoses)?;
    write_atomic(&out.join("eval.json"), &to_json(&record)?)?;
    warn_of_collapse(&record);
    Ok(record)
}

/// Adds to the record over seeds what only single images tell; `diagnoses` are those of each seed.
fn describe_images(record: &mut EvalRecord, diagnoses: &[Vec<Diagnosis>]) -> RunResult<()> {
    let gold: Vec<usize> = diagnoses.iter().take(1).flatten().map(|one| one.gold_idx).collect();
    let predicted: Vec<Vec<usize>> =
        diagnoses.iter().map(|seed| seed.iter().map(|one| one.predicted_idx).collect()).collect();
    let every_image: Vec<u32> = (0..gold.len() as u32).collect();
    let num_classes = record.classes.len();
    let predictions = SeedPredictions { num_classes, gold: &gold, predicted: &predicted };
    Ok(predictions.describe(record, &BOOTSTRAP.resamples(&every_image))?)
}

fn warn_of_collapse(record: &EvalRecord) {
    for seed in record.collapsed.iter().flatten().map(|(seed, _)| seed) {
        tracing::warn!(
            "seed {seed} collapsed: its network names few classes, or is right no more often than \
             by chance; eval.json says which, and means over the seeds include it"
        );
    }
}

fn evaluate_seed(
    scorer: &Scorer<'_>,
    config: &Config,
    seed: u64,
    folder: &SeedFolder,
) -> RunResult<Scored> {
    let path = folder.predictions();
    let predictions = read_predictions(&path)?;
    let classes = &config.data.classes;
    let mut scored =
        scorer.score(&folder.heatmaps(), Some((&path, &predictions)), classes, false)?;
    scored.record.seeds = vec![seed];
    score_sanity(scorer, &folder.heatmaps(), false, &mut scored.record)?;
    Ok(scored)
}
