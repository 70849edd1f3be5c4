//! `dermx evaluate`.

use crate::args::EvaluateArgs;
use crate::certificate;
use crate::choices::Choices;
use crate::config::{self, Config};
use crate::diagnoses::{self, DIAGNOSES, Diagnosis};
use crate::error::{CliError, CliResult, ExitKind};
use crate::per_image::{self, PER_IMAGE};
use crate::predictions::read_csv;
use crate::run_folder::{RunFolder, SeedFolder, check_idle, is_same_folder, to_json};
use crate::sanity;
use crate::score::{BOOTSTRAP, Extras, Scored, Scorer, read_annotations};
use crate::score_parts::{MIN_IMAGES, Variable};
use crate::terminal::print;
use crate::{compare, scores_text};
use dermx_data::ontology;
use dermx_eval::{
    Border, EvalRecord, HeatmapScoring, MapScores, Normalize, Score, SeedAgreement,
    SeedPredictions, UNION, aggregate,
};
use dermx_train::write_atomic;
use std::fmt::Write;
use std::path::Path;

/// Scores a run, or heat maps and predictions of any program.
///
/// # Errors
/// Anything missing or damaged.
pub fn run(args: &EvaluateArgs) -> CliResult<()> {
    // Only a folder of scores can be compared; known before the work begins.
    let own = args.out.as_ref().or(args.run.as_ref());
    if args.against.is_some() && own.is_none() {
        return Err(CliError::new(ExitKind::Usage, "--against needs --out"));
    }
    let mut record = match (&args.run, &args.data, &args.heatmaps) {
        (Some(run), _, _) => evaluate_again(run, args.out.as_deref())?,
        (None, Some(data), Some(heatmaps)) => evaluate_files(args, data, heatmaps)?,
        (None, Some(data), None) if args.baselines => evaluate_baselines(args, data)?,
        _ => {
            let message = "name a --run, or --heatmaps and --data";
            return Err(CliError::new(ExitKind::Usage, message));
        }
    };
    if let (Some(own), Some(against)) = (own, &args.against) {
        let called = args.run.as_ref().unwrap_or(own);
        record.comparisons = compare::comparisons(&[own, against], &[called, against])?;
        if let Some(out) = &args.out {
            compare::write(&record.comparisons, out)?;
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

/// Scores a finished run again: in its folder, whose certificate then covers the new scores, or, with
/// `out`, in another one, which leaves the run as it is.
fn evaluate_again(run: &Path, out: Option<&Path>) -> CliResult<EvalRecord> {
    if let Some(out) = out {
        std::fs::create_dir_all(out).map_err(|error| CliError::io(out, &error))?;
        if !is_same_folder(run, out) {
            check_idle(run)?;
            return evaluate_seeds(run, out);
        }
    }
    let folder = RunFolder::resume(run, None)?;
    let record = evaluate_run(&folder)?;
    certificate::renew_scores(&folder, &config::load_run(run)?)?;
    Ok(record)
}

/// Scores every seed of a run and aggregates them; writes `eval.json` for each and for all.
///
/// # Errors
/// A seed that is not explained yet, or a data set that cannot be read.
pub fn evaluate_run(folder: &RunFolder) -> CliResult<EvalRecord> {
    evaluate_seeds(folder.path(), folder.path())
}

/// Scores every seed of `run` and aggregates them; writes into `out`.
fn evaluate_seeds(run: &Path, out: &Path) -> CliResult<EvalRecord> {
    let config = config::load_run(run)?;
    let dataset = read_annotations(&config.data.test)?;
    let extras = Extras {
        localization: true,
        by: config.evaluate.by.clone().unwrap_or_default(),
        min_images: MIN_IMAGES,
    };
    let scorer = Scorer::new(&dataset, scoring(&config), Choices::of(&config), extras);
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
fn describe_images(record: &mut EvalRecord, diagnoses: &[Vec<Diagnosis>]) -> CliResult<()> {
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
) -> CliResult<Scored> {
    let path = folder.predictions();
    let predictions = read_csv(&path)?;
    let classes = &config.data.classes;
    let mut scored =
        scorer.score(&folder.heatmaps(), Some((&path, &predictions)), classes, false)?;
    scored.record.seeds = vec![seed];
    sanity::score(scorer, &folder.heatmaps(), false, &mut scored.record)?;
    Ok(scored)
}

/// How the configuration has maps prepared.
fn scoring(config: &Config) -> HeatmapScoring {
    let section = &config.evaluate;
    HeatmapScoring {
        size: [section.size.height as usize, section.size.width as usize],
        normalize: section.normalize,
        quantize: section.quantize,
        border: section.border,
    }
}

/// How the arguments have maps prepared.
fn scoring_of(args: &EvaluateArgs) -> HeatmapScoring {
    HeatmapScoring {
        size: [args.size.height as usize, args.size.width as usize],
        normalize: if args.no_normalize { Normalize::None } else { Normalize::Max },
        quantize: !args.no_quantize,
        border: if args.clamp_border { Border::Clamp } else { Border::Mirror },
    }
}

fn extras_of(args: &EvaluateArgs) -> Extras {
    Extras {
        localization: args.localization,
        by: args.by.clone(),
        min_images: args.min_images.unwrap_or(MIN_IMAGES),
    }
}

fn evaluate_baselines(args: &EvaluateArgs, data: &Path) -> CliResult<EvalRecord> {
    let dataset = read_annotations(data)?;
    let scorer = Scorer::new(&dataset, scoring_of(args), args.scored.choices(), extras_of(args));
    let record = scorer.score_baselines()?;
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out).map_err(|error| CliError::io(out, &error))?;
        write_atomic(&out.join("eval.json"), &to_json(&record)?)?;
    }
    Ok(record)
}

fn evaluate_files(args: &EvaluateArgs, data: &Path, heatmaps: &Path) -> CliResult<EvalRecord> {
    if args.by.contains(&Variable::Correct) && args.predictions.is_none() {
        let message = "--by correct needs --predictions";
        return Err(CliError::new(ExitKind::Usage, message));
    }
    let dataset = read_annotations(data)?;
    let predictions = match &args.predictions {
        Some(path) => Some((path.as_path(), read_csv(path)?)),
        None => None,
    };
    let predictions = predictions.as_ref().map(|(path, rows)| (*path, rows.as_slice()));
    let classes = ontology::DIAGNOSES.map(str::to_string);
    let exchanged = args.scored.class_exchange.iter().flatten();
    if let Some(unknown) = exchanged.into_iter().find(|class| !classes.contains(class)) {
        let message = format!("`{unknown}` is not a class; there are: {}", classes.join(", "));
        return Err(CliError::new(ExitKind::Usage, message));
    }
    let scorer = Scorer::new(&dataset, scoring_of(args), args.scored.choices(), extras_of(args));
    let mut scored = scorer.score(heatmaps, predictions, &classes, args.partial)?;
    sanity::score(&scorer, heatmaps, args.partial, &mut scored.record)?;
    if let Some(out) = &args.out {
        write_scored(&scored, out)?;
        if !scored.record.by.is_empty() {
            let table = scores_text::parts_table(&scored.record);
            write_atomic(&out.join("by.csv"), &table.csv()?)?;
        }
    }
    Ok(scored.record)
}

/// Writes the scores of one network, or of maps of another program, into the folder `out`.
fn write_scored(scored: &Scored, out: &Path) -> CliResult<()> {
    std::fs::create_dir_all(out).map_err(|error| CliError::io(out, &error))?;
    let Scored { rows, record, diagnoses } = scored;
    write_atomic(&out.join(PER_IMAGE), &per_image::to_csv(rows)?)?;
    if let Some(diagnoses) = diagnoses {
        write_atomic(&out.join(DIAGNOSES), &diagnoses::to_csv(diagnoses, &record.classes)?)?;
    }
    Ok(write_atomic(&out.join("eval.json"), &to_json(record)?)?)
}

/// The scores as a table for the terminal.
pub fn summary(record: &EvalRecord) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = writeln!(out, "{}", record.notice);
    scores_text::counts(record).iter().for_each(|line| out.push_str(&format!("{line}\n")));
    if let (Some(accuracy), Some(macro_f1)) = (&record.accuracy, &record.macro_f1) {
        let [accuracy, macro_f1] = [accuracy, macro_f1].map(with_interval);
        let _ = writeln!(out, "\naccuracy {accuracy}   macro-F1 {macro_f1}");
        out.push_str(&seeds_text(record));
        let _ = writeln!(out, "{:<26}{:>16}{:>32}{:>32}", "", "F1", "sensitivity", "specificity");
        for (class, scores) in &record.table_5 {
            let shares = [&scores.sensitivity, &scores.specificity].map(with_interval);
            let cells = [text(&scores.f1), shares[0].clone(), shares[1].clone()];
            let _ = writeln!(out, "{class:<26}{:>16}{:>32}{:>32}", cells[0], cells[1], cells[2]);
        }
    }
    let header = ["fuzzy F1", "sensitivity", "specificity", "mass in mask"];
    let _ = write!(out, "\n{:<26}", "");
    header.iter().for_each(|name| out.push_str(&format!("{name:>16}")));
    out.push('\n');
    for (characteristic, scores) in &record.table_6 {
        out.push_str(&map_line(characteristic, scores));
    }
    for (baseline, table) in &record.baselines {
        if let Some(scores) = table.get(UNION) {
            out.push_str(&map_line(&format!("{UNION}, {baseline} map"), scores));
        }
    }
    if let Some(scores) = record.ceiling.get(UNION) {
        out.push_str(&map_line(&format!("{UNION}, raters"), scores));
    }
    out.push_str(&relative_text(record));
    out.push_str(&scores_text::localization(record));
    out.push_str(&scores_text::identification(record));
    out.push_str(&scores_text::parts(record));
    out.push_str(&compare::text(&record.comparisons));
    out
}

/// Which seeds collapsed, and how far the seeds agree.
fn seeds_text(record: &EvalRecord) -> String {
    let collapsed: Vec<String> =
        record.collapsed.iter().flatten().map(|(seed, _)| seed.to_string()).collect();
    let mut text = match collapsed.is_empty() {
        true => String::new(),
        false => format!("collapsed seeds: {}\n", collapsed.join(", ")),
    };
    if let Some(SeedAgreement {
        unanimous: Some(unanimous),
        unanimous_interval,
        fleiss_kappa,
        ..
    }) = record.seed_agreement
    {
        let kappa = fleiss_kappa.map_or("undefined".to_string(), |kappa| format!("{kappa:.3}"));
        let share = format!("{unanimous:.3}{}", scores_text::interval_text(unanimous_interval));
        text += &format!("all seeds say the same of {share} of the images, kappa {kappa}\n");
    }
    text
}

/// Where the maps stand between what a map without a network and what raters reach.
fn relative_text(record: &EvalRecord) -> String {
    let Some(union) = record.relative.get(UNION) else { return String::new() };
    let baseline = union.best_baseline.as_deref().unwrap_or("of each seed");
    format!(
        "\n{UNION}, fuzzy F1: skill {} (0: best map without a network, {baseline}; 1: raters among \
         themselves)\n",
        with_interval(&union.skill),
    )
}

fn with_interval(score: &Score) -> String {
    text(score) + &scores_text::interval_text(score.interval)
}

fn map_line(name: &str, scores: &MapScores) -> String {
    let cells = [&scores.f1, &scores.sensitivity, &scores.specificity, &scores.mass].map(text);
    let cells: String = cells.iter().map(|cell| format!("{cell:>16}")).collect();
    format!("{name:<26}{cells}\n")
}

/// A score as mean, with the spread over seeds where there are several.
fn text(score: &Score) -> String {
    match (score.mean, score.std) {
        (None, _) => "undefined".to_string(),
        (Some(mean), Some(std)) if score.seeds.len() > 1 => format!("{mean:.3} +- {std:.3}"),
        (Some(mean), _) => format!("{mean:.3}"),
    }
}
