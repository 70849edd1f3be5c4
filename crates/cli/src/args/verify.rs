//! Arguments of `dermx verify`.

use super::BackendArg;
use super::limits::seed;
use clap::Args;
use dermx_run::Epochs;
use std::path::PathBuf;

/// Arguments of `dermx verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx verify experiments/runs/quickstart-001 --seed 0 --epochs all\n\nExits with 65 if anything differs, and says what."
)]
pub struct VerifyArgs {
    /// The run folder.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Only this seed; without it, every seed of the run.
    #[arg(long, value_parser = seed())]
    pub seed: Option<u64>,
    /// The epochs to train again: numbers from 1 with commas between them, or `all` [otherwise: the last].
    /// Training starts from the newest checkpoint before an epoch, or from the very beginning.
    #[arg(long, value_name = "EPOCHS")]
    pub epochs: Option<Epochs>,
    /// What computes: the run's own for the same bytes.
    #[command(flatten)]
    pub backend: BackendArg,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
