//! The DermX data set: all evaluations and all images of one folder.

use crate::{DataError, Evaluation, ImageRecord, Mask, darwin, file, mask_files, metadata};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;

/// Which evaluations take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cohort {
    /// Every evaluation.
    All,
    /// A discard tag, even beside a diagnosis, or no diagnosis.
    Discarded,
    /// At least one diagnosis and no discard tag.
    Accepted,
    /// Accepted, with exactly one diagnosis.
    Single,
}

impl Cohort {
    /// Whether `evaluation` takes part.
    pub fn contains(self, evaluation: &Evaluation) -> bool {
        match self {
            Self::All => true,
            Self::Discarded => evaluation.is_discarded(),
            Self::Accepted => evaluation.is_accepted(),
            Self::Single => evaluation.is_single(),
        }
    }
}

/// The annotations of the DermX study, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct DermxDataset {
    evaluations: Vec<Evaluation>,
    images: Vec<ImageRecord>,
    has_mask_files: bool,
}

impl DermxDataset {
    /// Reads `root/annotations/*.json` and `root/metadata.csv`.
    ///
    /// Where there is a folder `root/masks/masks`, it has to hold a file for every outlined
    /// annotation; the masks themselves come from the polygons, which give the same pixels.
    ///
    /// # Errors
    /// The first thing that is missing or wrong, by file name: see [`metadata::read`] and
    /// [`darwin::parse_evaluation`]; also raters who saw one image in different sizes.
    pub fn read(root: &Path) -> Result<Self, DataError> {
        check_layout(root)?;
        let images = metadata::read(&root.join("metadata.csv"))?;
        let evaluations = read_evaluations(&root.join("annotations"))?;
        check_sizes(root, &evaluations)?;
        let has_mask_files = mask_files::folder(root).is_dir();
        if has_mask_files {
            mask_files::check(root, &evaluations)?;
        }
        Ok(Self { evaluations, images, has_mask_files })
    }

    /// Every evaluation, sorted by image and rater.
    pub fn evaluations(&self) -> &[Evaluation] {
        &self.evaluations
    }

    /// Every row of the metadata, sorted by image.
    pub fn images(&self) -> &[ImageRecord] {
        &self.images
    }

    /// Whether the published mask files are there.
    pub fn has_mask_files(&self) -> bool {
        self.has_mask_files
    }

    /// The metadata of an image.
    pub fn image(&self, image_id: &str) -> Option<&ImageRecord> {
        let found = self.images.binary_search_by(|image| image.image_id.as_str().cmp(image_id));
        found.ok().and_then(|image_idx| self.images.get(image_idx))
    }

    /// The pixels in any outline of `characteristic`; `None` when the rater outlined none.
    pub fn mask(
        &self,
        evaluation: &Evaluation,
        characteristic: &str,
    ) -> Result<Option<Mask>, DataError> {
        Ok(evaluation.mask(characteristic))
    }

    /// The evaluations of an image, sorted by rater.
    pub fn evaluations_of(&self, image_id: &str) -> &[Evaluation] {
        let start = self.evaluations.partition_point(|one| one.image_id.as_str() < image_id);
        let end = self.evaluations.partition_point(|one| one.image_id.as_str() <= image_id);
        &self.evaluations[start..end]
    }

    /// The raters, sorted.
    pub fn raters(&self) -> BTreeSet<&str> {
        self.evaluations.iter().map(|evaluation| evaluation.rater.as_str()).collect()
    }

    /// The evaluations of a cohort, sorted by image and rater.
    pub fn cohort(&self, cohort: Cohort) -> impl Iterator<Item = &Evaluation> {
        self.evaluations.iter().filter(move |evaluation| cohort.contains(evaluation))
    }

    /// The images with at least one evaluation in the cohort.
    pub fn cohort_images(&self, cohort: Cohort) -> BTreeSet<&str> {
        self.cohort(cohort).map(|evaluation| evaluation.image_id.as_str()).collect()
    }

    /// The evaluated images that have no row in the metadata, so no gold standard.
    pub fn images_without_metadata(&self) -> BTreeSet<&str> {
        let mut images = self.cohort_images(Cohort::All);
        images.retain(|image_id| self.image(image_id).is_none());
        images
    }
}

fn check_layout(root: &Path) -> Result<(), DataError> {
    const LAYOUT: &str = "expected the layout of DermX: `annotations/RATER_IMAGE.json`, \
        `metadata.csv` and, if wanted, `masks/masks/RATER_IMAGE_NNNNN.png`";
    if !root.is_dir() {
        let message = format!(
            "found no such folder; {LAYOUT} (its authors published DermX under CC0 1.0; \
             `dermx synth` writes a synthetic set in the same layout)"
        );
        return Err(DataError::missing(root, message));
    }
    if !root.join("annotations").is_dir() {
        let message = format!("found no such folder; {LAYOUT}");
        return Err(DataError::missing(&root.join("annotations"), message));
    }
    if !root.join("metadata.csv").is_file() {
        let message = format!("found no such file; {LAYOUT}");
        return Err(DataError::missing(&root.join("metadata.csv"), message));
    }
    Ok(())
}

/// All evaluations, read in parallel; the first error in the order of the file names wins.
fn read_evaluations(folder: &Path) -> Result<Vec<Evaluation>, DataError> {
    let names = file::list(folder)?;
    let names: Vec<&String> =
        names.iter().filter(|name| name.ends_with(".json") && !name.starts_with('.')).collect();
    if names.is_empty() {
        let message = "found no `*.json` in it; expected RATER_IMAGE.json, one per evaluation";
        return Err(DataError::missing(folder, message));
    }
    let read: Vec<_> =
        names.into_par_iter().map(|name| darwin::read_evaluation(&folder.join(name))).collect();
    let mut evaluations = read.into_iter().collect::<Result<Vec<_>, _>>()?;
    evaluations.sort_unstable_by(|a, b| (&a.image_id, &a.rater).cmp(&(&b.image_id, &b.rater)));
    Ok(evaluations)
}

/// Masks of one image are compared pixel by pixel, so its raters must have seen one size.
fn check_sizes(root: &Path, evaluations: &[Evaluation]) -> Result<(), DataError> {
    for pair in evaluations.windows(2) {
        let [first, second] = pair else { continue };
        if first.image_id == second.image_id && first.size != second.size {
            let path = root.join("annotations").join(second.stem() + ".json");
            let message = format!(
                "found {} (height x width), but {} in {}.json; expected one size per image",
                second.size,
                first.size,
                first.stem()
            );
            return Err(DataError::invalid(&path, "image", message));
        }
    }
    Ok(())
}
