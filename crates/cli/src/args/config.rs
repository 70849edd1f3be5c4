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
    after_help = "Example: dermx config show --config quickstart.toml --set train.optimizer=sgd --set train.optimizer.momentum=0.8\n\nEach value is followed by where it comes from: the file and line (of the configuration or its base), --set, or default."
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
    after_help = "Example: dermx config keys --json > dermx.schema.json\n\nEditors that read JSON schemas use it to complete and check configurations."
)]
pub struct KeysArgs {
    /// Print a JSON schema (draft 2020-12).
    #[arg(long)]
    pub json: bool,
}
