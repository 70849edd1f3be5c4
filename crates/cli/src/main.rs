//! The `dermx` command: arguments, text, signals and exit codes around the library.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a command knows its surroundings"
)]

mod args;
mod commands;
mod error;
mod process;
mod progress;
mod stop;
mod summary;
mod tables_text;
mod terminal;

use args::{Cli, Command, DatasetCommand, WeightsCommand};
use clap::Parser;
use dermx_table::visible;
use dermx_work::Failure;
use error::{CliResult, exit_code};
use process::Process;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    terminal::start_logging(cli.quiet);
    stop::install();
    // Burn reports faults on its own threads as panics; a user gets a message and an exit code.
    let process = Process::new(terminal::log_panics(), cli.quiet);
    match std::panic::catch_unwind(|| dispatch(cli.command, &process)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("error: {}", visible(&error.message));
            ExitCode::from(exit_code(error.failure))
        }
        Err(panic) => {
            let message = process.fault(&process.panics().reason(panic.as_ref()));
            eprintln!("error: {}", visible(&message));
            ExitCode::from(exit_code(Failure::Internal))
        }
    }
}

fn dispatch(command: Command, process: &Process) -> CliResult<()> {
    match command {
        Command::Train(args) => commands::train::run(&args, process),
        Command::Search(args) => commands::search::run(&args, process),
        Command::Sweep(args) => commands::sweep::run(&args, process),
        Command::Config(command) => commands::config::run(&command),
        Command::Synth(args) => commands::synth::run(&args, process),
        Command::Dataset(DatasetCommand::Init(args)) => commands::init::run(&args),
        Command::Dataset(DatasetCommand::Convert(args)) => commands::convert::run(&args),
        Command::Dataset(DatasetCommand::Describe(args)) => commands::describe::run(&args),
        Command::Dataset(DatasetCommand::Tables(args)) => commands::tables::run(&args),
        Command::Dataset(DatasetCommand::Check(args)) => commands::check::run(&args, process),
        Command::Weights(WeightsCommand::Inspect(args)) => commands::weights::inspect(&args),
        Command::Weights(WeightsCommand::Convert(args)) => commands::weights::convert(&args),
        Command::Weights(WeightsCommand::Fetch(args)) => commands::fetch::run(&args, process),
        Command::Predict(args) => commands::predict::run(&args, process),
        Command::Explain(args) => commands::explain::run(&args, process),
        Command::Evaluate(args) => commands::evaluate::run(&args, process),
        Command::Report(args) => commands::report::run(&args, process),
        Command::Audit(args) => commands::audit::run(&args),
        Command::Verify(args) => commands::verify::run(&args, process),
        Command::Bench(args) => commands::bench::run(&args, process),
        Command::Backends(args) => commands::backends::run(&args, process),
    }
}
