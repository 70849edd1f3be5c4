//! Commands that are asked to end: by the signal itself where there is nothing to save, and within ten
//! seconds in any case.
#![cfg(unix)]

use crate::dermx::{TestResult, Workplace, command, stderr};
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::unistd::Pid;
use std::error::Error;
use std::fs;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The signals that ask to end.
pub const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGUSR1];

/// Within what a command ends.
const LIMIT: Duration = Duration::from_secs(10);

/// How a command ends that was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As the system ends it: it had nothing to save.
    BySignal,
    /// With 75: it can be gone on with.
    Stopped,
}

/// Sends `signal` to `child` once `is_ready`, or after five minutes, and waits for its end.
///
/// # Errors
/// It ended before the signal, or goes on more than ten seconds after it.
pub fn end(
    mut child: Child,
    signal: Signal,
    is_ready: &dyn Fn() -> bool,
) -> Result<Output, Box<dyn Error>> {
    let start = Instant::now();
    while !is_ready() && start.elapsed() < Duration::from_secs(300) {
        std::thread::sleep(Duration::from_millis(2));
    }
    if let Some(status) = child.try_wait()? {
        let message = stderr(&child.wait_with_output()?);
        return Err(format!("ended with {status} before the signal: {message}").into());
    }
    kill(Pid::from_raw(i32::try_from(child.id())?), signal)?;
    let sent = Instant::now();
    while child.try_wait()?.is_none() {
        if sent.elapsed() > LIMIT {
            child.kill()?;
            let message = stderr(&child.wait_with_output()?);
            return Err(format!("goes on {LIMIT:?} after {signal}: {message}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(child.wait_with_output()?)
}

/// Has the commands that this process starts heed Ctrl-C: a shell has what it starts in the background ignore it, and
/// children inherit that.
#[allow(unsafe_code, reason = "nothing here handles the signal otherwise")]
fn heed_interrupts() -> TestResult {
    // SAFETY: the default action is no function of ours.
    unsafe { signal(Signal::SIGINT, SigHandler::SigDfl) }?;
    Ok(())
}

/// Expects that `command` ends as `expected` when it gets `signal` once `is_ready`.
pub fn expect_end(
    mut command: Command,
    signal: Signal,
    expected: End,
    is_ready: &dyn Fn() -> bool,
) -> TestResult {
    let what = format!("{command:?}");
    heed_interrupts()?;
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let output = end(child, signal, is_ready).map_err(|error| format!("{what}: {error}"))?;
    let message = stderr(&output);
    match expected {
        End::BySignal => {
            let found = output.status.signal();
            assert_eq!(found, Some(signal as i32), "{what}: {}: {message}", output.status);
        }
        End::Stopped => {
            assert_eq!(output.status.code(), Some(75), "{what}: {}: {message}", output.status);
            assert!(message.contains("stopped on request"), "{what}: {message}");
        }
    }
    Ok(())
}

/// Ready after a while: long enough for the command to be at work, and it takes longer than that.
pub fn after_a_while() -> impl Fn() -> bool {
    let start = Instant::now();
    move || start.elapsed() > Duration::from_millis(400)
}

/// Work that takes much longer than [`after_a_while`] and saves nothing, each of one command.
pub fn long_work(workplace: &Workplace) -> Result<Vec<Vec<String>>, Box<dyn Error>> {
    // Thousands of names of the same photos.
    let many = workplace.join("many");
    if !many.exists() {
        let photos = crate::dermx::results(&workplace.join("data/train"))?;
        for copy in 0..250 {
            for (name, _) in &photos {
                let (class, file) = name.rsplit_once('/').ok_or("no class")?;
                let folder = many.join(class);
                fs::create_dir_all(&folder)?;
                let from = workplace.join("data/train").join(name);
                fs::hard_link(from, folder.join(format!("{copy}-{file}")))?;
            }
        }
    }
    let lines = [
        "synth --out made --images 600 --train-images 9000",
        "dataset tables --data data/dermx --bootstrap 100000",
        "dataset check --split train=many",
        "evaluate --data data/dermx --baselines --localization --size 2000x3000",
        "bench --arch resnet50 --mode step --batch 8 --size 224x300",
    ];
    Ok(lines.iter().map(|line| line.split(' ').map(str::to_string).collect()).collect())
}

#[test]
fn where_nothing_is_saved_a_signal_ends_the_command_at_once() -> TestResult {
    let workplace = Workplace::new()?;
    for (idx, args) in long_work(&workplace)?.iter().enumerate() {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let signal = SIGNALS[idx % SIGNALS.len()];
        let command = command(workplace.path(), &args);
        expect_end(command, signal, End::BySignal, &after_a_while())?;
    }
    // What was being made is hidden, and nobody takes it for data.
    assert!(!workplace.join("made").exists());
    Ok(())
}

#[test]
fn a_signal_ends_a_download_that_stalls() -> TestResult {
    let workplace = Workplace::new()?;
    // Connections are taken by the system; nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", silent.local_addr()?);
    for signal in SIGNALS {
        let args = ["weights", "fetch", "resnet18-f37072fd.pth", "--dir", "cache"];
        let mut command = command(workplace.path(), &args);
        command.args(["--base-url", &url]);
        let is_begun = || workplace.join("cache").exists();
        expect_end(command, signal, End::BySignal, &is_begun)?;
    }
    Ok(())
}

#[test]
fn training_that_has_nothing_to_save_yet_ends_within_ten_seconds() -> TestResult {
    let workplace = Workplace::new()?;
    let more = [
        "--set",
        "synthetic.root=other",
        "--set",
        "synthetic.num_train_images=9000",
        "--set",
        "data.train=other/train",
    ];
    let command = workplace.train("run", &more);
    expect_end(command, Signal::SIGTERM, End::Stopped, &after_a_while())?;
    assert!(!workplace.join("other").exists() && !workplace.join("run").exists());
    Ok(())
}
