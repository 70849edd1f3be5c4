//! `dermx synth`.

use crate::args::SynthArgs;
use crate::error::CliResult;
use crate::progress::Progress;
use crate::terminal::print;
use dermx_data::{SynthConfig, SynthSummary, write_synthetic};
use std::path::Path;
use std::sync::Mutex;

/// Makes a synthetic data set.
///
/// # Errors
/// The folder is not empty or cannot be written to.
pub fn run(args: &SynthArgs) -> CliResult<()> {
    let config = SynthConfig {
        num_images: args.images,
        num_train_images: args.train_images,
        seed: args.seed,
    };
    let summary = synthesize(&args.out, &config)?;
    print(format!(
        "{}: {} training images, {} test images, {} evaluations, {} outlined instances\n",
        args.out.display(),
        summary.train_images.values().sum::<usize>(),
        summary.images.values().sum::<usize>(),
        summary.num_evaluations,
        summary.num_instances
    ))
}

/// Makes a synthetic data set in `root` and shows progress.
///
/// # Errors
/// As [`write_synthetic`].
pub fn synthesize(root: &Path, config: &SynthConfig) -> CliResult<SynthSummary> {
    let total = config.num_images + config.num_train_images;
    let progress = Mutex::new(Progress::new("synthetic photos", total, "img"));
    let summary = write_synthetic(root, config, &|done, _| {
        // A poisoned lock would only cost a progress line.
        if let Ok(mut progress) = progress.lock() {
            progress.set(done, String::new());
        }
    })?;
    if let Ok(progress) = progress.into_inner() {
        progress.finish(&format!("{total} written to {}", root.display()));
    }
    Ok(summary)
}
