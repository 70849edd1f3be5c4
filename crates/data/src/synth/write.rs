//! Writing a synthetic data set in DermX's own layout.

use super::disease::{DISEASES, Disease, test_counts, train_counts};
use super::photo::Photo;
use crate::{DataError, Random};
use rayon::prelude::*;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Size and seed of a synthetic data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SynthConfig {
    /// a
    pub num_images: usize,
    /// a
    pub num_train_images: usize,
    /// a
    pub seed: u64,
}

/// x
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SynthSummary {}

/// x
/// # Errors
/// x
pub fn write_synthetic(
    root: &Path,
    config: &SynthConfig,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<SynthSummary, DataError> {
    let done = AtomicUsize::new(0);
    let total = config.num_images + config.num_train_images;
    for (set, counts) in
        [("train", train_counts(config.num_train_images)), ("test", test_counts(config.num_images))]
    {
        let jobs: Vec<(&Disease, usize)> = DISEASES
            .iter()
            .zip(counts)
            .flat_map(|(disease, count)| (1..=count).map(move |number| (disease, number)))
            .collect();
        for d in &DISEASES {
            fs::create_dir_all(root.join(set).join(d.folder)).unwrap();
        }
        jobs.par_iter().for_each(|&(disease, number)| {
            let name = format!("{}-{number:04}.jpg", disease.stem);
            let mut random = Random::new(config.seed, "synth-photo", 0, &format!("{set}/{name}"));
            let photo = Photo::new(disease, &mut random);
            fs::write(root.join(set).join(disease.folder).join(name), photo.to_jpeg().unwrap()).unwrap();
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
        });
    }
    Ok(SynthSummary {})
}
