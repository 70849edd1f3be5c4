//! `dermx evaluate`.

use crate::args::EvaluateArgs;
use crate::choices::Choices;
use crate::config::{self, Config};
use crate::error::{CliError, CliResult, ExitKind};
use crate::predictions::read_csv;
use crate::run_folder::{RunFolder, SeedFolder, to_json};
use crate::sanity;
use crate::score::{BOOTSTRAP, Extras, Scored, Scorer, read_annotations};
use crate::score_parts::{MIN_IMAGES, Variable};
use crate::terminal::print;
use crate::{compare, per_image, scores_text};
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
    let own = args.run.as_ref().or(args.out.as_ref());
    if args.against.is_some() && own.is_none() {
        return Err(CliError::new(ExitKind::Usage, "--against needs --out"));
    }
    let mut record = match (&args.run, &args.data, &args.heatmaps) {
        (Some(run), _, _) => evaluate_run(&RunFolder::resume(run, None)?)?,
        (None, Some(data), Some(heatmaps)) => evaluate_files(args, data, heatmaps)?,
        (None, Some(data), None) if args.baselines => evaluate_baselines(args, data)?,
        _ => {
            let message = "name a --run, or --heatmaps and --data";
            return Err(CliError::new(ExitKind::Usage, message));
        }
    };
    if let (Some(own), Some(against)) = (own, &args.against) {
        record.comparisons = compare::comparisons(&[own, against])?;
    }
    match args.json {
        true => print(to_json(&record)?),
        false => print(summary(&record)),
    }
}

/// Scores every seed of a run and aggregates them; writes `eval.json` for each and for all.
///
/// # Errors
/// A seed that is not explained yet, or a data set that cannot be read.
pub fn evaluate_run(folder: &RunFolder) -> CliResult<EvalRecord> {
    let config = config::load_run(folder.path())?;
    let dataset = read_annotations(&config.data.test)?;
    let extras = Extras {
        localization: true,
        by: config.evaluate.by.clone().unwrap_or_default(),
        min_images: MIN_IMAGES,
    };
    let scorer = Scorer::new(&dataset, scoring(&config), Choices::of(&config), extras);
    let mut records = Vec::new();
    let mut diagnoses = Vec::new();
    for &seed in &config.run.seeds {
        let seed_folder = SeedFolder::of(folder.path(), seed);
        let scored = evaluate_seed(&scorer, &config, seed, &seed_folder)?;
        records.push(scored.record);
        diagnoses.push(scored.diagnoses);
    }
    let mut record = aggregate(&records)?;
    describe_images(&mut record, &diagnoses)?;
    folder.write("eval.json", &to_json(&record)?)?;
    warn_of_collapse(&record);
    Ok(record)
}

/// Adds to the record over seeds what only single images tell; `diagnoses` are gold and predicted
/// class of each image, for each seed.
fn describe_images(record: &mut EvalRecord, diagnoses: &[Vec<(usize, usize)>]) -> CliResult<()> {
    let gold: Vec<usize> = diagnoses.iter().take(1).flatten().map(|(gold, _)| *gold).collect();
    let predicted: Vec<Vec<usize>> = diagnoses
        .iter()
        .map(|seed| seed.iter().map(|(_, predicted)| *predicted).collect())
        .collect();
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
    write_scored(&scored, &folder.eval(), &folder.per_image())?;
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
        std::fs::create_dir_all(out).map_err(|error| CliError::io(out, &error))?;
        write_scored(&scored, &out.join("eval.json"), &out.join("per_image.csv"))?;
        if !scored.record.by.is_empty() {
            let table = scores_text::parts_table(&scored.record);
            write_atomic(&out.join("by.csv"), &table.csv()?)?;
        }
    }
    Ok(scored.record)
}

fn write_scored(scored: &Scored, eval: &Path, rows: &Path) -> CliResult<()> {
    write_atomic(rows, &per_image::to_csv(&scored.rows)?)?;
    Ok(write_atomic(eval, &to_json(&scored.record)?)?)
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
        let _ = writeln!(out, "{:<26}{:>16}{:>16}{:>16}", "", "F1", "sensitivity", "specificity");
        for (class, scores) in &record.table_5 {
            let cells = [&scores.f1, &scores.sensitivity, &scores.specificity].map(text);
            let _ = writeln!(out, "{class:<26}{:>16}{:>16}{:>16}", cells[0], cells[1], cells[2]);
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
    if let Some(SeedAgreement { unanimous: Some(unanimous), fleiss_kappa, .. }) =
        record.seed_agreement
    {
        let kappa = fleiss_kappa.map_or("undefined".to_string(), |kappa| format!("{kappa:.3}"));
        text += &format!("all seeds say the same of {unanimous:.3} of the images, kappa {kappa}\n");
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
    let interval = score.interval.map(|[low, high]| format!(" [{low:.3}, {high:.3}]"));
    text(score) + &interval.unwrap_or_default()
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
