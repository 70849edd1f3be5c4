//! Synthetic data sets.

use crate::config::Config;
use crate::error::{RunError, RunResult};
use dermx_data::{SynthConfig, SynthSummary, synthetic_config, write_synthetic};
use dermx_work::Watch;
use std::path::Path;
use std::sync::Mutex;

/// Makes a synthetic data set in `root` and shows progress.
///
/// # Errors
/// As [`write_synthetic`].
pub fn synthesize(root: &Path, config: &SynthConfig, watch: Watch<'_>) -> RunResult<SynthSummary> {
    let total = config.num_images + config.num_train_images;
    let progress = Mutex::new(watch.progress.start("synthetic photos", total, "img"));
    let summary = write_synthetic(root, config, &|done, _| {
        // A poisoned lock would only cost a progress line.
        if let Ok(mut progress) = progress.lock() {
            progress.set(done, "");
        }
    })?;
    if let Ok(progress) = progress.into_inner() {
        progress.finish(&format!("{total} written to {}", root.display()));
    }
    Ok(summary)
}

/// Makes the synthetic data set, if photos of it are used, unless it is there already.
///
/// # Errors
/// Another data set in its place, a full disk.
pub fn prepare_synthetic(config: &Config, watch: Watch<'_>) -> RunResult<()> {
    let Some(section) = &config.synthetic else { return Ok(()) };
    // A base may have one that the configuration does not use.
    let own = [Some(&config.data.train), config.data.test.as_ref()];
    if !own.into_iter().flatten().any(|path| path.starts_with(&section.root)) {
        return Ok(());
    }
    let config = SynthConfig {
        num_images: section.num_images,
        num_train_images: section.num_train_images,
        seed: section.seed,
    };
    let Some(found) = synthetic_config(&section.root)? else {
        return synthesize(&section.root, &config, watch).map(drop);
    };
    if found != config {
        let message = format!(
            "the data set there was made with {found:?}, the configuration says {config:?}; \
             change synthetic.root (and the paths in [data]) or remove the folder"
        );
        return Err(RunError::in_file(&section.root.join("synth.json"), message));
    }
    Ok(())
}
