//! The photos of an annotated test set.

use crate::config::{Config, DataSection};
use crate::error::{RunError, RunResult};
use crate::photos::{PhotosOfImages, photos_in};
use dermx_data::text::and_others;
use dermx_data::{DataError, Dataset, Selection, Study, did_you_mean, read_photo};
use dermx_score::check_outlines;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A test set with a photo for each of its images.
#[derive(Debug)]
pub struct TestSet {
    /// The annotations.
    pub dataset: Dataset,
    /// The folder of the photos.
    pub root: PathBuf,
    /// Id and file of each photo, in the order of the ids.
    pub photos: Vec<(String, PathBuf)>,
    /// Indices of each photo's gold classes, sorted: one, unless images may have several labels.
    pub gold: Vec<Vec<usize>>,
    /// Number of photos of no image of the data set, and one of them.
    others: (usize, Option<String>),
    is_multilabel: bool,
}

impl TestSet {
    /// Reads annotations and finds the photos.
    ///
    /// # Errors
    /// A data set that cannot be read, an image without a photo or with several that may be meant, or a
    /// gold class that is not one of the configuration's.
    pub fn read(config: &Config) -> RunResult<Self> {
        let (data, raters) = (&config.data, &config.evaluate.raters);
        let test = data.test_folder()?;
        let dataset = dermx_formats::open(test)?.select(Selection::default());
        let dataset = dataset.of_raters(raters)?;
        // Of all images: photos of those that are not tested on are not strangers.
        let (found, root, others) = photos_of(&dataset, data)?;
        let ids = dataset.images().iter().map(|image| image.image_id.clone());
        let photos: BTreeMap<String, PathBuf> = ids.zip(found).collect();
        let is_multilabel = config.train.is_multilabel();
        let dataset = if is_multilabel { dataset.labelled() } else { dataset.tested() };
        let mut set =
            Self { dataset, root, photos: Vec::new(), gold: Vec::new(), others, is_multilabel };
        for image in set.dataset.images() {
            let (classes, photo) = (image.known_classes(), photos.get(&image.image_id));
            let (Some(classes), Some(photo)) = (classes, photo) else { continue };
            let place = |class: &String| {
                let gold_idx = data.classes.iter().position(|known| known == class);
                gold_idx.ok_or_else(|| {
                let message = format!(
                    "image `{}` is of the class `{class}`{}, which is not in data.classes ({}); data.class_names may \
                     call a class of the training photos so, or [spellings] in {} gives it the name that they have",
                    image.image_id,
                    did_you_mean(class, &data.classes.iter().map(String::as_str).collect::<Vec<_>>()),
                    data.classes.join(", "),
                    dermx_formats::DATASET_FILE
                );
                RunError::in_file(test, message)
                })
            };
            let gold: BTreeSet<usize> = classes.iter().map(place).collect::<RunResult<_>>()?;
            set.photos.push((image.image_id.clone(), photo.clone()));
            set.gold.push(gold.into_iter().collect());
        }
        match set.photos.is_empty() {
            true => Err(RunError::in_file(test, "there is no image with a gold class to test on")),
            false => Ok(set),
        }
    }

    /// The test set of `config`, with what scoring needs of it; says what will not be scored.
    ///
    /// # Errors
    /// As of [`Self::read`]; choices that it cannot be scored by.
    pub fn to_score(config: &Config) -> RunResult<Self> {
        let test = Self::read(config)?;
        test.warn_of_others();
        config.scoring_choices().check(&test.dataset)?;
        // Labels alone are a test, too: of diagnoses.
        let is_marked = test.dataset.readings().iter().any(|one| !one.regions.is_empty());
        if test.is_multilabel {
            if is_marked {
                tracing::warn!(
                    "test images have outlines: maps of several labels are not compared with them"
                );
            }
        } else if is_marked || test.dataset.schema().raters_name_classes {
            let advice = "mark something in the images, or train without scoring: --no-eval";
            let folder = config.data.test_folder()?;
            check_outlines(folder, &test.dataset, &config.scoring_choices(), advice)?;
        } else {
            tracing::warn!(
                "nobody marked anything in the test images: heat maps are drawn, but not scored"
            );
        }
        Ok(test)
    }

    /// Warns of images that are not tested on, and of photos of no image of the data set.
    pub fn warn_of_others(&self) {
        let num_left_out = self.dataset.num_untested();
        if num_left_out > 0 {
            let what = match self.is_multilabel {
                true => "no labels that are known",
                false => "no gold class or several",
            };
            tracing::warn!(
                "{num_left_out} of {} test images have {what}: they are not tested on, and neither predicted nor \
                 scored",
                num_left_out + self.dataset.images().len()
            );
        }
        if let (num, Some(first)) = &self.others {
            tracing::warn!(
                "{num} of {} photos are of no image of the test set and are not used: {first}{}",
                num + self.photos.len(),
                if *num > 1 { ", ..." } else { "" }
            );
        }
    }

    /// Reads every photo once, so that one that cannot be read is known before the work begins.
    ///
    /// # Errors
    /// All of them.
    pub fn check_photos(&self) -> RunResult<()> {
        let read = |(_, path): &(String, PathBuf)| read_photo(path).map(drop);
        let results: Vec<Result<(), DataError>> = self.photos.par_iter().map(read).collect();
        match DataError::of_several(results.into_iter().filter_map(Result::err).collect()) {
            None => Ok(()),
            Some(error) => Err(error.into()),
        }
    }

    /// The files of the photos.
    pub fn files(&self) -> Vec<PathBuf> {
        self.photos.iter().map(|(_, path)| path.clone()).collect()
    }
}

/// Number of photos of no image, and one of them.
type Others = (usize, Option<String>);

/// The photo of each image, the folder of all, and photos of no image.
fn photos_of(dataset: &Dataset, data: &DataSection) -> RunResult<(Vec<PathBuf>, PathBuf, Others)> {
    let images = dataset.images();
    let own = || images.iter().map(|image| image.photo.clone()).collect::<Option<Vec<_>>>();
    if let (Some(photos), None) = (own(), data.other_test_images()) {
        let root = dataset.photo_folder().unwrap_or_else(|| dataset.root().to_path_buf());
        return Ok((photos, root, (0, None)));
    }
    let test_images = data.test_images.as_deref().unwrap_or(dataset.root());
    let PhotosOfImages { files, of_image: found } = photos_in(test_images, images)?;
    let missing = images.iter().zip(&found).filter(|(_, found)| found.is_none());
    let missing: Vec<&str> = missing.map(|(image, _)| image.file_name.as_str()).collect();
    if let Some(first) = missing.first() {
        let source = match dataset.schema().study {
            Some(Study::Dermx) => "; see datasets/README.md for where DermX's photos come from",
            None => "",
        };
        let message = format!(
            "{}: there is no photo `{first}`{}{source}",
            test_images.display(),
            and_others(missing.len(), images.len())
        );
        return Err(RunError::missing_input(message));
    }
    let is_found: BTreeSet<usize> = found.iter().copied().flatten().collect();
    let mut others = (0..files.len()).filter(|idx| !is_found.contains(idx));
    let first = others.next().map(|idx| files[idx].display().to_string());
    let others = (files.len() - is_found.len(), first);
    let photos = found.into_iter().flatten().map(|idx| files[idx].clone()).collect();
    Ok((photos, test_images.to_path_buf(), others))
}
