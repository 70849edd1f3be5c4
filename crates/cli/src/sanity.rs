//! Sanity checks of heat maps: whether they depend on the network, and the network on the pixels.
//!
//! They lie beside the maps: `randomized/<number of stages>-<stage>/<image_id>.npy`, and
//! `faithfulness.csv`.

use crate::config::SanityCheck;
use crate::error::{CliError, CliResult, ExitKind};
use crate::explanation::Job;
use crate::heatmaps::{self, MapFiles, RANDOMIZED};
use crate::progress::Progress;
use crate::score::Scorer;
use crate::stop;
use crate::text_table;
use dermx_data::{CsvLine, CsvTable, DataError, Random};
use dermx_eval::{
    Border, EvalRecord, FaithfulnessScores, HeatmapScoring, Normalize, RandomizedScores, Score,
    UNION, centre_gaussian, rank_correlation,
};
use dermx_gradcam::{Explainer, Faithfulness, faithfulness, relevance_order};
use dermx_model::{export_weights, import_weights, replace_stages, stages};
use dermx_train::{initial_weights, write_atomic};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const FAITHFULNESS: &str = "faithfulness.csv";
const FAITHFULNESS_COLUMNS: [&str; 5] = ["image_id", "map", "deletion", "insertion", "road"];

/// Seed of the random weights; runs are usually counted from 0.
const RANDOM_WEIGHTS: u64 = u64::MAX;

/// Carries out `checks` on the maps that `explainer` wrote into `folder`.
///
/// # Errors
/// A photo or map that cannot be read, a failed write, or a request to stop.
pub fn run(
    checks: &[SanityCheck],
    job: &Job<'_>,
    explainer: &Explainer,
    folder: &Path,
) -> CliResult<()> {
    for check in checks {
        match check {
            SanityCheck::Randomization => randomize(job, explainer, folder)?,
            SanityCheck::Faithfulness => take_pixels(job, folder)?,
        }
    }
    Ok(())
}

/// Writes the maps of the network with 1, 2, ... random stages, from the output to the input.
fn randomize(job: &Job<'_>, explainer: &Explainer, folder: &Path) -> CliResult<()> {
    let network = &job.trained.network;
    let weights = export_weights(network);
    let random = initial_weights(network, RANDOM_WEIGHTS);
    for (idx, stage) in stages(&weights).iter().enumerate() {
        let folder = folder.join(RANDOMIZED).join(format!("{:02}-{stage}", idx + 1));
        std::fs::create_dir_all(&folder).map_err(|error| CliError::io(&folder, &error))?;
        let weights = replace_stages(&weights, &random, idx + 1);
        let network = import_weights(job.trained.config.init(job.device), &weights)?;
        let what = format!("explain, random from {stage} on");
        job.write_maps(&what, &explainer.with_network(&network), &folder)?;
    }
    Ok(())
}

/// Writes what the probability does when pixels go and come in the order of each image's map, of
/// noise, and of a Gaussian in the middle.
fn take_pixels(job: &Job<'_>, folder: &Path) -> CliResult<()> {
    let size = [job.images.size().height as usize, job.images.size().width as usize];
    let centre = centre_gaussian(size);
    let ids = job.images.ids();
    let mut records = vec![FAITHFULNESS_COLUMNS.map(str::to_string).to_vec()];
    let mut progress = Progress::new("faithfulness", ids.len(), "img");
    for (idx, image_id) in ids.iter().enumerate() {
        let image = job.images.batch(idx..idx + 1, job.device)?;
        let target = job.targets_of(idx..idx + 1, &image)?[0];
        let mut random = Random::new(0, "random map", 0, image_id);
        let noise: Vec<f32> = (0..size[0] * size[1]).map(|_| random.unit() as f32).collect();
        let map = map_at(&heatmaps::npy_file(folder, image_id)?, size)?;
        for (name, map) in [("network", &map), ("random", &noise), ("centre_gaussian", &centre)] {
            stop::check("the faithfulness of the heat maps is not complete")?;
            let mut ties = Random::new(0, "relevance ties", 0, image_id);
            let order = relevance_order(map, &mut || ties.unit().to_bits());
            let mut noise = Random::new(0, "imputation noise", 0, image_id);
            let noise = &mut || noise.normal(0.0, 1.0) as f32;
            let found = faithfulness(&job.trained.network, image.clone(), target, &order, noise)?;
            let Faithfulness { deletion, insertion, road } = found;
            let scores = [deletion, insertion, road];
            if scores.iter().any(|score| !score.is_finite()) {
                let message = format!(
                    "image `{image_id}`: its faithfulness is not finite: {scores:?}; the network's \
                     logits are not where pixels are taken away"
                );
                return Err(CliError::new(ExitKind::Internal, message));
            }
            let scores = scores.map(|score| format!("{score:.9}"));
            records.push([vec![image_id.clone(), name.to_string()], scores.to_vec()].concat());
        }
        progress.set(idx + 1, String::new());
    }
    progress.finish(&format!("faithfulness of {} heat maps", ids.len()));
    Ok(write_atomic(&folder.join(FAITHFULNESS), &text_table::to_csv(&records)?)?)
}

