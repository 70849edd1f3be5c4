//! Arguments of `dermx config`.

use clap::{Args, Subcommand};

/// What `dermx config` can do.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the resolved configuration: every key with its value, and where the value comes from.
    Show(ShowArgs),
    /// List every key with its type, default and meaning.
    Keys(KeysArgs),
}

/// Arguments of `dermx config show`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx config show --config quickstart.toml --set train.optimizer=sgd --set train.optimizer.momentum=0.8\n\nBehind each value stands where it comes from: file and line, a base's file and line, --set, or default."
)]
pub struct ShowArgs {
    /// A configuration: a path, a file in configs/, or a built-in one.
    #[arg(long, value_name = "FILE")]
    pub config: String,
    /// Change a key of the configuration.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub overrides: Vec<String>,
}

/// Arguments of `dermx config keys`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx config keys --json > dermx.schema.json\n\nEditors that know JSON schemas complete and check configurations by it."
)]
pub struct KeysArgs {
    /// Print a JSON schema (draft 2020-12).
    #[arg(long)]
    pub json: bool,
}
