//! Runs killed at any moment end, after resuming, with the bytes of an undisturbed one.
//!
//! `DERMX_TORTURE_SEED` is another seed for the moments.

use super::{Cases, count, ensure, ensure_same, is_full, part};
use crate::dermx::{FAULT, Files, QUICK, TestResult, Workplace, results, stderr};
use dermx_data::Random;
use std::error::Error;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Random moments at full count.
const NUM_MOMENTS: usize = 50;
/// Kills of runs that were killed before, at full count.
const NUM_DOUBLE: usize = 20;
/// Calls that write the checkpoints of a [`QUICK`] run.
const NUM_CALLS: usize = 52;

struct Torture {
    workplace: Workplace,
    undisturbed: Files,
    duration: Duration,
    seed: u64,
}

impl Torture {
    fn new() -> Result<Self, Box<dyn Error>> {
        let workplace = Workplace::new()?;
        let start = Instant::now();
        let output = workplace.train("undisturbed/run", &QUICK).output()?;
        assert!(output.status.success(), "{}", stderr(&output));
        let duration = start.elapsed();
        let undisturbed = results(&workplace.join("undisturbed/run"))?;
        let seed = std::env::var("DERMX_TORTURE_SEED").ok();
        let seed = seed.map_or(0, |text| text.parse().expect("a number"));
        Ok(Self { workplace, undisturbed, duration, seed })
    }

    fn random(&self, what: &str, case: usize) -> Random {
        Random::new(self.seed, what, case as u64, "")
    }

    /// Starts the run, or goes on with it: one killed before it wrote its configuration starts anew.
    fn go_on(&self, run: &str) -> Command {
        let mut command = self.workplace.train_faulty(run, &QUICK);
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
        let output = self.go_on(run).env(FAULT, format!("abort@{number}")).output()?;
        let is_killed = !output.status.success();
        ensure(!is_killed || output.status.code().is_none(), || stderr(&output))?;
        Ok(is_killed)
    }

    /// Lets the run end, and compares it.
    fn finish(&self, run: &str) -> TestResult {
        let output = self.go_on(run).output()?;
        ensure(output.status.success(), || stderr(&output))?;
        let folder = self.workplace.join(run);
        ensure_same(&self.undisturbed, &results(&folder)?)?;
        Ok(fs::remove_dir_all(folder.parent().unwrap_or(&folder))?)
    }

    fn killed_at(&self, run: &str, number: usize) -> TestResult {
        let is_killed = self.kill_at(run, number)?;
        ensure(is_killed, || format!("there is no call {number}"))?;
        self.finish(run)
    }

    /// Kills the run, and again while it resumes: half of the cases at moments, half at calls.
    fn killed_twice(&self, run: &str, case: usize) -> TestResult {
        let mut random = self.random("twice", case);
        if case.is_multiple_of(2) {
            self.kill_after(run, self.duration.mul_f64(random.unit()))?;
            self.kill_after(run, self.duration.mul_f64(random.unit()))?;
        } else {
            self.kill_at(run, random.below(NUM_CALLS) + 1)?;
            self.kill_at(run, random.below(NUM_CALLS / 2) + 1)?;
        }
        self.finish(run)
    }
}

#[test]
fn runs_killed_at_any_moment_end_with_the_bytes_of_an_undisturbed_one() -> TestResult {
    let torture = Torture::new()?;
    let mut cases = Cases::default();
    for case in 0..count(NUM_MOMENTS) {
        let run = format!("moment-{case}/run");
        let delay = torture.duration.mul_f64(torture.random("torture", case).unit());
        let end = torture.kill_after(&run, delay).and_then(|()| torture.finish(&run));
        cases.add(&format!("case {case} of seed {}, killed after {delay:?}", torture.seed), end);
    }
    for number in part((1..=NUM_CALLS).collect(), 4) {
        let end = torture.killed_at(&format!("call-{number}/run"), number);
        cases.add(&format!("killed at call {number}"), end);
    }
    if is_full() {
        assert!(!torture.kill_at("beyond/run", NUM_CALLS + 1)?, "there are more calls");
    }
    cases.end()
}

#[test]
fn runs_killed_again_while_they_resume_end_with_the_bytes_of_an_undisturbed_one() -> TestResult {
    let torture = Torture::new()?;
    let mut cases = Cases::default();
    for case in 0..count(NUM_DOUBLE) {
        let end = torture.killed_twice(&format!("twice-{case}/run"), case);
        cases.add(&format!("case {case} of seed {}, killed twice", torture.seed), end);
    }
    cases.end()
}
