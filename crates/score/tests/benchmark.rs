//! Maps from files and from memory, once and again.

use dermx_data::{
    Dataset, Image, ImageSize, Reading, Region, Schema, SynthConfig, write_synthetic,
};
use dermx_eval::{HeatmapScoring, MapRow};
use dermx_score::{
    Benchmark, DIAGNOSES, MapFolder, MapSource, MapView, PER_IMAGE, Prediction, Predictions,
    RawMap, ScoredRows, ScoringChoices, Variable, write_npy,
};
use dermx_work::{Cancel, Failure, Watch};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

type TestResult = Result<(), Box<dyn Error>>;

const TINY: SynthConfig = SynthConfig { num_images: 6, num_train_images: 6, seed: 3 };

fn dataset(folder: &Path) -> Result<Dataset, Box<dyn Error>> {
    let root = folder.join("data");
    write_synthetic(&root, &TINY, &|_, _| ())?;
    Ok(dermx_data::dermx::read(&root.join("dermx"))?)
}

/// A map of two rows and three columns for each image, all different.
fn maps(dataset: &Dataset) -> Result<BTreeMap<String, RawMap>, Box<dyn Error>> {
    let map = |(idx, id): (usize, &str)| {
        let values = (0..6).map(|cell| (cell * (idx + 2) % 5) as f32 / 4.0).collect();
        Ok((id.to_string(), RawMap::single([2, 3], values)?))
    };
    let ids = dataset.images().iter().map(|image| image.image_id.as_str());
    ids.enumerate().map(map).collect()
}

/// Everybody has acne.
fn predictions(dataset: &Dataset) -> Predictions {
    let row = |(idx, image): (usize, &Image)| Prediction {
        line: idx + 2,
        image_id: image.image_id.clone(),
        gold: None,
        predicted: "Acne".to_string(),
        probability: None,
        probabilities: Vec::new(),
        logits: Vec::new(),
    };
    let rows = dataset.images().iter().enumerate().map(row).collect();
    let path = PathBuf::from("predictions.csv");
    Predictions { path, rows, classes: Vec::new(), calibration: None }
}

/// Everything that can be asked for.
fn everything() -> ScoringChoices {
    ScoringChoices {
        localization: true,
        by: vec![Variable::from("disease".to_owned()), Variable::Correct],
        min_images: 1,
        ..ScoringChoices::default()
    }
}

