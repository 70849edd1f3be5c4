//! Checkpoints of another run, network, class list or version are refused with what differs.

use super::{Cases, ensure, part};
use crate::dermx::{FAULT, QUICK, TestResult, Workplace, copy, fail, stderr};
use std::fs;
use std::path::Path;

/// What is changed in a run's configuration, and what is then said of its checkpoints.
const CHANGES: [(&str, &str, &str); 9] = [
    (
        "learning_rate = 0.0005",
        "learning_rate = 0.25",
        "train.learning_rate: before 0.0005, now 0.25",
    ),
    (
        "architecture = \"mobilenet_v2\"",
        "architecture = \"efficientnet_b0\"",
        "model.architecture: before \"mobilenet_v2\", now \"efficientnet_b0\"",
    ),
    ("brightness = \"none\"", "brightness = [0.5, 1.5]", "augment.brightness: before \"none\""),
    ("beta_1 = ", "beta_1 = 0.5 # ", "train.optimizer.beta_1"),
    ("batch_size = 4", "batch_size = 3", "train.batch_size: before 4, now 3"),
    ("epochs = 2", "epochs = 3", "run.epochs: before 2, now 3"),
    ("last_stride = 2", "last_stride = 1", "model.last_stride: before 2, now 1"),
    ("size = [32, 40]", "size = [40, 32]", "input.size"),
    ("label_smoothing = ", "label_smoothing = 0.25 # ", "train.label_smoothing"),
];

/// Writes `text` for a file of the checkpoint `folder`, as if it had been saved.
fn replace(folder: &Path, name: &str, text: &str) -> TestResult {
    let (file, manifest) = (folder.join(name), folder.join("manifest.json"));
    let before = blake3::hash(&fs::read(&file)?).to_string();
    let now = blake3::hash(text.as_bytes()).to_string();
    fs::write(&manifest, fs::read_to_string(&manifest)?.replace(&before, &now))?;
    Ok(fs::write(file, text)?)
}

/// The newest checkpoint of the run `run`.
fn newest(run: &Path) -> Result<std::path::PathBuf, Box<dyn std::error::Error>> {
    let entries = fs::read_dir(run.join("seed-0/checkpoints"))?.flatten();
    let whole = entries.map(|entry| entry.path()).filter(|path| !path.ends_with(".saving"));
    whole.max().ok_or_else(|| "no checkpoint".into())
}

/// Expects that going on with `run` is refused with 65 and `parts`, and changes no checkpoint.
fn refused(workplace: &Workplace, run: &str, parts: &[&str]) -> TestResult {
    let before = newest(&workplace.join(run))?;
    fail(workplace.path(), &["train", "--resume", "--run", run], 65, parts)?;
    ensure(newest(&workplace.join(run))? == before, || "a checkpoint is gone".to_string())
}

#[test]
fn checkpoints_of_others_are_refused_with_what_differs() -> TestResult {
    let workplace = Workplace::new()?;
    // Each run ends in its third save: two checkpoints are there.
    let unfinished = |run: &str, more: &[&str]| -> TestResult {
        let settings = [&QUICK[..], more].concat();
        let output = workplace.train_faulty(run, &settings).env(FAULT, "ENOSPC@30").output()?;
        ensure(output.status.code() == Some(74), || stderr(&output))
    };
    unfinished("run", &[])?;
    unfinished("weighted", &["--set", "train.class_weights=none"])?;
    let mut cases = Cases::default();
    for (idx, (before, now, told)) in part(CHANGES.to_vec(), 3).into_iter().enumerate() {
        let run = format!("changed-{idx}");
        copy(&workplace.join("run"), &workplace.join(&run))?;
        let config = workplace.join(&run).join("config.toml");
        let text = fs::read_to_string(&config)?;
        assert!(text.contains(before), "{before} not in {text}");
        fs::write(&config, text.replacen(before, now, 1))?;
        cases.add(told, refused(&workplace, &run, &["belongs to another run", told]));
    }

    // A folder of checkpoints that was copied from another run.
    copy(&workplace.join("run"), &workplace.join("exchanged"))?;
    fs::remove_dir_all(workplace.join("exchanged/seed-0/checkpoints"))?;
    let checkpoints = "seed-0/checkpoints";
    let other = workplace.join("weighted").join(checkpoints);
    copy(&other, &workplace.join("exchanged").join(checkpoints))?;
    let told = ["belongs to another run", "train.class_weights"];
    cases.add("checkpoints of another run", refused(&workplace, "exchanged", &told));

    // What another version of the program would write.
    copy(&workplace.join("run"), &workplace.join("version"))?;
    replace(&newest(&workplace.join("version"))?, "state.json", "{\"epochs_done\": \"two\"}")?;
    let told = ["another version", "state.json"];
    cases.add("another version", refused(&workplace, "version", &told));

    // Classes in another order.
    copy(&workplace.join("run"), &workplace.join("classes"))?;
    let config = workplace.join("classes/config.toml");
    let text = fs::read_to_string(&config)?;
    let list = text.lines().find(|line| line.starts_with("classes = ")).ok_or("no classes")?;
    let (first, rest) =
        list.split_once('[').and_then(|(_, rest)| rest.split_once(", ")).ok_or("one class")?;
    let turned = format!("classes = [{}, {first}]", rest.trim_end_matches(']'));
    fs::write(&config, text.replace(list, &turned))?;
    cases.add("classes in another order", refused(&workplace, "classes", &["data.classes"]));
    cases.end()
}
