//! An annotated data set: images, raters, and what each rater said of each image.

use crate::dermx::mask_files::{self, MaskFiles};
use crate::image_id::folded;
use crate::schema::{RESERVED_NAMES, Schema};
use crate::suggestion::did_you_mean;
use crate::{Cohort, DataError, Finding, Image, ImageScope, Mask, Reading, Rounds, Selection};
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

/// Images, raters and readings, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    root: PathBuf,
    schema: Schema,
    readings: Vec<Reading>,
    images: Vec<Image>,
    mask_files: Option<MaskFiles>,
    mask_source: MaskSource,
    selection: Selection,
    num_left_out: usize,
    not_read: Vec<PathBuf>,
    notes: Vec<Finding>,
    num_untested: usize,
    /// What [`Self::content_hash`] was before images were left out.
    pub(crate) whole_hash: Option<blake3::Hash>,
}

impl Dataset {
    /// A data set of `images` and `readings`, in any order.
    ///
    /// # Errors
    /// A concept or class with a name that tables keep for rows of their own; an image whose id is no path within a folder; two images of one id, or of ids that differ only in case; two readings of one image by one rater; an image that
    /// raters saw in different sizes.
    pub fn new(
        root: &Path,
        schema: Schema,
        images: Vec<Image>,
        readings: Vec<Reading>,
    ) -> Result<Self, DataError> {
        let (images, mut readings) = (sorted_images(images), sorted(readings));
        readings.iter_mut().for_each(|one| one.needs_class = schema.raters_name_classes);
        let invalid = |message: String| Err(DataError::invalid(root, "", message));
        if let Some(name) = schema.reserved_name() {
            return invalid(format!(
                "a concept is called `{name}`, as a row of the tables is ({}); give it another name, as with \
                 [spellings] `\"{name}\" = \"{} region\"`",
                RESERVED_NAMES.join(", "),
                name.to_lowercase()
            ));
        }
        // Heat maps and masks are written to the folders that the id has.
        let leads_out = |part: &str| matches!(part, "" | "." | "..");
        if let Some(image) = images.iter().find(|image| image.image_id.split('/').any(leads_out)) {
            return invalid(format!(
                "an image has the id `{}`; expected a name, or folders and a name, none of them `..`",
                image.image_id
            ));
        }
        let mut ids: Vec<(String, &str)> =
            images.iter().map(|image| (folded(&image.image_id), image.image_id.as_str())).collect();
        ids.sort_unstable();
        if let Some([(_, one), (_, other)]) =
            ids.array_windows().find(|[one, other]| one.0 == other.0)
        {
            return invalid(format!(
                "two images have the ids `{one}` and `{other}`, which are one where case does not count; \
                 rename one of them"
            ));
        }
        let is_same = |[one, other]: &&[Reading; 2]| {
            one.image_id == other.image_id && one.rater == other.rater
        };
        if let Some([one, _]) = readings.array_windows().find(is_same) {
            return invalid(format!(
                "the image `{}` has two readings of the rater `{}`; expected one",
                one.image_id, one.rater
            ));
        }
        let dataset = Self {
            root: root.to_path_buf(),
            schema,
            readings,
            images,
            mask_files: None,
            mask_source: MaskSource::default(),
            selection: Selection { images: ImageScope::All, rounds: Rounds::All },
            num_left_out: 0,
            not_read: Vec::new(),
            notes: Vec::new(),
            num_untested: 0,
            whole_hash: None,
        };
        if let Some((one, first)) = size_differences(&dataset.readings).next() {
            return invalid(format!(
                "`{}` saw the image `{}` in {} (height x width), but `{}` in {}; expected one size \
                 per image",
                one.rater, one.image_id, one.size, first.rater, first.size
            ));
        }
        Ok(dataset)
    }

    /// The same with published mask files, and with what lies beside the annotations and is not read.
    pub(crate) fn with_files(self, mask_files: Option<MaskFiles>, not_read: Vec<PathBuf>) -> Self {
        Self { mask_files, not_read, ..self }
    }

    /// The same with what was found while it was read, and does not keep it from being used.
    pub fn with_notes(self, notes: Vec<Finding>) -> Self {
        Self { notes, ..self }
    }

    /// What was found while the data set was read: annotations and rows about no image, shapes that are not read,
    /// labels that are no part of it.
    pub fn notes(&self) -> &[Finding] {
        &self.notes
    }

    /// Leaves out the images that cannot be tested on, with no gold class or several, and their readings. The
    /// [hash](Self::content_hash) stays that of the whole.
    pub fn tested(mut self) -> Self {
        let is_tested = |image: &Image| image.gold_class().is_some();
        if self.images.iter().all(is_tested) {
            return self;
        }
        let (num_before, hash) = (self.images.len(), self.content_hash());
        self.images.retain(is_tested);
        let mut readings = std::mem::take(&mut self.readings);
        readings.retain(|one| self.image(&one.image_id).is_some());
        let num_untested = self.num_untested + num_before - self.images.len();
        Self { readings, num_untested, whole_hash: Some(hash), ..self }
    }

