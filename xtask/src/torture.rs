//! `cargo xtask torture`: the fault table of CONTRIBUTING.md at full count.

use crate::cargo::{WORKSPACE, cargo, root};
use crate::fault_table::{self, Row, TestName};
use crate::terminal::tell;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Tests that are built with another backend, in a profile of their own.
const OTHER_BACKENDS: &str = "crates/cli/tests/backends/";

/// What a row came to.
struct End {
    row: String,
    fault: String,
    counts: Vec<String>,
    passed: bool,
    time: Duration,
}

/// Runs the rows whose names, faults or tests contain one of `filters`, all without any; random moments
/// are drawn from `seed`.
pub fn run(filters: &[String], seed: u64) -> Result<ExitCode> {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md"))?;
    let rows: Vec<Row> = fault_table::rows(&text)?
        .into_iter()
        .filter(|row| filters.is_empty() || filters.iter().any(|filter| is_meant(row, filter)))
        .collect();
    ensure!(!rows.is_empty(), "no row of the fault table is called {}", filters.join(" or "));
    let binaries = binaries()?;
    let mut ends = Vec::new();
    for row in rows {
        ends.push(run_row(&row, &binaries, seed)?);
    }
    for End { row, fault, counts, passed, time } in &ends {
        let end = if *passed { "passed" } else { "FAILED" };
        let count = counts.join(", ");
        tell(format!("{row:>4} {end} {:7.1} s  {count:<40} {fault}", time.as_secs_f64()));
    }
    let num_passed = ends.iter().filter(|end| end.passed).count();
    tell(format!("{num_passed} of {} rows as expected", ends.len()));
    Ok(if num_passed == ends.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A number means its row alone, and those with a letter behind it.
fn is_meant(row: &Row, filter: &str) -> bool {
    let is_number = filter.starts_with(|one: char| one.is_ascii_digit());
    match is_number {
        true => {
            row.name.trim_end_matches(|one: char| one.is_alphabetic()) == filter
                || row.name == filter
        }
        false => {
            let is_part = |text: &str| text.contains(filter);
            is_part(&row.fault)
                || row.tests.iter().any(|test| is_part(&test.file) || is_part(&test.function))
        }
    }
}

/// An executable of tests.
struct Binary {
    /// The folder of its package.
    package: PathBuf,
    /// Whether its tests are those of the package's folder `tests`.
    is_outside: bool,
    executable: PathBuf,
}

impl Binary {
    /// That of a message of Cargo's, if it says that an executable of tests was made.
    fn of(message: &Value) -> Option<Self> {
        let target = &message["target"];
        let manifest = Path::new(message["manifest_path"].as_str()?);
        message["profile"]["test"].as_bool().filter(|&is_test| is_test)?;
        Some(Self {
            package: manifest.parent()?.to_path_buf(),
            is_outside: target["kind"][0] == "test",
            executable: message["executable"].as_str()?.into(),
        })
    }

    /// Whether it may have the test.
    fn may_have(&self, test: &TestName) -> bool {
        root().join(&test.file).starts_with(&self.package) && self.is_outside == test.is_outside()
    }
}

/// Builds all tests, once for all rows.
fn binaries() -> Result<Vec<Binary>> {
    let mut command = cargo(&[&["test", "--release", "--no-run"], &WORKSPACE[..]].concat());
    command.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = command.output().context("cannot start cargo test")?;
    ensure!(output.status.success(), "the tests cannot be built");
    let messages = output.stdout.split(|&byte| byte == b'\n');
    let messages = messages.filter_map(|line| serde_json::from_slice(line).ok());
    Ok(messages.filter_map(|message| Binary::of(&message)).collect())
}

fn run_row(row: &Row, binaries: &[Binary], seed: u64) -> Result<End> {
    tell(format!("== {} {}", row.name, row.fault));
    let start = Instant::now();
    let mut end = End {
        row: row.name.clone(),
        fault: row.fault.clone(),
        counts: Vec::new(),
        passed: true,
        time: Duration::ZERO,
    };
    for test in &row.tests {
        let (passed, counts) = run_test(test, binaries, seed)?;
        end.passed &= passed;
        end.counts.extend(counts);
    }
    end.time = start.elapsed();
    Ok(end)
}

/// Runs one test, alone; whether it passed, and what it says of its cases.
fn run_test(test: &TestName, binaries: &[Binary], seed: u64) -> Result<(bool, Vec<String>)> {
    if test.file.starts_with(OTHER_BACKENDS) {
        tell(format!("{}: SKIPPED; `cargo xtask test --backend wgpu` runs it", test.function));
        return Ok((true, vec!["skipped".to_string()]));
    }
    let mut passed = true;
    let mut counts = Vec::new();
    let mut num_run = 0;
    for binary in binaries.iter().filter(|binary| binary.may_have(test)) {
        passed &= run_binary(binary, test, seed, (&mut counts, &mut num_run))?;
    }
    ensure!(!passed || num_run > 0, "{}::{}: there is no such test", test.file, test.function);
    Ok((passed, counts))
}

/// Runs the test of one executable and adds to what it says of its cases and to the number of tests that ran;
/// whether they passed.
fn run_binary(
    binary: &Binary,
    test: &TestName,
    seed: u64,
    (counts, num_run): (&mut Vec<String>, &mut u64),
) -> Result<bool> {
    let mut command = Command::new(&binary.executable);
    command.current_dir(&binary.package);
    command.args(["--nocapture", "--test-threads=1", &test.function]);
    command.env("DERMX_TORTURE", "full").env("DERMX_TORTURE_SEED", seed.to_string());
    command.env("DERMX_MUTATIONS", "full").env("DERMX_SCHEDULES", "100");
    let (reader, writer) = std::io::pipe().context("no pipe")?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let started = command.spawn();
    let mut child = started.with_context(|| format!("cannot start {command:?}"))?;
    // The command holds ends of the pipe, too.
    drop(command);
    for line in BufReader::new(reader).lines() {
        let line = line?;
        counts.extend(count(&line));
        *num_run += num_passed_or_failed(&line);
        tell(&line);
    }
    Ok(child.wait()?.success())
}

/// `N of M` of a line `N of M as expected`.
fn count(line: &str) -> Option<String> {
    let (before, _) = line.split_once(" as expected")?;
    let words: Vec<&str> = before.split_whitespace().rev().take(3).collect();
    match words[..] {
        [total, "of", number] if total.parse::<u64>().and(number.parse::<u64>()).is_ok() => {
            Some(format!("{number} of {total}"))
        }
        _ => None,
    }
}

/// The tests that ran, of libtest's line `test result: ok. 3 passed; 0 failed; ...`.
fn num_passed_or_failed(line: &str) -> u64 {
    let Some(result) = line.strip_prefix("test result: ") else { return 0 };
    let number = |word: &str| {
        let before = result.split(word).next().unwrap_or_default().trim_end();
        before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    number(" passed") + number(" failed")
}

#[cfg(test)]
mod tests {
    use super::{count, is_meant, num_passed_or_failed};
    use crate::fault_table::Row;

    #[test]
    fn counts_are_found_in_what_tests_print() {
        assert_eq!(count("312 of 312 as expected").as_deref(), Some("312 of 312"));
        assert_eq!(count("flips: 9 of 10 as expected").as_deref(), Some("9 of 10"));
        assert_eq!(count("all as expected"), None);
        let line = "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 9 filtered out";
        assert_eq!(num_passed_or_failed(line), 4);
        assert_eq!(num_passed_or_failed("running 3 tests"), 0);
    }

    #[test]
    fn rows_are_meant_by_number_or_word() {
        let row =
            |name: &str| Row { name: name.into(), fault: "full disk".into(), tests: Vec::new() };
        assert!(
            is_meant(&row("1"), "1") && is_meant(&row("1b"), "1") && is_meant(&row("1b"), "1b")
        );
        assert!(!is_meant(&row("11"), "1") && !is_meant(&row("1"), "1b"));
        assert!(is_meant(&row("5"), "disk") && !is_meant(&row("5"), "soak"));
    }
}
