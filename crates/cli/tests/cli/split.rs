//! Validation photos, leaks, and decoded photos on disk.

use crate::dermx::{TestResult, Workplace, command, fail, stderr, succeed};
use std::fs;

const FRACTION: [&str; 6] =
    ["--set", "split.method=fraction", "--set", "split.seed=1", "--set", "split.fraction=0.25"];
const ONE_SEED: [&str; 5] = ["--set", "run.seeds=[0]", "--set", "run.epochs=1", "--no-eval"];

/// Arguments of [`Workplace::train`] with `more`.
fn arguments(run: &str, more: &[&str]) -> Vec<String> {
    Workplace::train_args(run).into_iter().chain(more.iter().map(|one| one.to_string())).collect()
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn a_quarter_of_each_class_is_scored_and_not_learned() -> TestResult {
    let workplace = Workplace::new()?;
    let arguments = arguments("run", &[&FRACTION[..], &ONE_SEED].concat());
    succeed(workplace.path(), &borrowed(&arguments))?;
    // 4 training photos of each of the 6 classes
    let text = fs::read_to_string(workplace.join("run/split.csv"))?;
    assert_eq!(text.lines().filter(|line| line.ends_with(",validation")).count(), 6);
    assert_eq!(text.lines().filter(|line| line.ends_with(",training")).count(), 18);
    let metrics = fs::read_to_string(workplace.join("run/seed-0/metrics.jsonl"))?;
    let metrics: serde_json::Value = serde_json::from_str(metrics.trim())?;
    assert_eq!(metrics["num_images"], 18);
    assert!(metrics["val_loss"].as_f64().is_some_and(f64::is_finite), "{metrics}");
    Ok(())
}

#[test]
fn validation_photos_say_how_sure_probabilities_should_be() -> TestResult {
    let workplace = Workplace::new()?;
    let tested = [&ONE_SEED[..4], &["--set", "explain.sanity=[]"]].concat();
    let arguments = arguments("run", &[&FRACTION[..], &tested].concat());
    succeed(workplace.path(), &borrowed(&arguments))?;
    let read = |path: &str| -> Result<serde_json::Value, Box<dyn std::error::Error>> {
        Ok(serde_json::from_slice(&fs::read(workplace.join(path))?)?)
    };
    let found = read("run/seed-0/temperature.json")?;
    assert_eq!(found["num_images"], 6);
    let fitted = |key: &str| found["fitted"][key].as_f64().unwrap_or(f64::NAN);
    assert!(fitted("nll_after") <= fitted("nll_before"), "{found}");
    let scores = &read("run/eval.json")?["diagnosis"];
    let calibrated = &scores["calibrated"];
    assert_eq!(calibrated["temperature"]["mean"], found["fitted"]["temperature"]);
    for key in ["nll", "ece", "brier"] {
        let [plain, calibrated] = [&scores[key], &calibrated[key]].map(|one| one["mean"].as_f64());
        assert!(plain.is_some() && calibrated.is_some() && plain != calibrated, "{key}: {scores}");
    }
    // Scored again it is the same; and nothing is scored with a temperature that is none.
    let again = ["evaluate", "--run", "run", "--out", "again"];
    succeed(workplace.path(), &again)?;
    for file in ["eval.json", "seed-0/maps.csv"] {
        let [run, again] = ["run", "again"].map(|folder| workplace.join(folder).join(file));
        assert!(fs::read(run)? == fs::read(again)?, "{file}");
    }
    let path = workplace.join("run/seed-0/temperature.json");
    let text = fs::read_to_string(&path)?;
    let value = found["fitted"]["temperature"].to_string();
    fs::write(&path, text.replace(&value, "-1.0"))?;
    let again = ["evaluate", "--run", "run", "--out", "third"];
    fail(workplace.path(), &again, 65, &["temperature.json", "found the temperature -1"])
}

#[test]
fn a_test_photo_in_training_is_refused_by_name() -> TestResult {
    let workplace = Workplace::new()?;
    let photos = workplace.join("data/dermx/images");
    let photo = fs::read_dir(photos)?.next().ok_or("no photo")??.path();
    let extension = photo.extension().and_then(|name| name.to_str()).unwrap_or_default();
    fs::copy(&photo, workplace.join(&format!("data/train/acne/copied.{extension}")))?;
    let refused = arguments("run", &ONE_SEED[..4]);
    let name = photo.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let parts = ["copied", name, "it is in `test` and in `training`", "data.leaks"];
    fail(workplace.path(), &borrowed(&refused), 65, &parts)?;
    assert!(!workplace.join("run").exists());
    // Nobody asks for the test set: there is no leak.
    succeed(workplace.path(), &borrowed(&arguments("without", &ONE_SEED)))?;
    // Then somebody does.
    let evaluated = arguments("without", &[&ONE_SEED[..4], &["--resume"]].concat());
    fail(workplace.path(), &borrowed(&evaluated), 65, &parts)?;
    let warned =
        workplace.train("warned", &[&ONE_SEED[..4], &["--set", "data.leaks=warn"]].concat());
    let output = { warned }.output()?;
    assert!(output.status.success() && stderr(&output).contains("copied"), "{}", stderr(&output));
    Ok(())
}

#[test]
fn to_test_on_what_is_trained_on_is_one_message() -> TestResult {
    let workplace = Workplace::new()?;
    fs::write(
        workplace.join("same.toml"),
        "[data]\ntrain = \"data/train\"\ntest = \"./data/train\"\n",
    )?;
    let output = command(workplace.path(), &["train", "--config", "same.toml"]).output()?;
    assert_eq!(output.status.code(), Some(65));
    let text = stderr(&output);
    for part in ["every photo of data.test (", "is also one of data.train (", "data.leaks"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("it is in"), "{text}");
    Ok(())
}

#[test]
fn a_patient_in_training_and_test_is_refused() -> TestResult {
    let workplace = Workplace::new()?;
    let stem = |folder: &str| -> Result<String, Box<dyn std::error::Error>> {
        let path = fs::read_dir(workplace.join(folder))?.next().ok_or("no photo")??.path();
        Ok(path.file_stem().ok_or("no name")?.to_string_lossy().into_owned())
    };
    let (training, test) = (stem("data/train/acne")?, stem("data/dermx/images")?);
    let table = format!("image_id,patient_id\n{training},p7\n{test},p7\n");
    fs::write(workplace.join("patients.csv"), table)?;
    let refused = arguments("run", &["--set", "data.patients=patients.csv"]);
    fail(workplace.path(), &borrowed(&refused), 65, &["patient `p7` is in", &training, &test])
}

#[test]
fn a_key_of_another_method_is_refused() -> TestResult {
    let workplace = Workplace::new()?;
    let refused =
        arguments("run", &["--set", "split.method=k_fold", "--set", "split.fraction=0.2"]);
    let part = "`split.fraction` is for `split.method` = \"fraction\"; here it is \"k_fold\"";
    fail(workplace.path(), &borrowed(&refused), 78, &[part])
}

#[test]
fn photos_from_the_decoded_cache_give_the_same_weights() -> TestResult {
    let workplace = Workplace::new()?;
    let weights = |run: &str, more: &[&str]| -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let more = [&ONE_SEED[..], more].concat();
        succeed(workplace.path(), &borrowed(&arguments(run, &more)))?;
        Ok(fs::read(workplace.join(&format!("{run}/seed-0/weights.safetensors")))?)
    };
    let expected = weights("plain", &[])?;
    let cached = ["--set", "data.decoded_cache=decoded", "--set", "data.cache=false"];
    assert_eq!(weights("first", &cached)?, expected);
    assert_eq!(fs::read_dir(workplace.join("decoded"))?.count(), 24);
    assert_eq!(weights("second", &cached)?, expected);
    Ok(())
}
