//! Units as processes on this machine.

use crate::error::{SweepError, SweepResult};
use crate::launcher::UnitCommand;
use crate::plan::Sweep;
use crate::status::{Broken, Status};
use dermx_data::append_to;
use dermx_work::Watch;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// Runs `units`, `jobs` at a time, each in a process of its own; what to print.
///
/// # Errors
/// Units that failed, or have no result although their processes have ended; a request to stop, which the
/// processes are told.
pub fn run(
    sweep: &Sweep,
    units: &[String],
    command: &UnitCommand,
    jobs: usize,
    watch: Watch<'_>,
) -> SweepResult<String> {
    // Its processes save; it waits for them.
    let _held = watch.hold();
    let waiting = Mutex::new(units.iter());
    let next = || waiting.lock().ok().and_then(|mut units| units.next());
    let broken = Mutex::new(Vec::new());
    let slot = || -> SweepResult<()> {
        while let (false, Some(unit)) = (watch.cancel.is_requested(), next()) {
            tracing::info!("{unit}: starts; {}", sweep.log(unit).display());
            let ended = wait(start(sweep, unit, command, jobs)?, watch);
            let broke = ended.as_ref().is_none_or(|status| !status.success());
            if let (true, Ok(mut broken)) = (broke, broken.lock()) {
                broken.push(Broken { unit: unit.clone(), how: how(ended) });
            }
        }
        Ok(())
    };
    let results: Vec<SweepResult<()>> = std::thread::scope(|scope| {
        let slots: Vec<_> = (0..jobs.min(units.len())).map(|_| scope.spawn(slot)).collect();
        slots
            .into_iter()
            .map(|slot| {
                let gone = |_| SweepError::internal("a thread of the pool is gone");
                slot.join().map_err(gone).flatten()
            })
            .collect()
    });
    results.into_iter().collect::<SweepResult<()>>()?;
    watch.check("`dermx sweep run` goes on")?;
    let status = Status::read(sweep)?;
    let broken = broken.into_inner().unwrap_or_default();
    match status.unfinished(sweep, &broken) {
        Some(failure) => Err(failure),
        None => Ok(status.text()),
    }
}

/// How a process ended, in words.
fn how(ended: Option<ExitStatus>) -> String {
    ended.map_or("is gone".to_string(), |status| format!("ended with {status}"))
}

fn start(sweep: &Sweep, unit: &str, command: &UnitCommand, jobs: usize) -> SweepResult<Child> {
    let path = sweep.log(unit);
    let error = |error: std::io::Error| SweepError::io(&path, &error);
    let log = append_to(&path).map_err(error)?;
    let UnitCommand { program, args } = command;
    let mut command = Command::new(program);
    command.args(args).arg(sweep.path()).arg(unit).stdin(Stdio::null());
    command.stdout(log.try_clone().map_err(error)?).stderr(log);
    if std::env::var_os("RAYON_NUM_THREADS").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        command.env("RAYON_NUM_THREADS", (cores / jobs).max(1).to_string());
    }
    command.spawn().map_err(|error| SweepError::io(program, &error))
}

/// Waits for the end of a process; hands a request to stop on to it. What it achieved, the sweep
/// folder tells.
fn wait(mut child: Child, watch: Watch<'_>) -> Option<ExitStatus> {
    let mut was_told = false;
    loop {
        match child.try_wait() {
            Ok(None) => {}
            ended => return ended.ok().flatten(),
        }
        if watch.cancel.is_requested() && !was_told {
            tell_to_stop(&child);
            was_told = true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(unix)]
fn tell_to_stop(child: &Child) {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    if let Ok(id) = i32::try_from(child.id()) {
        // It may have ended just now.
        let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
    }
}

/// Elsewhere Ctrl-C reaches all processes of a console by itself.
#[cfg(not(unix))]
fn tell_to_stop(_: &Child) {}
