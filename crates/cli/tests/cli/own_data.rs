//! Data sets of one's own: three jobs that a new user has, each in a few commands.

use crate::dermx::{TestResult, fail, stderr, stdout, succeed};
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What a configuration has to say, and settings that make it quick.
const QUICK: [&str; 14] = [
    "--set",
    "input.size=[32, 32]",
    "--set",
    "evaluate.size=[60, 80]",
    "--set",
    "model.last_stride=2",
    "--set",
    "train.batch_size=3",
    "--set",
    "explain.sanity=[]",
    // The test photos are the training photos here.
    "--set",
    "data.leaks=ignore",
    "--run",
    "run",
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/fixture").join(name)
}

/// A folder with `mine.toml`, which tests on `test`.
fn with_config(train: &Path, test: &Path) -> Result<TempDir, Box<dyn Error>> {
    let folder = TempDir::new()?;
    let text = format!(
        "[data]\ntrain = {train:?}\ntest = {test:?}\n[model]\narchitecture = \"efficientnet_b0\"\n[run]\nepochs = 1\n"
    );
    fs::write(folder.path().join("mine.toml"), text)?;
    Ok(folder)
}

fn json(path: &Path) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

#[test]
fn class_folders_and_a_labelled_test_folder_end_in_a_report() -> TestResult {
    let images = fixture("images");
    let folder = with_config(&images, &images)?;
    let train = [&["train", "--config", "mine.toml"][..], &QUICK].concat();
    let output = succeed(folder.path(), &train)?;
    let record = json(&folder.path().join("run/eval.json"))?;
    assert_eq!(record["classes"], serde_json::json!(["bird", "cat", "dog"]));
    assert!(record["diagnosis"]["accuracy"]["mean"].is_number(), "{record}");
    assert_eq!(
        record["diagnosis"]["confusion_matrices"][0]["counts"].as_array().map(Vec::len),
        Some(3)
    );
    assert!(record["explanation"].as_object().is_some_and(serde_json::Map::is_empty));
    assert!(stderr(&output).contains("nobody marked anything"), "{}", stderr(&output));
    let page = fs::read_to_string(folder.path().join("run/report/report.md"))?;
    assert!(page.contains("run, tested on images") && !page.contains("DermX"), "{page}");
    // Photos and heat maps are shown without masks.
    assert!(fs::read_dir(folder.path().join("run/report/gallery"))?.count() >= 2);
    succeed(folder.path(), &["verify", "run"])?;
    let audit = stdout(&succeed(folder.path(), &["audit", "--matrices", "run/eval.json"])?);
    assert!(audit.contains("network: 1 runs, 9 images in all"), "{audit}");
    // A configuration with a word of DermX's attributes is told what there is instead.
    let by =
        [&train[..train.len() - 1], &["other", "--set", "evaluate.by=[\"skin_tone\"]"]].concat();
    fail(folder.path(), &by, 2, &["split by `skin_tone`", "there are class, correct"])
}

#[test]
fn a_run_is_scored_against_both_raters_whatever_the_format() -> TestResult {
    let mut rows = BTreeMap::new();
    for format in ["masks", "coco-rle"] {
        let folder = with_config(&fixture("images"), &fixture(format))?;
        let train = [&["train", "--config", "mine.toml"][..], &QUICK].concat();
        let output = stdout(&succeed(folder.path(), &train)?);
        assert!(output.contains("raters") && output.contains("wing feather"), "{output}");
        assert!(output.contains("in 1 of 16 readings of them nothing is marked"), "{output}");
        let record = json(&folder.path().join("run/eval.json"))?;
        assert!(record["ceiling"]["Union"]["f1"]["mean"].is_number(), "{record}");
        assert_eq!(record["dataset"]["name"], "Animals");
        let table = fs::read(folder.path().join("run/seed-0/per_image.csv"))?;
        rows.insert(format, table);
    }
    assert_eq!(rows["masks"], rows["coco-rle"]);
    Ok(())
}

#[test]
fn maps_and_predictions_of_another_program_are_scored() -> TestResult {
    let folder = TempDir::new()?;
    let (masks, maps) = (fixture("masks"), fixture("maps"));
    let (masks, maps) = (masks.to_string_lossy(), maps.to_string_lossy());
    let evaluate = ["evaluate", "--data", &masks, "--heatmaps", &maps, "--out", "scores"];
    succeed(folder.path(), &evaluate)?;
    assert!(folder.path().join("scores/per_image.csv").exists());
    fs::write(folder.path().join("p.csv"), "image_id,predicted\ncat/001,cat\ndog/001,cat\n")?;
    let alone = ["evaluate", "--data", &masks, "--predictions", "p.csv", "--partial", "--json"];
    let record: Value = serde_json::from_slice(&succeed(folder.path(), &alone)?.stdout)?;
    assert_eq!(record["diagnosis"]["accuracy"]["mean"], 0.5);
    // Labels alone have nothing to score maps with.
    let images = fixture("images");
    let args = ["evaluate", "--data", &images.to_string_lossy(), "--heatmaps", &maps];
    fail(folder.path(), &args, 65, &["there is nothing to score heat maps with"])
}

