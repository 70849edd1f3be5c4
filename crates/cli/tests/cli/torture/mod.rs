//! The fault table of CONTRIBUTING.md, as far as it takes processes.
//!
//! `cargo xtask torture` runs it at full count (`DERMX_TORTURE=full`), the ordinary tests a tenth of it.

mod determinism;
#[cfg(unix)]
mod disks;
mod foreign;
#[cfg(unix)]
mod full_disk;
mod io_faults;
mod kills;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(unix)]
mod signals;

use crate::dermx::{Files, TestResult};
use std::error::Error;

/// Whether all cases are tried.
pub fn is_full() -> bool {
    std::env::var("DERMX_TORTURE").is_ok_and(|count| count == "full")
}

/// A tenth of `full`, or all.
pub fn count(full: usize) -> usize {
    if is_full() { full } else { full.div_ceil(10) }
}

/// All of `cases`, or `num` that are spread evenly over them.
pub fn part<T>(cases: Vec<T>, num: usize) -> Vec<T> {
    let total = cases.len();
    let num = if is_full() { total } else { num.min(total) };
    let is_one = |idx: usize| (idx + 1) * num / total > idx * num / total;
    cases.into_iter().enumerate().filter(|(idx, _)| is_one(*idx)).map(|(_, case)| case).collect()
}

/// How many cases came out as they have to.
#[derive(Default)]
pub struct Cases {
    num: usize,
    problems: Vec<String>,
}

impl Cases {
    /// One more case, `name`, and what came out.
    pub fn add(&mut self, name: &str, end: Result<(), Box<dyn Error>>) {
        self.num += 1;
        if let Err(problem) = end {
            let problem = format!("{name}: {problem}");
            eprintln!("{problem}");
            self.problems.push(problem);
        }
    }

    /// Says how many there were, and fails if one was not as expected. `xtask/src/torture.rs` reads the line.
    pub fn end(self) -> TestResult {
        let num_expected = self.num - self.problems.len();
        eprintln!("{num_expected} of {} as expected", self.num);
        assert!(self.num > 0, "there were no cases");
        assert!(self.problems.is_empty(), "{}", self.problems.join("\n"));
        Ok(())
    }
}

/// An error unless `condition` holds.
pub fn ensure(condition: bool, problem: impl FnOnce() -> String) -> TestResult {
    if condition { Ok(()) } else { Err(problem().into()) }
}

/// An error that names the first file that is not in both with the same bytes.
pub fn ensure_same(one: &Files, other: &Files) -> TestResult {
    let missing = |from: &Files, among: &Files| {
        from.iter().find(|file| !among.contains(file)).map(|(name, _)| name.clone())
    };
    match missing(one, other).or_else(|| missing(other, one)) {
        Some(name) => Err(format!("{name} differs").into()),
        None => Ok(()),
    }
}

#[test]
fn a_part_is_spread_over_all_cases() {
    if !is_full() {
        assert_eq!(part((1..=10).collect(), 3), [4, 7, 10]);
        assert_eq!(part(vec!["a", "b"], 5), ["a", "b"]);
        assert_eq!(count(25), 3);
    }
}
