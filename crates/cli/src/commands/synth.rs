//! `dermx synth`.

use crate::args::SynthArgs;
use crate::error::CliResult;
use crate::output;
use crate::process::Process;
use crate::terminal::print;
use dermx_data::{SynthConfig, is_synthetic};
use dermx_run::synthesize;

/// Makes a synthetic data set.
///
/// # Errors
/// The folder is not empty or cannot be written to.
pub fn run(args: &SynthArgs, process: &Process) -> CliResult<()> {
    let out = output::folder(&args.out, args.overwrite, &[], is_synthetic)?;
    let config = SynthConfig {
        num_images: args.images,
        num_train_images: args.train_images,
        seed: args.seed,
    };
    let summary = synthesize(&out.path(), &config, process.watch())?;
    out.finish()?;
    print(format!(
        "{}: {} training images, {} test images, {} evaluations, {} outlined instances\n",
        args.out.display(),
        summary.train_images.values().sum::<usize>(),
        summary.images.values().sum::<usize>(),
        summary.num_evaluations,
        summary.num_instances
    ))
}
