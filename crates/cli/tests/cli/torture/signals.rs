//! Every signal that asks to end, in every phase of every sort of command: what saves ends with 75 within
//! ten seconds and goes on to the same end, what does not ends as the system ends it.

use super::{Cases, ensure, ensure_same, part};
use crate::dermx::{Files, QUICK, TestResult, Workplace, command, results, stderr};
use crate::search::{search_args, write_search};
use crate::signals::{End, SIGNALS, after_a_while, expect_end, long_work};
use crate::sweep::plan_args;
use nix::sys::signal::Signal;
use std::error::Error;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// Files of a run folder that tell how far its training got.
const MOMENTS: [&str; 5] = [
    "config.toml",
    "seed-0/checkpoints/epoch-00000-step-000004",
    "seed-0/checkpoints/epoch-00001-step-000000",
    "seed-0/weights.safetensors",
    "seed-0/predictions.csv",
];

/// Something that is interrupted.
#[derive(Clone)]
enum Phase {
    /// Training and testing, from a file on.
    Run(&'static str),
    Search,
    Sweep,
    /// Work that saves nothing, with these arguments.
    Long(Vec<String>),
    Download,
}

struct Place {
    workplace: Workplace,
    undisturbed: Files,
    /// Takes connections, and never answers.
    silent: TcpListener,
}

impl Place {
    fn new() -> Result<Self, Box<dyn Error>> {
        let workplace = Workplace::new()?;
        assert!(workplace.train("undisturbed/run", &QUICK).output()?.status.success());
        let undisturbed = results(&workplace.join("undisturbed/run"))?;
        write_search(&workplace, "max_trials = 2", "\"train.learning_rate\" = [0.001, 0.002]\n")?;
        Ok(Self { workplace, undisturbed, silent: TcpListener::bind("127.0.0.1:0")? })
    }

    fn command(&self, args: &[impl AsRef<str>]) -> Command {
        let args: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
        command(self.workplace.path(), &args)
    }

    /// Sends `signal` in `phase`, whose outputs are in the folder `name`.
    fn interrupt(&self, phase: &Phase, signal: Signal, name: &str) -> TestResult {
        let folder = self.workplace.join(name);
        fs::create_dir(&folder)?;
        match phase {
            Phase::Run(file) => self.interrupt_run(file, signal, &format!("{name}/run")),
            Phase::Search => {
                let run = format!("{name}/search");
                let args = search_args(&run, &[]);
                let is_ready = || num_lines(&folder.join("search/journal.jsonl")) > 2;
                expect_end(self.command(&args), signal, End::Stopped, &is_ready)?;
                self.succeed(&search_args(&run, &["--resume"]))
            }
            Phase::Sweep => {
                let sweep = format!("{name}/sweep");
                let args = plan_args(&sweep, &["--seeds", "0-1"]);
                let is_ready = || has_entries(&folder.join("sweep/claims"));
                expect_end(self.command(&args), signal, End::Stopped, &is_ready)?;
                self.succeed(&["sweep", "run", &sweep])?;
                let status = self.command(&["sweep", "status", &sweep, "--json"]).output()?;
                let status: serde_json::Value = serde_json::from_slice(&status.stdout)?;
                ensure(status["num_done"] == 2, || status.to_string())
            }
            Phase::Long(args) => {
                let mut command = self.command(args);
                let ready = after_a_while();
                command.current_dir(&folder);
                // What they read is beside their folder.
                std::os::unix::fs::symlink(self.workplace.join("data"), folder.join("data"))?;
                std::os::unix::fs::symlink(self.workplace.join("many"), folder.join("many"))?;
                expect_end(command, signal, End::BySignal, &ready)
            }
            Phase::Download => {
                let url = format!("http://{}", self.silent.local_addr()?);
                let cache = format!("{name}/cache");
                let file = "resnet18-f37072fd.pth";
                let args = ["weights", "fetch", file, "--dir", &cache, "--base-url", &url];
                let is_ready = || folder.join("cache").exists();
                expect_end(self.command(&args), signal, End::BySignal, &is_ready)
            }
        }
    }

    fn interrupt_run(&self, file: &str, signal: Signal, run: &str) -> TestResult {
        let folder = self.workplace.join(run);
        let training = self.workplace.train(run, &QUICK);
        expect_end(training, signal, End::Stopped, &|| folder.join(file).exists())?;
        let output = self.workplace.train(run, &QUICK).args(["--resume", "--quiet"]).output()?;
        ensure(output.status.success(), || stderr(&output))?;
        ensure_same(&self.undisturbed, &results(&folder)?)
    }

    fn succeed(&self, args: &[&str]) -> TestResult {
        let output = self.command(args).output()?;
        ensure(output.status.success(), || format!("{args:?}: {}", stderr(&output)))
    }
}

fn num_lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

fn has_entries(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

#[test]
fn signals_end_every_command_in_every_phase_and_what_saves_goes_on() -> TestResult {
    let place = Place::new()?;
    let mut phases: Vec<(String, Phase)> =
        MOMENTS.iter().map(|file| (format!("train at {file}"), Phase::Run(file))).collect();
    phases.push(("search".to_string(), Phase::Search));
    phases.push(("sweep".to_string(), Phase::Sweep));
    for args in long_work(&place.workplace)? {
        phases.push((args[..2].join(" "), Phase::Long(args)));
    }
    phases.push(("weights fetch".to_string(), Phase::Download));

    let all: Vec<_> =
        phases.iter().flat_map(|phase| SIGNALS.map(|signal| (phase, signal))).collect();
    let mut cases = Cases::default();
    for (idx, ((name, phase), signal)) in part(all, 4).into_iter().enumerate() {
        let end = place.interrupt(phase, signal, &format!("case-{idx}"));
        cases.add(&format!("{signal} at {name}"), end);
    }
    cases.end()
}
