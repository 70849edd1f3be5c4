//! `dermx evaluate`.

use crate::args::EvaluateArgs;
use crate::error::{CliError, CliResult};
use crate::process::Process;
use crate::summary::summary;
use crate::terminal::print;
use dermx_data::write_atomic;
use dermx_eval::{Border, EvalRecord, HeatmapScoring, Normalize};
use dermx_report::parts_by_characteristic;
use dermx_run::{Session, comparisons, evaluate_again, is_same_folder, write_comparisons};
use dermx_score::{
    Benchmark, MIN_IMAGES, MapFolder, Predictions, ScoringChoices, Variable, check_outlines,
    read_annotations, remove, to_json, write_record,
};
use dermx_work::Failure;
use std::path::Path;

/// Scores a run, or heat maps and predictions of any program.
///
/// # Errors
/// Anything missing or damaged.
pub fn run(args: &EvaluateArgs, process: &Process) -> CliResult<()> {
    // Only a folder of scores can be compared; known before the work begins.
    let own = args.out.as_ref().or(args.run.as_ref());
    if args.against.is_some() && own.is_none() {
        return Err(CliError::new(Failure::Usage, "--against needs --out"));
    }
    let mut record = record(args, process)?;
    if let (Some(own), Some(against)) = (own, &args.against) {
        let called = args.run.as_ref().unwrap_or(own);
        record.comparisons = comparisons(&[own, against], &[called, against])?;
        if let Some(out) = &args.out {
            write_comparisons(&record.comparisons, out)?;
            // Scores of a run are its own, and certified.
            if args.run.as_ref().is_none_or(|run| !is_same_folder(run, out)) {
                write_atomic(&out.join("eval.json"), &to_json(&record)?)?;
            }
        }
    }
    match args.json {
        true => print(to_json(&record)?),
        false => print(summary(&record)),
    }
}

fn record(args: &EvaluateArgs, process: &Process) -> CliResult<EvalRecord> {
    match (&args.run, &args.data, &args.heatmaps) {
        (Some(run), _, _) => {
            let session = Session::cpu();
            Ok(evaluate_again(run, args.out.as_deref(), process.context(&session))?)
        }
        (None, Some(data), heatmaps) if heatmaps.is_some() || args.predictions.is_some() => {
            score(args, data, heatmaps.as_deref())
        }
        (None, Some(data), None) if args.baselines => {
            let dataset = read_annotations(data)?;
            let record = Benchmark::new(&dataset, choices(args))?.baselines();
            if let Some(out) = &args.out {
                write_record(&record, out)?;
            }
            Ok(record)
        }
        _ => Err(CliError::new(
            Failure::Usage,
            "name what to score: --run, or with --data the --heatmaps, the --predictions, or both; --baselines \
             scores what needs no network",
        )),
    }
}

/// Scores maps or predictions, or both, of any program.
fn score(args: &EvaluateArgs, data: &Path, heatmaps: Option<&Path>) -> CliResult<EvalRecord> {
    if args.by.contains(&Variable::Correct) && args.predictions.is_none() {
        return Err(CliError::new(Failure::Usage, "--by correct needs --predictions"));
    }
    let dataset = read_annotations(data)?;
    let predictions = args.predictions.as_deref().map(Predictions::read).transpose()?;
    let choices = choices(args);
    if heatmaps.is_some() {
        let advice = "mark something in the images, or score predictions alone: --predictions without --heatmaps";
        check_outlines(data, &dataset, &choices, advice)?;
    }
    let benchmark = Benchmark::new(&dataset, choices)?;
    let scorecard = match (heatmaps, &predictions) {
        (None, Some(predictions)) => benchmark.score_diagnoses(predictions)?,
        (Some(maps), predictions) => {
            benchmark.score(&MapFolder::open(maps)?, predictions.as_ref())?
        }
        (None, None) => {
            return Err(CliError::new(Failure::Usage, "name --heatmaps or --predictions"));
        }
    };
    if let Some(out) = &args.out {
        scorecard.write(out)?;
        // Of an earlier scoring.
        for name in ["by.csv", "comparison.json", "comparison.md", "comparison_1.csv"] {
            remove(&out.join(name))?;
        }
        if !scorecard.record.by.is_empty() {
            write_atomic(&out.join("by.csv"), &parts_by_characteristic(&scorecard.record).csv())?;
        }
    }
    Ok(scorecard.record)
}

/// What the arguments say of scoring.
fn choices(args: &EvaluateArgs) -> ScoringChoices {
    ScoringChoices {
        maps: HeatmapScoring {
            size: [args.size.height as usize, args.size.width as usize],
            normalize: if args.no_normalize { Normalize::None } else { Normalize::Max },
            quantize: !args.no_quantize,
            border: if args.clamp_border { Border::Clamp } else { Border::Mirror },
        },
        localization: args.localization,
        by: args.by.clone(),
        min_images: args.min_images.unwrap_or(MIN_IMAGES),
        partial: args.partial,
        ..args.scored.choices()
    }
}
