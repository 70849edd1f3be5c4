//! Disks that are full, for every kind of output: the command says so, and leaves no half of a file.

use super::disks::Disks;
use super::{Cases, ensure, part};
use crate::dermx::{Files, QUICK, TestResult, Workplace, command, stderr, stdout};
use crate::search::write_search;
use crate::sweep::plan_args;
use crate::weights::server::{Server, answer};
use std::error::Error;
use std::fs::{self, File};
use std::path::Path;

/// Room for everything.
const PLENTY: u64 = 200_000_000;

/// Files that grow line by line, or tell of the machine and the hour.
const INCIDENTAL: [&str; 3] = ["environment.json", "timings.jsonl", ".lock"];
const GROWING: [&str; 2] = ["journal.jsonl", "events.out.tfevents.0000000000.dermx"];

/// Something that is written.
struct Writing {
    name: &'static str,
    /// The arguments; outputs are below `disk`.
    args: Vec<String>,
    /// Bytes that are left on the disk.
    left: u64,
    /// The folder whose content is on the disk before.
    before: Option<&'static str>,
}

fn writing(name: &'static str, args: &str, left: u64) -> Writing {
    let args = args.split(' ').map(str::to_string).collect();
    Writing { name, args, left, before: None }
}

/// Everything that writes files, of a finished run in `run` on the data in `data`; `url` is a server of
/// weights, and those of the run take `weights_bytes`.
fn writings(url: &str, weights_bytes: u64) -> Vec<Writing> {
    let train = |run: &str, more: &[&str]| -> Vec<String> {
        let args = Workplace::train_args(run).into_iter();
        args.chain(QUICK.iter().chain(more).map(ToString::to_string)).collect()
    };
    let of = |name, args, left| Writing { name, args, left, before: None };
    let search = ["search", "--config", "search.toml", "--run", "disk/search", "--quiet"];
    let fetch = format!("weights fetch network-eb0bfbf9.pth --dir disk/cache --base-url {url}");
    let resume = "train --resume --run disk/run --quiet";
    let goes_on = |name, left| Writing { before: Some("half"), ..writing(name, resume, left) };
    let cached = ["--no-eval", "--set", "data.decoded_cache=disk/cache"];
    let photos = "--run run --images data/dermx/images";
    vec![
        of("a run folder", train("disk/run", &[]), 0),
        of("half a run folder", train("disk/run", &[]), 12_288),
        of("checkpoints", train("disk/run", &[]), 6_000_000),
        of("decoded photos", train("run-2", &cached), 8_192),
        goes_on("a run gone on with", 0),
        goes_on("weights of a run", 24_576),
        goes_on("heat maps of a run", weights_bytes + 80_000),
        goes_on("scores and report of a run", weights_bytes + 1_000_000),
        of("a search", search.map(str::to_string).to_vec(), 8_192),
        of("the plan of a sweep", plan_args("disk/sweep", &["--seeds", "0"]), 0),
        writing("predictions", &format!("predict {photos} --out disk/p.csv"), 0),
        writing("heat maps", &format!("explain {photos} --out disk/maps"), 8_192),
        writing("scores of a run", "evaluate --run run --out disk/scores", 0),
        writing(
            "scores",
            "evaluate --predictions run/seed-0/predictions.csv --heatmaps run/seed-0/heatmaps --data \
             data/dermx --size 60x80 --partial --out disk/scores",
            4_096,
        ),
        writing("a report", "report run --out disk/report", 8_192),
        writing("what lies beside a report", "report run --out disk/report", 250_000),
        writing("tables", "dataset tables --data data/dermx --out disk/tables", 0),
        writing("annotations", "dataset convert data/dermx --to coco --out disk/coco", 4_096),
        writing("masks", "dataset convert data/dermx --to masks --out disk/masks", 8_192),
        writing("a list of files", "dataset check --write-manifest disk/m --folder data", 0),
        writing("synthetic data", "synth --out disk/data --images 6 --train-images 6", 65_536),
        writing(
            "weights",
            "weights convert run/seed-0/weights.safetensors disk/w.safetensors",
            4_096,
        ),
        writing("fetched weights", &fetch, 4_096),
        Writing { before: Some("photos"), ..writing("a dataset.toml", "dataset init disk", 0) },
    ]
}

/// All files below `folder` by relative name.
fn files(folder: &Path) -> Result<Files, Box<dyn Error>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current)? {
            let path = entry?.path();
            match path.is_dir() {
                // What is being saved is not there yet.
                true if path.ends_with(".saving") => {}
                true => folders.push(path),
                false => {
                    found
                        .push((path.strip_prefix(folder)?.display().to_string(), fs::read(&path)?));
                }
            }
        }
    }
    Ok(found)
}

