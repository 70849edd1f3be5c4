//! Heat maps that another program wrote: scores equal those of NumPy (`generate.py`).

use crate::dermx::{TestResult, fail, succeed};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct Golden {
    rows: Vec<Row>,
    explanation: BTreeMap<String, BTreeMap<String, Score>>,
    identification: BTreeMap<String, f64>,
    accuracy: f64,
    f1: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Row {
    image_id: String,
    rater: String,
    characteristic: String,
    f1: Option<f64>,
    sensitivity: Option<f64>,
    specificity: Option<f64>,
    mass: Option<f64>,
}

#[derive(Deserialize)]
struct Score {
    mean: Option<f64>,
    std: Option<f64>,
    n: u64,
    undefined: u64,
}

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/foreign_heatmaps").join(name)
}

fn path(name: &str) -> String {
    here(name).display().to_string()
}

fn is_close(found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= TOLERANCE,
        (found, expected) => found == expected,
    }
}

#[test]
fn scores_are_those_of_numpy() -> TestResult {
    let golden: Golden = serde_json::from_str(include_str!("golden.json"))?;
    let folder = tempfile::tempdir()?;
    let (data, maps, predictions) = (path("data"), path("maps"), path("predictions.csv"));
    let args = ["evaluate", "--data", &data, "--heatmaps", &maps, "--predictions", &predictions];
    succeed(folder.path(), &[&args[..], &["--out", "scores"]].concat())?;

    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("scores/eval.json"))?)?;
    let table = record["explanation"].as_object().ok_or("no explanation")?;
    assert_eq!(table.keys().collect::<Vec<_>>(), golden.explanation.keys().collect::<Vec<_>>());
    for (characteristic, scores) in &golden.explanation {
        for (name, expected) in scores {
            let found = &table[characteristic][name];
            let what = format!("{characteristic} {name}: {found}");
            assert!(is_close(found["mean"].as_f64(), expected.mean), "{what}");
            assert!(is_close(found["std"].as_f64(), expected.std), "{what}");
            assert_eq!(found["n"].as_u64(), Some(expected.n), "{what}");
            assert_eq!(found["undefined"].as_u64(), Some(expected.undefined), "{what}");
        }
    }
    assert!(is_close(record["diagnosis"]["accuracy"]["mean"].as_f64(), Some(golden.accuracy)));
    for (class, expected) in &golden.f1 {
        let found = &record["diagnosis"]["classes"][class]["f1"]["mean"];
        assert!(is_close(found.as_f64(), Some(*expected)), "{class}: {found}");
    }
    assert_same_rows(&golden.rows, &folder.path().join("scores/per_image.csv"))
}

fn assert_same_rows(golden: &[Row], per_image: &Path) -> TestResult {
    let mut found: BTreeMap<[String; 3], [Option<f64>; 4]> = BTreeMap::new();
    for line in fs::read_to_string(per_image)?.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let key = [fields[0], fields[1], fields[2]].map(str::to_string);
        found.insert(key, [3, 4, 5, 6].map(|idx| fields[idx].parse().ok()));
    }
    assert_eq!(found.len(), golden.len());
    for row in golden {
        let Row { image_id, rater, characteristic, f1, sensitivity, specificity, mass } = row;
        let key = [image_id.clone(), rater.clone(), characteristic.clone()];
        let expected = [*f1, *sensitivity, *specificity, *mass];
        for (found, expected) in found[&key].iter().zip(expected) {
            assert!(is_close(*found, expected), "{key:?}: {found:?}, NumPy {expected:?}");
        }
    }
    Ok(())
}

