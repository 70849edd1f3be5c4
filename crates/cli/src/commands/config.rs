//! `dermx config`: what a configuration comes to, and what one may say.

use crate::args::{ConfigCommand, KeysArgs, ShowArgs};
use crate::error::{CliError, CliResult};
use crate::terminal::print;
use dermx_run::config::{json_schema, keys_text, show};
use dermx_work::Failure;

/// Prints a resolved configuration, or the keys.
///
/// # Errors
/// A wrong configuration.
pub fn run(command: &ConfigCommand) -> CliResult<()> {
    match command {
        ConfigCommand::Show(ShowArgs { config, overrides }) => print(show(config, overrides)?),
        ConfigCommand::Keys(KeysArgs { json: false }) => print(keys_text()),
        ConfigCommand::Keys(KeysArgs { json: true }) => {
            let text = serde_json::to_string_pretty(&json_schema())
                .map_err(|error| CliError::new(Failure::Internal, error.to_string()))?;
            print(format!("{text}\n"))
        }
    }
}
