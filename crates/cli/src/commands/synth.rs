//! `dermx synth`.

use crate::args::SynthArgs;
use crate::error::CliResult;
use crate::process::Process;
use crate::terminal::print;
use dermx_data::SynthConfig;
use dermx_run::synthesize;

/// Makes a synthetic data set.
///
/// # Errors
/// The folder is not empty or cannot be written to.
pub fn run(args: &SynthArgs, process: &Process) -> CliResult<()> {
    let config = SynthConfig {
        num_images: args.images,
        num_train_images: args.train_images,
        seed: args.seed,
    };
    let summary = synthesize(&args.out, &config, process.watch())?;
    print(format!(
        "{}: {} training images, {} test images, {} evaluations, {} outlined instances\n",
        args.out.display(),
        summary.train_images.values().sum::<usize>(),
        summary.images.values().sum::<usize>(),
        summary.num_evaluations,
        summary.num_instances
    ))
}
