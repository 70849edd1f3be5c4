//! Runs, or folders of scores, compared image by image.

use crate::config;
use crate::error::{CliError, CliResult, ExitKind};
use crate::per_image;
use crate::predictions::{Prediction, read_csv};
use crate::run_folder::SeedFolder;
use crate::score::BOOTSTRAP;
use crate::text_table::TextTable;
use dermx_eval::{Comparison, EvalRecord, MapRow, Paired, Side, compare, correct_for_number};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What has to be the same for scores to be comparable.
const SCORING: [&str; 4] = ["size", "normalize", "quantize", "border"];

/// Compares each of `paths` with each later one; p values are corrected over all tests together.
///
/// A path is a run folder, or a folder with `eval.json` and `per_image.csv`, as `dermx evaluate
/// --out` writes it.
///
/// # Errors
/// A folder without scores, or scores whose maps were prepared in different ways.
pub fn comparisons(paths: &[&Path]) -> CliResult<Vec<Comparison>> {
    let records: Vec<EvalRecord> =
        paths.iter().map(|path| read_record(path)).collect::<CliResult<_>>()?;
    for (path, record) in paths.iter().zip(&records).skip(1) {
        for key in SCORING {
            let [expected, found] = [&records[0], record].map(|record| record.scoring.get(key));
            if expected != found {
                let text = |value: Option<&serde_json::Value>| {
                    value.map_or("nothing".to_string(), ToString::to_string)
                };
                let message = format!(
                    "scored with {key} {}, but {} with {}; score one of them again",
                    text(found),
                    paths[0].display(),
                    text(expected)
                );
                return Err(CliError::bad_data(path, message));
            }
        }
    }
    let sides: Vec<Side> = paths.iter().map(|path| read_side(path)).collect::<CliResult<_>>()?;
    let rows = || sides.iter().flat_map(|side| side.rows.iter().flatten());
    let image_ids: BTreeSet<&str> = rows().map(|row: &MapRow| row.image_id.as_str()).collect();
    let image_ids: Vec<&str> = image_ids.into_iter().collect();
    let places: Vec<u32> = (0..image_ids.len() as u32).collect();
    let resamples = BOOTSTRAP.resamples(&places);
    let mut found = Vec::new();
    for (idx, first) in sides.iter().enumerate() {
        let others = sides[idx + 1..].iter();
        found.extend(others.map(|second| compare(first, second, &image_ids, &resamples)));
    }
    correct_for_number(&mut found);
    Ok(found)
}

fn read_record(path: &Path) -> CliResult<EvalRecord> {
    let file = path.join("eval.json");
    if !file.exists() {
        let message = format!(
            "{}: there are no scores; expected a run that is finished, or a folder written with \
             `dermx evaluate --out`",
            file.display()
        );
        return Err(CliError::new(ExitKind::MissingInput, message));
    }
    let bytes = std::fs::read(&file).map_err(|error| CliError::io(&file, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| CliError::bad_data(&file, error))
}

fn read_side(path: &Path) -> CliResult<Side> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| path.display().to_string());
    if !path.join("config.toml").exists() {
        let rows = vec![per_image::read_csv(&path.join("per_image.csv"))?];
        return Ok(Side { name, rows, correct: Vec::new() });
    }
    let mut side = Side { name, ..Side::default() };
    for seed in config::load_run(path)?.run.seeds {
        let folder = SeedFolder::of(path, seed);
        side.rows.push(per_image::read_csv(&folder.per_image())?);
        side.correct.push(correct(&read_csv(&folder.predictions())?));
    }
    Ok(side)
}

fn correct(predictions: &[Prediction]) -> BTreeMap<String, bool> {
    let is_correct =
        |one: &Prediction| Some((one.image_id.clone(), *one.gold.as_ref()? == one.predicted));
    predictions.iter().filter_map(is_correct).collect()
}

/// The comparison as a table; means are over images.
pub fn table(comparison: &Comparison, number: usize) -> TextTable {
    let [first, second] = &comparison.sides;
    let title = format!(
        "{first} (A) against {second} (B), image by image: fuzzy F1 of the heat maps (Wilcoxon \
         signed-rank test) and diagnosis (exact McNemar test); p corrected after Holm over all rows"
    );
    let header = ["", "A", "B", "A - B", "effect", "p", "p (Holm)", "images", "unpaired"];
    let mut table = TextTable::new(&format!("comparison_{number}"), title, &header);
    table.rows = comparison.f1.iter().map(|(name, paired)| row(name, paired)).collect();
    table.rows.extend(comparison.accuracy.iter().map(|paired| row("Right diagnosis", paired)));
    table
}

fn row(name: &str, paired: &Paired) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or("undefined".into(), |v| format!("{v:.3}"));
    let signed = |value: Option<f64>| value.map_or("undefined".into(), |v| format!("{v:+.3}"));
    let interval = paired.interval.map(|[low, high]| format!(" [{low:+.3}, {high:+.3}]"));
    vec![
        name.to_string(),
        number(paired.first),
        number(paired.second),
        signed(paired.difference) + &interval.unwrap_or_default(),
        signed(paired.effect),
        p_text(paired.p),
        p_text(paired.p_holm),
        paired.images.to_string(),
        paired.unpaired.to_string(),
    ]
}

/// A p value; none where the sides do not differ.
fn p_text(p: Option<f64>) -> String {
    match p {
        None => "no difference".to_string(),
        Some(p) if p < 0.001 => "< 0.001".to_string(),
        Some(p) => format!("{p:.3}"),
    }
}

/// The comparisons for the terminal.
pub fn text(comparisons: &[Comparison]) -> String {
    let tables = comparisons.iter().enumerate().map(|(idx, one)| table(one, idx + 1));
    tables.map(|table| format!("\n{}", table.markdown())).collect()
}
