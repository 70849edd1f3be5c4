//! `dermx report`.

use crate::args::ReportArgs;
use crate::error::CliResult;
use crate::process::Process;
use crate::summary::comparisons_text;
use crate::terminal::print;
use dermx_run::{Reports, Session, write_reports};
use std::path::{Path, PathBuf};

/// Writes the report of each run.
///
/// # Errors
/// A run that is not finished, or an output folder that cannot be written to.
pub fn run(args: &ReportArgs, process: &Process) -> CliResult<()> {
    let runs: Vec<&Path> = args.runs.iter().map(PathBuf::as_path).collect();
    let session = Session::cpu();
    let Reports { pages, comparisons } =
        write_reports(&runs, &args.out, args.latex, process.context(&session))?;
    let pages: String = pages.iter().map(|page| format!("report: {}\n", page.display())).collect();
    print(pages + &comparisons_text(&comparisons))
}
