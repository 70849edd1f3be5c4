//! `dermx verify`.

use crate::args::VerifyArgs;
use crate::error::CliResult;
use crate::process::Process;
use crate::terminal::print;
use dermx_run::verify;
use dermx_score::to_json;

/// Compares a finished run with its certificates, and prints what was found.
///
/// # Errors
/// An unfinished run, one that a process is at work on, and, after all was printed, anything that
/// differs.
pub fn run(args: &VerifyArgs, process: &Process) -> CliResult<()> {
    let session = process.session(args.backend.backend)?;
    let context = process.context(&session);
    let checks = verify(&args.run, args.seed, args.epochs.as_ref(), context)?;
    match args.json {
        true => print(to_json(&checks.checks)?)?,
        false => print(checks.text())?,
    }
    Ok(checks.result(&args.run)?)
}