#[test]
fn maps_in_memory_score_as_their_files_do_and_again_the_same() -> TestResult {
    let folder = tempfile::tempdir()?;
    let dataset = dataset(folder.path())?;
    let maps = maps(&dataset)?;
    for (image_id, map) in &maps {
        let RawMap::Single { size, values } = map else { return Err("another type".into()) };
        write_npy(&folder.path().join("maps"), image_id, *size, values)?;
    }
    let predictions = predictions(&dataset);
    let benchmark = Benchmark::new(&dataset, everything())?;
    let files = MapFolder::open(&folder.path().join("maps"))?;
    benchmark.score(&files, Some(&predictions))?.write(&folder.path().join("files"))?;
    for name in ["memory", "again"] {
        let out = folder.path().join(name);
        benchmark.score(&maps, Some(&predictions))?.write(&out)?;
        for file in ["eval.json", PER_IMAGE, DIAGNOSES] {
            let expected = fs::read(folder.path().join("files").join(file))?;
            assert!(fs::read(out.join(file))? == expected, "{name}: {file}");
        }
    }
    // Another benchmark of the same annotations, elsewhere.
    let elsewhere = tempfile::tempdir()?;
    write_synthetic(&elsewhere.path().join("x"), &TINY, &|_, _| ())?;
    let copy = dermx_data::dermx::read(&elsewhere.path().join("x/dermx"))?;
    let found = Benchmark::new(&copy, everything())?.score(&maps, Some(&predictions))?;
    let expected = benchmark.score(&maps, Some(&predictions))?;
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn with_partial_maps_the_comparands_are_of_the_same_images() -> TestResult {
    let folder = tempfile::tempdir()?;
    let dataset = dataset(folder.path())?;
    let mut maps = maps(&dataset)?;
    let whole = Benchmark::new(&dataset, everything())?;
    let all = whole.score(&maps, Some(&predictions(&dataset)))?;
    let (left_out, _) = maps.pop_first().ok_or("no map")?;
    let error = whole.score(&maps, Some(&predictions(&dataset))).unwrap_err().to_string();
    assert!(error.contains(&left_out) && error.contains("maps in memory"), "{error}");

    let partial = Benchmark::new(&dataset, ScoringChoices { partial: true, ..everything() })?;
    let some = partial.score(&maps, Some(&predictions(&dataset)))?;
    let rows: Vec<MapRow> =
        all.rows.iter().filter(|row| row.image_id != left_out).cloned().collect();
    assert!(rows.len() < all.rows.len());
    assert_eq!(some.rows, rows);
    // Baselines and raters have as many rows as the maps, those of the image left out less.
    let num = |table: &dermx_eval::MapTable| table["Union"].f1.n + table["Union"].f1.undefined;
    for baseline in some.record.baselines.values() {
        assert_eq!(num(baseline), num(&some.record.explanation));
    }
    assert!(num(&some.record.ceiling) < num(&all.record.ceiling));
    for shares in some.record.identification.values() {
        assert_eq!(shares.typical.n + shares.typical.undefined, maps.len());
    }
    // All maps are no part of the images.
    let maps = self::maps(&dataset)?;
    let found = partial.score(&maps, Some(&predictions(&dataset)))?;
    assert_eq!((found.rows, found.record), (all.rows, all.record));
    Ok(())
}

#[test]
fn arrays_that_are_no_maps_are_refused() -> TestResult {
    let error = |values: Vec<f32>| RawMap::single([1, 2], values).unwrap_err().to_string();
    assert!(error(vec![1.0]).contains("found 1 values, expected 1x2"), "{}", error(vec![1.0]));
    assert!(error(vec![0.0, f32::NAN]).contains("row 0, column 1"));
    assert!(RawMap::double([0, 2], Vec::new()).is_err());
    // Made without a check, they are found where they are scored.
    let folder = tempfile::tempdir()?;
    let dataset = dataset(folder.path())?;
    let mut maps = maps(&dataset)?;
    let (first, map) = maps.iter_mut().next().ok_or("no map")?;
    *map = RawMap::Double { size: [2, 2], values: vec![0.5; 3] };
    let expected = format!("{first}: found 3 values, expected 2x2");
    let benchmark = Benchmark::new(&dataset, ScoringChoices::default())?;
    let error = benchmark.score(&maps, None).unwrap_err().to_string();
    assert!(error.contains(&expected), "{error}");
    Ok(())
}

#[test]
fn a_view_of_a_map_in_memory_is_no_copy() -> TestResult {
    let folder = tempfile::tempdir()?;
    let dataset = dataset(folder.path())?;
    let maps = maps(&dataset)?;
    let (name, RawMap::Single { values, .. }) = maps.iter().next().ok_or("no map")? else {
        return Err("another type".into());
    };
    let MapView::Single { size: [2, 3], values: viewed } = maps.view(name)? else {
        return Err("another type".into());
    };
    assert_eq!(viewed.as_ptr(), values.as_ptr());
    // A file has to be read; what comes out is the same.
    write_npy(folder.path(), name, [2, 3], values)?;
    let files = MapFolder::open(folder.path())?;
    assert_eq!(files.view(name)?, maps.view(name)?);
    assert_eq!(RawMap::from(files.view(name)?), maps[name]);
    Ok(())
}

/// Somebody who asks to stop when the flag is set.
struct Asked(AtomicBool);

impl Cancel for Asked {
    fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_request_to_stop_ends_the_preparation_and_the_scoring() -> TestResult {
    let folder = tempfile::tempdir()?;
    let dataset = dataset(folder.path())?;
    let maps = maps(&dataset)?;
    let asked = Asked(AtomicBool::new(false));
    let watch = Watch { cancel: &asked, ..Watch::SILENT };
    let benchmark = Benchmark::watched(&dataset, ScoringChoices::default(), watch)?;
    let silent = Benchmark::new(&dataset, ScoringChoices::default())?;
    assert_eq!(benchmark.score(&maps, None)?, silent.score(&maps, None)?);
    asked.0.store(true, Ordering::Relaxed);
    let error = benchmark.score(&maps, None).unwrap_err();
    assert_eq!(error.failure(), Failure::Stopped);
    assert_eq!(error.to_string(), "stopped on request; nothing was written; score again");
    let error = Benchmark::watched(&dataset, ScoringChoices::default(), watch).unwrap_err();
    assert_eq!(error.failure(), Failure::Stopped);
    Ok(())
}

#[test]
fn classes_that_are_exchanged_must_be_classes() -> TestResult {
    let folder = tempfile::tempdir()?;
    let dataset = dataset(folder.path())?;
    let class_exchange = Some(["Acne".to_string(), "Warts".to_string()]);
    let choices = ScoringChoices { class_exchange, ..ScoringChoices::default() };
    let error = Benchmark::new(&dataset, choices).unwrap_err().to_string();
    assert!(error.contains("`Warts` is not a class; there are: Acne"), "{error}");
    Ok(())
}

/// Places below which keys are names of the data: `*` stands for each.
const NAMED: [&str; 16] = [
    "/diagnosis/classes",
    "/explanation",
    "/baselines",
    "/baselines/*",
    "/ceiling",
    "/skill",
    "/leads",
    "/identification",
    "/by",
    "/by/*",
    "/by/*/*/explanation",
    "/diagnosis/collapsed",
    "/regression/alone",
    "/regression/alone/*/coefficients",
    "/regression/together/coefficients",
    "/scoring",
];

/// The keys of every score, and those that it may have.
const SCORE: [&str; 4] = ["mean", "n", "std", "undefined"];
const OF_SCORE: [&str; 4] = ["interval", "population_std", "seeds", "undefined_rows"];

/// The paths of all values; arrays and scores are values.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    let Some(object) = value.as_object() else {
        found.insert(path.to_string());
        return;
    };
    if ["mean", "undefined"].iter().all(|key| object.contains_key(*key)) {
        let keys: Vec<&str> = object.keys().map(String::as_str).collect();
        let always: Vec<&str> =
            keys.iter().copied().filter(|key| !OF_SCORE.contains(key)).collect();
        assert_eq!(always, SCORE, "{path}");
        found.insert(format!("{path}: score"));
        return;
    }
    for (key, value) in object {
        let key = if NAMED.contains(&path) { "*" } else { key };
        paths(value, &format!("{path}/{key}"), found);
    }
}

