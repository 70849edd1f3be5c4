//! What every command with an output takes.

use clap::Args;
use dermx_data::Existing;

/// What becomes of an output that is there already.
#[derive(Debug, Clone, Copy, Args)]
pub struct OverwriteArg {
    /// Replace what an earlier call wrote in the place of the output; without it, what is there already is
    /// refused.
    #[arg(long)]
    pub overwrite: bool,
}

impl OverwriteArg {
    /// What it says.
    pub const fn existing(self) -> Existing {
        match self.overwrite {
            true => Existing::Replace,
            false => Existing::Refuse,
        }
    }
}
