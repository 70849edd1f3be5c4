//! Units as arrays of Slurm jobs.

use crate::error::{SweepError, SweepResult};
use crate::launcher::UnitCommand;
use crate::plan::Sweep;
use crate::shell;
use crate::slurm::{ArrayScript, MAX_ARRAY};
use dermx_data::{append_to, json, write_atomic};
use dermx_work::Resources;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

/// One submitted array.
#[derive(Debug, Serialize, Deserialize)]
struct Job {
    /// Slurm's number.
    id: String,
    /// The file with the names of its units, in the sweep folder.
    list: String,
}

const JOBS: &str = "slurm/jobs.jsonl";

/// Whether there is a Slurm to submit to.
///
/// # Errors
/// There is none.
pub fn check_present() -> SweepResult<()> {
    call(Command::new("sbatch").arg("--version")).map(drop)
}

/// Writes a script for each configuration's units (and each thousand of them) and submits it; what to
/// print. Units that are in Slurm's queue already are left out.
///
/// # Errors
/// No Slurm, or one that refuses.
pub fn submit(
    sweep: &Sweep,
    units: &[String],
    command: &UnitCommand,
    dry_run: bool,
) -> SweepResult<String> {
    sweep.plan().check()?;
    let queued = if dry_run { BTreeSet::new() } else { queued(sweep)? };
    let mut text = String::new();
    for (config, resources) in &sweep.plan().resources {
        let units: Vec<&str> = units
            .iter()
            .map(String::as_str)
            .filter(|name| !queued.contains(*name))
            .filter(|name| sweep.unit(name).is_ok_and(|unit| &unit.config == config))
            .collect();
        for units in units.chunks(MAX_ARRAY) {
            let (script, list) = write_script(sweep, config, resources, units, command)?;
            let script = sweep.path().join(script);
            // Writing into a string cannot fail.
            let _ = match dry_run {
                true => writeln!(text, "sbatch {}: {} units", script.display(), units.len()),
                false => {
                    let output = call(Command::new("sbatch").arg("--parsable").arg(&script))?;
                    let id = output.split(';').next().unwrap_or_default().trim().to_string();
                    writeln!(text, "Slurm job {id}: {} units", units.len())
                        .and(Ok(remember(sweep, &Job { id, list })?))
                }
            };
        }
    }
    if text.is_empty() {
        text = "all that is left is in Slurm's queue\n".to_string();
    }
    Ok(text)
}

fn write_script(
    sweep: &Sweep,
    config: &str,
    resources: &Resources,
    units: &[&str],
    command: &UnitCommand,
) -> SweepResult<(String, String)> {
    let number = (1..).find(|number| !sweep.path().join(list_name(*number)).exists()).unwrap_or(1);
    let (list, script) = (list_name(number), format!("slurm/array-{number}.sh"));
    let program = utf8(&command.program)?.to_string();
    let words: Vec<String> = std::iter::once(program).chain(command.args.iter().cloned()).collect();
    let text = ArrayScript {
        name: &format!("dermx-{config}"),
        resources,
        sweep: utf8(sweep.path())?,
        list: &list,
        num_units: units.len(),
        command: &words,
        working_folder: utf8(&sweep.plan().working_folder)?,
    }
    .text()
    .map_err(SweepError::BadConfig)?;
    shell::check(&text).map_err(SweepError::BadConfig)?;
    write_atomic(&sweep.path().join(&list), (units.join("\n") + "\n").as_bytes())?;
    write_atomic(&sweep.path().join(&script), text.as_bytes())?;
    Ok((script, list))
}

/// The path as a script can hold it.
fn utf8(path: &Path) -> SweepResult<&str> {
    path.to_str().ok_or_else(|| {
        let message =
            format!("{}: a script for Slurm has to name it in UTF-8; rename it", path.display());
        SweepError::Usage(message)
    })
}

fn list_name(number: usize) -> String {
    format!("slurm/array-{number}.txt")
}

fn remember(sweep: &Sweep, job: &Job) -> SweepResult<()> {
    let path = sweep.path().join(JOBS);
    let line = serde_json::to_string(job).map_err(SweepError::internal)?;
    let file = append_to(&path);
    file.and_then(|mut file| writeln!(file, "{line}"))
        .map_err(|error| SweepError::io(&path, &error))
}

/// Names of the units that wait or run in Slurm.
fn queued(sweep: &Sweep) -> SweepResult<BTreeSet<String>> {
    check_present()?;
    let mut names = BTreeSet::new();
    let path = sweep.path().join(JOBS);
    let jobs = std::fs::read(&path).unwrap_or_default();
    for job in json::parse_lines::<Job>(&path, &jobs)? {
        // Slurm forgets a job some minutes after its end, and then says that it does not know it.
        let Ok(tasks) = call(Command::new("squeue").args(["-h", "-r", "-o", "%K", "-j", &job.id]))
        else {
            continue;
        };
        let path = sweep.path().join(&job.list);
        let list = std::fs::read_to_string(&path).map_err(|error| SweepError::io(&path, &error))?;
        let units: Vec<&str> = list.lines().collect();
        let tasks = tasks.lines().filter_map(|task| task.trim().parse::<usize>().ok());
        names.extend(tasks.filter_map(|task| units.get(task).map(ToString::to_string)));
    }
    Ok(names)
}

/// What a command of Slurm prints.
fn call(command: &mut Command) -> SweepResult<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } = command.output().map_err(|error| {
        let message = format!(
            "Slurm's `{name}` cannot be run ({error}); on a machine without Slurm use --launcher local"
        );
        SweepError::Missing(message)
    })?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let message = String::from_utf8_lossy(&stderr);
    Err(SweepError::Refused(format!("Slurm's `{name}` says: {}", message.trim())))
}