    /// Leaves out the images whose gold classes are not known, and their readings. Of the others each may have
    /// any number of classes.
    pub fn labelled(mut self) -> Self {
        let num_before = self.images.len();
        self.images.retain(|image| image.known_classes().is_some());
        let mut readings = std::mem::take(&mut self.readings);
        readings.retain(|one| self.image(&one.image_id).is_some());
        let num_untested = self.num_untested + num_before - self.images.len();
        Self { readings, num_untested, ..self }
    }

    /// How many images [`tested`](Self::tested) or [`labelled`](Self::labelled) left out.
    pub fn num_untested(&self) -> usize {
        self.num_untested
    }

    /// The words of the data set.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The folder that was read.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Keeps the evaluations of `selection`, and every row of the metadata.
    pub fn select(mut self, selection: Selection) -> Self {
        let num_before = self.readings.len();
        let mut readings = std::mem::take(&mut self.readings);
        readings.retain(|one| {
            let has_metadata = self.image(&one.image_id).is_some();
            (has_metadata || selection.images == ImageScope::All) && selection.rounds.contains(one)
        });
        self.num_left_out += num_before - readings.len();
        self.readings = readings;
        self.selection = selection;
        self
    }

    /// What was [selected](Self::select); everything before that.
    pub fn selection(&self) -> Selection {
        self.selection
    }

    /// Keeps the readings of `raters`; all of them if none is named.
    ///
    /// # Errors
    /// A name that no rater has.
    pub fn of_raters(mut self, raters: &[String]) -> Result<Self, DataError> {
        let known: Vec<&str> = self.raters().into_iter().collect();
        if let Some(name) = raters.iter().find(|name| !known.contains(&name.as_str())) {
            let hint = did_you_mean(name, &known);
            let message =
                format!("there is no rater `{name}`{hint}; there are: {}", known.join(", "));
            return Err(DataError::invalid(&self.root, "", message));
        }
        self.readings.retain(|one| raters.is_empty() || raters.contains(&one.rater));
        Ok(self)
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
        ids.filter(|image_id| self.readings_of(image_id).is_empty()).collect()
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
        evaluation: &Reading,
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
    pub fn union_mask(&self, evaluation: &Reading) -> Result<Option<Mask>, DataError> {
        let mut masks = Vec::new();
        for characteristic in evaluation.concepts() {
            masks.extend(self.mask(evaluation, characteristic)?);
        }
        Ok(Mask::union_all(masks))
    }

    /// Every evaluation, sorted by image and rater.
    pub fn readings(&self) -> &[Reading] {
        &self.readings
    }

    /// The folder below which the photos lie as their ids say, if the data set says where photos are.
    pub fn photo_folder(&self) -> Option<PathBuf> {
        let image = self.images.iter().find(|image| image.photo.is_some())?;
        let depth = image.image_id.split('/').count();
        image.photo.as_deref()?.ancestors().nth(depth).map(Path::to_path_buf)
    }

    /// Every image, sorted by id.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// Whether the published mask files are there.
    pub fn has_mask_files(&self) -> bool {
        self.mask_files.is_some()
    }

    /// The metadata of an image.
    pub fn image(&self, image_id: &str) -> Option<&Image> {
        let found = self.images.binary_search_by(|image| image.image_id.as_str().cmp(image_id));
        found.ok().and_then(|image_idx| self.images.get(image_idx))
    }

    /// The evaluations of an image, sorted by rater.
    pub fn readings_of(&self, image_id: &str) -> &[Reading] {
        let start = self.readings.partition_point(|one| one.image_id.as_str() < image_id);
        let end = self.readings.partition_point(|one| one.image_id.as_str() <= image_id);
        &self.readings[start..end]
    }

    /// The raters, sorted.
    pub fn raters(&self) -> BTreeSet<&str> {
        self.readings.iter().map(|evaluation| evaluation.rater.as_str()).collect()
    }

    /// The evaluations of a cohort, sorted by image and rater.
    pub fn cohort(&self, cohort: Cohort) -> impl Iterator<Item = &Reading> {
        self.readings.iter().filter(move |evaluation| cohort.contains(evaluation))
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

/// By image and rater.
pub(crate) fn sorted(mut readings: Vec<Reading>) -> Vec<Reading> {
    readings.sort_unstable_by(|a, b| (&a.image_id, &a.rater).cmp(&(&b.image_id, &b.rater)));
    readings
}

fn sorted_images(mut images: Vec<Image>) -> Vec<Image> {
    images.sort_unstable_by(|a, b| a.image_id.cmp(&b.image_id));
    images
}

/// The readings in which an image has another size than in its first, with that; `readings` are sorted.
pub(crate) fn size_differences(readings: &[Reading]) -> impl Iterator<Item = (&Reading, &Reading)> {
    let of_images = readings.chunk_by(|a, b| a.image_id == b.image_id);
    of_images.flat_map(|of_image| {
        let first = &of_image[0]; // a chunk is not empty
        of_image.iter().filter(|one| one.size != first.size).map(move |one| (one, first))
    })
}
