//! Learning from outlines: the same bytes whatever happens, and scores by raters who did not teach.

use crate::dermx::{QUICK, TestResult, Workplace, assert_same_results, fail, stderr, succeed};
use std::collections::BTreeSet;
use std::error::Error;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Raters who teach, and raters who judge.
const TEACHERS: &str = "train.objective.raters=[\"derm1\", \"derm2\", \"derm3\", \"derm4\"]";
const JUDGES: &str = "evaluate.raters=[\"derm5\", \"derm6\", \"derm7\", \"derm8\"]";

/// Settings of a guided run of a data set with outlines that is made in `outlined`.
fn settings(workplace: &Workplace) -> Result<Vec<&'static str>, Box<dyn Error>> {
    let args =
        ["synth", "--out", "outlined", "--images", "12", "--train-images", "6", "--seed", "5"];
    succeed(workplace.path(), &args)?;
    let guided = ["data.train=outlined/dermx", "train.objective.name=guided", TEACHERS, JUDGES];
    Ok(QUICK.into_iter().chain(guided.iter().flat_map(|one| ["--set", one])).collect())
}

#[test]
fn a_guided_run_that_was_killed_and_one_of_other_threads_have_the_same_bytes() -> TestResult {
    let workplace = Workplace::new()?;
    let settings = settings(&workplace)?;
    let whole = workplace.train("whole/run", &settings).env("RAYON_NUM_THREADS", "2").output()?;
    assert!(whole.status.success(), "{}", stderr(&whole));

    let mut killed = workplace.train("killed/run", &settings);
    let mut killed = killed.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let checkpoint = workplace.join("killed/run/seed-0/checkpoints/epoch-00001-step-000000");
    let begin = Instant::now();
    while !checkpoint.exists() {
        assert!(begin.elapsed() < Duration::from_secs(300), "no checkpoint");
        std::thread::sleep(Duration::from_millis(1));
    }
    killed.kill()?;
    killed.wait()?;
    let mut resumed = workplace.train("killed/run", &settings);
    let resumed = resumed.args(["--resume", "--quiet"]).env("RAYON_NUM_THREADS", "1").output()?;
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert_same_results(&workplace.join("whole/run"), &workplace.join("killed/run"))?;

    succeed(workplace.path(), &["verify", "whole/run", "--epochs", "all", "--quiet"])?;
    let metrics = std::fs::read_to_string(workplace.join("whole/run/seed-0/metrics.csv"))?;
    let header = metrics.lines().next().unwrap_or_default();
    for part in ["train_loss_attention", "train_loss_characteristics", "train_loss_diagnosis"] {
        assert!(header.contains(part), "{header}");
    }
    let rows = std::fs::read_to_string(workplace.join("whole/run/seed-0/per_image.csv"))?;
    let raters: BTreeSet<&str> =
        rows.lines().skip(1).filter_map(|row| row.split(',').nth(1)).collect();
    let judges = ["derm5", "derm6", "derm7", "derm8"];
    assert!(!raters.is_empty() && raters.iter().all(|rater| judges.contains(rater)), "{raters:?}");
    Ok(())
}

/// The published head: classes are told from the concepts, too.
const SKIP: [&str; 4] =
    ["--set", "train.objective.skip=true", "--set", "train.objective.concepts=[\"Plaque\"]"];

#[test]
fn a_network_that_tells_classes_from_concepts_is_whole_without_the_objective() -> TestResult {
    let workplace = Workplace::new()?;
    let settings = settings(&workplace)?;
    let settings: Vec<&str> = settings.into_iter().chain(SKIP).collect();
    let run = workplace.train("skip/run", &settings).output()?;
    assert!(run.status.success(), "{}", stderr(&run));
    succeed(workplace.path(), &["verify", "skip/run", "--epochs", "all", "--quiet"])?;
    let weights = "skip/run/seed-0/weights.safetensors";
    let mut told = Vec::new();
    for (from, out) in [(["--run", "skip/run"], "run.csv"), (["--weights", weights], "file.csv")] {
        let images = ["predict", "--images", "data/train", "--out", out];
        succeed(workplace.path(), &[&images[..], &from].concat())?;
        told.push(std::fs::read_to_string(workplace.join(out))?);
    }
    assert!(told[0].lines().count() > 1);
    assert_eq!(told[0], told[1]);
    Ok(())
}

#[test]
fn what_cannot_be_learned_from_is_refused_before_the_work() -> TestResult {
    let workplace = Workplace::new()?;
    let settings = settings(&workplace)?;
    let refused = |more: &[&str], parts: &[&str]| {
        let args: Vec<String> = Workplace::train_args("run")
            .into_iter()
            .chain(settings.iter().chain(more).map(ToString::to_string))
            .collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let code = if parts[0] == "has no outlines" { 65 } else { 78 };
        fail(workplace.path(), &args, code, parts)
    };
    refused(
        &["--set", "train.objective.raters=[\"derm9\"]"],
        &["train.objective.raters", "no `derm9`", "derm8"],
    )?;
    refused(
        &["--set", "train.objective.concepts=[\"Plague\"]"],
        &["train.objective.concepts", "no `Plague`", "Plaque"],
    )?;
    refused(&SKIP[..2], &["train.objective.skip", "needs the concepts by name"])?;
    let other = [&SKIP[..], &["--set", "model.head=flatten"]].concat();
    refused(&other, &["train.objective.skip", "model.head = \"gap\""])?;
    refused(&["--set", "train.mixup_alpha=0.2"], &["outlines of mixed images mean nothing"])?;
    refused(&["--set", "data.train=data/train"], &["has no outlines"])?;
    Ok(())
}
