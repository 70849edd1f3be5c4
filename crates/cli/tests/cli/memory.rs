//! Too little memory: told before the first step where it can be, and with an exit code in any case.
#![cfg(target_os = "linux")]

use crate::dermx::{QUICK, TestResult, Workplace, assert_same_results, stderr};
use std::path::Path;
use std::process::{Command, Output};

/// The command with `args` in `folder`, with an address space of `kib`.
fn limited(folder: &Path, args: &[&str], kib: u64) -> std::io::Result<Output> {
    let script = format!("ulimit -v {kib}; exec \"$@\"");
    let mut shell = Command::new("sh");
    shell.current_dir(folder).args(["-c", &script, "sh", env!("CARGO_BIN_EXE_dermx")]).args(args);
    // As on any machine of two cores: each thread takes addresses of its own.
    shell.env("RAYON_NUM_THREADS", "2").output()
}

#[test]
fn a_batch_that_cannot_fit_is_refused_before_the_first_step_with_advice() -> TestResult {
    let workplace = Workplace::new()?;
    let large = ["--set", "input.size=[1200, 1600]", "--set", "train.batch_size=24"];
    let args = [Workplace::train_args("run"), QUICK.map(String::from).to_vec()].concat();
    let args: Vec<&str> = args.iter().map(String::as_str).chain(large).collect();
    let output = limited(workplace.path(), &args, 3 << 20)?;
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(70), "{message}");
    for part in ["out of memory", "24 images of 1200 x 1600", "ulimit -v", "train.batch_size"] {
        assert!(message.contains(part), "no `{part}` in {message}");
    }
    assert!(!workplace.join("run/seed-0/checkpoints").exists());
    Ok(())
}

#[test]
fn whatever_the_limit_a_run_ends_with_70_and_goes_on_once_there_is_memory() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(workplace.train("undisturbed/run", &QUICK).output()?.status.success());
    let mut num_failures = 0;
    for mib in [60, 100, 130, 200, 300, 420, 600] {
        let run = format!("limited-{mib}/run");
        let args = [Workplace::train_args(&run), QUICK.map(String::from).to_vec()].concat();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = limited(workplace.path(), &args, mib << 10)?;
        let message = stderr(&output);
        if !output.status.success() {
            num_failures += 1;
            assert_eq!(output.status.code(), Some(70), "{mib} MiB: {}: {message}", output.status);
            assert!(message.contains("out of memory"), "{mib} MiB: {message}");
            assert!(!message.contains("panicked"), "{mib} MiB: {message}");
        }
        let config = workplace.join(&run).join("config.toml");
        let resume: &[&str] = if config.exists() { &["--resume"] } else { &[] };
        let args: Vec<&str> = args.iter().chain(resume).copied().collect();
        crate::dermx::succeed(workplace.path(), &args)?;
        assert_same_results(&workplace.join("undisturbed/run"), &workplace.join(&run))?;
    }
    assert!(num_failures >= 3, "{num_failures}");
    Ok(())
}
