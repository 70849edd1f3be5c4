//! Arguments of `dermx watch`.

use clap::Args;
use std::path::PathBuf;

/// Arguments of `dermx watch`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx watch experiments/runs/quickstart-001\n\nOn a terminal it draws curves, and q ends it; elsewhere it prints a line for each epoch. The run goes on\neither way: watching only reads its files."
)]
pub struct WatchArgs {
    /// The run folder, of a run that trains, has stopped or is finished.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Print how the run stands now, and end.
    #[arg(long)]
    pub once: bool,
}