#[test]
fn one_rater_gives_scores_and_baselines_and_no_ceiling() -> TestResult {
    let folder = TempDir::new()?;
    let (images, file) = (fixture("images"), fixture("chexlocalize/alice.json"));
    let text = format!("images = {images:?}\n[chexlocalize]\nfiles = {{ alice = {file:?} }}\n");
    fs::create_dir(folder.path().join("one"))?;
    fs::write(folder.path().join("one/dataset.toml"), text)?;
    let maps = fixture("maps");
    let args = ["evaluate", "--data", "one", "--heatmaps", &maps.to_string_lossy()];
    let text = stdout(&succeed(folder.path(), &args)?);
    assert!(text.contains("Union, All ones") && !text.contains("Union, raters"), "{text}");
    assert!(text.contains("no skill; no two raters marked the same"), "{text}");
    Ok(())
}

#[test]
fn training_photos_come_from_a_table_with_its_patients() -> TestResult {
    let folder = with_config(Path::new("photos/train.csv"), &fixture("images"))?;
    let photos = folder.path().join("photos");
    fs::create_dir(&photos)?;
    let mut table = "file,label,patient\n".to_owned();
    for (idx, class) in ["cat", "dog", "bird"].iter().cycle().take(9).enumerate() {
        let source = fixture("images").join(class).join("001.png");
        fs::copy(&source, photos.join(format!("{idx}.png")))?;
        table += &format!("{idx}.png,{class},p{}\n", idx / 3);
    }
    fs::write(photos.join("train.csv"), table)?;
    let split = ["--set", "split.method=fraction", "--set", "split.fraction=0.34"];
    let train = [&["train", "--config", "mine.toml", "--no-eval"][..], &QUICK, &split].concat();
    succeed(folder.path(), &train)?;
    // Patients are never divided: three photos of a patient are on one side.
    let split = fs::read_to_string(folder.path().join("run/split.csv"))?;
    let part = |idx: usize| {
        let row = split.lines().find(|line| line.starts_with(&format!("{idx},"))).unwrap_or("");
        row.rsplit(',').next().unwrap_or("").to_owned()
    };
    for patient in 0..3 {
        let parts = [0, 1, 2].map(|idx| part(3 * patient + idx));
        assert!(parts.iter().all(|one| !one.is_empty() && *one == parts[0]), "{split}");
    }
    Ok(())
}

#[test]
fn a_folder_is_looked_at_described_checked_and_converted() -> TestResult {
    let folder = TempDir::new()?;
    let root = folder.path().join("set");
    for part in ["images", "masks"] {
        copy(&fixture(part), &root.join(part))?;
    }
    fs::remove_file(root.join("masks/dataset.toml"))?;
    fs::remove_file(root.join("masks/readings.csv"))?;
    let text = stdout(&succeed(folder.path(), &["dataset", "init", "set"])?);
    assert!(text.contains("pattern = \"masks/{rater}/{image}/{concept}.png\""), "{text}");
    fail(folder.path(), &["dataset", "init", "set"], 73, &["dataset.toml", "is there already"])?;
    let described = stdout(&succeed(folder.path(), &["dataset", "describe", "--data", "set"])?);
    assert!(described.contains("2 raters: alice, bob"), "{described}");
    let tables = stdout(&succeed(folder.path(), &["dataset", "tables", "--data", "set"])?);
    assert!(tables.contains("wing feather") && !tables.contains("Table 2"), "{tables}");
    succeed(folder.path(), &["dataset", "check", "--data", "set"])?;
    succeed(folder.path(), &["dataset", "convert", "set", "--to", "coco", "--out", "coco"])?;
    let again = stdout(&succeed(folder.path(), &["dataset", "tables", "--data", "coco"])?);
    assert_eq!(tables, again);
    let args = ["dataset", "tables", "--data", "set", "--by", "age"];
    fail(folder.path(), &args, 2, &["no such attribute"])
}

fn copy(from: &Path, to: &Path) -> TestResult {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => drop(fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}

#[test]
fn an_id_that_a_spreadsheet_would_compute_goes_through_every_table() -> TestResult {
    let folder = TempDir::new()?;
    let photos = folder.path().join("photos");
    // Ids begin with the class, and so with what a spreadsheet takes for a formula.
    for (class, photo) in
        [("=1+1", "bird/001.png"), ("-cat", "cat/001.png"), ("dog", "dog/001.png")]
    {
        fs::create_dir_all(photos.join(class))?;
        fs::copy(fixture("images").join(photo), photos.join(class).join("a.png"))?;
    }
    fs::write(
        folder.path().join("mine.toml"),
        "[data]\ntrain = \"photos\"\ntest = \"photos\"\n[model]\narchitecture = \"efficientnet_b0\"\n[run]\nepochs = 1\n",
    )?;
    succeed(folder.path(), &[&["train", "--config", "mine.toml"][..], &QUICK].concat())?;
    let table = fs::read_to_string(folder.path().join("run/seed-0/predictions.csv"))?;
    assert!(table.contains("\n'=1+1/a,") && table.contains("\n'-cat/a,"), "{table}");
    // What dermx wrote, and what another program writes, name the same images and classes.
    fs::write(
        folder.path().join("plain.csv"),
        "image_id,predicted\n=1+1/a,=1+1\n-cat/a,dog\ndog/a,dog\n",
    )?;
    for predictions in ["run/seed-0/predictions.csv", "plain.csv"] {
        let args = ["evaluate", "--data", "photos", "--predictions", predictions, "--json"];
        let record: Value = serde_json::from_str(&stdout(&succeed(folder.path(), &args)?))?;
        assert_eq!(record["classes"], serde_json::json!(["-cat", "=1+1", "dog"]), "{record}");
        assert_eq!(record["diagnosis"]["accuracy"]["n"], 3, "{record}");
    }
    Ok(())
}
