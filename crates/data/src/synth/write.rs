//! The folder of a synthetic data set: photos, annotations, training folders, what it is.

use super::disease::{DISEASES, Disease, test_counts, train_counts};
use super::photo::Photo;
use super::rater;
use crate::dermx::{AGE, ORIGINAL_FILE, SKIN_TONE, SOURCE};
use crate::disk::is_partial;
use crate::new_folder::NewFolder;
use crate::{DataError, Image, Random, Reading, darwin, file, mask_files, metadata, to_json};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Raised whenever the same configuration gives other bytes than before.
const GENERATOR_VERSION: u32 = 1;

/// Says what the data set was made with.
const MANIFEST: &str = "synth.json";

const README: &str = include_str!("dataset_readme.md");

/// How large a synthetic data set is, and which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SynthConfig {
    /// Annotated test images, spread evenly over the six diagnoses; at least 6.
    pub num_images: usize,
    /// Training images, spread over the diagnoses as unevenly as in the study; at least 6.
    pub num_train_images: usize,
    /// The same seed gives the same bytes on any machine.
    pub seed: u64,
}

impl Default for SynthConfig {
    fn default() -> Self {
        Self { num_images: 150, num_train_images: 720, seed: 0 }
    }
}

/// What [`write_synthetic`] wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SynthSummary {
    /// Annotated test images per diagnosis.
    pub images: BTreeMap<String, usize>,
    /// Training images per folder.
    pub train_images: BTreeMap<String, usize>,
    /// Evaluations, three per test image.
    pub num_evaluations: usize,
    /// Outlined instances, one mask file each.
    pub num_instances: usize,
}

/// `synth.json`: what was generated, by what.
#[derive(Serialize)]
struct Manifest<'a> {
    note: &'static str,
    generator_version: u32,
    config: &'a SynthConfig,
    #[serde(flatten)]
    summary: &'a SynthSummary,
}

/// Writes a synthetic stand-in for DermX and its training set, so that nobody needs photos of
/// patients to start.
///
/// The layout is `root/dermx/{annotations,masks,images,metadata.csv}` in the format of DermX,
/// `root/train/FOLDER/*.jpg` with the folders of the study, `root/README.md` and `root/synth.json`; it
/// gets its name once it is whole, and what is made twice at a time is there once. Eight simulated raters, three per image, differ in outlines, in terms and
/// sometimes in the diagnosis. `progress(done, total)` is called, from several threads, after
/// each photo.
///
/// # Errors
/// When `root` exists and is not an empty folder, when there are fewer than six images of either
/// kind, or when a file cannot be written.
pub fn write_synthetic(
    root: &Path,
    config: &SynthConfig,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<SynthSummary, DataError> {
    check(root, config)?;
    let folder = NewFolder::begin(root)?;
    let summary = write_into(folder.path(), config, progress)?;
    // Another process may have been quicker, with the same data.
    if !folder.finish()? && synthetic_config(root)? != Some(*config) {
        return Err(occupied(root));
    }
    Ok(summary)
}

/// What the synthetic data set in `root` was made with; `None` if there is none.
///
/// # Errors
/// A `synth.json` that cannot be read.
pub fn synthetic_config(root: &Path) -> Result<Option<SynthConfig>, DataError> {
    #[derive(Deserialize)]
    struct Made {
        config: SynthConfig,
    }
    let path = root.join(MANIFEST);
    let bytes = match std::fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        result => result.map_err(|error| DataError::io(&path, &error))?,
    };
    let made: Made = serde_json::from_slice(&bytes)
        .map_err(|error| DataError::invalid(&path, "", error.to_string()))?;
    Ok(Some(made.config))
}

