//! A run that was stopped ends as if it had not been.

use crate::dermx::{TestResult, Workplace, assert_same_results, fail, stderr};
use std::error::Error;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Long enough epochs that a signal arrives in the middle of one.
const SETTINGS: [&str; 4] = ["--set", "run.epochs=4", "--set", "train.batch_size=2"];

/// Starts a run and waits for the first checkpoint of its first seed: the second epoch is under way.
fn start(workplace: &Workplace, run: &str) -> Result<Child, Box<dyn Error>> {
    let mut child =
        workplace.train(run, &SETTINGS).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let checkpoint = workplace.join(run).join("seed-0/checkpoints/epoch-00001-step-000000");
    let start = Instant::now();
    while !checkpoint.exists() {
        if let Some(status) = child.try_wait()? {
            return Err(format!("ended with {status} before the first checkpoint").into());
        }
        if start.elapsed() > Duration::from_secs(300) {
            return Err("no checkpoint after five minutes".into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(child)
}

fn is_trained(run: &Path) -> bool {
    run.join("seed-0/weights.safetensors").exists()
}

#[test]
fn a_killed_run_resumes_to_the_bytes_of_an_undisturbed_one() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(workplace.train("undisturbed/run", &SETTINGS).output()?.status.success());
    let mut child = start(&workplace, "killed/run")?;
    // SIGKILL on Unix: the process cannot do anything about it.
    child.kill()?;
    child.wait()?;
    let run = workplace.join("killed/run");
    assert!(!is_trained(&run), "the run was over before it was killed");
    let resumed =
        workplace.train("killed/run", &SETTINGS).args(["--resume", "--quiet"]).output()?;
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert_same_results(&workplace.join("undisturbed/run"), &run)
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_exits_75_and_the_run_resumes() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(workplace.train("undisturbed/run", &SETTINGS).output()?.status.success());
    let child = start(&workplace, "stopped/run")?;
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status()?.success());
    let output = child.wait_with_output()?;
    assert_eq!(output.status.code(), Some(75), "{}", stderr(&output));
    assert!(stderr(&output).contains("--resume"), "{}", stderr(&output));
    let run = workplace.join("stopped/run");
    assert!(!is_trained(&run));
    // A run knows its configuration.
    let args = ["train", "--resume", "--run", "stopped/run"];
    let resumed = crate::dermx::command(workplace.path(), &args).output()?;
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert_same_results(&workplace.join("undisturbed/run"), &run)
}

#[test]
fn a_run_in_use_or_with_another_configuration_is_refused() -> TestResult {
    let workplace = Workplace::new()?;
    let mut child = start(&workplace, "run")?;
    let mut args = Workplace::train_args("run");
    args.extend(SETTINGS.map(str::to_string));
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    args.push("--resume");
    fail(workplace.path(), &args, 73, &["run", "locked by another process"])?;
    child.kill()?;
    child.wait()?;
    args.extend(["--set", "train.learning_rate=0.5"]);
    fail(workplace.path(), &args, 78, &["train.learning_rate", "0.0005", "0.5"])
}
