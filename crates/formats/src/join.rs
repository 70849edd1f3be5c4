//! Annotations, photos, gold classes and the choices of `dataset.toml` as one data set.

use crate::dataset_file::{Absent, DATASET_FILE, DatasetFile, Labels, LabelsFrom};
use crate::{Annotations, RawReading};
use dermx_data::{
    Concept, CsvTable, DataError, Dataset, Image, ImageNames, ImageSize, Reading, Schema, Shape,
    class_idx_of, did_you_mean, image_id, list_photos, photo_size,
};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// What the sources of a data set say, and how silence is meant.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub annotations: Annotations,
    /// Raters, and the images that they read without saying anything of them.
    pub silent: Vec<(String, String)>,
    /// Labels of whole images by the id of the image and the rater.
    pub labels: BTreeMap<(String, String), Vec<String>>,
    /// Raters that read every image.
    pub complete: BTreeSet<String>,
}

impl Found {
    /// Adds what one rater's file, or a file of all raters, says.
    pub fn add(&mut self, annotations: Annotations, rater: Option<&str>, absent: Absent) {
        if absent == Absent::Nothing {
            match rater {
                Some(rater) => {
                    let images = annotations.images.iter();
                    self.silent.extend(images.map(|image| (image.name.clone(), rater.to_owned())));
                }
                None => {
                    let raters = annotations.readings.iter().map(|one| one.rater.clone());
                    self.complete.extend(raters);
                }
            }
        }
        let Annotations { images, readings, skipped } = annotations;
        self.annotations.images.extend(images);
        self.annotations.readings.extend(readings);
        self.annotations.skipped.extend(skipped);
    }
}

impl Found {
    /// Adds that `rater` read `image`, and what was said of the whole of it.
    pub fn say(&mut self, image: &str, rater: &str, labels: Vec<String>) {
        if !labels.is_empty() {
            self.labels.entry((image_id(image), rater.to_owned())).or_default().extend(labels);
        }
        self.silent.push((image.to_owned(), rater.to_owned()));
    }
}

/// The photos of a data set by image id; none where it has no folder of them.
pub(crate) fn photos(
    root: &Path,
    file: &DatasetFile,
) -> Result<Option<BTreeMap<String, PathBuf>>, DataError> {
    file.images.as_ref().map(|folder| list_photos(&root.join(folder))).transpose()
}

/// Which images there are, and what tables may call them.
struct Images {
    ids: Vec<String>,
    photos: BTreeMap<String, PathBuf>,
    names: ImageNames,
    /// Places in `ids` by what annotations call an image.
    known: HashMap<String, Option<usize>>,
}

impl Images {
    /// Those with photos; without photos, those that are annotated.
    fn new(photos: Option<BTreeMap<String, PathBuf>>, found: &Found) -> Self {
        let annotated = || {
            let Annotations { images, readings, .. } = &found.annotations;
            let names = images.iter().map(|image| &image.name);
            let names = names.chain(readings.iter().map(|reading| &reading.image));
            let ids: BTreeSet<String> = names.map(|name| image_id(name)).collect();
            ids.into_iter().collect::<Vec<_>>()
        };
        let (ids, names) = match &photos {
            Some(photos) => {
                let files = photos.iter().map(|(id, path)| (id.as_str(), path.as_path()));
                (photos.keys().cloned().collect(), ImageNames::of_photos(files))
            }
            None => {
                let ids = annotated();
                let names = ImageNames::of_ids(ids.iter().map(String::as_str));
                (ids, names)
            }
        };
        Self { ids, photos: photos.unwrap_or_default(), names, known: HashMap::new() }
    }

    /// The place of the image that annotations call `name`.
    fn find(&mut self, file: &Path, name: &str) -> Result<Option<usize>, DataError> {
        if let Some(&place) = self.known.get(name) {
            return Ok(place);
        }
        let found = self.names.find(name);
        let place = found.map_err(|message| DataError::invalid(file, "", message))?;
        self.known.insert(name.to_owned(), place);
        Ok(place)
    }
}

/// The data set.
///
/// # Errors
/// Names that may mean several images, classes that are none, readings that contradict each other, sizes that are
/// not known.
pub(crate) fn join(
    root: &Path,
    file: &DatasetFile,
    photos: Option<BTreeMap<String, PathBuf>>,
    found: Found,
) -> Result<Dataset, DataError> {
    let mut images = Images::new(photos, &found);
    let gold = Gold::new(root, file, &mut images, &found)?;
    let schema = schema(root, file, &gold, &found);
    let mut joiner = Joiner { root, schema, sizes: HashMap::new(), unknown: BTreeSet::new() };
    let readings = joiner.readings(&mut images, found)?;
    joiner.warn(&images);
    let records = images.ids.iter().enumerate().map(|(idx, id)| gold.image(idx, id, &images));
    Dataset::new(root, joiner.schema, records.collect(), readings)
}

