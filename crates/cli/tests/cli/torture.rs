//! Runs killed at any moment end, after resuming, with the bytes of an undisturbed one.
//!
//! `cargo xtask torture` runs this with many more moments (`DERMX_TORTURE`), from another seed
//! (`DERMX_TORTURE_SEED`).

use crate::dermx::{Files, QUICK, TestResult, Workplace, results, stderr};
use dermx_data::Random;
use std::error::Error;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Random moments without `DERMX_TORTURE`.
const NUM_MOMENTS: u64 = 7;
/// Calls of checkpoints without `DERMX_TORTURE`: half a first file, a rename, a removal.
const CALLS: [usize; 3] = [4, 24, 39];
/// Random moments of the second kill, in calls.
const NUM_CALLS: usize = 16;

/// A number from the environment.
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

struct Torture {
    workplace: Workplace,
    undisturbed: Files,
    duration: Duration,
    num_cases: usize,
    num_identical: usize,
}

impl Torture {
    fn new() -> Result<Self, Box<dyn Error>> {
        let workplace = Workplace::new()?;
        let start = Instant::now();
        let output = workplace.train("undisturbed/run", &QUICK).output()?;
        assert!(output.status.success(), "{}", stderr(&output));
        let duration = start.elapsed();
        let undisturbed = results(&workplace.join("undisturbed/run"))?;
        Ok(Self { workplace, undisturbed, duration, num_cases: 0, num_identical: 0 })
    }

    /// Starts the run, or goes on with it: one killed before it wrote its configuration starts anew.
    fn go_on(&self, run: &str) -> Command {
        let mut command = self.workplace.train(run, &QUICK);
        if self.workplace.join(run).join("config.toml").exists() {
            command.arg("--resume");
        }
        command.arg("--quiet").stdout(Stdio::null());
        command
    }

    /// Kills the run after `delay`, if it has not ended by then.
    fn kill_after(&self, run: &str, delay: Duration) -> TestResult {
        let mut child = self.go_on(run).stderr(Stdio::null()).spawn()?;
        std::thread::sleep(delay);
        // SIGKILL on Unix; a child that has ended cannot be killed.
        let _ = child.kill();
        child.wait()?;
        Ok(())
    }

    /// Ends the run within its checkpoint call `number`; whether there was such a call.
    fn kill_at(&self, run: &str, number: usize) -> Result<bool, Box<dyn Error>> {
        let fault = format!("abort@{number}");
        let output = self.go_on(run).env("DERMX_TEST_FAULT", fault).output()?;
        let is_killed = !output.status.success();
        assert!(!is_killed || output.status.code().is_none(), "{}", stderr(&output));
        Ok(is_killed)
    }

    /// Lets the run end, and compares it.
    fn finish(&mut self, run: &str, what: &str) -> TestResult {
        self.num_cases += 1;
        let output = self.go_on(run).output()?;
        let folder = self.workplace.join(run);
        match output.status.success() {
            false => eprintln!("{what}: {}", stderr(&output)),
            true => match differing(&self.undisturbed, &results(&folder)?) {
                None => self.num_identical += 1,
                Some(name) => eprintln!("{what}: {name} differs"),
            },
        }
        fs::remove_dir_all(folder.parent().unwrap_or(&folder))?;
        Ok(())
    }
}

/// The first file that is not in both with the same bytes.
fn differing(one: &Files, other: &Files) -> Option<String> {
    let missing = |from: &Files, among: &Files| {
        from.iter().find(|file| !among.contains(file)).map(|(name, _)| name.clone())
    };
    missing(one, other).or_else(|| missing(other, one))
}

#[test]
fn runs_killed_at_any_moment_end_with_the_bytes_of_an_undisturbed_one() -> TestResult {
    let num_moments = variable("DERMX_TORTURE");
    let seed = variable("DERMX_TORTURE_SEED").unwrap_or(0);
    let mut torture = Torture::new()?;
    for case in 0..num_moments.unwrap_or(NUM_MOMENTS) {
        let run = format!("moment-{case}/run");
        let mut random = Random::new(seed, "torture", case, "");
        let first = torture.duration.mul_f64(random.unit());
        torture.kill_after(&run, first)?;
        // Every second run is killed while it resumes, too.
        let second = torture.duration.mul_f64(random.unit());
        if case % 2 == 1 {
            torture.kill_after(&run, second)?;
        }
        torture.finish(&run, &format!("killed after {first:?}, case {case} of seed {seed}"))?;
    }
    let calls: Vec<usize> = match num_moments {
        Some(_) => (1..).take(1000).collect(),
        None => CALLS.to_vec(),
    };
    for number in calls {
        let run = format!("call-{number}/run");
        let is_killed = torture.kill_at(&run, number)?;
        if number % 3 == 0 {
            let second = Random::new(seed, "torture", number as u64, "call").below(NUM_CALLS) + 1;
            torture.kill_at(&run, second)?;
        }
        torture.finish(&run, &format!("killed at call {number}"))?;
        if !is_killed {
            assert!(num_moments.is_some(), "there is no call {number}");
            break;
        }
    }
    let Torture { num_cases, num_identical, .. } = torture;
    eprintln!("{num_identical} of {num_cases} identical");
    assert_eq!(num_identical, num_cases);
    Ok(())
}
