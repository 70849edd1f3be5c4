//! `dermx dataset init`.

use crate::args::InitArgs;
use crate::error::CliResult;
use crate::terminal::print;
use dermx_run::shell::word;

/// Writes a `dataset.toml`, shows it, and says what it could not find out.
///
/// # Errors
/// No such folder, a `dataset.toml` that is there already and not to be replaced.
pub fn run(args: &InitArgs) -> CliResult<()> {
    let guessed = dermx_formats::init(&args.data, args.format, args.overwrite.existing())?;
    let mut text = format!("{}\n\n{}", guessed.path.display(), guessed.text);
    if !guessed.open.is_empty() {
        text += "\nNot found out; look at it before you go on:\n";
        for one in &guessed.open {
            text += &format!("  - {one}\n");
        }
    }
    text += &format!("\nNext: dermx dataset describe --data {}\n", word(&args.data));
    print(text)
}