/// Gold classes, patients and attributes of images, by place.
#[derive(Default)]
struct Gold {
    classes: BTreeMap<usize, Vec<String>>,
    patients: BTreeMap<usize, String>,
    attributes: BTreeMap<usize, BTreeMap<String, String>>,
    attribute_names: Vec<String>,
}

impl Gold {
    fn new(
        root: &Path,
        file: &DatasetFile,
        images: &mut Images,
        found: &Found,
    ) -> Result<Self, DataError> {
        let labels = file.labels.clone().unwrap_or_default();
        let mut gold = match &labels.file {
            Some(table) => Self::of_table(&root.join(table), &labels, images)?,
            None => Self::default(),
        };
        let annotated = found.annotations.images.iter().any(|image| !image.gold.is_empty());
        let from = labels.from.or(match (&labels.file, annotated) {
            (Some(_), _) => None,
            (None, true) => Some(LabelsFrom::Annotations),
            (None, false) => Some(LabelsFrom::Folders),
        });
        match from {
            Some(LabelsFrom::Annotations) => {
                for image in &found.annotations.images {
                    if let Some(idx) = images.find(root, &image.name)? {
                        gold.classes.insert(idx, image.gold.clone());
                    }
                }
            }
            Some(LabelsFrom::Folders) => gold.classes = of_folders(images),
            None => {}
        }
        if !file.classes.is_empty() {
            gold.check(
                root,
                &file.classes,
                images,
                labels.from.is_some() || labels.file.is_some(),
            )?;
        }
        Ok(gold)
    }

    fn of_table(path: &Path, labels: &Labels, images: &Images) -> Result<Self, DataError> {
        let table = CsvTable::read(path)?;
        let column = |name: &str| table.positions([name]).map(|[idx]| idx);
        let image_idx = column(labels.image.as_deref().unwrap_or("image"))?;
        let class_idx = match (&labels.class, labels.from) {
            (Some(class), _) => Some(column(class)?),
            // A table may be about patients and attributes alone.
            (None, Some(_)) => None,
            (None, None) => table.find_column("class"),
        };
        let patient_idx = labels.patient.as_deref().map(column).transpose()?;
        let attributes: Vec<(&String, usize)> = labels
            .attributes
            .iter()
            .map(|name| Ok((name, column(name)?)))
            .collect::<Result<_, DataError>>()?;
        let rows = table.rows().iter();
        let places = rows
            .map(|row| (dermx_data::cell_place(row.line, "image"), row.cells[image_idx].as_str()));
        let joined = images.names.join(path, places).checked()?;
        if let Some(warning) = joined.warning() {
            tracing::warn!("{warning}");
        }
        let mut gold = Self { attribute_names: labels.attributes.clone(), ..Self::default() };
        for (idx, row) in joined.row_of.iter().enumerate() {
            let Some(row) = row.and_then(|row| table.rows().get(row)) else { continue };
            if let Some(class_idx) = class_idx {
                let classes = row.cells[class_idx].split('|').map(str::trim);
                let classes = classes.filter(|class| !class.is_empty()).map(str::to_owned);
                gold.classes.insert(idx, classes.collect());
            }
            if let Some(patient) = patient_idx.map(|idx| &row.cells[idx])
                && !patient.is_empty()
            {
                gold.patients.insert(idx, patient.clone());
            }
            let values =
                attributes.iter().map(|(name, idx)| ((*name).clone(), row.cells[*idx].clone()));
            gold.attributes.insert(idx, values.collect());
        }
        Ok(gold)
    }

    /// Brings classes to the spelling of `classes`. One that is none of them is an error where the data set says
    /// where classes are from; else (folders that were taken for classes) it is none.
    fn check(
        &mut self,
        root: &Path,
        classes: &[String],
        images: &Images,
        is_said: bool,
    ) -> Result<(), DataError> {
        let known: Vec<&str> = classes.iter().map(String::as_str).collect();
        for (idx, gold) in &mut self.classes {
            for class in gold.iter_mut() {
                match class_idx_of(class, classes) {
                    Some(class_idx) => classes[class_idx].clone_into(class),
                    None if is_said => {
                        let message = format!(
                            "the image `{}` has the class `{class}`{}; there are {}",
                            images.ids[*idx],
                            did_you_mean(class, &known),
                            classes.join(", ")
                        );
                        return Err(DataError::invalid(root, "classes", message));
                    }
                    None => class.clear(),
                }
            }
            gold.retain(|class| !class.is_empty());
        }
        Ok(())
    }