/// The map in `file` at the size of the network's input, from 0 to 1.
fn map_at(file: &Path, size: [usize; 2]) -> CliResult<Vec<f32>> {
    let scoring =
        HeatmapScoring { size, normalize: Normalize::Max, quantize: false, border: Border::Mirror };
    let map = heatmaps::read(file)?.prepare(&scoring);
    let map = map.map_err(|error| CliError::bad_data(file, error))?;
    Ok(map.values().iter().map(|&value| value as f32).collect())
}

/// Adds to `record` what the sanity checks in a folder of maps came to, if there were any.
///
/// # Errors
/// A damaged file.
pub fn score(
    scorer: &Scorer<'_>,
    folder: &Path,
    partial: bool,
    record: &mut EvalRecord,
) -> CliResult<()> {
    record.randomization = score_randomized(scorer, folder, partial)?;
    record.faithfulness = read_faithfulness(&folder.join(FAITHFULNESS))?;
    Ok(())
}

fn score_randomized(
    scorer: &Scorer<'_>,
    folder: &Path,
    partial: bool,
) -> CliResult<BTreeMap<String, RandomizedScores>> {
    let root = folder.join(RANDOMIZED);
    if !root.is_dir() {
        return Ok(BTreeMap::new());
    }
    let trained = scorer.maps(folder)?;
    let entries = std::fs::read_dir(&root).map_err(|error| CliError::io(&root, &error))?;
    let mut scores = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(|error| CliError::io(&root, &error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let maps = scorer.maps(&path)?;
        let (rows, image_ids) = scorer.map_rows(&path, &maps, partial, false)?;
        let union = scorer.averaging().table(&rows).remove(UNION).unwrap_or_default();
        let rank_correlation = correlation(&trained, &maps, &image_ids)?;
        scores.insert(name, RandomizedScores { union, rank_correlation });
    }
    Ok(scores)
}

/// How alike the raw maps in two lists are.
fn correlation(files: &MapFiles, others: &MapFiles, image_ids: &[&str]) -> CliResult<Score> {
    let values = |files: &MapFiles, image_id: &str| match files.get(image_id) {
        Some(file) => heatmaps::read(file).map(|map| map.values()),
        None => Ok(Vec::new()),
    };
    let correlations: CliResult<Vec<Option<f64>>> = image_ids
        .iter()
        .map(|id| Ok(rank_correlation(&values(files, id)?, &values(others, id)?)))
        .collect();
    Ok(Score::over(&correlations?))
}

fn read_faithfulness(file: &Path) -> CliResult<BTreeMap<String, FaithfulnessScores>> {
    if !file.exists() {
        return Ok(BTreeMap::new());
    }
    let table = CsvTable::read(file)?;
    let places = table.positions(FAITHFULNESS_COLUMNS)?;
    let mut scores: BTreeMap<String, [Vec<Option<f64>>; 3]> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for CsvLine { line, cells } in table.rows() {
        let [image_id, map] = [0, 1].map(|column| &cells[places[column]]);
        if !seen.insert((image_id, map)) {
            let message = format!("found the map `{map}` of `{image_id}` again");
            return Err(table.invalid(*line, FAITHFULNESS_COLUMNS[0], message).into());
        }
        let of_map = scores.entry(map.clone()).or_default();
        for (column, scores) in (2..).zip(of_map) {
            let text = &cells[places[column]];
            let score = text.parse().ok().filter(|score: &f64| score.is_finite());
            scores.push(Some(score.ok_or_else(|| -> DataError {
                let message = format!("found `{text}`; expected a number");
                table.invalid(*line, FAITHFULNESS_COLUMNS[column], message)
            })?));
        }
    }
    let over = |[deletion, insertion, road]: [Vec<Option<f64>>; 3]| FaithfulnessScores {
        deletion: Score::over(&deletion),
        insertion: Score::over(&insertion),
        road: Score::over(&road),
    };
    Ok(scores.into_iter().map(|(map, scores)| (map, over(scores))).collect())
}