#[test]
fn parts_of_the_images_are_scored_where_there_are_enough() -> TestResult {
    let folder = tempfile::tempdir()?;
    let (data, maps, predictions) = (path("data"), path("maps"), path("predictions.csv"));
    let args = ["evaluate", "--data", &data, "--heatmaps", &maps, "--out", "scores", "--json"];
    let again = ["--overwrite"];
    let by = ["--by", "disease", "--by", "correct", "--predictions", &predictions];
    let record = |more: &[&str]| -> Result<serde_json::Value, Box<dyn std::error::Error>> {
        let output = succeed(folder.path(), &[&args[..], &by, &again, more].concat())?;
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    let few = record(&[])?;
    for (_, part) in few["by"]["correct"].as_object().ok_or("no parts")? {
        assert_eq!(part["explanation"]["Union"]["too_few"], true, "{part}");
        assert!(part["explanation"]["Union"]["f1"].is_null() && part["accuracy"].is_null());
    }
    let all = record(&["--min-images", "1", "--localization"])?;
    let parts = all["by"]["correct"].as_object().ok_or("no parts")?;
    let images: u64 = parts.values().filter_map(|part| part["images"].as_u64()).sum();
    assert_eq!(Some(images), all["scoring"]["num_images"].as_u64());
    assert_eq!(parts["right"]["accuracy"]["mean"], 1.0);
    let rows = |value: &serde_json::Value| value["explanation"]["Union"]["f1"]["n"].as_u64();
    let num_rows: Option<u64> = parts.values().map(rows).sum();
    assert_eq!(num_rows, all["explanation"]["Union"]["f1"]["n"].as_u64());
    let table = fs::read_to_string(folder.path().join("scores/by.csv"))?;
    assert!(table.starts_with("variable,value,characteristic,images,f1"), "{table}");
    let per_image = fs::read_to_string(folder.path().join("scores/per_image.csv"))?;
    let golden: Golden = serde_json::from_str(include_str!("golden.json"))?;
    for (part, expected) in golden.identification {
        let found = &all["identification"]["network"][&part];
        assert!(is_close(found["mean"].as_f64(), Some(expected)), "{part}: {found}");
        // The map of one image is all zero.
        assert_eq!((found["n"].as_u64(), found["undefined"].as_u64()), (Some(3), Some(1)));
    }
    assert!(per_image.lines().next().is_some_and(|header| header.ends_with("top_k_iou,auc")));
    let without = ["evaluate", "--data", &data, "--heatmaps", &maps, "--by", "correct"];
    fail(folder.path(), &without, 2, &["--by correct", "--predictions"])?;
    let without = ["evaluate", "--data", &data, "--heatmaps", &maps, "--against", "scores"];
    fail(folder.path(), &without, 2, &["--against", "--out"])?;

    // Maps that are scored in another way are not compared.
    let other = ["evaluate", "--data", &data, "--heatmaps", &maps, "--no-quantize"];
    let other = [&other[..], &["--out", "others", "--against", "scores"]].concat();
    fail(folder.path(), &other, 65, &["quantize", "true", "false"])?;
    let same = [&args[..6], &["again", "--against", "scores"]].concat();
    succeed(folder.path(), &same)?;
    fail(
        folder.path(),
        &[&args[..6], &["again", "--against", "none"]].concat(),
        66,
        &["eval.json"],
    )?;
    // The first version had no `schema`, and other names.
    let path = folder.path().join("scores/eval.json");
    let first = fs::read_to_string(&path)?.replace("\"schema\": 2,", "\"table_5\": {},");
    fs::write(&path, first)?;
    let parts =
        ["scores/eval.json", "version 1 is read no more", "score again with `dermx evaluate`"];
    fail(folder.path(), &same, 65, &parts)
}

#[test]
fn damaged_and_missing_maps_are_named() -> TestResult {
    let folder = tempfile::tempdir()?;
    let maps = folder.path().join("maps");
    fs::create_dir(&maps)?;
    for name in ["plain.npy", "tall.npy", "tiny.npy", "wide.png"] {
        fs::copy(here("maps").join(name), maps.join(name))?;
    }
    let data = path("data");
    let args = ["evaluate", "--data", &data, "--heatmaps", "maps"];
    succeed(folder.path(), &args)?;

    let plain = maps.join("plain.npy");
    let whole = fs::read(&plain)?;
    fs::write(&plain, &whole[..whole.len() - 5])?;
    fail(folder.path(), &args, 65, &["plain.npy"])?;
    let mut not_finite = whole.clone();
    let end = not_finite.len();
    not_finite[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&plain, &not_finite)?;
    fail(folder.path(), &args, 65, &["plain.npy", "NaN"])?;
    fs::write(&plain, "nonsense")?;
    fail(folder.path(), &args, 65, &["plain.npy"])?;
    fs::remove_file(&plain)?;
    fail(folder.path(), &args, 66, &["plain", "--partial"])?;
    succeed(folder.path(), &[&args[..], &["--partial"]].concat())?;
    fail(folder.path(), &["evaluate", "--data", &data, "--heatmaps", "none"], 66, &["none"])
}

#[test]
fn predictions_that_do_not_fit_the_data_are_named() -> TestResult {
    let folder = tempfile::tempdir()?;
    let (data, maps) = (path("data"), path("maps"));
    let args = ["evaluate", "--data", &data, "--heatmaps", &maps, "--predictions", "p.csv"];
    let text = fs::read_to_string(here("predictions.csv"))?;
    let cases: [(String, &[&str]); 5] = [
        (text.replace("plain,Acne,Acne", "plain,Acne,Melanoma"), &["plain", "Melanoma"]),
        (text.replace("plain,Acne,Acne", "plain,Vitiligo,Acne"), &["plain", "Vitiligo", "Acne"]),
        (text.replace("plain,Acne,Acne\r\n", ""), &["plain"]),
        (text.replace("predicted", "guess"), &["predicted", "guess"]),
        (format!("{text}tiny,Viral warts,Acne\r\n"), &["tiny", "twice"]),
    ];
    for (broken, parts) in cases {
        fs::write(folder.path().join("p.csv"), broken)?;
        fail(folder.path(), &args, 65, &[parts, &["p.csv"]].concat())?;
    }
    Ok(())
}
