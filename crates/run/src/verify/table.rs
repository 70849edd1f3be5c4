//! What was checked, and how it came out.

use crate::error::{RunError, RunResult};
use dermx_table::{Column, Table};
use serde::Serialize;
use std::path::Path;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As the certificate says.
    Equal,
    /// Not as the certificate says.
    Differs,
    /// There was nothing to check.
    Skipped,
    /// For the reader.
    Note,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// The seed; without one, it is about the whole run.
    pub seed: Option<u64>,
    /// What was checked.
    pub what: String,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found.
    pub detail: String,
}

/// All checks in order.
#[derive(Debug, Default)]
pub struct Checks {
    /// The checks.
    pub checks: Vec<Check>,
    seed: Option<u64>,
}

impl Checks {
    /// What follows is about `seed`.
    pub fn of_seed(&mut self, seed: u64) {
        self.seed = Some(seed);
    }

    /// What follows is about the run.
    pub fn of_run(&mut self) {
        self.seed = None;
    }

    /// `what` is as it has to be.
    pub fn equal(&mut self, what: &str, detail: impl Into<String>) {
        self.add(what, Verdict::Equal, detail.into());
    }

    /// `what` is not as it has to be.
    pub fn differ(&mut self, what: &str, detail: impl Into<String>) {
        self.add(what, Verdict::Differs, detail.into());
    }

    /// `what` could not be checked, and need not be.
    pub fn skip(&mut self, what: &str, detail: impl Into<String>) {
        self.add(what, Verdict::Skipped, detail.into());
    }

    /// Something for the reader.
    pub fn note(&mut self, what: &str, detail: impl Into<String>) {
        self.add(what, Verdict::Note, detail.into());
    }

    /// What `read` reads; a failure is a difference.
    pub fn read<T>(&mut self, what: &str, read: impl FnOnce() -> RunResult<T>) -> Option<T> {
        read().map_err(|error| self.differ(what, error.to_string())).ok()
    }

    /// `found` has to be `expected`.
    pub fn compare(&mut self, what: &str, found: &str, expected: &str, detail: &str) {
        match found == expected {
            true => self.equal(what, detail),
            false => self.differ(what, format!("{detail}: found {found}, certified {expected}")),
        }
    }

    /// Whether anything about the run or the present seed differs.
    pub fn has_differences(&self) -> bool {
        let is_about = |check: &&Check| check.seed.is_none() || check.seed == self.seed;
        self.checks.iter().filter(is_about).any(|check| check.verdict == Verdict::Differs)
    }

    /// For the terminal.
    pub fn text(&self) -> String {
        let columns = ["of", "check", "verdict", "found"].map(Column::text);
        let mut table = Table::new("checks", "", columns);
        for Check { seed, what, verdict, detail } in &self.checks {
            let of = seed.map_or("run".to_string(), |seed| format!("seed {seed}"));
            let verdict = match verdict {
                Verdict::Equal => "equal",
                Verdict::Differs => "DIFFERS",
                Verdict::Skipped => "skipped",
                Verdict::Note => "note",
            };
            table.push([of.into(), what.into(), verdict.into(), detail.into()]);
        }
        table.terminal()
    }

    /// # Errors
    /// Something differs: with the name of each.
    pub fn result(&self, run: &Path) -> RunResult<()> {
        let differing = self.checks.iter().filter(|check| check.verdict == Verdict::Differs);
        let lines: Vec<String> = differing
            .map(|check| {
                let seed = check.seed.map_or(String::new(), |seed| format!("seed {seed}, "));
                format!("\n  {seed}{}: {}", check.what, check.detail)
            })
            .collect();
        if lines.is_empty() {
            return Ok(());
        }
        let message =
            format!("{}: not what its certificates say:{}", run.display(), lines.concat());
        Err(RunError::bad_data(message))
    }

    fn add(&mut self, what: &str, verdict: Verdict, detail: String) {
        self.checks.push(Check { seed: self.seed, what: what.to_string(), verdict, detail });
    }
}
