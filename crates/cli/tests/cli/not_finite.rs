//! Training that is not finite ends with exit code 70 and leaves nothing of it behind.

use crate::dermx::{QUICK, TestResult, Workplace, fail};
use std::fs;

#[test]
fn a_single_step_that_leaves_the_floats_is_no_success() -> TestResult {
    let workplace = Workplace::new()?;
    // One step, after which there is neither a loss nor a validation photo to tell.
    let settings = [
        "--set",
        "train.learning_rate=1e38",
        "--set",
        "run.epochs=1",
        "--set",
        "train.batch_size=24",
    ];
    let args = [Workplace::train_args("run"), QUICK.map(String::from).to_vec()].concat();
    let args: Vec<&str> = args.iter().map(String::as_str).chain(settings).collect();
    let parts = [
        "` holds ",
        "epoch 1, step 1,",
        "learning rate was 1e38",
        "lower train.learning_rate",
        "no checkpoint",
    ];
    fail(workplace.path(), &args, 70, &parts)?;
    for _ in 0..2 {
        fail(workplace.path(), &["train", "--run", "run", "--resume"], 70, &parts)?;
    }
    let seed = workplace.join("run/seed-0");
    let mut names = Vec::new();
    for entry in fs::read_dir(&seed).into_iter().flatten() {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    for name in ["checkpoints", "weights.safetensors", "metrics.jsonl", "predictions.csv"] {
        assert!(!names.iter().any(|found| found == name), "{name} in {names:?}");
    }
    Ok(())
}

#[test]
fn learning_rates_without_end_are_refused_as_configuration() -> TestResult {
    let workplace = Workplace::new()?;
    for rate in ["inf", "nan", "-1.0", "1e39"] {
        let rate = format!("train.learning_rate={rate}");
        let parts = ["`train.learning_rate` is ", "it has to be a positive number"];
        let args = ["train", "--config", "quickstart.toml", "--set", &rate];
        fail(workplace.path(), &args, 78, &parts)?;
    }
    Ok(())
}

#[test]
fn squares_with_gaps_are_refused_before_anything_is_read() -> TestResult {
    let workplace = Workplace::new()?;
    let network = ["--arch", "resnet18", "--weights", "none.pth", "--images", "none"];
    let squares = ["--method", "occlusion", "--patch", "8", "--stride", "16", "--out", "maps"];
    let args = [&["explain"][..], &network, &squares].concat();
    fail(workplace.path(), &args, 2, &["squares of 8 pixels every 16 pixels", "no square covers"])?;
    assert!(!workplace.join("maps").exists());
    let gaps = ["--set", "explain.method={ name = \"occlusion\", patch_px = 8, stride_px = 16 }"];
    let args = [&["train", "--config", "quickstart.toml"][..], &gaps].concat();
    let parts = ["`explain.method.stride_px` is 16", "explain.method.patch_px, 8"];
    fail(workplace.path(), &args, 78, &parts)
}
