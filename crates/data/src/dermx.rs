//! The DermX data set: all evaluations and all images of one folder.

use crate::mask_files::{self, MaskFiles};
use crate::strays::{AnnotationFolder, LAYOUT};
use crate::{
    Cohort, DataError, Evaluation, ImageRecord, ImageScope, Mask, Rounds, Selection, darwin,
    metadata, strays,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where the masks of outlined characteristics come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskSource {
    /// The outlines in the annotation files.
    #[default]
    Outlines,
    /// The published PNG files.
    Files,
}

/// The annotations of a release of DermX, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct DermxDataset {
    root: PathBuf,
    evaluations: Vec<Evaluation>,
    images: Vec<ImageRecord>,
    mask_files: Option<MaskFiles>,
    mask_source: MaskSource,
    selection: Selection,
    num_left_out: usize,
    not_read: Vec<PathBuf>,
}

impl DermxDataset {
    /// Reads all of `root/annotations/*.json` and `root/metadata.csv`.
    ///
    /// Where there is a folder `root/masks/masks` with a file per instance, every outlined
    /// annotation has to have one; the masks themselves come from the outlines, which give the
    /// same pixels, unless [`with_mask_source`](Self::with_mask_source) says otherwise.
    ///
    /// # Errors
    /// The first thing that is missing or wrong, by file name: see [`metadata::read`] and
    /// [`darwin::parse_evaluation`]; also raters who saw one image in different sizes, and what looks
    /// like an annotation but is not read: other letters in `.json`, a sub-folder with JSON files.
    pub fn read(root: &Path) -> Result<Self, DataError> {
        let AnnotationFolder { files, others, .. } = AnnotationFolder::list(root)?.complete()?;
        let images = metadata::read(&metadata_file(root)?)?;
        let evaluations = read_all(&files).into_iter().collect::<Result<Vec<_>, _>>()?;
        let evaluations = sorted(evaluations);
        check_sizes(root, &evaluations)?;
        let mask_files = MaskFiles::list(root, &evaluations)?;
        if let Some(files) = &mask_files {
            files.check(&evaluations)?;
        }
        Ok(Self {
            root: root.to_path_buf(),
            evaluations,
            images,
            mask_files,
            mask_source: MaskSource::default(),
            selection: Selection { images: ImageScope::All, rounds: Rounds::All },
            num_left_out: 0,
            not_read: strays::find(root, others)?,
        })
    }

    /// The folder that was read.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Keeps the evaluations of `selection`, and every row of the metadata.
    pub fn select(mut self, selection: Selection) -> Self {
        let num_before = self.evaluations.len();
        let mut evaluations = std::mem::take(&mut self.evaluations);
        evaluations.retain(|one| {
            let has_metadata = self.image(&one.image_id).is_some();
            (has_metadata || selection.images == ImageScope::All) && selection.rounds.contains(one)
        });
        self.num_left_out += num_before - evaluations.len();
        self.evaluations = evaluations;
        self.selection = selection;
        self
    }

    /// What was [selected](Self::select); everything before that.
    pub fn selection(&self) -> Selection {
        self.selection
    }

    /// How many evaluations [`select`](Self::select) left out.
    pub fn num_left_out(&self) -> usize {
        self.num_left_out
    }

    /// What lies in `annotations/`, `masks/` and `folds/` and is not read, sorted; hidden files and the
    /// files in `masks/masks` are not in it.
    pub fn not_read(&self) -> &[PathBuf] {
        &self.not_read
    }

    /// The images of the metadata that nobody evaluated, sorted.
    pub fn images_without_evaluation(&self) -> Vec<&str> {
        let ids = self.images.iter().map(|image| image.image_id.as_str());
        ids.filter(|image_id| self.evaluations_of(image_id).is_empty()).collect()
    }

