//! Broken input is an error that names the culprit.

use crate::dermx::{TestResult, Workplace, command, fail, stderr};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// The first file in `folder` in the order of names.
fn first_file(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.into_iter().find(|path| path.is_file()).ok_or_else(|| "the folder is empty".into())
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Trains in `workplace` and expects a failure.
fn fail_to_train(workplace: &Workplace, more: &[&str], code: i32, parts: &[&str]) -> TestResult {
    let args = Workplace::train_args("run");
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    args.extend(more);
    fail(workplace.path(), &args, code, parts)
}

#[test]
fn a_truncated_jpeg_is_named() -> TestResult {
    let workplace = Workplace::new()?;
    let photo = first_file(&workplace.join("data/train/acne"))?;
    let bytes = fs::read(&photo)?;
    fs::write(&photo, &bytes[..bytes.len() / 2])?;
    fail_to_train(&workplace, &[], 65, &[name_of(&photo), "truncated"])
}

#[test]
fn a_test_photo_that_is_no_photo_is_named() -> TestResult {
    let workplace = Workplace::new()?;
    let photo = first_file(&workplace.join("data/dermx/images"))?;
    fs::write(&photo, "not a photo")?;
    fail_to_train(&workplace, &["--set", "run.epochs=1"], 65, &[name_of(&photo)])?;
    fs::remove_file(&photo)?;
    let stem = name_of(&photo).trim_end_matches(".jpg");
    fail_to_train(&workplace, &[], 66, &[stem])
}

#[test]
fn json_with_a_wrong_type_names_file_and_key() -> TestResult {
    let workplace = Workplace::new()?;
    let file = first_file(&workplace.join("data/dermx/annotations"))?;
    let mut content: serde_json::Value = serde_json::from_slice(&fs::read(&file)?)?;
    content["image"]["width"] = "wide".into();
    fs::write(&file, serde_json::to_vec(&content)?)?;
    let parts = [name_of(&file), "image.width", "wide"];
    fail(workplace.path(), &["dataset", "describe", "--data", "data/dermx"], 65, &parts)?;
    fail_to_train(&workplace, &[], 65, &parts)?;
    fs::write(&file, "{\"image\": ")?;
    fail(workplace.path(), &["dataset", "describe", "--data", "data/dermx"], 65, &parts[..1])
}

#[test]
fn a_misspelt_key_gets_a_suggestion() -> TestResult {
    let folder = tempfile::tempdir()?;
    let text = include_str!("../../../run/configs/quickstart.toml");
    let broken = text.replace("\nbatch_size", "\nbatchsize").replace("\nepochs", "\nepoch");
    fs::write(folder.path().join("mine.toml"), broken)?;
    let parts =
        ["mine.toml:", "`run.epoch`", "did you mean `epochs`?", "did you mean `batch_size`?"];
    fail(folder.path(), &["train", "--config", "mine.toml"], 78, &parts)
}

#[test]
fn an_unknown_class_folder_is_named() -> TestResult {
    let workplace = Workplace::new()?;
    fs::create_dir(workplace.join("data/train/melanoma"))?;
    let photo = first_file(&workplace.join("data/train/acne"))?;
    fs::copy(photo, workplace.join("data/train/melanoma/1.jpg"))?;
    fail_to_train(&workplace, &[], 65, &["melanoma", "Viral warts"])
}

#[test]
fn a_class_without_images_is_named() -> TestResult {
    let workplace = Workplace::new()?;
    fs::remove_dir_all(workplace.join("data/train/wart"))?;
    fail_to_train(&workplace, &[], 65, &["`wart`", "no such folder"])?;
    fs::create_dir(workplace.join("data/train/wart"))?;
    fail_to_train(&workplace, &[], 66, &["Viral warts"])
}

#[test]
fn a_missing_mask_is_named() -> TestResult {
    let workplace = Workplace::new()?;
    let mask = first_file(&workplace.join("data/dermx/masks/masks"))?;
    fs::remove_file(&mask)?;
    fail_to_train(&workplace, &[], 66, &[name_of(&mask), "mask"])
}

#[test]
fn all_photos_that_cannot_be_read_are_named_at_once() -> TestResult {
    let workplace = Workplace::new()?;
    let photos = [
        "data/train/acne/acne-0001.jpg",
        "data/train/acne/acne-0002.jpg",
        "data/train/wart/viral-warts-0003.jpg",
        "data/dermx/images/synthetic-acne-001.jpg",
        "data/dermx/images/synthetic-vitiligo-002.jpg",
    ];
    for photo in photos {
        assert!(workplace.join(photo).exists(), "{photo}");
        fs::write(workplace.join(photo), "no photo")?;
    }
    let split = ["--set", "split.method=fraction", "--set", "split.fraction=0.5"];
    fail_to_train(&workplace, &split, 65, &photos)?;
    let other = ["--set", "data.leaks=ignore", "--set", "data.cache=false"];
    fail_to_train(&workplace, &other, 65, &photos[3..])
}

#[test]
fn missing_data_say_where_to_get_them() -> TestResult {
    let folder = tempfile::tempdir()?;
    let parts = ["datasets/", "datasets/README.md"];
    fail(folder.path(), &["train", "--config", "resnet50.toml"], 66, &parts)?;
    fail(folder.path(), &["train", "--config", "resnet51.toml"], 66, &["resnet51.toml"])?;
    let args = ["dataset", "describe", "--data", "nowhere"];
    fail(folder.path(), &args, 66, &["nowhere", "annotations/"])
}

#[test]
fn an_image_without_metadata_is_named_and_not_scored() -> TestResult {
    let workplace = Workplace::new()?;
    let path = workplace.join("data/dermx/metadata.csv");
    let text = fs::read_to_string(&path)?;
    let line = text.lines().nth(1).unwrap_or_default();
    fs::write(&path, text.replace(&format!("{line}\r\n"), ""))?;
    let settings = ["--set", "run.seeds=[0]", "--set", "run.epochs=1"];
    let output = workplace.train("run", &settings).output()?;
    let message = stderr(&output);
    assert!(output.status.success(), "{message}");
    assert!(
        message.contains("no row in the table of images") && message.contains("synthetic-acne-001"),
        "{message}"
    );
    let rows = fs::read_to_string(workplace.join("run/seed-0/per_image.csv"))?;
    assert!(!rows.contains("synthetic-acne-001"));
    Ok(())
}

#[test]
fn a_photo_of_a_prediction_that_cannot_be_read_is_named() -> TestResult {
    let workplace = Workplace::new()?;
    let settings = ["--set", "run.seeds=[0]", "--set", "run.epochs=1", "--no-eval"];
    assert!(workplace.train("run", &settings).output()?.status.success());
    fs::create_dir(workplace.join("photos"))?;
    fs::write(workplace.join("photos/broken.png"), [0x89, b'P', b'N', b'G'])?;
    let args = ["predict", "--run", "run", "--images", "photos", "--out", "p.csv"];
    fail(workplace.path(), &args, 65, &["broken.png"])?;
    assert!(!workplace.join("p.csv").exists());
    fs::write(workplace.join("weights.safetensors"), "no weights")?;
    let args = ["predict", "--arch", "resnet18", "--weights", "weights.safetensors"];
    let args = [&args[..], &["--images", "data/dermx/images", "--out", "p.csv"]].concat();
    fail(workplace.path(), &args, 65, &["weights.safetensors"])
}

#[test]
fn text_that_is_not_utf_8_is_named_with_its_place() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let latin_1 = b"[run]\nname = \"caf\xe9\"\n";
    fs::write(path("mine.toml"), latin_1)?;
    let parts = ["mine.toml:2: byte 17 is not UTF-8"];
    fail(folder.path(), &["train", "--config", "mine.toml"], 78, &parts)?;
    // A file of a run is a result, not a configuration that its user wrote.
    fs::create_dir(path("run"))?;
    fs::write(path("run/config.toml"), latin_1)?;
    let args = ["predict", "--run", "run", "--images", ".", "--out", "p.csv"];
    fail(folder.path(), &args, 65, &["config.toml:2: byte 17 is not UTF-8"])?;
    fs::create_dir(path("sweep"))?;
    fs::write(path("sweep/plan.json"), b"{\"format\": \"\xe9\"}")?;
    let parts = ["plan.json", "byte 12: found bytes that are not UTF-8"];
    fail(folder.path(), &["sweep", "status", "sweep"], 65, &parts)?;
    fs::write(path("sweep/plan.json"), b"{\"format\": \"one\"}")?;
    let parts = ["plan.json: format: found the text", "expected a whole number"];
    fail(folder.path(), &["sweep", "status", "sweep"], 65, &parts)
}

#[test]
fn an_unknown_instruction_set_is_refused() -> TestResult {
    let folder = tempfile::tempdir()?;
    let dermx =
        |set: &str| command(folder.path(), &["config", "keys"]).env("DERMX_SIMD", set).output();
    let output = dermx("avx9")?;
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output);
    let expected = "DERMX_SIMD is `avx9`; it has to be one of avx512bf16, avx512, avx2, portable";
    assert!(message.contains(expected), "{message}");
    for set in ["", "portable", "avx2"] {
        assert!(dermx(set)?.status.success(), "{set}");
    }
    Ok(())
}
