//! Annotations, photos, gold classes and the choices of `dataset.toml` as one data set.

use crate::dataset_file::{Absent, DATASET_FILE, DatasetFile, Labels, LabelsFrom};
use crate::{AnnotatedImage, Annotations, RawReading};
use dermx_data::{
    Concept, CsvTable, DataError, Dataset, Image, ImageNames, ImageSize, OutlineBudget, Reading,
    Schema, Shape, class_idx_of, did_you_mean, image_id, photo_size,
};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// What the sources of a data set say, and how silence is meant.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub annotations: Annotations,
    /// Who read what, beside the readings of the annotations.
    pub said: Vec<Said>,
    /// Raters that read every image.
    pub complete: BTreeSet<String>,
}

/// That a rater read an image, and what the rater said of the whole of it.
#[derive(Debug)]
pub(crate) struct Said {
    pub image: String,
    pub rater: String,
    pub labels: Vec<String>,
    /// The size of the image, where it is told.
    pub size: Option<ImageSize>,
    /// Where it says so, for messages.
    pub file: PathBuf,
    pub place: String,
}

impl Found {
    /// Adds what one rater's file, or a file of all raters, says.
    pub fn add(
        &mut self,
        path: &Path,
        annotations: Annotations,
        rater: Option<&str>,
        absent: Absent,
    ) {
        if absent == Absent::Nothing {
            match rater {
                Some(rater) => {
                    let silent = |image: &AnnotatedImage| Said {
                        image: image.name.clone(),
                        rater: rater.to_owned(),
                        labels: Vec::new(),
                        size: image.size,
                        file: path.to_path_buf(),
                        place: String::new(),
                    };
                    self.said.extend(annotations.images.iter().map(silent));
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

/// Which images there are, and what tables may call them.
struct Images {
    ids: Vec<String>,
    /// The names of their files by place; the ids where nothing tells them.
    file_names: Vec<String>,
    photos: BTreeMap<String, PathBuf>,
    names: ImageNames,
    /// Places in `ids` by what annotations call an image.
    known: HashMap<String, Option<usize>>,
}

impl Images {
    /// Those with photos; without photos, those that annotations and tables name. `labelled` are the names in the table
    /// of labels.
    fn new(photos: Option<BTreeMap<String, PathBuf>>, found: &Found, labelled: &[String]) -> Self {
        let known = HashMap::new();
        if let Some(photos) = photos {
            let file_name = |(id, path): (&String, &PathBuf)| {
                let folder =
                    id.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
                let name = path.file_name().unwrap_or_default();
                folder + &name.to_string_lossy()
            };
            let files = photos.iter().map(|(id, path)| (id.as_str(), path.as_path()));
            let names = ImageNames::of_photos(files);
            let ids = photos.keys().cloned().collect();
            return Self {
                ids,
                file_names: photos.iter().map(file_name).collect(),
                names,
                known,
                photos,
            };
        }
        let mut named = Named::default();
        for image in &found.annotations.images {
            named.add(&image.name);
        }
        for reading in &found.annotations.readings {
            named.add(&reading.image);
        }
        named.add_others(labelled.iter().map(String::as_str));
        named.add_others(found.said.iter().map(|said| said.image.as_str()));
        let (ids, file_names): (Vec<String>, Vec<String>) = named.0.into_iter().unzip();
        let names = ImageNames::of_ids(ids.iter().map(String::as_str));
        Self { ids, file_names, photos: BTreeMap::new(), names, known }
    }

    /// The place of the image that annotations call `name`.
    fn find(&mut self, file: &Path, place: &str, name: &str) -> Result<Option<usize>, DataError> {
        if let Some(&place) = self.known.get(name) {
            return Ok(place);
        }
        let found = self.names.find(name);
        let place = found.map_err(|message| DataError::invalid(file, place, message))?;
        self.known.insert(name.to_owned(), place);
        Ok(place)
    }
}

/// The names of image files by id.
#[derive(Default)]
struct Named(BTreeMap<String, String>);

impl Named {
    fn add(&mut self, name: &str) {
        let id = image_id(name);
        let known = self.0.entry(id.clone()).or_insert_with(|| id.clone());
        if *known == id {
            name.strip_prefix("./").unwrap_or(name).clone_into(known);
        }
    }

    /// Adds the images of a table. It may call those that are known by another part of their path, so only names that
    /// mean no image which it does not name better are new.
    fn add_others<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let names: BTreeSet<&str> = names.collect();
        let mut others = Vec::new();
        let mut exact = BTreeSet::new();
        for name in names {
            let id = image_id(name);
            match self.0.contains_key(&id) {
                true => {
                    self.add(name);
                    exact.insert(id);
                }
                false => others.push(name),
            }
        }
        let rest = self.0.keys().map(String::as_str).filter(|id| !exact.contains(*id));
        let rest = ImageNames::of_ids(rest);
        // Several candidates are an error later, where the place is known.
        others.retain(|name| matches!(rest.find(name), Ok(None)));
        others.into_iter().for_each(|name| self.add(name));
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
    let labels = file.labels.clone().unwrap_or_default();
    let table = labels.file.as_ref().map(|path| LabelsTable::read(&root.join(path), &labels));
    let table = table.transpose()?;
    let labelled = table.as_ref().map_or_else(Vec::new, LabelsTable::images);
    let mut images = Images::new(photos, &found, &labelled);
    let gold = Gold::new(root, file, &labels, table, &mut images, &found)?;
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

/// The table of gold classes, patients and attributes.
struct LabelsTable {
    table: CsvTable,
    image_idx: usize,
}

impl LabelsTable {
    fn read(path: &Path, labels: &Labels) -> Result<Self, DataError> {
        let table = CsvTable::read(path)?;
        let [image_idx] = table.positions([labels.image.as_deref().unwrap_or("image")])?;
        Ok(Self { table, image_idx })
    }

    fn images(&self) -> Vec<String> {
        self.table.rows().iter().map(|row| row.cells[self.image_idx].clone()).collect()
    }
}

impl Gold {
    fn new(
        root: &Path,
        file: &DatasetFile,
        labels: &Labels,
        table: Option<LabelsTable>,
        images: &mut Images,
        found: &Found,
    ) -> Result<Self, DataError> {
        let source = table.as_ref().map_or_else(|| root.into(), |one| one.table.path().to_owned());
        let mut gold = match table {
            Some(table) => Self::of_table(&table, labels, images)?,
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
                    if let Some(idx) = images.find(root, "", &image.name)?
                        && !image.gold.is_empty()
                    {
                        gold.classes.insert(idx, image.gold.clone());
                    }
                }
            }
            Some(LabelsFrom::Folders) => gold.classes = of_folders(images),
            None => {}
        }
        if !file.classes.is_empty() {
            gold.check(
                &source,
                &file.classes,
                images,
                labels.from.is_some() || labels.file.is_some(),
            )?;
        }
        Ok(gold)
    }

    fn of_table(
        labels_table: &LabelsTable,
        labels: &Labels,
        images: &Images,
    ) -> Result<Self, DataError> {
        let LabelsTable { table, image_idx } = labels_table;
        let column = |name: &str| table.positions([name]).map(|[idx]| idx);
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
            .map(|row| (dermx_data::cell_place(row.line, "image"), row.cells[*image_idx].as_str()));
        let joined = images.names.join(table.path(), places).checked()?;
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
            // An empty cell tells nothing.
            let values = attributes.iter().filter(|(_, idx)| !row.cells[*idx].is_empty());
            let values = values.map(|(name, idx)| ((*name).clone(), row.cells[*idx].clone()));
            gold.attributes.insert(idx, values.collect());
        }
        Ok(gold)
    }

    /// Brings classes to the spelling of `classes`. One that is none of them is an error where the data set says
    /// where classes are from; else (folders that were taken for classes) it is none.
    fn check(
        &mut self,
        source: &Path,
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
                        return Err(DataError::invalid(source, "", message));
                    }
                    None => class.clear(),
                }
            }
            gold.retain(|class| !class.is_empty());
        }
        Ok(())
    }

    fn image(&self, idx: usize, id: &str, images: &Images) -> Image {
        Image {
            image_id: id.to_owned(),
            file_name: images.file_names[idx].clone(),
            photo: images.photos.get(id).cloned(),
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
    let usual = |label: &String| {
        let respelled = file.spellings.iter().find(|(other, _)| other == label);
        respelled.map_or(label, |(_, usual)| usual).clone()
    };
    let readings = &found.annotations.readings;
    let marked: BTreeSet<String> =
        readings.iter().flat_map(|one| &one.regions).map(|region| usual(&region.concept)).collect();
    let labels = readings.iter().map(|one| &one.labels);
    let labels = labels.chain(found.said.iter().map(|said| &said.labels));
    let said: BTreeSet<String> = labels.flatten().map(usual).collect();
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
        let Found { annotations, said, complete } = found;
        for what in &annotations.skipped {
            tracing::warn!("not read: {what}");
        }
        for image in &annotations.images {
            if let (Some(idx), Some(size)) = (images.find(self.root, "", &image.name)?, image.size)
            {
                self.sizes.insert(idx, size);
            }
        }
        let mut placed: Vec<(usize, RawReading)> = Vec::new();
        for raw in annotations.readings {
            match images.find(&raw.file, "", &raw.image)? {
                Some(idx) => placed.push((idx, raw)),
                None => {
                    self.unknown.insert(raw.image);
                }
            }
        }
        let mut silent_places = Vec::new();
        let mut labels: HashMap<(usize, String), Vec<String>> = HashMap::new();
        let mut sizes = Vec::new();
        for Said { image, rater, labels: of_image, size, file, place } in said {
            let Some(idx) = images.find(&file, &place, &image)? else {
                self.unknown.insert(image);
                continue;
            };
            sizes.extend(size.map(|size| (idx, size)));
            if !of_image.is_empty() {
                labels.entry((idx, rater.clone())).or_default().extend(of_image);
            }
            silent_places.push((idx, rater));
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
        sizes.splice(0..0, placed.iter().filter_map(|(idx, raw)| Some((*idx, raw.size?))));
        self.find_sizes(images, &placed, sizes)?;
        let mut readings = Vec::with_capacity(placed.len());
        for (idx, mut raw) in placed {
            let key = (idx, raw.rater);
            raw.labels.extend(labels.remove(&key).unwrap_or_default());
            raw.rater = key.1;
            readings.push(self.reading(images, idx, raw)?);
        }
        Ok(readings)
    }

    /// The size of each image that was read: of its photo; without one, the first that is told.
    fn find_sizes(
        &mut self,
        images: &Images,
        placed: &[(usize, RawReading)],
        told: Vec<(usize, ImageSize)>,
    ) -> Result<(), DataError> {
        for (idx, size) in told {
            self.sizes.entry(idx).or_insert(size);
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
        let mut budget = OutlineBudget::default();
        for mut region in raw.regions {
            region.shape = region.shape.in_size(size);
            budget.take(&region.shape, size).map_err(|message| {
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
