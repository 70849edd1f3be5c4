//! Switches for what the study's code did.

use crate::conformance::real;
use crate::dermx::{TestResult, Workplace, fail, stderr, succeed};
use serde_json::{Value, json};
use std::error::Error;
use std::fs;
use std::path::Path;

fn read(path: &Path) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// The rows of a confusion matrix with two columns exchanged.
fn columns_exchanged(matrix: &Value, one: usize, other: usize) -> Value {
    let mut matrix = matrix.clone();
    for row in matrix.as_array_mut().into_iter().flatten() {
        row.as_array_mut().into_iter().for_each(|row| row.swap(one, other));
    }
    matrix
}

#[test]
fn switches_of_a_run_reach_scores_and_heat_maps() -> TestResult {
    let workplace = Workplace::new()?;
    let train = |run: &str, more: &[&str]| -> TestResult {
        let output =
            workplace.train(run, &[&["--set", "run.seeds=[0]"], more].concat()).output()?;
        assert!(output.status.success(), "{}", stderr(&output));
        Ok(())
    };
    train("plain", &[])?;
    let pair = "study.class_exchange=[\"Viral warts\", \"Vitiligo\"]";
    let average = "study.union_average=classes";
    let switched = ["--set", pair, "--set", "study.explain_input=raw_rgb", "--set", average];
    train("switched", &switched)?;
    let seed = |run: &str, name: &str| workplace.join(&format!("{run}/seed-0/{name}"));
    let same = |name: &str| -> Result<bool, Box<dyn Error>> {
        Ok(fs::read(seed("plain", name))? == fs::read(seed("switched", name))?)
    };
    // The network and what it says stay; how it is explained and counted does not.
    assert!(same("weights.safetensors")? && same("predictions.csv")?);
    let (plain, switched) =
        (read(&seed("plain", "eval.json"))?, read(&seed("switched", "eval.json"))?);
    let matrix = |record: &Value| record["diagnosis"]["confusion_matrices"][0]["counts"].clone();
    assert_eq!(matrix(&switched), columns_exchanged(&matrix(&plain), 4, 5));
    assert_eq!(plain["scoring"]["class_exchange"], Value::Null);
    assert_eq!(switched["scoring"]["class_exchange"], json!(["Viral warts", "Vitiligo"]));
    // The union over 6 classes, of 2 images each
    assert_eq!(switched["explanation"]["Union"]["f1"]["n"], 6);
    let maps = read(&seed("switched", "heatmaps/heatmaps.json"))?;
    let target = "gold, with Viral warts and Vitiligo exchanged; on red, green, blue from 0 to 255";
    assert_eq!(maps["target"], target);
    let some_map = fs::read_dir(seed("plain", "heatmaps"))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .find(|name| name.ends_with(".npy"))
        .ok_or("no map")?;
    assert!(!same(&format!("heatmaps/{some_map}"))?);
    exchanged_by_argument(&workplace)
}

/// Right predictions for 2 images of each of 6 classes: with an exchange 4 of 12 are wrong.
fn exchanged_by_argument(workplace: &Workplace) -> TestResult {
    let text = fs::read_to_string(workplace.join("plain/seed-0/predictions.csv"))?;
    let lines = text.lines().skip(1).filter_map(|line| {
        let mut cells = line.split(',');
        let (image, gold) = (cells.next()?, cells.next()?);
        Some(format!("{image},{gold}\n"))
    });
    let right: String = std::iter::once("image_id,predicted\n".to_string()).chain(lines).collect();
    fs::write(workplace.join("right.csv"), right)?;
    let args = ["evaluate", "--data", "data/dermx", "--heatmaps", "plain/seed-0/heatmaps"];
    let args = [&args[..], &["--predictions", "right.csv", "--json", "--class-exchange"]].concat();
    let exchanged = [&args[..], &["Vitiligo", "Viral warts"]].concat();
    let record: Value = serde_json::from_slice(&succeed(workplace.path(), &exchanged)?.stdout)?;
    assert_eq!(record["diagnosis"]["accuracy"]["mean"].as_f64(), Some(8.0 / 12.0));
    assert_eq!(record["diagnosis"]["classes"]["Vitiligo"]["f1"]["mean"].as_f64(), Some(0.0));
    let unknown = [&args[..], &["Vitiligo", "Warts"]].concat();
    fail(workplace.path(), &unknown, 2, &["`Warts` is not a class"])
}

#[test]
fn real_masks_that_count_are_those_of_the_study() -> TestResult {
    let Some(root) = real() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let counts = |more: &[&str]| -> Result<[Value; 2], Box<dyn Error>> {
        let args = ["evaluate", "--baselines", "--size", "30x40", "--data", &root, "--json"];
        let output = succeed(folder.path(), &[&args[..], more].concat())?;
        let record: Value = serde_json::from_slice(&output.stdout)?;
        Ok(["num_mask_rows", "num_union_rows"].map(|name| record["scoring"][name].clone()))
    };
    assert_eq!(counts(&[])?, [json!(3194), json!(1444)]);
    assert_eq!(counts(&["--rows", "all"])?, [json!(3263), json!(1482)]);
    assert_eq!(counts(&["--union-rows", "all"])?, [json!(3194), json!(1482)]);
    assert_eq!(counts(&["--rows", "kept_evaluations"])?, [json!(2805), json!(1276)]);
    Ok(())
}
