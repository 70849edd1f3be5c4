//! What each command prints when it is done.

use super::{Snapshots, train_line, with_hand_made_maps};
use crate::dermx::{TestResult, Workplace};
use crate::search::{search_args, write_search};
use crate::sweep::plan_args;
use std::fs;
use std::path::Path;

#[test]
fn data_and_hand_made_maps() -> TestResult {
    let workplace = Workplace::new()?;
    let folder = workplace.path();
    with_hand_made_maps(folder)?;
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/published");
    for name in ["confusion_matrices.json", "paper_tables.json"] {
        fs::copy(published.join(name), workplace.join(name))?;
    }
    let sound = "--data data/dermx --images data/dermx/images --split train=data/train";
    let predictions = "--data hand/data --heatmaps hand/maps --predictions hand/predictions.csv";
    let predictions = format!("{predictions} --size 30x40");
    let mut snapshots = Snapshots::new("data");
    for (name, line) in [
        ("synth", "synth --out new --images 6 --train-images 6"),
        ("dataset_describe", "dataset describe --data hand/data"),
        ("dataset_tables", "dataset tables --data hand/data"),
        ("dataset_check", &format!("dataset check {sound}")),
        ("audit", "audit --matrices confusion_matrices.json --tables paper_tables.json"),
        ("backends", "backends"),
        ("evaluate", &format!("evaluate {predictions} --out scores")),
        ("evaluate_baselines", "evaluate --baselines --data hand/data --size 30x40"),
        ("evaluate_localization", &format!("evaluate {predictions} --localization")),
        ("evaluate_by", &format!("evaluate {predictions} --by disease --min-images 1")),
        ("evaluate_by_correct", &format!("evaluate {predictions} --by correct --average median")),
        ("evaluate_as_they_are", &format!("evaluate {predictions} --no-normalize --no-quantize")),
        (
            "evaluate_all_rows",
            &format!("evaluate {predictions} --rows all --union-average classes"),
        ),
        ("evaluate_against", &format!("evaluate {predictions} --average median --against scores")),
    ] {
        snapshots.run(folder, name, line)?;
    }
    snapshots.finish()
}

#[test]
fn runs_of_networks() -> TestResult {
    let workplace = Workplace::new()?;
    let folder = workplace.path();
    let mut snapshots = Snapshots::new("runs");
    let images = "--run run --images data/dermx/images --quiet";
    for (name, line) in [
        ("train", train_line("run").as_str()),
        ("train_no_eval", &format!("{} --no-eval --seed 1", train_line("other"))),
        ("train_resume", "train --run other --resume --quiet"),
        ("verify", "verify run"),
        ("predict", &format!("predict {images} --out p.csv")),
        ("watch", "watch run --once"),
        ("explain", &format!("explain {images} --out maps")),
        ("evaluate_run", "evaluate --run run"),
        ("evaluate_run_against", "evaluate --run run --against other"),
        ("report_of_one", "report run --out page"),
        ("report_of_two", "report run other --out pages"),
        ("weights_inspect", "weights inspect run/seed-0/weights.safetensors"),
        ("weights_convert", "weights convert run/seed-0/weights.safetensors w.safetensors"),
        ("bench", "bench --arch resnet18 --batch 1 --size 32x32 --steps 1"),
        ("bench_layers", "bench --arch resnet18 --batch 1 --size 32x32 --steps 1 --layers"),
    ] {
        snapshots.run_without_numbers(folder, name, line)?;
    }
    snapshots.finish()
}

#[test]
fn sweeps_and_searches() -> TestResult {
    let workplace = Workplace::new()?;
    let folder = workplace.path();
    let short = ["--set", "run.epochs=1", "--seeds", "0-1", "--dry-run"];
    let plan = plan_args("sweep", &short).join(" ").replace("[32, 40]", "[32,+40]");
    let plan = plan.replace("[60, 80]", "[60,+80]");
    let space = "\"train.learning_rate\" = [0.001, 0.01]\n";
    write_search(&workplace, "sampler = \"grid\"\npruner = \"none\"\n", space)?;
    let search = search_args("search", &["--set", "run.epochs=1"]);
    let mut snapshots = Snapshots::new("plans");
    for (name, line) in [
        ("sweep_plan", plan.as_str()),
        ("sweep_status", "sweep status sweep"),
        ("sweep_run", "sweep run sweep --quiet"),
        ("sweep_status_done", "sweep status sweep"),
        ("sweep_collect", "sweep collect sweep --quiet"),
        ("search", &search.join(" ")),
    ] {
        snapshots.run_without_numbers(folder, name, line)?;
    }
    snapshots.finish()
}
