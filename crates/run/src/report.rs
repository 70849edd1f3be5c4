//! Reports of runs.

use crate::config::Config;
use crate::context::Context;
use crate::error::{RunError, RunResult};
use crate::gallery::Gallery;
use crate::labels::{check_distinct, folder_names, labels};
use crate::run_folder::{REPORT, RunFolder, SeedFolder, how_to_finish, is_same_folder};
use crate::run_gallery::run_gallery;
use crate::test_set::TestSet;
use crate::{certificate, compare};
use dermx_data::{json, write_atomic};
use dermx_eval::{Comparison, EvalRecord, read_eval_json};
use dermx_gradcam::color_scale;
use dermx_model::Head;
use dermx_report::{
    Citation, ComparisonPage, EpochPoint, ReportInput, SeedInput, render, render_comparisons,
};
use dermx_score::counts;
use dermx_train::EpochMetrics;
use dermx_work::Failure;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Reports that were written.
#[derive(Debug)]
pub struct Reports {
    /// The page of each run; of several, after the page that compares them.
    pub pages: Vec<PathBuf>,
    /// Each run beside each later one.
    pub comparisons: Vec<Comparison>,
}

/// Whether [`write_reports`] writes the file of this name below its folder, or below that of a run.
pub fn is_report(path: &Path) -> bool {
    let is_page = |path: &Path| {
        let folders = ["tables", "figures", "gallery"];
        let files = ["index.html", "report.md"];
        folders.iter().any(|folder| path.starts_with(folder))
            || files.iter().any(|file| path == Path::new(file))
    };
    let mut parts = path.components();
    parts.next();
    is_page(path) || compare::is_comparison(path) || is_page(parts.as_path())
}

/// Writes the report of each run in `runs` into `out`; of several, into a folder for each, with their
/// comparison.
///
/// # Errors
/// A run that is not finished, or an output folder that cannot be written to.
pub fn write_reports(runs: &[&Path], out: &Path, context: Context<'_>) -> RunResult<Reports> {
    if let [run] = runs[..] {
        let pages = vec![write_alone(run, out, context)?];
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
        pages.push(write_beside(run, &others, &comparisons, out)?);
    }
    compare::write_comparisons(&comparisons, out)?;
    let named = labels.iter().cloned().zip(names.iter().map(|name| format!("{name}/index.html")));
    let page = ComparisonPage {
        title: format!("{} side by side", labels.join(", ")),
        comparisons: comparisons.clone(),
        pages: named.collect(),
    };
    write_files(render_comparisons(&page)?, out)?;
    pages.insert(0, out.join("index.html"));
    Ok(Reports { pages, comparisons })
}

/// Writes the report of one run. In the run's own folder it takes the place of the run's, whose
/// certificate then covers the new one.
fn write_alone(run: &Path, out: &Path, context: Context<'_>) -> RunResult<PathBuf> {
    if !is_same_folder(&run.join(REPORT), out) {
        return write(run, out);
    }
    let folder = RunFolder::resume(run, None, false)?;
    let page = write(run, out)?;
    certificate::renew_report(&folder, &Config::load_run(run)?, context.session)?;
    Ok(page)
}

/// Writes the report of the run in `run` into `out`; the path of the page.
///
/// # Errors
/// As [`write_reports`].
pub fn write(run: &Path, out: &Path) -> RunResult<PathBuf> {
    let labels = labels(&[run])?;
    let name = labels.first().map_or("", String::as_str);
    write_beside((name, run), &[], &[], out)
}

/// As [`write()`], with comparisons, and heat maps of other runs in the gallery; each run with its
/// name.
fn write_beside(
    (name, run): (&str, &Path),
    others: &[(&str, &Path)],
    comparisons: &[Comparison],
    out: &Path,
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
        // What would stop the run that is to be finished is said at once.
        TestSet::to_score(&config).map_err(|error| {
            error.context(format!("{}: the run is not scored yet, and cannot be: ", run.display()))
        })?;
        let message =
            format!("{}: the run is not scored yet; {}", scores.display(), how_to_finish(run));
        return Err(RunError::missing_input(message));
    }
    let evaluation = read_record(&scores)?;
    let mut notes = notes(&config);
    notes.extend(counts(&evaluation));
    let gallery = match run_gallery(&config, run, &first_seeds(others)?) {
        Ok(gallery) => gallery,
        // Scores can be shown without photos; a user may have them on another machine.
        Err(error) if error.failure() == Failure::MissingInput => {
            notes.push(format!("There is no gallery: {error}"));
            Gallery::default()
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
        citation: Some(citation(name, &evaluation, &config, run)?),
        evaluation: EvalRecord { comparisons: comparisons.to_vec(), ..evaluation },
        per_seed,
        gallery: gallery.items,
        gallery_choice: gallery.choice,
        color_scale: color_scale(),
        notes,
    };
    write_files(render(&input)?.files, out)?;
    Ok(out.join("index.html"))
}

