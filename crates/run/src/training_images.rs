//! The photos that `data.train` names, with their classes.

use crate::config::{DataSection, no_training_images};
use crate::error::{RunError, RunResult};
use crate::label_targets::LabelSets;
use crate::photos::photos;
use dermx_data::{
    Dataset, Image, LabelledFolder, LabelledImage, PhotoSet, class_folders, class_idx_of,
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
    /// The data set that they are of, if they are not class folders.
    pub dataset: Option<Box<Dataset>>,
    /// Where a photo may have several labels: which the classes of `folder` stand for.
    pub label_sets: Option<LabelSets>,
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
    if train.join(dermx_formats::DATASET_FILE).is_file() || dermx_formats::is_dermx(train) {
        return Ok(Train::Dataset(Box::new(dermx_formats::open(train)?)));
    }
    match dermx_formats::labels_table_in(train) {
        None => Ok(Train::Folders),
        Some(table) => {
            let message = format!(
                "found a table of images and classes in it, which a folder of class folders does not need: name the \
                 table itself ({}), or move it elsewhere",
                table.display()
            );
            Err(RunError::in_file(train, message))
        }
    }
}

/// The photos that `path` names, as `data.train` does: a folder of class folders, a folder with a `dataset.toml`,
/// or a table of images and classes. With whom they show, where that is said.
///
/// # Errors
/// No such folder or table, or one that cannot be read.
pub fn photo_set(name: &str, path: &Path) -> RunResult<(PhotoSet, BTreeMap<PathBuf, String>)> {
    let of_folder = || Ok((PhotoSet::read(name, path)?, BTreeMap::new()));
    if !path.exists() {
        return of_folder();
    }
    match open(path)? {
        Train::Folders => of_folder(),
        Train::Dataset(dataset) => {
            let (mut set, patients) = photo_set_of(name, &dataset).ok_or_else(|| {
                RunError::in_file(
                    path,
                    "names no folder of photos (`images`), so there is none to look at",
                )
            })?;
            // The others are not trained on.
            set.photos.retain(|photo| set.classes.contains_key(photo));
            Ok((set, patients))
        }
    }
}

/// The photos of a data set, which says whom they show; `None` where it does not say where photos are.
pub fn photo_set_of(
    name: &str,
    dataset: &Dataset,
) -> Option<(PhotoSet, BTreeMap<PathBuf, String>)> {
    let root = dataset.photo_folder()?;
    let of_images =
        || dataset.images().iter().filter_map(|image| Some((image, image.photo.clone()?)));
    let class = |(image, photo): (&Image, PathBuf)| Some((photo, image.gold_class()?.to_owned()));
    let patient = |(image, photo): (&Image, PathBuf)| Some((photo, image.patient.clone()?));
    let set = PhotoSet {
        name: name.to_owned(),
        root,
        photos: of_images().map(|(_, photo)| photo).collect(),
        classes: of_images().filter_map(class).collect(),
        ..PhotoSet::default()
    };
    Some((set, of_images().filter_map(patient).collect()))
}

/// Fewer photos than this may be the work of a slip in a class's name.
const FEW_PHOTOS: usize = 10;
/// The class that was meant has so many times as many.
const TIMES_AS_MANY: usize = 4;

/// Warns of classes with few photos whose name is nearly that of a class with many.
fn warn_of_slips(folder: &LabelledFolder) {
    let classes: Vec<(&String, usize)> =
        folder.classes.iter().zip(folder.num_per_class()).collect();
    for (class, num) in classes.iter().filter(|(_, num)| *num < FEW_PHOTOS) {
        let many = classes.iter().filter(|(_, other)| *other >= TIMES_AS_MANY * *num.max(&1));
        let near = many.map(|(other, _)| other.as_str()).find(|other| is_one_edit(class, other));
        if let Some(near) = near {
            tracing::warn!(
                "the class `{class}` has {num} photos, and `{near}` is nearly its name; if they are one, say so: \
                 data.class_names = {{ {class:?} = {near:?} }} with data.classes without `{class}`"
            );
        }
    }
}

/// Whether two names differ in one letter, or in case alone.
fn is_one_edit(one: &str, other: &str) -> bool {
    let [one, other] = [one, other].map(|name| name.to_lowercase().chars().collect::<Vec<_>>());
    let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let [rest, other_rest] = [&one[same..], &other[same..]];
    let after = |letters: &[char]| letters.get(1..).unwrap_or_default().to_vec();
    after(rest) == after(other_rest)
        || after(rest) == other_rest
        || rest == after(other_rest).as_slice()
}

/// What the classes of `train` are called there: its class folders, or the gold classes of its images; those of
/// images with several, too, if those are learned.
///
/// # Errors
/// No such folder or table, or one that cannot be read.
pub fn names_of_classes(train: &Path, is_multilabel: bool) -> RunResult<Vec<String>> {
    match open(train)? {
        Train::Folders => Ok(class_folders(train)?),
        Train::Dataset(dataset) if is_multilabel => Ok(dataset.schema().classes.clone()),
        Train::Dataset(dataset) => {
            let classes: BTreeSet<&str> =
                dataset.images().iter().filter_map(Image::gold_class).collect();
            Ok(classes.into_iter().map(str::to_owned).collect())
        }
    }
}

