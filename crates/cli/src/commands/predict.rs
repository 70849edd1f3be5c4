//! `dermx predict`.

use crate::args::PredictArgs;
use crate::error::CliResult;
use crate::output;
use crate::process::Process;
use crate::terminal::print;
use dermx_run::predict;
use dermx_score::ImageLogits;

/// Writes class probabilities.
///
/// # Errors
/// An output that is there already, a network or images that cannot be read.
pub fn run(args: &PredictArgs, process: &Process) -> CliResult<()> {
    let inputs = [args.network.paths(), args.images.paths()].concat();
    let out = output::file(&args.out, args.overwrite, &inputs)?;
    let session = process.session(args.backend.backend)?;
    let trained = args.network.open(&session)?;
    let images = args.images.open(&trained)?;
    let logits = predict(&trained, &images, args.batch, process.context(&session))?;
    let rows: Vec<ImageLogits> = images
        .ids()
        .iter()
        .zip(logits)
        .map(|(image_id, values)| ImageLogits { image_id: image_id.clone(), gold: None, values })
        .collect();
    out.write(&trained.predictions_csv(&rows, args.logits))?;
    print(format!("{}: {} images\n", args.out.display(), rows.len()))
}