#[test]
fn eval_json_has_the_keys_of_the_list_and_no_others() -> TestResult {
    let folder = tempfile::tempdir()?;
    let dataset = dataset(folder.path())?;
    let benchmark = Benchmark::new(&dataset, everything())?;
    let mut scorecard = benchmark.score(&maps(&dataset)?, Some(&predictions(&dataset)))?;
    let mut found = BTreeSet::new();
    paths(&serde_json::to_value(&scorecard.record)?, "", &mut found);
    let mut seeds = Vec::new();
    for seed in [3, 4] {
        scorecard.record.set_seed(seed);
        seeds.push(scorecard.clone());
    }
    let over_seeds = benchmark.over_seeds(&seeds)?;
    assert_eq!(over_seeds.diagnosis.as_ref().map(|one| one.confusion_matrices.len()), Some(2));
    paths(&serde_json::to_value(&over_seeds)?, "", &mut found);
    let found: String = found.iter().map(|path| format!("{path}\n")).collect();
    assert_eq!(found, include_str!("eval_json_keys.txt"));
    Ok(())
}

const CLASSES: [&str; 2] = ["Cat", "Dog"];

/// Images of cats, read as the names say; `without_gold` has no gold class and nobody read it, either.
///
/// Everybody who reads marks a rectangle.
fn pets(raters_name_classes: bool) -> Result<Dataset, dermx_data::DataError> {
    let image = |image_id: &str, gold: &[&str]| Image {
        image_id: image_id.to_string(),
        gold: gold.iter().map(ToString::to_string).collect(),
        ..Image::default()
    };
    let reading = |image_id: &str, classes: &[&str], discards: &[&str]| Reading {
        classes: classes.iter().map(ToString::to_string).collect(),
        discards: discards.iter().map(ToString::to_string).collect(),
        regions: vec![Region::outlined("Ear", vec![vec![[1.0, 1.0], [4.0, 1.0], [4.0, 4.0]]])],
        needs_class: raters_name_classes,
        ..Reading::new(image_id, "r1", ImageSize::new(8, 10))
    };
    let schema = Schema {
        classes: CLASSES.map(str::to_string).to_vec(),
        discards: vec!["Blurred".to_string()],
        raters_name_classes,
        ..Schema::default()
    };
    let mut images = ["discarded", "of_both_classes", "of_no_class", "read_by_nobody"]
        .map(|image_id| image(image_id, &["Cat"]))
        .to_vec();
    images.push(image("without_gold", &[]));
    let readings = vec![
        reading("discarded", &["Cat"], &["Blurred"]),
        reading("of_both_classes", &CLASSES, &[]),
        reading("of_no_class", &[], &[]),
    ];
    Dataset::new(Path::new("pets"), schema, images, readings)
}

