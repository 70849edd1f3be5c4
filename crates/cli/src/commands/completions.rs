//! `dermx completions` and `dermx man`: what is made of the arguments themselves.

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::error::{CliError, CliResult};
use crate::output;
use crate::terminal::print;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use dermx_data::write_atomic;
use std::path::Path;

/// Prints the completions of a shell.
///
/// # Errors
/// A full disk behind the output.
pub fn print_completions(args: &CompletionsArgs) -> CliResult<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "dermx", &mut script);
    print(script)
}

/// Writes a manual page for each command.
///
/// # Errors
/// A folder that is not empty or cannot be written to.
pub fn write_pages(args: &ManArgs) -> CliResult<()> {
    let out = output::folder(&args.out, args.overwrite, &[], is_page)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    // Now those below know their whole names.
    command.build();
    let num_pages = write_page(command, &out.path())?;
    out.finish()?;
    print(format!("{}: {num_pages} manual pages\n", args.out.display()))
}

/// Writes the page of `command` and of those below it; returns how many.
fn write_page(command: Command, folder: &Path) -> CliResult<usize> {
    let mut num_pages = 1;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        num_pages += write_page(below.clone(), folder)?;
    }
    let page = Man::new(command).source(concat!("dermx ", env!("CARGO_PKG_VERSION")));
    let path = folder.join(page.get_filename());
    let mut text = Vec::new();
    page.render(&mut text).map_err(|error| CliError::io(&path, &error))?;
    write_atomic(&path, &text)?;
    Ok(num_pages)
}

/// Whether a page is written into the file of this name.
fn is_page(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name == "dermx.1" || name.starts_with("dermx-") && name.ends_with(".1")
}
