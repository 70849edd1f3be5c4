//! The `dermx` command: the only place that knows backends, configuration files, run folders,
//! the clock and the environment.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a command knows its surroundings"
)]

mod args;
mod backend;
mod certificate;
mod choices;
mod commands;
mod compare;
mod config;
mod description;
mod diagnoses;
mod download;
mod error;
mod explanation;
mod fault;
mod fitting;
mod gallery;
mod heatmaps;
mod image_manifests;
mod image_masks;
mod images;
mod labels;
mod left_out;
mod network;
mod per_image;
mod predictions;
mod pretrained;
mod printed;
mod progress;
mod run_folder;
mod sanity;
mod score;
mod score_parts;
mod scores_text;
mod search;
mod stop;
mod sweep;
mod tables_text;
mod terminal;
mod test_set;
mod text_table;
mod training_data;
mod training_log;
mod typical;
mod watcher;
mod weight_files;

use args::{Cli, Command, DatasetCommand, WeightsCommand};
use clap::Parser;
use error::{CliResult, ExitKind};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    terminal::start_logging(cli.quiet);
    stop::install();
    // Burn reports faults on its own threads as panics; a user gets a message and an exit code.
    terminal::silence_panics();
    match std::panic::catch_unwind(|| dispatch(cli)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("error: {}", error.message);
            ExitCode::from(error.kind as u8)
        }
        Err(panic) => {
            let message = terminal::first_panic_message(panic.as_ref());
            let text = backend::fault(&message).unwrap_or_else(|| {
                format!("internal fault: {message}\nPlease report it with the command you ran.")
            });
            eprintln!("error: {text}");
            ExitCode::from(ExitKind::Internal as u8)
        }
    }
}

fn dispatch(cli: Cli) -> CliResult<()> {
    match cli.command {
        Command::Train(args) => commands::train::run(&args),
        Command::Search(args) => commands::search::run(&args),
        Command::Sweep(args) => commands::sweep::run(&args),
        Command::Synth(args) => commands::synth::run(&args),
        Command::Dataset(DatasetCommand::Describe(args)) => commands::describe::run(&args),
        Command::Dataset(DatasetCommand::Tables(args)) => commands::tables::run(&args),
        Command::Weights(WeightsCommand::Inspect(args)) => commands::weights::inspect(&args),
        Command::Weights(WeightsCommand::Convert(args)) => commands::weights::convert(&args),
        Command::Weights(WeightsCommand::Fetch(args)) => commands::fetch::run(&args),
        Command::Dataset(DatasetCommand::Check(args)) => commands::check::run(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Evaluate(args) => commands::evaluate::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Audit(args) => commands::audit::run(&args),
        Command::Verify(args) => commands::verify::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Backends(args) => commands::backends::run(&args),
    }
}
