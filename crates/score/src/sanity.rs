//! What the sanity checks beside heat maps came to: `randomized/<number of stages>-<stage>/` holds maps
//! of networks that are random in part, `faithfulness.csv` what the network does without pixels, `robustness.csv` how
//! far maps move with a little noise.

use crate::error::{ScoreError, ScoreResult};
use crate::heatmaps::RANDOMIZED;
use crate::map_source::{MapFolder, MapSource};
use crate::score::Benchmark;
use dermx_data::{CsvLine, CsvTable};
use dermx_eval::{
    EvalRecord, FaithfulnessScores, RandomizedScores, RobustnessScores, Score, UNION,
    rank_correlation,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The name of the file of faithfulness.
pub const FAITHFULNESS: &str = "faithfulness.csv";

/// Its columns.
pub const FAITHFULNESS_COLUMNS: [&str; 5] = ["image_id", "map", "deletion", "insertion", "road"];

/// The name of the file of robustness.
pub const ROBUSTNESS: &str = "robustness.csv";

/// Its columns; an undefined score is empty.
pub const ROBUSTNESS_COLUMNS: [&str; 6] =
    ["image_id", "map", "max_sensitivity", "avg_sensitivity", "local_lipschitz", "infidelity"];

/// Adds to `record` what the sanity checks in the folder of `maps` came to, if there were any.
///
/// # Errors
/// A damaged file.
pub(crate) fn score_sanity(
    benchmark: &Benchmark<'_>,
    maps: &dyn MapSource,
    record: &mut EvalRecord,
) -> ScoreResult<()> {
    if let Some(folder) = maps.folder() {
        record.randomization = score_randomized(benchmark, maps, &folder.join(RANDOMIZED))?;
        record.faithfulness = read_faithfulness(&folder.join(FAITHFULNESS))?;
        record.robustness = read_robustness(&folder.join(ROBUSTNESS))?;
    }
    Ok(())
}

/// Scores the maps in each sub-folder of `root`, if there is such a folder.
fn score_randomized(
    benchmark: &Benchmark<'_>,
    trained: &dyn MapSource,
    root: &Path,
) -> ScoreResult<BTreeMap<String, RandomizedScores>> {
    if !root.is_dir() {
        return Ok(BTreeMap::new());
    }
    let of_trained = benchmark.join(trained)?.by_image;
    let entries = std::fs::read_dir(root).map_err(|error| ScoreError::io(root, &error))?;
    let mut scores = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(|error| ScoreError::io(root, &error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let maps = MapFolder::open(&path)?;
        let joined = benchmark.join(&maps)?;
        let scored = benchmark.map_scores(&maps, &joined, false)?;
        let union = benchmark.averaging().table(&scored.rows).remove(UNION).unwrap_or_default();
        let sides = [(trained, &of_trained), (&maps as &dyn MapSource, &joined.by_image)];
        let rank_correlation = correlation(sides, &scored.image_ids)?;
        scores.insert(name, RandomizedScores { union, rank_correlation });
    }
    Ok(scores)
}

/// How alike the raw maps of two sources are, each with the names of its maps by image.
fn correlation(
    sides: [(&dyn MapSource, &BTreeMap<String, String>); 2],
    image_ids: &[&str],
) -> ScoreResult<Score> {
    let values =
        |(maps, names): (&dyn MapSource, &BTreeMap<String, String>), image_id: &str| match names
            .get(image_id)
        {
            Some(name) => maps.map(name).map(|map| map.values()),
            None => Ok(Vec::new()),
        };
    let correlations: ScoreResult<Vec<Option<f64>>> = image_ids
        .iter()
        .map(|id| Ok(rank_correlation(&values(sides[0], id)?, &values(sides[1], id)?)))
        .collect();
    Ok(Score::over(&correlations?))
}

fn read_faithfulness(file: &Path) -> ScoreResult<BTreeMap<String, FaithfulnessScores>> {
    let over =
        |[deletion, insertion, road]: [Score; 3]| FaithfulnessScores { deletion, insertion, road };
    let number = |text: &str| match finite(text) {
        Some(score) => Ok(Some(score)),
        None => Err(format!("found `{text}`; expected a number")),
    };
    let scores = read_by_map(file, FAITHFULNESS_COLUMNS, number)?;
    Ok(scores.into_iter().map(|(map, scores)| (map, over(scores))).collect())
}

fn read_robustness(file: &Path) -> ScoreResult<BTreeMap<String, RobustnessScores>> {
    let over = |scores: [Score; 4]| {
        let [max_sensitivity, avg_sensitivity, local_lipschitz, infidelity] = scores;
        RobustnessScores { max_sensitivity, avg_sensitivity, local_lipschitz, infidelity }
    };
    let number_or_nothing = |text: &str| match (text, finite(text)) {
        ("", _) => Ok(None),
        (_, Some(score)) => Ok(Some(score)),
        _ => Err(format!("found `{text}`; expected a number, or nothing")),
    };
    let scores = read_by_map(file, ROBUSTNESS_COLUMNS, number_or_nothing)?;
    Ok(scores.into_iter().map(|(map, scores)| (map, over(scores))).collect())
}

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|score: &f64| score.is_finite())
}