/// An error that names a file of `after` that is not whole, given those of an undisturbed command.
fn ensure_whole(after: &Path, undisturbed: &Path) -> TestResult {
    let whole = files(undisturbed)?;
    for (name, bytes) in files(after)? {
        let last = name.rsplit('/').next().unwrap_or_default();
        let is_partial = last.contains(".partial") || last.contains(".part");
        if is_partial || INCIDENTAL.contains(&last) || bytes.is_empty() {
            continue;
        }
        let found = whole.iter().find(|(other, _)| *other == name);
        let is_same = match found {
            // A checkpoint that was removed later.
            None => name.contains("/checkpoints/"),
            Some((_, other)) if GROWING.contains(&last) => other.starts_with(&bytes),
            Some((_, other)) => {
                *other == bytes || last.ends_with("run.json") || last == "heatmaps.json"
            }
        };
        ensure(is_same, || format!("{name} is not whole"))?;
    }
    Ok(())
}

fn fails_with_74(disks: Disks, workplace: &Workplace, writing: &Writing) -> TestResult {
    let args: Vec<&str> = writing.args.iter().map(String::as_str).collect();
    let before = writing.before.map(|name| workplace.join(name));
    let run = |left| disks.run(workplace.path(), before.as_deref(), left, &args);
    let (output, after) = run(writing.left)?;
    let message = stderr(&output);
    ensure(output.status.code() == Some(74), || format!("{}: {message}", output.status))?;
    ensure(message.contains("disk"), || format!("no file in: {message}"))?;
    let is_said = ["No space left", "too large"].iter().any(|part| message.contains(part));
    ensure(is_said, || format!("no reason in: {message}"))?;
    ensure(!message.contains("panicked"), || message.clone())?;
    ensure(stdout(&output).is_empty(), || format!("said {}", stdout(&output)))?;
    let (output, undisturbed) = run(PLENTY)?;
    ensure(output.status.success(), || format!("undisturbed: {}", stderr(&output)))?;
    ensure_whole(&after, &undisturbed)
}

#[test]
fn a_full_disk_ends_whatever_writes_with_74_and_no_half_of_a_file() -> TestResult {
    let weights = b"weights".repeat(2000);
    let server = Server::start(move |_, _| answer("200 OK", "", &weights, weights.len()));
    let workplace = Workplace::new()?;
    let space = "\"train.learning_rate\" = [0.001]\n";
    write_search(&workplace, "max_trials = 1", space)?;
    assert!(workplace.train("run", &QUICK).output()?.status.success());
    assert!(workplace.train("half/run", &QUICK).arg("--no-eval").output()?.status.success());
    // The newest checkpoint is enough to go on from.
    fs::remove_dir_all(workplace.join("half/run/seed-0/checkpoints/epoch-00001-step-000004"))?;
    let weights = workplace.join("half/run/seed-0/weights.safetensors");
    let weights_bytes = fs::metadata(&weights)?.len();
    fs::remove_file(weights)?;
    crate::dermx::copy(&workplace.join("data/train"), &workplace.join("photos"))?;
    let disks = Disks::find();
    let mut cases = Cases::default();
    for writing in part(writings(&server.url, weights_bytes), 4) {
        cases.add(writing.name, fails_with_74(disks, &workplace, &writing));
    }
    cases.end()
}

/// Everything that prints a result.
const PRINTING: [&[&str]; 12] = [
    &["config", "show", "--config", "quickstart.toml"],
    &["config", "keys"],
    &["dataset", "describe", "--data", "data/dermx"],
    &["dataset", "tables", "--data", "data/dermx"],
    &["dataset", "check", "--data", "data/dermx", "--json"],
    &["evaluate", "--baselines", "--data", "data/dermx", "--size", "60x80"],
    &["evaluate", "--run", "run", "--out", "scores", "--json"],
    &["audit", "--matrices", "run/eval.json"],
    &["weights", "inspect", "run/seed-0/weights.safetensors"],
    &["verify", "run"],
    &["backends"],
    &["report", "run", "--out", "report"],
];

#[test]
fn a_result_that_cannot_be_printed_is_no_success() -> TestResult {
    if !Path::new("/dev/full").exists() {
        eprintln!("there is no /dev/full: SKIPPED");
        return Ok(());
    }
    let workplace = Workplace::new()?;
    assert!(workplace.train("run", &QUICK).output()?.status.success());
    let mut cases = Cases::default();
    for args in part(PRINTING.to_vec(), 6) {
        let mut printing = command(workplace.path(), args);
        let full = File::options().write(true).open("/dev/full")?;
        let output = printing.arg("--quiet").stdout(full).output()?;
        let message = stderr(&output);
        let is_told = output.status.code() == Some(74) && message.contains("standard output");
        let end = ensure(is_told, || format!("{}: {message}", output.status));
        cases.add(&args.join(" "), end);
    }
    cases.end()
}
