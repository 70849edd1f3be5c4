//! Arguments of `dermx completions` and `dermx man`.

use super::OverwriteArg;
use clap::Args;
use clap_complete::Shell;
use std::path::PathBuf;

/// Arguments of `dermx completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx completions bash > ~/.local/share/bash-completion/completions/dermx\n\nzsh: a file `_dermx` in a folder of $fpath; fish: ~/.config/fish/completions/dermx.fish;\nPowerShell: `dermx completions powershell | Out-String | Invoke-Expression` in $PROFILE."
)]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: Shell,
}

/// Arguments of `dermx man`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx man --out ~/.local/share/man/man1\n\nThen `man dermx` and, for example, `man dermx-dataset-describe` show them."
)]
pub struct ManArgs {
    /// The folder to write the pages into: dermx.1, dermx-train.1, ...
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    pub overwrite: OverwriteArg,
}
