//! Reports of runs.

use crate::config::Config;
use crate::context::Context;
use crate::error::{RunError, RunResult};
use crate::labels::{check_distinct, folder_names, labels};
use crate::run_folder::{REPORT, RunFolder, SeedFolder, is_same_folder};
use crate::{certificate, compare, gallery};
use dermx_data::write_atomic;
use dermx_eval::{Comparison, EvalRecord, read_eval_json};
use dermx_report::{EpochPoint, ReportInput, SeedInput, latex_files, render};
use dermx_score::counts;
use dermx_train::EpochMetrics;
use dermx_work::Failure;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Reports that were written.
#[derive(Debug)]
pub struct Reports {
    /// The page of each run.
    pub pages: Vec<PathBuf>,
    /// Each run beside each later one.
    pub comparisons: Vec<Comparison>,
}

/// Writes the report of each run in `runs` into `out`; of several, into a folder for each, with their
/// comparison. With `with_latex` the tables are also in LaTeX.
///
/// # Errors
/// A run that is not finished, or an output folder that cannot be written to.
pub fn write_reports(
    runs: &[&Path],
    out: &Path,
    with_latex: bool,
    context: Context<'_>,
) -> RunResult<Reports> {
    if let [run] = runs[..] {
        let pages = vec![write_alone(run, out, with_latex, context)?];
        return Ok(Reports { pages, comparisons: Vec::new() });
    }
    check_distinct(runs)?;
    let labels = labels(runs)?;
    let comparisons = compare::comparisons(runs, runs)?;
    let names = folder_names(&labels, &compare::file_names(comparisons.len()));
    let outs: Vec<PathBuf> = names.iter().map(|name| out.join(name)).collect();
    if let Some(taken) = outs.iter().find(|out| out.join("config.toml").exists()) {
        let message = format!(
            "{}: is a run folder, and the report of a run would go there; choose another --out",
            taken.display()
        );
        return Err(RunError::usage(message));
    }
    let named: Vec<(&str, &Path)> =
        labels.iter().map(String::as_str).zip(runs.iter().copied()).collect();
    let mut pages = Vec::new();
    for (idx, out) in outs.iter().enumerate() {
        let mut others = named.clone();
        let run = others.remove(idx);
        pages.push(write_beside(run, &others, &comparisons, out, with_latex)?);
    }
    compare::write_comparisons(&comparisons, out)?;
    Ok(Reports { pages, comparisons })
}

/// Writes the report of one run. In the run's own folder it takes the place of the run's, whose
/// certificate then covers the new one.
fn write_alone(
    run: &Path,
    out: &Path,
    with_latex: bool,
    context: Context<'_>,
) -> RunResult<PathBuf> {
    if !is_same_folder(&run.join(REPORT), out) {
        return write(run, out, with_latex);
    }
    let folder = RunFolder::resume(run, None, false)?;
    let page = write(run, out, with_latex)?;
    certificate::renew_report(&folder, &Config::load_run(run)?, context.session)?;
    Ok(page)
}

/// Writes the report of the run in `run` into `out`; the path of the page.
///
/// # Errors
/// As [`write_reports`].
pub fn write(run: &Path, out: &Path, with_latex: bool) -> RunResult<PathBuf> {
    let labels = labels(&[run])?;
    let name = labels.first().map_or("", String::as_str);
    write_beside((name, run), &[], &[], out, with_latex)
}