/// The scores of each map in a table of images and maps, if there is one: its columns are those two and scores, which
/// `read` reads.
fn read_by_map<const COLUMNS: usize, const SCORES: usize>(
    file: &Path,
    columns: [&str; COLUMNS],
    read: impl Fn(&str) -> Result<Option<f64>, String>,
) -> ScoreResult<BTreeMap<String, [Score; SCORES]>> {
    if !file.exists() {
        return Ok(BTreeMap::new());
    }
    let table = CsvTable::read(file)?;
    let places = table.positions(columns)?;
    let mut values: BTreeMap<String, [Vec<Option<f64>>; SCORES]> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for CsvLine { line, cells } in table.rows() {
        let [image_id, map] = [0, 1].map(|column| &cells[places[column]]);
        if !seen.insert((image_id, map)) {
            let message = format!("found the map `{map}` of `{image_id}` again");
            return Err(table.invalid(*line, columns[0], message).into());
        }
        let of_map = values.entry(map.clone()).or_insert_with(|| [(); SCORES].map(|()| Vec::new()));
        for (column, scores) in (2..).zip(of_map) {
            let score = read(&cells[places[column]]);
            scores.push(score.map_err(|message| table.invalid(*line, columns[column], message))?);
        }
    }
    let over = |scores: [Vec<Option<f64>>; SCORES]| scores.map(|scores| Score::over(&scores));
    Ok(values.into_iter().map(|(map, scores)| (map, over(scores))).collect())
}

#[cfg(test)]
mod tests {
    use super::{ROBUSTNESS_COLUMNS, read_robustness};

    #[test]
    fn an_undefined_robustness_is_counted_and_what_is_no_number_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("robustness.csv");
        assert!(read_robustness(&path).unwrap().is_empty());
        let header = ROBUSTNESS_COLUMNS.join(",");
        let read = |rows: &str| {
            std::fs::write(&path, format!("{header}\n{rows}")).unwrap();
            read_robustness(&path).map_err(|error| error.to_string())
        };
        let found =
            read("a,network,0.5,0.25,0.125,1e-3\nb,network,,,,\na,random,0,0,0,1\n").unwrap();
        let network = &found["network"];
        assert_eq!(
            (network.max_sensitivity.mean, network.max_sensitivity.undefined),
            (Some(0.5), 1)
        );
        assert_eq!((network.infidelity.mean, network.infidelity.n), (Some(0.001), 1));
        assert_eq!(found["random"].local_lipschitz.mean, Some(0.0));
        let error = read("a,network,0.5,inf,0,0\n").unwrap_err();
        assert!(error.contains("line 2, column `avg_sensitivity`: found `inf`"), "{error}");
        let error = read("a,network,0,0,0,0\na,network,0,0,0,0\n").unwrap_err();
        assert!(error.contains("line 3") && error.contains("`network` of `a` again"), "{error}");
    }
}
