//! `dermx weights fetch`.

use crate::args::FetchArgs;
use crate::error::CliResult;
use crate::process::Process;
use crate::terminal::print;
use dermx_run::fetch_weights;

/// Downloads weights unless they are there, checks them, and prints where they are.
///
/// # Errors
/// An unknown name, a server that cannot be reached, a file of another hash.
pub fn run(args: &FetchArgs, process: &Process) -> CliResult<()> {
    let (folder, base_url) = (args.dir.as_deref(), args.base_url.as_deref());
    let file = fetch_weights(&args.name, folder, base_url, process.watch())?;
    print(format!("{}\n", file.display()))
}