impl TrainingImages {
    /// Lists the photos. Warns of images without a gold class or, unless `is_multilabel`, with several.
    ///
    /// # Errors
    /// No photos, a class of theirs that is none of the configuration's, a class without a photo.
    pub fn read(data: &DataSection, is_multilabel: bool) -> RunResult<Self> {
        let images = match open(&data.train)? {
            Train::Folders if is_multilabel => {
                let message = "is a folder of class folders, which say one class of each photo; several labels \
                               (train.objective = \"multilabel\") come from a table";
                return Err(RunError::in_file(&data.train, message));
            }
            Train::Dataset(dataset) if is_multilabel => return Self::of_labels(data, dataset),
            Train::Folders => Self {
                folder: read_labelled_folder(&data.train, &data.classes, &data.class_names)?,
                root: data.train.clone(),
                patients: BTreeMap::new(),
                dataset: None,
                label_sets: None,
            },
            Train::Dataset(dataset) => Self::of_dataset(data, dataset)?,
        };
        warn_of_slips(&images.folder);
        Ok(images)
    }

    fn of_dataset(data: &DataSection, dataset: Box<Dataset>) -> RunResult<Self> {
        let mut images = Vec::new();
        let mut patients = BTreeMap::new();
        let mut num_left_out = 0;
        let photos = photos(&dataset, None)?;
        for image in dataset.images() {
            let photo = photo_of(data, &photos, image)?;
            let Some(class) = image.gold_class() else {
                num_left_out += 1;
                continue;
            };
            let class = data.class_names.get(class).map_or(class, String::as_str);
            if class.is_empty() {
                continue;
            }
            let class_idx = class_of(data, image, class)?;
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
        let root = dataset.photo_folder().unwrap_or_else(|| data.train.join("images"));
        drop(photos);
        Ok(Self { folder, root, patients, dataset: Some(dataset), label_sets: None })
    }
    /// Photos with any number of labels, also none, where that is known.
    fn of_labels(data: &DataSection, dataset: Box<Dataset>) -> RunResult<Self> {
        let (mut images, mut found) = (Vec::new(), Vec::new());
        let mut patients = BTreeMap::new();
        let photos = photos(&dataset, None)?;
        for image in dataset.images() {
            let Some(labels) = image.known_classes() else { continue };
            let photo = photo_of(data, &photos, image)?;
            let labels = labels.iter().map(|label| data.class_names.get(label).unwrap_or(label));
            let places: RunResult<BTreeSet<usize>> = labels
                .filter(|label| !label.is_empty())
                .map(|label| class_of(data, image, label))
                .collect();
            found.push(places?.into_iter().collect());
            if let Some(patient) = &image.patient {
                patients.insert(photo.clone(), patient.clone());
            }
            images.push((image.image_id.clone(), photo.clone()));
        }
        let num_left_out = dataset.images().len() - images.len();
        if num_left_out > 0 {
            tracing::warn!(
                "{num_left_out} of {} training images have no labels that are known, and are left out",
                dataset.images().len()
            );
        }
        let (sets, places) = LabelSets::new(&data.classes, &found);
        if let Some(label) =
            (0..sets.labels.len()).find(|label| !found.iter().flatten().any(|one| one == label))
        {
            let message = format!("no image has the label `{}`", sets.labels[label]);
            return Err(RunError::in_file(&data.train, message));
        }
        let images = images.into_iter().zip(places);
        let images = images.map(|((id, path), class_idx)| LabelledImage { id, path, class_idx });
        let folder = LabelledFolder { classes: sets.names(), images: images.collect() };
        let root = dataset.photo_folder().unwrap_or_else(|| data.train.join("images"));
        drop(photos);
        Ok(Self { folder, root, patients, dataset: Some(dataset), label_sets: Some(sets) })
    }
}

/// The photo of a training image.
fn photo_of<'a>(
    data: &DataSection,
    photos: &'a BTreeMap<&str, PathBuf>,
    image: &Image,
) -> RunResult<&'a PathBuf> {
    photos.get(image.image_id.as_str()).ok_or_else(|| {
        let message = match photos.is_empty() {
            true => {
                "names no folder of photos (`images`), so there is nothing to train on".to_string()
            }
            false => format!("there is no photo of the image `{}`", image.image_id),
        };
        RunError::in_file(&data.train, message)
    })
}

/// The place of a class of a training image among those of the configuration.
fn class_of(data: &DataSection, image: &Image, class: &str) -> RunResult<usize> {
    class_idx_of(class, &data.classes).ok_or_else(|| {
        let message = format!(
            "image `{}` is of the class `{class}`, which is not in data.classes ({}); \
             data.class_names may say which it is, or \"\" to leave it out",
            image.image_id,
            data.classes.join(", ")
        );
        RunError::in_file(&data.train, message)
    })
}
