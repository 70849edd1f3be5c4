//! Faults of data sets of one's own, as their users meet them: told, and never passed over.

use crate::dermx::{TestResult, copy, fail, stderr, stdout, succeed};
use serde_json::Value;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Settings that make a training quick; test photos may be training photos unless `data.leaks` says otherwise.
const QUICK: [&str; 11] = [
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
    "--run=run",
];
const LEAKS: [&str; 2] = ["--set", "data.leaks=ignore"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/fixture").join(name)
}

/// A folder with the masks of two raters, `data/masks`, their photos, `data/images`, and gold classes in
/// `data/masks/labels.csv`: one image has none, one several.
fn workplace() -> Result<TempDir, Box<dyn Error>> {
    let folder = TempDir::new()?;
    for part in ["images", "masks"] {
        copy(&fixture(part), &folder.path().join("data").join(part))?;
    }
    let dataset = folder.path().join("data/masks/dataset.toml");
    let text = fs::read_to_string(&dataset)?;
    let labels = "[labels]\nfile = \"labels.csv\"\nimage = \"file\"\nclass = \"kind\"\npatient = \"owner\"\nattributes = [\"age\"]\n";
    fs::write(&dataset, text.replace("[concepts]", &format!("{labels}\n[concepts]")))?;
    let rows = "file,kind,owner,age\ncat/001,,o1,9\ncat/a.1,cat|dog,o2,10\ncat/indoors/002,cat,o3,100\n\
                dog/001,dog,o4,9\ndog/003,dog,o5,10\ndog/old/b.2,dog,o6,\nbird/001,bird,o7,10\nbird/004,bird,o8,\nbird/no 7,bird,o9,9\n";
    fs::write(folder.path().join("data/masks/labels.csv"), rows)?;
    let config = "[data]\ntrain = \"data/images\"\ntest = \"data/masks\"\n[model]\narchitecture = \"efficientnet_b0\"\n\
                  [run]\nepochs = 1\n";
    fs::write(folder.path().join("mine.toml"), config)?;
    Ok(folder)
}