fn write_into(
    root: &Path,
    config: &SynthConfig,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<SynthSummary, DataError> {
    let total = config.num_images + config.num_train_images;
    let num_done = AtomicUsize::new(0);
    let step = || progress(num_done.fetch_add(1, Ordering::Relaxed) + 1, total);
    let test = test_counts(config.num_images);
    let train = train_counts(config.num_train_images);
    let evaluations = write_test_set(&root.join("dermx"), config.seed, test, &step)?;
    write_train_set(&root.join("train"), config.seed, train, &step)?;
    let summary = SynthSummary {
        images: count_by(|disease| disease.name, test),
        train_images: count_by(|disease| disease.folder, train),
        num_evaluations: evaluations.len(),
        num_instances: evaluations.iter().map(|one| one.regions.len()).sum(),
    };
    file::write(&root.join("README.md"), README.as_bytes())?;
    write_manifest(&root.join(MANIFEST), config, &summary)?;
    Ok(summary)
}

fn check(root: &Path, config: &SynthConfig) -> Result<(), DataError> {
    for (place, count) in
        [("num_images", config.num_images), ("num_train_images", config.num_train_images)]
    {
        if count < DISEASES.len() {
            let message = format!("found {count}; expected at least 6, one image per diagnosis");
            return Err(DataError::invalid(root, place, message));
        }
    }
    let is_free = || Ok(root.is_dir() && file::list(root)?.iter().all(|one| is_partial(&one.name)));
    match root.exists() && !is_free()? {
        true => Err(occupied(root)),
        false => Ok(()),
    }
}

fn occupied(root: &Path) -> DataError {
    let message = "found something here already; expected a new or an empty folder \
        (nothing was written; name another folder or remove this one)";
    DataError::invalid(root, "", message)
}

/// Photos, annotations, masks and metadata of the test images.
fn write_test_set(
    root: &Path,
    seed: u64,
    counts: [usize; 6],
    step: &(dyn Fn() + Sync),
) -> Result<Vec<Reading>, DataError> {
    let folder = root.join("images");
    file::create_folder(&folder)?;
    let write_one = |&(disease, number): &(&Disease, usize)| {
        let image_id = format!("synthetic-{}-{number:03}", disease.stem);
        let photo = Photo::new(disease, &mut Random::new(seed, "synth-test", 0, &image_id));
        let mut random = Random::new(seed, "synth-raters", 0, &image_id);
        let evaluations = rater::evaluate(disease, &photo, &image_id, &mut random);
        let record = record(disease, &photo, image_id, number);
        write_photo(&folder.join(&record.file_name), &photo)?;
        step();
        Ok((record, evaluations))
    };
    let written: Vec<Result<_, DataError>> = jobs(counts).par_iter().map(write_one).collect();
    let written = written.into_iter().collect::<Result<Vec<_>, _>>()?;
    let (records, evaluations): (Vec<_>, Vec<_>) = written.into_iter().unzip();
    let evaluations: Vec<Reading> = evaluations.into_iter().flatten().collect();
    metadata::write(&root.join("metadata.csv"), &records)?;
    darwin::write_annotations(root, &evaluations)?;
    mask_files::write_mask_files(root, &evaluations)?;
    Ok(evaluations)
}

fn write_train_set(
    root: &Path,
    seed: u64,
    counts: [usize; 6],
    step: &(dyn Fn() + Sync),
) -> Result<(), DataError> {
    for disease in &DISEASES {
        file::create_folder(&root.join(disease.folder))?;
    }
    let write_one = |&(disease, number): &(&Disease, usize)| {
        let name = format!("{}-{number:04}.jpg", disease.stem);
        let photo = Photo::new(disease, &mut Random::new(seed, "synth-train", 0, &name));
        write_photo(&root.join(disease.folder).join(name), &photo)?;
        step();
        Ok(())
    };
    let written: Vec<_> = jobs(counts).par_iter().map(write_one).collect();
    written.into_iter().collect()
}

/// Every photo to be painted: its disease and its number from 1.
fn jobs(counts: [usize; 6]) -> Vec<(&'static Disease, usize)> {
    DISEASES
        .iter()
        .zip(counts)
        .flat_map(|(disease, count)| (1..=count).map(move |number| (disease, number)))
        .collect()
}

fn record(disease: &Disease, photo: &Photo, image_id: String, number: usize) -> Image {
    let attributes = [
        (ORIGINAL_FILE, format!("{}_{number}.png", disease.folder)),
        (SOURCE, "synthetic".to_owned()),
        (SKIN_TONE, photo.tone.name().to_owned()),
        (AGE, photo.age.name().to_owned()),
    ];
    Image {
        file_name: format!("{image_id}.jpg"),
        image_id,
        gold: vec![disease.name.to_owned()],
        attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
        ..Image::default()
    }
}

fn write_photo(path: &Path, photo: &Photo) -> Result<(), DataError> {
    let bytes = photo.to_jpeg().map_err(|error| DataError::invalid(path, "", error.to_string()))?;
    file::write(path, &bytes)
}

fn write_manifest(
    path: &Path,
    config: &SynthConfig,
    summary: &SynthSummary,
) -> Result<(), DataError> {
    let manifest = Manifest {
        note: "Synthetic data: painted photos and simulated raters; no patient, no dermatologist.",
        generator_version: GENERATOR_VERSION,
        config,
        summary,
    };
    let bytes =
        to_json(&manifest).map_err(|error| DataError::invalid(path, "", error.to_string()))?;
    file::write(path, &bytes)
}

fn count_by(name: fn(&Disease) -> &'static str, counts: [usize; 6]) -> BTreeMap<String, usize> {
    DISEASES.iter().map(|disease| name(disease).to_owned()).zip(counts).collect()
}
