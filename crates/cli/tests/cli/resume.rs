//! A run that was stopped ends as if it had not been.

use crate::dermx::{QUICK, TestResult, Workplace, assert_same_results, fail, stderr};
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

/// Sends the signal `name` to `child`.
#[cfg(unix)]
fn send(child: &Child, name: &str) -> TestResult {
    let name = format!("-{name}");
    assert!(Command::new("kill").args([&name, &child.id().to_string()]).status()?.success());
    Ok(())
}

/// A run of the [`QUICK`] network that got as far as the file `name`.
#[cfg(unix)]
fn start_until(workplace: &Workplace, run: &str, name: &str) -> Result<Child, Box<dyn Error>> {
    let mut child =
        workplace.train(run, &QUICK).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let file = workplace.join(run).join(name);
    let start = Instant::now();
    while !file.exists() {
        if let Some(status) = child.try_wait()? {
            return Err(format!("ended with {status} before there was {name}").into());
        }
        assert!(start.elapsed() < Duration::from_secs(300), "no {name} after five minutes");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(child)
}

#[cfg(unix)]
#[test]
fn every_signal_that_asks_to_end_saves_whenever_it_comes() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(workplace.train("undisturbed/run", &QUICK).output()?.status.success());
    let checkpoints = "seed-0/checkpoints";
    let moments = [
        "config.toml".to_string(),
        "train-images.manifest".to_string(),
        format!("{checkpoints}/epoch-00000-step-000004"),
        format!("{checkpoints}/epoch-00001-step-000000"),
        format!("{checkpoints}/epoch-00001-step-000004"),
    ];
    let signals = ["INT", "TERM", "USR1"].iter().cycle();
    for (idx, (moment, signal)) in moments.iter().zip(signals).enumerate() {
        let run = format!("{signal}-{idx}/run");
        let child = start_until(&workplace, &run, moment)?;
        send(&child, signal)?;
        let output = child.wait_with_output()?;
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(75), "{signal} at {moment}: {message}");
        assert!(message.contains("--resume"), "{message}");
        let resumed = workplace.train(&run, &QUICK).args(["--resume", "--quiet"]).output()?;
        assert!(resumed.status.success(), "{}", stderr(&resumed));
        assert_same_results(&workplace.join("undisturbed/run"), &workplace.join(&run))?;
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_ends_the_run_at_once_and_a_second_other_signal_does_not() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(workplace.train("undisturbed/run", &QUICK).output()?.status.success());
    for (run, signals, codes) in
        [("twice/run", ["INT", "INT"], &[130, 75][..]), ("batch/run", ["USR1", "TERM"], &[75])]
    {
        let checkpoint = "seed-0/checkpoints/epoch-00000-step-000004";
        let child = start_until(&workplace, run, checkpoint)?;
        for signal in signals {
            send(&child, signal)?;
        }
        let output = child.wait_with_output()?;
        let code = output.status.code().unwrap_or(-1);
        assert!(codes.contains(&code), "{signals:?}: {code}: {}", stderr(&output));
        let resumed = workplace.train(run, &QUICK).args(["--resume", "--quiet"]).output()?;
        assert!(resumed.status.success(), "{}", stderr(&resumed));
        assert_same_results(&workplace.join("undisturbed/run"), &workplace.join(run))?;
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_exits_75_and_the_run_resumes() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(workplace.train("undisturbed/run", &SETTINGS).output()?.status.success());
    let child = start(&workplace, "stopped/run")?;
    send(&child, "INT")?;
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
    let holder = format!("process {} on ", child.id());
    fail(workplace.path(), &args, 73, &["run", "locked by another process", &holder])?;
    child.kill()?;
    child.wait()?;
    // The lock file still names the process that is gone; the lock went with it.
    let lock = std::fs::read_to_string(workplace.join("run/.lock"))?;
    assert!(lock.starts_with(&holder) && lock.trim() != holder.trim(), "no host in {lock}");
    let no_eval: Vec<&str> = args.iter().copied().chain(["--no-eval", "--quiet"]).collect();
    crate::dermx::succeed(workplace.path(), &no_eval)?;
    args.extend(["--set", "train.learning_rate=0.5"]);
    fail(workplace.path(), &args, 78, &["train.learning_rate", "0.0005", "0.5"])
}

#[test]
fn a_lock_of_another_machine_is_taken_over_only_by_who_says_so() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(
        workplace.train("run", &[&QUICK[..], &["--no-eval"]].concat()).output()?.status.success()
    );
    let lock = workplace.join("run/.lock");
    // In good order it says nothing.
    assert_eq!(std::fs::read_to_string(&lock)?, "");
    let resume = ["train", "--resume", "--run", "run", "--no-eval", "--quiet"];
    std::fs::write(&lock, "process 7 on another-machine\n")?;
    std::fs::create_dir(workplace.join("run/report"))?;
    let parts = ["process 7 on another-machine", "--steal-lock"];
    fail(workplace.path(), &resume, 73, &parts)?;
    fail(workplace.path(), &["report", "run", "--out", "run/report"], 73, &parts)?;
    // It still says whose it is.
    assert_eq!(std::fs::read_to_string(&lock)?, "process 7 on another-machine\n");
    let steal = [&resume[..], &["--steal-lock"]].concat();
    crate::dermx::succeed(workplace.path(), &steal)?;
    assert_eq!(std::fs::read_to_string(&lock)?, "");
    // Nobody's, and one that is no line of ours.
    for text in ["", "\n", "gone"] {
        std::fs::write(&lock, text)?;
        crate::dermx::succeed(workplace.path(), &resume)?;
    }
    fail(
        workplace.path(),
        &["train", "--config", "quickstart.toml", "--steal-lock"],
        2,
        &["--resume"],
    )
}

#[test]
fn a_lock_that_is_held_is_not_stolen() -> TestResult {
    let workplace = Workplace::new()?;
    let mut child = start(&workplace, "run")?;
    let mut args = Workplace::train_args("run");
    args.extend(SETTINGS.map(str::to_string));
    args.extend(["--resume", "--steal-lock"].map(str::to_string));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    fail(workplace.path(), &args, 73, &["locked by another process"])?;
    child.kill()?;
    child.wait()?;
    Ok(())
}
