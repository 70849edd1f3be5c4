//! `dermx explain`.

use crate::args::ExplainArgs;
use crate::error::CliError;
use crate::error::CliResult;
use crate::output;
use crate::process::Process;
use crate::terminal::print;
use dermx_gradcam::Explainer;
use dermx_run::{Extras, Job, RunError, explain, is_explanation, outdated_overlays, read_targets};
use std::fs;

/// Writes heat maps.
///
/// # Errors
/// Settings that make no sense, a network, images or targets that cannot be read, or an output folder
/// in use.
pub fn run(args: &ExplainArgs, process: &Process) -> CliResult<()> {
    args.settings().check().map_err(RunError::from)?;
    let inputs = [args.network.paths(), args.images.paths()].concat();
    let inputs = [inputs, output::inputs([args.targets.as_deref()])].concat();
    let out = output::folder(&args.out, args.overwrite, &inputs, is_explanation)?;
    let session = process.session(args.backend.backend)?;
    let trained = args.network.open(&session)?;
    trained.check_explained(args.settings().output, &args.sanity)?;
    let images = args.images.open(&trained)?;
    let layer = args.layer.as_deref();
    let explainer = Explainer::new(&trained.network, args.method, args.settings(), layer)
        .map_err(RunError::from)?;
    let targets = match &args.targets {
        Some(path) => Some(read_targets(path, &images, &trained.classes)?),
        None => None,
    };
    let job = Job {
        trained: &trained,
        images: &images,
        targets: targets.as_deref(),
        batch_size: args.batch,
        context: process.context(&session),
    };
    let extras = Extras { checks: &args.sanity, overlays: args.overlays };
    let num_maps = explain(&job, &explainer, extras, &out.path())?;
    let outdated = outdated_overlays(&args.out, &out.path())?;
    out.finish()?;
    for picture in outdated {
        fs::remove_file(&picture).map_err(|error| CliError::io(&picture, &error))?;
    }
    print(format!("{}: {} heat maps\n", args.out.display(), num_maps))
}
