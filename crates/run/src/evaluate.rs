//! Scoring a run.

use crate::certificate;
use crate::compare::is_comparison;
use crate::config::Config;
use crate::context::Context;
use crate::error::RunError;
use crate::error::RunResult;
use crate::label_scores;
use crate::report::is_report;
use crate::run_folder::{REPORT, RunFolder, SeedFolder, check_idle, how_to_finish, is_same_folder};
use crate::session::Session;
use crate::temperature;
use dermx_eval::EvalRecord;
use dermx_score::{
    Benchmark, DIAGNOSES, EVAL, MAPS, MapFolder, PER_IMAGE, Predictions, read_annotations,
    write_record,
};
use std::path::Path;

/// The table of parts of the images.
pub const BY: &str = "by.csv";

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
    context.session.install(|| evaluate_here(run, out, context.session))
}

fn evaluate_here(run: &Path, out: Option<&Path>, session: &Session) -> RunResult<EvalRecord> {
    if let Some(out) = out {
        std::fs::create_dir_all(out).map_err(|error| RunError::io(out, &error))?;
        if !is_same_folder(run, out) {
            check_idle(run)?;
            return evaluate_seeds(run, out);
        }
    }
    let folder = RunFolder::resume(run, None, false)?;
    let record = evaluate_run(&folder)?;
    certificate::renew_scores(&folder, &Config::load_run(run)?, session)?;
    Ok(record)
}

/// Whether scores, or their report, are written into the file of this name below their folder.
pub fn is_scores(path: &Path) -> bool {
    if path.starts_with(REPORT) {
        return is_report(path);
    }
    let mut names = path.components().rev().map(|part| part.as_os_str().to_string_lossy());
    let name = names.next().unwrap_or_default();
    let of_seed = [EVAL, PER_IMAGE, DIAGNOSES, MAPS].contains(&name.as_ref());
    match (names.next(), names.next()) {
        (None, _) => of_seed || name == BY || is_comparison(path),
        (Some(folder), None) => of_seed && folder.starts_with("seed-"),
        _ => false,
    }
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
    if config.train.is_multilabel() {
        return label_scores::evaluate_seeds(&config, run, out);
    }
    let dataset = read_annotations(config.data.test_folder()?)?;
    let dataset = dataset.of_raters(&config.evaluate.raters)?.tested();
    let benchmark = Benchmark::new(&dataset, config.scoring_choices())?;
    let mut scorecards = Vec::new();
    for &seed in &config.run.seeds {
        let folder = SeedFolder::of(run, seed);
        let predictions = folder.predictions();
        if !predictions.exists() {
            let (path, advice) = (predictions.display(), how_to_finish(run));
            let message = format!("{path}: seed {seed} has predicted nothing yet; {advice}");
            return Err(RunError::missing_input(message));
        }
        let calibration = temperature::read(&folder)?;
        let predictions = Predictions { calibration, ..Predictions::read(&predictions)? };
        let mut scorecard = match benchmark.has_masks() {
            true => benchmark.score(&MapFolder::open(&folder.heatmaps())?, Some(&predictions))?,
            false => benchmark.score_diagnoses(&predictions)?,
        };
        scorecard.record.set_seed(seed);
        scorecard.write(&SeedFolder::of(out, seed).path())?;
        scorecards.push(scorecard);
    }
    let record = benchmark.over_seeds(&scorecards)?;
    write_record(&record, out)?;
    warn_of_collapse(&record);
    Ok(record)
}

fn warn_of_collapse(record: &EvalRecord) {
    let collapsed = record.diagnosis.as_ref().and_then(|one| one.collapsed.as_ref());
    for seed in collapsed.into_iter().flatten().map(|(seed, _)| seed) {
        tracing::warn!(
            "seed {seed} may have failed to train: its network names few classes, or is right no more often than \
             by chance; eval.json says which, and means over the seeds include it"
        );
    }
}
