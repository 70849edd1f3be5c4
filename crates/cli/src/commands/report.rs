//! `dermx report`.

use crate::args::ReportArgs;
use crate::error::CliResult;
use crate::output;
use crate::process::Process;
use crate::summary::comparisons_text;
use crate::terminal::print;
use dermx_data::check_folder;
use dermx_run::{REPORT, Reports, Session, is_report, is_same_folder, write_reports};
use std::path::{Path, PathBuf};

/// Writes the report of each run.
///
/// # Errors
/// A run that is not finished, or an output folder in use or that cannot be written to.
pub fn run(args: &ReportArgs, process: &Process) -> CliResult<()> {
    let runs: Vec<&Path> = args.runs.iter().map(PathBuf::as_path).collect();
    let session = Session::cpu();
    let write = |out: &Path| write_reports(&runs, out, process.context(&session));
    let Reports { pages, comparisons } = match &runs[..] {
        // The report of the run itself is under its certificate, which is renewed.
        [run] if is_same_folder(&run.join(REPORT), &args.out) => {
            check_folder(&args.out, args.overwrite.existing(), &[])?;
            write(&args.out)?
        }
        _ => {
            let out = output::folder(&args.out, args.overwrite, &runs, is_report)?;
            let reports = write(&out.path())?;
            let pages = reports.pages.iter().map(|page| out.place_of(page)).collect();
            out.finish()?;
            Reports { pages, ..reports }
        }
    };
    let pages: String = pages.iter().map(|page| format!("report: {}\n", page.display())).collect();
    print(pages + &comparisons_text(&comparisons))
}