/// The scored images, those with a mask that counts, and those whose diagnosis is scored.
fn scored(dataset: &Dataset, rows: ScoredRows) -> Result<[Vec<String>; 3], Box<dyn Error>> {
    // Small, for speed.
    let prepared = HeatmapScoring { size: [8, 10], ..ScoringChoices::default().maps };
    let choices =
        ScoringChoices { rows, union_rows: rows, maps: prepared, ..ScoringChoices::default() };
    let benchmark = Benchmark::new(dataset, choices)?;
    let ids: Vec<String> = benchmark.image_ids().map(str::to_string).collect();
    let mut all = predictions(dataset);
    all.rows.iter_mut().for_each(|one| one.predicted = "Cat".to_string());
    let card = benchmark.score_diagnoses(&all)?;
    let diagnosed = card.diagnoses.unwrap_or_default();
    let diagnosed = diagnosed.into_iter().map(|one| one.image_id).collect();
    let with_masks = match benchmark.has_masks() {
        true => {
            let rows = benchmark.score(&maps(dataset)?, None)?.rows;
            rows.into_iter().map(|row| row.image_id).collect::<BTreeSet<_>>()
        }
        false => BTreeSet::new(),
    };
    Ok([ids, with_masks.into_iter().collect(), diagnosed])
}

#[test]
fn an_image_counts_by_what_was_read_of_it_or_by_its_gold_class() -> TestResult {
    // Raters need not name a class: who names none has read the image, who names two is undecided.
    let dataset = pets(false)?;
    assert_eq!(
        scored(&dataset, ScoredRows::KeptImages)?,
        [
            // `without_gold` has neither a mask nor a class to score.
            vec!["of_no_class", "read_by_nobody"],
            vec!["of_no_class"],
            vec!["of_no_class", "read_by_nobody"]
        ]
    );
    // Every mask: those of the others have no say in the diagnosis.
    let with_masks = vec!["discarded", "of_both_classes", "of_no_class"];
    assert_eq!(
        scored(&dataset, ScoredRows::All)?,
        [
            [&with_masks[..], &["read_by_nobody"]].concat(),
            with_masks,
            vec!["of_no_class", "read_by_nobody"]
        ]
    );
    // Raters have to name a class: nothing was read well enough, and what nobody read does not count.
    let dataset = pets(true)?;
    let benchmark = Benchmark::new(&dataset, ScoringChoices::default())?;
    assert_eq!(benchmark.image_ids().count(), 0);
    Ok(())
}
