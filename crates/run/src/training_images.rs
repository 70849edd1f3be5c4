//! The photos that `data.train` names, with their classes.

use crate::config::{DataSection, no_training_images};
use crate::error::{RunError, RunResult};
use dermx_data::{
    Dataset, Image, LabelledFolder, LabelledImage, class_folders, class_idx_of,
    read_labelled_folder,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Training photos, those of validation among them.
#[derive(Debug)]
pub struct TrainingImages {
    /// Ids, files and classes.
    pub folder: LabelledFolder,
    /// The folder of the photos.
    pub root: PathBuf,
    /// Whom photos show, where the data set says so.
    pub patients: BTreeMap<PathBuf, String>,
}

/// What `data.train` is.
enum Train {
    /// A folder of class folders.
    Folders,
    /// A data set with photos: its `dataset.toml`, or a table of images and classes.
    Dataset(Box<Dataset>),
}

fn open(train: &Path) -> RunResult<Train> {
    if train.is_file() {
        return Ok(Train::Dataset(Box::new(dermx_formats::open_table(train)?)));
    }
    if !train.is_dir() {
        return Err(no_training_images(train));
    }
    match train.join(dermx_formats::DATASET_FILE).is_file() {
        true => Ok(Train::Dataset(Box::new(dermx_formats::open(train)?))),
        false => Ok(Train::Folders),
    }
}

/// What the classes of `train` are called there: its class folders, or the gold classes of its images.
///
/// # Errors
/// No such folder or table, or one that cannot be read.
pub fn names_of_classes(train: &Path) -> RunResult<Vec<String>> {
    match open(train)? {
        Train::Folders => Ok(class_folders(train)?),
        Train::Dataset(dataset) => {
            let classes: BTreeSet<&str> =
                dataset.images().iter().filter_map(Image::gold_class).collect();
            Ok(classes.into_iter().map(str::to_owned).collect())
        }
    }
}

impl TrainingImages {
    /// Lists the photos. Warns of images without a gold class or with several.
    ///
    /// # Errors
    /// No photos, a class of theirs that is none of the configuration's, a class without a photo.
    pub fn read(data: &DataSection) -> RunResult<Self> {
        match open(&data.train)? {
            Train::Folders => Ok(Self {
                folder: read_labelled_folder(&data.train, &data.classes, &data.class_names)?,
                root: data.train.clone(),
                patients: BTreeMap::new(),
            }),
            Train::Dataset(dataset) => Self::of_dataset(data, &dataset),
        }
    }

    fn of_dataset(data: &DataSection, dataset: &Dataset) -> RunResult<Self> {
        let mut images = Vec::new();
        let mut patients = BTreeMap::new();
        let mut num_left_out = 0;
        for image in dataset.images() {
            let Some(photo) = &image.photo else {
                let message =
                    "names no folder of photos (`images`), so there is nothing to train on";
                return Err(RunError::in_file(&data.train, message));
            };
            let Some(class) = image.gold_class() else {
                num_left_out += 1;
                continue;
            };
            let class = data.class_names.get(class).map_or(class, String::as_str);
            if class.is_empty() {
                continue;
            }
            let class_idx = class_idx_of(class, &data.classes).ok_or_else(|| {
                let message = format!(
                    "image `{}` is of the class `{class}`, which is not in data.classes ({}); \
                     data.class_names may say which it is, or \"\" to leave it out",
                    image.image_id,
                    data.classes.join(", ")
                );
                RunError::in_file(&data.train, message)
            })?;
            if let Some(patient) = &image.patient {
                patients.insert(photo.clone(), patient.clone());
            }
            images.push(LabelledImage {
                id: image.image_id.clone(),
                path: photo.clone(),
                class_idx,
            });
        }
        if num_left_out > 0 {
            tracing::warn!(
                "{num_left_out} of {} training images have no gold class or several, and are left out",
                dataset.images().len()
            );
        }
        let folder = LabelledFolder { classes: data.classes.clone(), images };
        if let Some(class_idx) = folder.num_per_class().iter().position(|num| *num == 0) {
            let message = format!("no image is of the class `{}`", data.classes[class_idx]);
            return Err(RunError::in_file(&data.train, message));
        }
        let root = dataset.photo_folder().unwrap_or_else(|| data.train.clone());
        Ok(Self { folder, root, patients })
    }
}
