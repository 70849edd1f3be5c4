//! Runs, or folders of scores, compared image by image.

use crate::error::{RunError, RunResult};
use crate::labels::labels;
use crate::report;
use crate::run_folder::{SeedFolder, to_json};
use dermx_data::write_atomic;
use dermx_eval::{Comparison, EvalRecord, MapRow, Side, compare, correct_for_number};
use dermx_report::comparison_tables;
use dermx_score::{BOOTSTRAP, DIAGNOSES, PER_IMAGE, Prediction, read_per_image, read_predictions};
use dermx_table::Table;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What has to be the same for scores to be comparable.
const SCORING: [&str; 4] = ["size", "normalize", "quantize", "border"];

/// Compares each of `paths` with each later one; p values are corrected over all tests together.
///
/// A path is a run folder, or a folder with `eval.json` and `per_image.csv`, as `dermx evaluate
/// --out` writes it; it is called after the folder at the same place of `called`.
///
/// # Errors
/// A folder without scores, scores whose maps were prepared in different ways, or two test sets: no
/// image in common, or an image with two gold classes.
pub fn comparisons(paths: &[&Path], called: &[&Path]) -> RunResult<Vec<Comparison>> {
    let records: Vec<EvalRecord> =
        paths.iter().map(|path| read_record(path)).collect::<RunResult<_>>()?;
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
                return Err(RunError::in_file(path, message));
            }
        }
    }
    let names = labels(called)?;
    let mut sides = Vec::new();
    let mut gold = Vec::new();
    for ((path, record), name) in paths.iter().zip(&records).zip(names) {
        let (side, of_side) = read_side(path, record, name)?;
        sides.push(side);
        gold.push(of_side);
    }
    let image_ids: BTreeSet<&str> = sides.iter().flat_map(image_ids).collect();
    let image_ids: Vec<&str> = image_ids.into_iter().collect();
    let places: Vec<u32> = (0..image_ids.len() as u32).collect();
    let resamples = BOOTSTRAP.resamples(&places);
    let mut found = Vec::new();
    for (idx, first) in sides.iter().enumerate() {
        for (other_idx, second) in sides.iter().enumerate().skip(idx + 1) {
            check_gold([paths[idx], paths[other_idx]], [&gold[idx], &gold[other_idx]])?;
            if first.correct.is_empty() != second.correct.is_empty() {
                let without = if first.correct.is_empty() { idx } else { other_idx };
                tracing::warn!(
                    "{}: no diagnoses were scored there, so accuracy is not compared",
                    paths[without].display()
                );
            }
            let compared = compare(first, second, &image_ids, &resamples);
            found.push(compared.map_err(|error| {
                RunError::in_file(paths[other_idx], format!("{}: {error}", paths[idx].display()))
            })?);
        }
    }
    correct_for_number(&mut found);
    Ok(found)
}

/// Writes `comparison.json`, `.md` and a table for each pair into `out`.
///
/// # Errors
/// A folder that cannot be written to.
pub fn write_comparisons(comparisons: &[Comparison], out: &Path) -> RunResult<()> {
    write_atomic(&out.join("comparison.json"), &to_json(&comparisons)?)?;
    let tables = comparison_tables(comparisons);
    let markdown = tables.iter().map(Table::markdown).collect::<Vec<_>>().join("\n");
    write_atomic(&out.join("comparison.md"), markdown.as_bytes())?;
    for table in tables {
        write_atomic(&out.join(format!("{}.csv", table.name)), &table.csv())?;
    }
    Ok(())
}

/// Looks whether the folder `path` has scores that can be compared, before others are computed.
///
/// # Errors
/// There are none, or they cannot be read.
pub fn check_scores(path: &Path) -> RunResult<()> {
    read_side(path, &read_record(path)?, String::new()).map(drop)
}

/// Whether [`write_comparisons`] writes the file of this name.
pub fn is_comparison(path: &Path) -> bool {
    let name = path.to_string_lossy();
    let is_table = name.starts_with("comparison_") && name.ends_with(".csv");
    is_table || name == "comparison.json" || name == "comparison.md"
}