    fn image(&self, idx: usize, id: &str, images: &Images) -> Image {
        let photo = images.photos.get(id);
        let file_name = photo.and_then(|path| path.file_name());
        let folder = id.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        Image {
            image_id: id.to_owned(),
            file_name: match file_name {
                Some(name) => folder + &name.to_string_lossy(),
                None => id.to_owned(),
            },
            photo: photo.cloned(),
            gold: self.classes.get(&idx).cloned().unwrap_or_default(),
            patient: self.patients.get(&idx).cloned(),
            attributes: self.attributes.get(&idx).cloned().unwrap_or_default(),
        }
    }
}

/// The first folder of each photo as its class, if each photo is in one.
fn of_folders(images: &Images) -> BTreeMap<usize, Vec<String>> {
    let class = |(idx, id): (usize, &String)| {
        let (folder, _) = id.split_once('/')?;
        Some((idx, vec![folder.to_owned()]))
    };
    if images.photos.is_empty() || !images.ids.iter().all(|id| id.contains('/')) {
        return BTreeMap::new();
    }
    images.ids.iter().enumerate().filter_map(class).collect()
}

/// The words of the data set: those that it names, and else those that are there.
fn schema(root: &Path, file: &DatasetFile, gold: &Gold, found: &Found) -> Schema {
    let of_folder = || {
        let absolute = root.canonicalize().ok();
        let name = absolute.as_deref().unwrap_or(root).file_name();
        name.map_or_else(|| "data set".to_owned(), |name| name.to_string_lossy().into_owned())
    };
    let classes: Vec<String> = match file.classes.is_empty() {
        false => file.classes.clone(),
        true => {
            let classes: BTreeSet<&String> = gold.classes.values().flatten().collect();
            classes.into_iter().cloned().collect()
        }
    };
    let spellings: Vec<[String; 2]> =
        file.spellings.iter().map(|(other, usual)| [other.clone(), usual.clone()]).collect();
    let usual = |label: &String| file.spellings.get(label).unwrap_or(label).clone();
    let readings = &found.annotations.readings;
    let marked: BTreeSet<String> =
        readings.iter().flat_map(|one| &one.regions).map(|region| usual(&region.concept)).collect();
    let said: BTreeSet<String> = readings.iter().flat_map(|one| &one.labels).map(usual).collect();
    let concept = |name: &String, group: &str| Concept {
        name: name.clone(),
        group: group.to_owned(),
        is_localisable: marked.contains(name) || !said.contains(name),
        is_optional: false,
    };
    let concepts = match file.concepts.is_empty() {
        false => file.concepts.iter().map(|(name, group)| concept(name, group)).collect(),
        true => {
            let others =
                |label: &&String| !classes.contains(label) && !file.discard.contains(label);
            let all: BTreeSet<&String> = marked.iter().chain(said.iter().filter(others)).collect();
            all.into_iter().map(|name| concept(name, "")).collect()
        }
    };
    let attributes: BTreeSet<&String> = readings
        .iter()
        .flat_map(|one| &one.regions)
        .flat_map(|region| &region.attributes)
        .collect();
    Schema {
        name: file.name.clone().unwrap_or_else(of_folder),
        classes,
        discards: file.discard.clone(),
        concepts,
        region_attributes: attributes.into_iter().cloned().collect(),
        image_attributes: gold.attribute_names.clone(),
        spellings,
        raters_name_classes: file.raters_name_classes,
        study: None,
    }
}

/// A rater looked, and said nothing.
fn silent_reading(image: &str, rater: String, root: &Path) -> RawReading {
    RawReading {
        image: image.to_owned(),
        rater,
        size: None,
        labels: Vec::new(),
        regions: Vec::new(),
        file: root.join(DATASET_FILE),
    }
}

/// What bringing readings together needs.
struct Joiner<'a> {
    root: &'a Path,
    schema: Schema,
    /// By place of the image.
    sizes: HashMap<usize, ImageSize>,
    /// What annotations call images that there are not.
    unknown: BTreeSet<String>,
}