    /// Takes the masks of [`mask`](Self::mask) and [`union_mask`](Self::union_mask) from `source`.
    ///
    /// # Errors
    /// When the published mask files are wanted and their folder is not there.
    pub fn with_mask_source(self, source: MaskSource) -> Result<Self, DataError> {
        if source == MaskSource::Files && self.mask_files.is_none() {
            let message = "found no such folder; expected the published masks, one PNG per \
                           instance or per class (or take the masks from the outlines)";
            return Err(DataError::missing(&mask_files::folder(&self.root), message));
        }
        Ok(Self { mask_source: source, ..self })
    }

    /// The pixels of `characteristic` in one of these evaluations; `None` when it is not outlined in the
    /// image.
    ///
    /// # Errors
    /// Never with outlines; with files, when one is missing, cannot be read, holds a value other
    /// than 0 and 255, or is not as large as the image.
    pub fn mask(
        &self,
        evaluation: &Evaluation,
        characteristic: &str,
    ) -> Result<Option<Mask>, DataError> {
        match (self.mask_source, &self.mask_files) {
            (MaskSource::Files, Some(files)) => files.mask(evaluation, characteristic),
            _ => Ok(evaluation.mask(characteristic)),
        }
    }

    /// The pixels of any characteristic in one of these evaluations; `None` when none is outlined in the
    /// image.
    ///
    /// # Errors
    /// See [`mask`](Self::mask).
    pub fn union_mask(&self, evaluation: &Evaluation) -> Result<Option<Mask>, DataError> {
        let mut masks = Vec::new();
        for characteristic in evaluation.characteristics() {
            masks.extend(self.mask(evaluation, characteristic)?);
        }
        Ok(Mask::union_all(masks))
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
        self.mask_files.is_some()
    }

    /// The metadata of an image.
    pub fn image(&self, image_id: &str) -> Option<&ImageRecord> {
        let found = self.images.binary_search_by(|image| image.image_id.as_str().cmp(image_id));
        found.ok().and_then(|image_idx| self.images.get(image_idx))
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

/// The metadata file of a data set; without it an error.
pub(crate) fn metadata_file(root: &Path) -> Result<PathBuf, DataError> {
    let path = root.join("metadata.csv");
    match path.is_file() {
        true => Ok(path),
        false => Err(DataError::missing(&path, format!("found no such file; {LAYOUT}"))),
    }
}

/// Every evaluation or its error, read in parallel, in the order of the files.
pub(crate) fn read_all(files: &[PathBuf]) -> Vec<Result<Evaluation, DataError>> {
    files.par_iter().map(|path| darwin::read_evaluation(path)).collect()
}

/// By image and rater.
pub(crate) fn sorted(mut evaluations: Vec<Evaluation>) -> Vec<Evaluation> {
    evaluations.sort_unstable_by(|a, b| (&a.image_id, &a.rater).cmp(&(&b.image_id, &b.rater)));
    evaluations
}

/// Masks of one image are compared pixel by pixel, so its raters must have seen one size.
fn check_sizes(root: &Path, evaluations: &[Evaluation]) -> Result<(), DataError> {
    match size_differences(root, evaluations).next() {
        Some((path, message)) => Err(DataError::invalid(&path, "image", message)),
        None => Ok(()),
    }
}

/// The files in which an image has another size than in its first, with what to say of it;
/// `evaluations` are sorted.
pub(crate) fn size_differences(
    root: &Path,
    evaluations: &[Evaluation],
) -> impl Iterator<Item = (PathBuf, String)> {
    let of_images = evaluations.chunk_by(|a, b| a.image_id == b.image_id);
    of_images.flat_map(move |of_image| {
        let first = &of_image[0]; // a chunk is not empty
        of_image.iter().filter(|one| one.size != first.size).map(move |one| {
            let path = root.join("annotations").join(one.stem() + ".json");
            let message = format!(
                "found {} (height x width), but {} in {}.json; expected one size per image",
                one.size,
                first.size,
                first.stem()
            );
            (path, message)
        })
    })
}