/// Writes files, each with its path below `out`.
///
/// # Errors
/// A folder that cannot be written to.
pub fn write_files(files: Vec<(String, Vec<u8>)>, out: &Path) -> RunResult<()> {
    for (name, bytes) in files {
        let path = out.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| RunError::io(folder, &error))?;
        }
        write_atomic(&path, &bytes)?;
    }
    Ok(())
}

/// What tells the run from others. The certificate of the run covers the report, which cannot have its hash;
/// those of its seeds cover what was trained.
fn citation(name: &str, record: &EvalRecord, config: &Config, run: &Path) -> RunResult<Citation> {
    let environment: serde_json::Value = json::read(&run.join("environment.json"))?;
    let mut certificates = Vec::new();
    for &seed in &config.run.seeds {
        // Runs of older versions may be without.
        if let Ok(certificate) = certificate::read(&SeedFolder::of(run, seed)) {
            certificates.push((format!("seed {seed}"), certificate::result_hash(&certificate)?));
        }
    }
    Ok(Citation {
        name: name.to_string(),
        certificates,
        version: in_words(&environment["dermx_version"]),
        dataset: (record.dataset.name.clone(), record.dataset.hash.clone()),
    })
}

/// A fact of `environment.json`, which may be missing.
fn in_words(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "not known".to_string(),
        other => other.to_string(),
    }
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
        "Each heat map explains one class, beside the photos the one named there; its resolution is that \
         of the network's last feature maps."
            .to_string(),
    );
    notes
}

fn run_facts(config: &Config, run: &Path) -> RunResult<Vec<(String, String)>> {
    let environment: serde_json::Value = json::read(&run.join("environment.json"))?;
    let text = |key: &str| in_words(&environment[key]);
    let test = config.data.test.as_ref();
    let seeds: Vec<String> = config.run.seeds.iter().map(ToString::to_string).collect();
    let facts = [
        ("Architecture", format!("{} (head: {})", config.model.architecture, head(config))),
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

/// The head of the network in words.
fn head(config: &Config) -> &'static str {
    match config.model.head {
        Head::Gap => "average pooling and a linear layer",
        Head::GapBn => "average pooling, batch normalization and a linear layer",
        Head::Flatten => "a linear layer on all cells",
        Head::Mlp => "hidden linear layers and a linear layer",
        Head::Token => "the class token and a linear layer",
    }
}

fn curves(path: &Path) -> RunResult<Vec<EpochPoint>> {
    let point = |metrics: EpochMetrics| EpochPoint {
        epoch: metrics.epoch as usize,
        train_loss: metrics.train_loss,
        train_accuracy: metrics.train_accuracy,
        validation_loss: metrics.validation.map(|validation| validation.loss),
        validation_accuracy: metrics.validation.map(|validation| validation.accuracy),
        learning_rate: metrics.learning_rate,
    };
    Ok(certificate::read_metrics(path)?.into_iter().map(point).collect())
}

fn read_record(path: &Path) -> RunResult<EvalRecord> {
    let bytes = std::fs::read(path).map_err(|error| RunError::io(path, &error))?;
    scores(path, &bytes)
}

/// What an `eval.json`, or the part of it that `T` names, says in `bytes`, the content of the file `path`.
///
/// # Errors
/// Another version, or no such record.
pub fn scores<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> RunResult<T> {
    read_eval_json(bytes).map_err(|error| match json::parse::<T>(path, bytes) {
        Err(located) if error.place != SCHEMA_PLACE => located.into(),
        _ => RunError::in_file(path, error),
    })
}

/// What errors of another version call its place.
const SCHEMA_PLACE: &str = "schema";
