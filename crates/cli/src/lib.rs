//! The `dermx` command: arguments, text, signals and exit codes around the library.

// `terminal` has `print` and `tell` for what is printed: the macros panic where nobody reads.
#![allow(clippy::disallowed_methods, reason = "a command knows its surroundings")]

mod args;
mod commands;
mod error;
mod live_view;
mod output;
mod process;
mod progress;
mod stop;
mod summary;
mod terminal;

use args::{Cli, Command, DatasetCommand, SweepCommand, WeightsCommand};
use clap::Parser;
use dermx_data::FileSystem;
use dermx_kernels::CheckedAllocator;
use dermx_kernels::cpu::InstructionSet;
use dermx_work::Failure;
use error::{CliError, CliResult, exit_code};
use process::Process;
use std::io::ErrorKind;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;
use terminal::tell;

/// Without it an allocation that fails would abort the process.
#[global_allocator]
static ALLOCATOR: CheckedAllocator = CheckedAllocator::new(terminal::end_without_memory);

/// Does what the arguments of this process say. Checkpoints are written through `files`: the disk, or in
/// tests one that fails.
pub fn run(files: Arc<dyn FileSystem>) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(message) => return ExitCode::from(explain_usage(&message)),
    };
    terminal::start_logging(cli.quiet);
    if saves(&cli.command) {
        stop::install();
    }
    // Burn reports faults on its own threads as panics; a user gets a message and an exit code.
    let process = Process::new(terminal::log_panics(), cli.quiet, files);
    // What it left half done in memory nobody looks at again.
    let end = std::panic::catch_unwind(AssertUnwindSafe(|| dispatch(cli.command, &process)));
    match end {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            tell(format!("error: {}", error.message));
            ExitCode::from(exit_code(error.failure))
        }
        Err(panic) => {
            tell(format!("error: {}", process.fault(&process.panics().reason(panic.as_ref()))));
            ExitCode::from(exit_code(Failure::Internal))
        }
    }
}

/// Whether a command has something to save when it is asked to stop. The others end as the system ends
/// them: all that they write is whole at any moment.
const fn saves(command: &Command) -> bool {
    match command {
        Command::Train(_) | Command::Search(_) => true,
        // Of a sweep, what runs units; not what looks at it.
        Command::Sweep(args) => {
            !matches!(args.command, Some(SweepCommand::Status(_) | SweepCommand::Collect(_)))
        }
        _ => false,
    }
}

/// Prints what clap has to say, help among it, and returns the exit code.
fn explain_usage(message: &clap::Error) -> u8 {
    match message.print() {
        // Help that was asked for is a result.
        Err(error) if !message.use_stderr() && error.kind() != ErrorKind::BrokenPipe => {
            tell(format!("error: standard output: {error}"));
            exit_code(Failure::Io)
        }
        _ => u8::try_from(message.exit_code()).unwrap_or(exit_code(Failure::Usage)),
    }
}

fn dispatch(command: Command, process: &Process) -> CliResult<()> {
    InstructionSet::check_setting().map_err(|message| CliError::new(Failure::Usage, message))?;
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
        Command::Watch(args) => commands::watch::run(&args),
        Command::Completions(args) => commands::completions::print_completions(&args),
        Command::Man(args) => commands::completions::write_pages(&args),
    }
}