impl Joiner<'_> {
    fn readings(&mut self, images: &mut Images, found: Found) -> Result<Vec<Reading>, DataError> {
        let Found { annotations, silent, complete, mut labels } = found;
        for what in &annotations.skipped {
            tracing::warn!("not read: {what}");
        }
        for image in &annotations.images {
            if let (Some(idx), Some(size)) = (images.find(self.root, &image.name)?, image.size) {
                self.sizes.insert(idx, size);
            }
        }
        let mut placed: Vec<(usize, RawReading)> = Vec::new();
        for raw in annotations.readings {
            match images.find(&raw.file, &raw.image)? {
                Some(idx) => placed.push((idx, raw)),
                None => {
                    self.unknown.insert(raw.image);
                }
            }
        }
        let mut silent_places = Vec::new();
        for (name, rater) in silent {
            match images.find(self.root, &name)? {
                Some(idx) => silent_places.push((idx, rater)),
                None => {
                    self.unknown.insert(name);
                }
            }
        }
        let all = complete
            .iter()
            .flat_map(|rater| (0..images.ids.len()).map(move |idx| (idx, rater.clone())));
        silent_places.extend(all);
        let mut read: BTreeSet<(usize, String)> =
            placed.iter().map(|(idx, raw)| (*idx, raw.rater.clone())).collect();
        for (idx, rater) in silent_places {
            if read.insert((idx, rater.clone())) {
                placed.push((idx, silent_reading(&images.ids[idx], rater, self.root)));
            }
        }
        self.find_sizes(images, &placed)?;
        let mut readings = Vec::with_capacity(placed.len());
        for (idx, mut raw) in placed {
            let key = (images.ids[idx].clone(), raw.rater);
            raw.labels.extend(labels.remove(&key).unwrap_or_default());
            raw.rater = key.1;
            readings.push(self.reading(images, idx, raw)?);
        }
        Ok(readings)
    }

    /// The size of each image that was read: of its photo; without one, as its annotations have it.
    fn find_sizes(
        &mut self,
        images: &Images,
        placed: &[(usize, RawReading)],
    ) -> Result<(), DataError> {
        for (idx, raw) in placed {
            if let Some(size) = raw.size {
                self.sizes.entry(*idx).or_insert(size);
            }
        }
        let read: BTreeSet<usize> = placed.iter().map(|(idx, _)| *idx).collect();
        let read: Vec<(usize, &PathBuf)> = read
            .into_iter()
            .filter_map(|idx| Some((idx, images.photos.get(&images.ids[idx])?)))
            .collect();
        let sizes: Vec<Result<(usize, ImageSize), DataError>> =
            read.par_iter().map(|(idx, photo)| Ok((*idx, photo_size(photo)?))).collect();
        for of_photo in sizes {
            let (idx, size) = of_photo?;
            self.sizes.insert(idx, size);
        }
        Ok(())
    }

    fn reading(&self, images: &Images, idx: usize, raw: RawReading) -> Result<Reading, DataError> {
        let id = &images.ids[idx];
        let invalid = |message: String| DataError::invalid(&raw.file, "", message);
        let Some(&size) = self.sizes.get(&idx) else {
            return Err(invalid(format!(
                "nothing tells the size of the image `{id}`; name the folder of the photos (`images`) in \
                 {DATASET_FILE}"
            )));
        };
        let is_outlined = raw.regions.iter().any(|one| matches!(one.shape, Shape::Polygon { .. }));
        if let Some(annotated) = raw.size.filter(|annotated| *annotated != size && is_outlined) {
            return Err(invalid(format!(
                "the image `{id}` is {size} (height x width) as it is displayed, but was annotated in \
                 {annotated}; outlines cannot be brought from one to the other"
            )));
        }
        let mut reading = Reading::new(images.ids[idx].clone(), raw.rater, size);
        reading.needs_class = self.schema.raters_name_classes;
        let spell = |reading: &mut Reading, label: String, schema: &Schema| {
            let usual = schema.usual_spelling(&label).map(str::to_owned);
            reading.spell(label, usual.as_deref())
        };
        for label in raw.labels {
            let label = spell(&mut reading, label, &self.schema);
            let kind = self.schema.kind_of(&label);
            reading.push_label(label, kind);
        }
        for mut region in raw.regions {
            region.shape = region.shape.in_size(size);
            region.shape.check(size).map_err(|message| {
                invalid(format!("`{}` of `{}`: {message}", region.concept, raw.image))
            })?;
            region.concept = spell(&mut reading, region.concept, &self.schema);
            reading.regions.push(region);
        }
        reading.sort_labels();
        Ok(reading)
    }

    /// Warns of annotations of images that there are not.
    fn warn(&self, images: &Images) {
        if let Some(first) = self.unknown.first() {
            tracing::warn!(
                "annotations of {} images are not read, because there is no such photo among {}: `{first}`{}",
                self.unknown.len(),
                images.ids.len(),
                if self.unknown.len() > 1 { ", ..." } else { "" }
            );
        }
    }
}