fn train(more: &[&'static str]) -> Vec<&'static str> {
    [&["train", "--config", "mine.toml"][..], &QUICK, more].concat()
}

#[test]
fn images_without_one_gold_class_are_left_out_of_a_run_and_told() -> TestResult {
    let folder = workplace()?;
    let output = succeed(folder.path(), &train(&LEAKS))?;
    let warning = "2 of 9 test images have no gold class or several: they are not tested on";
    assert_eq!(stderr(&output).matches(warning).count(), 1, "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("2 more images have no gold class or several: not tested on"), "{text}");
    let record: Value = serde_json::from_slice(&fs::read(folder.path().join("run/eval.json"))?)?;
    assert_eq!(record["scoring"]["num_diagnoses"], 7);
    assert_eq!(record["scoring"]["num_images_untested"], 2);
    let rows = fs::read_to_string(folder.path().join("run/seed-0/per_image.csv"))?;
    assert!(rows.contains("dog/001") && !rows.contains("cat/001"), "{rows}");
    // They count where raters are compared, and the data set is the same.
    let tables = ["dataset", "tables", "--data", "data/masks", "--json"];
    let tables: Value = serde_json::from_slice(&succeed(folder.path(), &tables)?.stdout)?;
    assert!(tables["counts"]["images"].as_u64() > Some(6), "{}", tables["counts"]);
    succeed(folder.path(), &["verify", "run"])?;
    // Other maps of the same data set can be compared with the run.
    let maps = fixture("maps");
    let evaluate = [
        "evaluate",
        "--data",
        "data/masks",
        "--heatmaps",
        &maps.to_string_lossy(),
        "--out",
        "other",
        "--by",
        "age",
    ];
    let text = stdout(&succeed(folder.path(), &evaluate)?);
    let mut last = 0;
    for age in ["age: 9 ", "age: 10 ", "age: 100 "] {
        let place = text.find(age).unwrap_or(0);
        assert!(place > last, "{age}: {text}");
        last = place;
    }
    assert!(text.contains("2 images have no value of `age`"), "{text}");
    Ok(())
}

#[test]
fn a_patient_is_found_in_training_and_test_wherever_patients_are_named() -> TestResult {
    let folder = workplace()?;
    let photos = folder.path().join("photos");
    for (idx, class) in ["bird", "cat", "dog"].iter().cycle().take(9).enumerate() {
        fs::create_dir_all(photos.join(class))?;
        // Other photos than those of the test: a raster of points for each.
        let photo = image::RgbImage::from_fn(160, 160, |x, y| {
            let (step, side) = (7 + 5 * idx as u32, 160);
            image::Rgb([
                ((x * step) % 256) as u8,
                ((y * (side - step)) % 256) as u8,
                (idx * 25) as u8,
            ])
        });
        photo.save(photos.join(class).join(format!("t{idx}.png")))?;
    }
    let owners = "image_id,patient_id\nbird/t0,x1\ncat/t1,o4\ndog/t2,x2\n";
    fs::write(folder.path().join("owners.csv"), owners)?;
    let settings = ["--set", "data.train=photos", "--set", "data.patients=owners.csv"];
    fail(
        folder.path(),
        &train(&settings),
        65,
        &["patient `o4` is in `test`", "and in `training`"],
    )?;
    let check = [
        "dataset",
        "check",
        "--data",
        "data/masks",
        "--split",
        "train=photos",
        "--patients",
        "owners.csv",
    ];
    let output = crate::dermx::command(folder.path(), &check).output()?;
    assert_eq!(output.status.code(), Some(65));
    assert!(stdout(&output).contains("patient `o4` is in"), "{}", stdout(&output));
    // Two names of one patient are a contradiction.
    let names = format!("{owners}data/images/dog/001,x9\n").replace("data/images/", "images/");
    fs::write(folder.path().join("owners.csv"), names.replace(",o4", ",x4"))?;
    fail(
        folder.path(),
        &train(&settings),
        65,
        &["the patient `x9`", "says `o4`; expected one patient"],
    )
}

#[test]
fn a_split_of_a_check_is_what_training_takes() -> TestResult {
    let folder = workplace()?;
    let table =
        "image,class,patient\nbird/001.png,bird,p1\ncat/001.png,cat,p2\ndog/001.png,dog,o4\n";
    fs::write(folder.path().join("data/images/train.csv"), table)?;
    let check = |split: &str| {
        let args = ["dataset", "check", "--data", "data/masks", "--split", split, "--json"];
        let output = crate::dermx::command(folder.path(), &args).output()?;
        let text = stderr(&output);
        let json = serde_json::from_slice::<Value>(&output.stdout)
            .map_err(|error| format!("{error}: {text}"))?;
        Ok::<Value, Box<dyn Error>>(json)
    };
    // A table: its photos only, which are test photos, too; and its patients.
    let found = check("train=data/images/train.csv")?;
    assert_eq!(found["num_photos"], serde_json::json!({"images": 9, "train": 3}), "{found}");
    assert!(found["findings"].to_string().contains("patient `o4` is in"), "{found}");
    assert_eq!(found["patients"]["num_patients"], 11);
    // A data set: its photos without its masks.
    let found = check("again=data/masks")?;
    assert_eq!(found["num_photos"], serde_json::json!({"again": 7, "images": 9}), "{found}");
    // A folder of class folders that has such a table may mean either.
    let named = ["found a table of images and classes", "train.csv", "name the table itself"];
    fail(folder.path(), &train(&LEAKS), 65, &named)?;
    fail(folder.path(), &["dataset", "check", "--split", "train=data/images"], 65, &named)
}

#[test]
fn counts_say_over_how_many_images_a_score_is() -> TestResult {
    let folder = workplace()?;
    let root = folder.path().join("data/labels");
    fs::create_dir(&root)?;
    let rows = fs::read_to_string(folder.path().join("data/masks/labels.csv"))?;
    fs::write(root.join("labels.csv"), rows)?;
    let labels = "images = \"../images\"\n[labels]\nfile = \"labels.csv\"\nimage = \"file\"\nclass = \"kind\"\n";
    fs::write(root.join("dataset.toml"), labels)?;
    let described =
        stdout(&succeed(folder.path(), &["dataset", "describe", "--data", "data/labels"])?);
    assert!(described.starts_with("9 images; 0 readings, of 0 of them\nclasses: "), "{described}");
    assert!(
        described.contains("1 images have no gold class\n1 images have several"),
        "{described}"
    );
    let tables = stdout(&succeed(folder.path(), &["dataset", "tables", "--data", "data/labels"])?);
    assert!(
        tables.contains("images with one gold class") && !tables.contains("diagnos"),
        "{tables}"
    );
    let predictions = "image_id,predicted\ncat/indoors/002,cat\ndog/001,dog\ndog/003,dog\ndog/old/b.2,cat\n\
                       bird/001,bird\nbird/004,bird\nbird/no 7,bird\ncat/001,cat\n";
    fs::write(folder.path().join("p.csv"), predictions)?;
    let text = stdout(&succeed(
        folder.path(),
        &["evaluate", "--data", "data/labels", "--predictions", "p.csv"],
    )?);
    assert!(text.contains("scored: 7 images, 0 masks"), "{text}");
    assert!(
        text.contains("2 images have no reading that counts, or neither a gold class nor a mask"),
        "{text}"
    );
    // Of images with masks and without a gold class the maps are scored, and no diagnosis.
    let maps = fixture("maps");
    let both = [
        "evaluate",
        "--data",
        "data/masks",
        "--predictions",
        "p.csv",
        "--heatmaps",
        &maps.to_string_lossy(),
    ];
    let text = stdout(&succeed(folder.path(), &both)?);
    assert!(
        text.contains("scored: 9 images") && text.contains("the diagnosis of 7 of them"),
        "{text}"
    );
    // Errors speak of what the command has.
    let args = ["evaluate", "--data", "data/labels", "--heatmaps", &maps.to_string_lossy()];
    let output = crate::dermx::command(folder.path(), &args).output()?;
    assert!(!stderr(&output).contains("--no-eval"), "{}", stderr(&output));
    let parts = ["--heatmaps", "--predictions", "--run", "--baselines"];
    fail(folder.path(), &["evaluate", "--data", "data/labels"], 2, &parts)
}

#[test]
fn a_class_by_a_slip_and_a_class_that_nobody_learns_are_told() -> TestResult {
    let folder = workplace()?;
    let slip = folder.path().join("data/images/dogg");
    fs::create_dir(&slip)?;
    fs::copy(fixture("images/dog/001.png"), slip.join("1.png"))?;
    for idx in 0..4 {
        fs::copy(
            fixture("images/dog/001.png"),
            folder.path().join(format!("data/images/dog/{idx}.png")),
        )?;
    }
    let args = [&train(&LEAKS)[..], &["--no-eval"]].concat();
    let output = succeed(folder.path(), &args)?;
    let warning = "the class `dogg` has 1 photos, and `dog` is nearly its name";
    assert!(stderr(&output).contains(warning), "{}", stderr(&output));
    fs::remove_dir_all(&slip)?;
    let labels = folder.path().join("data/masks/labels.csv");
    let rows = fs::read_to_string(&labels)?;
    fs::write(&labels, rows.replace(",bird,", ",wren,"))?;
    let dataset = folder.path().join("data/masks/dataset.toml");
    let text = fs::read_to_string(&dataset)?;
    fs::write(&dataset, text.replace("\"bird\"", "\"wren\""))?;
    let parts = ["is of the class `wren`", "data.class_names", "[spellings]"];
    fail(folder.path(), &train(&LEAKS)[..], 65, &parts)
}