/// As [`write()`], with comparisons, and heat maps of other runs in the gallery; each run with its
/// name.
fn write_beside(
    (name, run): (&str, &Path),
    others: &[(&str, &Path)],
    comparisons: &[Comparison],
    out: &Path,
    with_latex: bool,
) -> RunResult<PathBuf> {
    let config = Config::load_run(run)?;
    let scores = run.join("eval.json");
    if config.data.test.is_none() {
        let message = format!(
            "{}: the run has no test (data.test), so there is nothing to report; its training curves are \
             in seed-N/metrics.csv",
            run.display()
        );
        return Err(RunError::missing_input(message));
    }
    if !scores.exists() {
        let message = format!(
            "{}: the run is not scored yet; finish it with `dermx train --resume --run {}`",
            scores.display(),
            run.display()
        );
        return Err(RunError::missing_input(message));
    }
    let evaluation = read_record(&scores)?;
    let mut notes = notes(&config);
    notes.extend(counts(&evaluation));
    let gallery = match gallery::items(&config, run, &first_seeds(others)?) {
        Ok(items) => items,
        // Scores can be shown without photos; a user may have them on another machine.
        Err(error) if error.failure() == Failure::MissingInput => {
            notes.push(format!("There is no gallery: {error}"));
            Vec::new()
        }
        Err(error) => return Err(error),
    };
    let mut per_seed = Vec::new();
    for &seed in &config.run.seeds {
        let folder = SeedFolder::of(run, seed);
        per_seed.push(SeedInput {
            seed,
            curves: curves(&folder.metrics())?,
            record: read_record(&folder.eval())?,
        });
    }
    let input = ReportInput {
        title: format!("{name}, tested on {}", evaluation.dataset.name),
        run_facts: run_facts(&config, run)?,
        evaluation: EvalRecord { comparisons: comparisons.to_vec(), ..evaluation },
        per_seed,
        gallery,
        notes,
    };
    let latex = if with_latex { latex_files(&input) } else { Vec::new() };
    for (name, bytes) in render(&input)?.files.into_iter().chain(latex) {
        let path = out.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| RunError::io(folder, &error))?;
        }
        write_atomic(&path, &bytes)?;
    }
    Ok(out.join("index.html"))
}

/// The first seed of each run, with the run's name.
fn first_seeds(runs: &[(&str, &Path)]) -> RunResult<Vec<(String, SeedFolder)>> {
    let mut folders = Vec::new();
    for &(name, run) in runs {
        let seed = Config::load_run(run)?.run.seeds.first().copied();
        folders.extend(seed.map(|seed| (name.to_string(), SeedFolder::of(run, seed))));
    }
    Ok(folders)
}

fn notes(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    if config.synthetic.is_some() {
        notes.push(
            "The photos and the raters are synthetic. The scores show that the benchmark works; \
             they say nothing about skin diseases, dermatologists or patients."
                .to_string(),
        );
    }
    notes.push(
        "Heat maps are of the class that [explain] target names; their resolution is that of the \
         network's last feature maps."
            .to_string(),
    );
    notes
}

fn run_facts(config: &Config, run: &Path) -> RunResult<Vec<(String, String)>> {
    let environment: serde_json::Value = read_json(&run.join("environment.json"))?;
    let text = |key: &str| match &environment[key] {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let test = config.data.test.as_ref();
    let seeds: Vec<String> = config.run.seeds.iter().map(ToString::to_string).collect();
    let facts = [
        ("Architecture", format!("{} ({:?} head)", config.model.architecture, config.model.head)),
        ("Weights before training", config.model.weights.clone()),
        ("Image size", format!("{} (height x width)", config.input.size)),
        ("Seeds", seeds.join(", ")),
        ("Epochs", config.run.epochs.to_string()),
        ("Training images", config.data.train.display().to_string()),
        ("Test images", test.map_or("none".to_string(), |test| test.display().to_string())),
        ("Backend", text("backend")),
        ("Machine", format!("{}, {}", text("operating_system"), text("processor"))),
        ("dermx", text("dermx_version")),
    ];
    Ok(facts.map(|(name, value)| (name.to_string(), value)).into())
}

fn curves(path: &Path) -> RunResult<Vec<EpochPoint>> {
    let text = std::fs::read_to_string(path).map_err(|error| RunError::io(path, &error))?;
    let parse = |line: &str| {
        let metrics: EpochMetrics =
            serde_json::from_str(line).map_err(|error| RunError::in_file(path, error))?;
        Ok(EpochPoint {
            epoch: metrics.epoch as usize,
            train_loss: metrics.train_loss,
            train_accuracy: metrics.train_accuracy,
            validation_loss: metrics.validation.map(|validation| validation.loss),
            validation_accuracy: metrics.validation.map(|validation| validation.accuracy),
            learning_rate: metrics.learning_rate,
        })
    };
    text.lines().map(parse).collect()
}

fn read_record(path: &Path) -> RunResult<EvalRecord> {
    let bytes = std::fs::read(path).map_err(|error| RunError::io(path, &error))?;
    read_eval_json(&bytes).map_err(|error| RunError::in_file(path, error))
}

fn read_json<T: DeserializeOwned>(path: &Path) -> RunResult<T> {
    let bytes = std::fs::read(path).map_err(|error| RunError::io(path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| RunError::in_file(path, error))
}