/// The names of the files and folders that a page of so many comparisons has.
pub fn file_names(num_comparisons: usize) -> Vec<String> {
    let tables = (1..=num_comparisons).map(|number| format!("comparison_{number}.csv"));
    // The page of all, and the folders of its files, too.
    let others = ["comparison.json", "comparison.md", "index.html", "tables", "figures"];
    others.map(str::to_string).into_iter().chain(tables).collect()
}

fn read_record(path: &Path) -> RunResult<EvalRecord> {
    let file = path.join("eval.json");
    if !file.exists() {
        let message = format!(
            "{}: there are no scores; expected a run that is finished, or a folder written with \
             `dermx evaluate --out`",
            file.display()
        );
        return Err(RunError::missing_input(message));
    }
    let bytes = std::fs::read(&file).map_err(|error| RunError::io(&file, &error))?;
    let record: EvalRecord = report::scores(&file, &bytes)?;
    if record.labels.is_some() {
        let message = "scores of several labels an image, which are not compared image by image";
        return Err(RunError::in_file(&file, message));
    }
    Ok(record)
}

/// Gold classes by image.
type Gold = BTreeMap<String, String>;

fn read_side(path: &Path, record: &EvalRecord, name: String) -> RunResult<(Side, Gold)> {
    // A folder for each seed, or the folder of one seed, or of maps of another program.
    let seeds: Vec<PathBuf> =
        record.seeds.iter().map(|&seed| SeedFolder::of(path, seed).path()).collect();
    let is_whole = !seeds.is_empty()
        && (seeds.iter().all(|folder| folder.is_dir()) || !path.join(PER_IMAGE).exists());
    let folders = if is_whole { seeds } else { vec![path.to_path_buf()] };
    let mut side = Side { name, ..Side::default() };
    let mut gold = Gold::new();
    let mut correct = Some(Vec::new());
    for folder in folders {
        side.rows.push(read_per_image(&folder.join(PER_IMAGE))?);
        let diagnoses = read_diagnoses(&folder, record)?;
        for one in diagnoses.iter().flatten() {
            gold.extend(one.gold.clone().map(|class| (one.image_id.clone(), class)));
        }
        correct = correct.zip(diagnoses).map(|(mut seeds, diagnoses)| {
            seeds.push(correct_of(&diagnoses));
            seeds
        });
    }
    side.correct = correct.unwrap_or_default();
    Ok((side, gold))
}

/// The diagnoses of one seed that were scored; `None` without predictions. What an earlier scoring left
/// in the folder does not count.
fn read_diagnoses(folder: &Path, record: &EvalRecord) -> RunResult<Option<Vec<Prediction>>> {
    match record.diagnosis {
        Some(_) => Ok(Some(read_predictions(&folder.join(DIAGNOSES))?)),
        None => Ok(None),
    }
}

fn correct_of(diagnoses: &[Prediction]) -> BTreeMap<String, bool> {
    let is_correct =
        |one: &Prediction| Some((one.image_id.clone(), *one.gold.as_ref()? == one.predicted));
    diagnoses.iter().filter_map(is_correct).collect()
}

fn image_ids(side: &Side) -> impl Iterator<Item = &str> {
    let rows = side.rows.iter().flatten().map(|row: &MapRow| row.image_id.as_str());
    rows.chain(side.correct.iter().flat_map(|seed| seed.keys().map(String::as_str)))
}

/// Refuses images of one id that are not the same image.
fn check_gold(paths: [&Path; 2], gold: [&Gold; 2]) -> RunResult<()> {
    let [first, second] = gold;
    let differing = first.iter().find_map(|(image_id, class)| {
        let other = second.get(image_id)?;
        (other != class).then_some((image_id, class, other))
    });
    let Some((image_id, class, other)) = differing else { return Ok(()) };
    let message = format!(
        "the gold class of image `{image_id}` is `{other}`, but in {} it is `{class}`; scores of two \
         test sets cannot be compared",
        paths[0].display()
    );
    Err(RunError::in_file(paths[1], message))
}
