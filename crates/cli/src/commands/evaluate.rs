//! `dermx evaluate`.

use crate::args::EvaluateArgs;
use crate::error::{CliError, CliResult};
use crate::output;
use crate::process::Process;
use crate::summary::summary;
use crate::terminal::print;
use dermx_data::{check_folder, write_atomic};
use dermx_eval::{Border, EvalRecord, HeatmapScoring, Normalize};
use dermx_report::parts_by_characteristic;
use dermx_run::{
    BY, Outside, Session, check_scores, comparisons, evaluate_again, is_same_folder, is_scores,
    write_comparisons, write_outside_report,
};
use dermx_score::{
    Benchmark, MIN_IMAGES, MapFolder, Predictions, ScoringChoices, Variable, check_outlines,
    read_annotations, to_json, write_record,
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
    if let Some(against) = &args.against {
        check_scores(against)?;
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
    let page = match (&args.out, &args.data) {
        (Some(out), Some(data)) if args.report => {
            let scored = Outside {
                data,
                heatmaps: args.heatmaps.as_deref(),
                predictions: args.predictions.as_deref(),
                images: args.images.as_deref(),
                scoring: choices(args).maps,
            };
            Some(write_outside_report(scored, &record, out)?)
        }
        _ => None,
    };
    let page = page.map_or_else(String::new, |page| format!("\nreport: {}\n", page.display()));
    match args.json {
        true => print(to_json(&record)?),
        false => print(summary(&record) + &page),
    }
}

fn record(args: &EvaluateArgs, process: &Process) -> CliResult<EvalRecord> {
    match (&args.run, &args.data, &args.heatmaps) {
        (Some(run), _, _) => {
            let session = Session::cpu();
            let again = |out: Option<&Path>| evaluate_again(run, out, process.context(&session));
            match &args.out {
                None => Ok(again(None)?),
                // As without --out: the run's own scores, whose certificate is renewed.
                Some(out) if is_same_folder(run, out) => {
                    check_folder(out, args.overwrite.existing(), &[])?;
                    Ok(again(None)?)
                }
                Some(_) => into_folder(args, |out| Ok(again(out)?)),
            }
        }
        (None, Some(data), heatmaps) if heatmaps.is_some() || args.predictions.is_some() => {
            into_folder(args, |out| score(args, data, heatmaps.as_deref(), out))
        }
        (None, Some(data), None) if args.baselines => into_folder(args, |out| {
            let dataset = read_annotations(data)?;
            let record = Benchmark::new(&dataset, choices(args))?.baselines();
            if let Some(out) = out {
                write_record(&record, out)?;
            }
            Ok(record)
        }),
        _ => Err(CliError::new(
            Failure::Usage,
            "name what to score: --run, or with --data the --heatmaps, the --predictions, or both; --baselines \
             scores what needs no network",
        )),
    }
}

/// What `score` comes to, which writes into the folder that it is given; that is in the place of `--out` when
/// all is written.
fn into_folder(
    args: &EvaluateArgs,
    score: impl FnOnce(Option<&Path>) -> CliResult<EvalRecord>,
) -> CliResult<EvalRecord> {
    let Some(out) = &args.out else { return score(None) };
    let inputs = [&args.run, &args.data, &args.heatmaps, &args.predictions, &args.against];
    let inputs = output::inputs(inputs.map(|path| path.as_deref()));
    let out = output::folder(out, args.overwrite, &inputs, is_scores)?;
    let record = score(Some(&out.path()))?;
    out.finish()?;
    Ok(record)
}

/// Scores maps or predictions, or both, of any program.
fn score(
    args: &EvaluateArgs,
    data: &Path,
    heatmaps: Option<&Path>,
    out: Option<&Path>,
) -> CliResult<EvalRecord> {
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
    if let Some(out) = out {
        scorecard.write(out)?;
        if !scorecard.record.by.is_empty() {
            write_atomic(&out.join(BY), &parts_by_characteristic(&scorecard.record).csv())?;
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
