//! Annotations, photos, gold classes and the choices of `dataset.toml` as one data set.

use crate::dataset_file::{Absent, DATASET_FILE, DatasetFile};
use crate::gold::{Gold, LabelsTable};
use crate::{AnnotatedImage, Annotations, RawReading};
use dermx_data::{
    Concept, DataError, Dataset, Finding, FindingKind, ImageNames, ImageSize, OutlineBudget,
    Reading, Schema, Shape, did_you_mean, image_id, photo_size,
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
pub(crate) struct Images {
    pub ids: Vec<String>,
    /// The names of their files by place; the ids where nothing tells them.
    pub file_names: Vec<String>,
    pub photos: BTreeMap<String, PathBuf>,
    pub names: ImageNames,
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
    pub fn find(
        &mut self,
        file: &Path,
        place: &str,
        name: &str,
    ) -> Result<Option<usize>, DataError> {
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
    let mut notes = gold.notes.clone();
    let skipped = found.annotations.skipped.iter().map(|what| format!("not read: {what}"));
    notes.extend(skipped.map(|text| Finding::new(FindingKind::NotRead, root, text)));
    let mut joiner = Joiner {
        root,
        unmarked: if file.concepts.is_empty() { unmarked(&schema, &found) } else { Vec::new() },
        schema,
        is_closed: !file.concepts.is_empty(),
        left_out: BTreeMap::new(),
        sizes: HashMap::new(),
        unknown: BTreeSet::new(),
    };
    let readings = joiner.readings(&mut images, found)?;
    notes.extend(joiner.unknown_images(&images));
    notes.iter().for_each(|note| tracing::warn!("{}", note.message));
    joiner.warn_of_left_out();
    notes.extend(joiner.unmarked_labels());
    let records = images.ids.iter().enumerate().map(|(idx, id)| gold.image(idx, id, &images));
    let dataset = Dataset::new(root, joiner.schema, records.collect(), readings)?;
    Ok(dataset.with_notes(notes))
}

/// Labels of whole images that no list of concepts has, and that nobody marks anywhere.
fn unmarked(schema: &Schema, found: &Found) -> Vec<String> {
    let said = found.said.iter().flat_map(|said| &said.labels);
    let said: BTreeSet<&String> = said.collect();
    let concepts = schema.concepts.iter().filter(|concept| !concept.is_localisable);
    let names = concepts.map(|concept| &concept.name).filter(|name| said.contains(name));
    names.cloned().collect()
}

/// The words of the data set: those that it names, and else those that are there.
fn schema(root: &Path, file: &DatasetFile, gold: &Gold, found: &Found) -> Schema {
    let of_folder = || {
        let absolute = root.canonicalize().ok();
        let name = absolute.as_deref().unwrap_or(root).file_name();
        name.map_or_else(|| "data set".to_owned(), |name| name.to_string_lossy().into_owned())
    };
    let spellings: Vec<[String; 2]> =
        file.spellings.iter().map(|(other, usual)| [other.clone(), usual.clone()]).collect();
    let usual = |label: &String| {
        let respelled = file.spellings.iter().find(|(other, _)| other == label);
        respelled.map_or(label, |(_, usual)| usual).clone()
    };
    let columns = file.labels.as_ref().map_or(&[][..], |labels| &labels.columns);
    let classes: Vec<String> = match (file.classes.is_empty(), columns) {
        (false, _) => file.classes.clone(),
        (true, [_, ..]) => columns.iter().map(usual).collect(),
        (true, []) => {
            let classes: BTreeSet<&String> = gold.classes.values().flatten().collect();
            classes.into_iter().cloned().collect()
        }
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
    /// Whether the data set says which concepts there are.
    is_closed: bool,
    /// How many regions there are of each concept that is none of them.
    left_out: BTreeMap<String, usize>,
    /// Labels that count as concepts although nobody marks them.
    unmarked: Vec<String>,
    /// By place of the image.
    sizes: HashMap<usize, ImageSize>,
    /// What annotations call images that there are not.
    unknown: BTreeSet<String>,
}

impl Joiner<'_> {
    fn readings(&mut self, images: &mut Images, found: Found) -> Result<Vec<Reading>, DataError> {
        let Found { annotations, said, complete } = found;
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
        let mut rows: HashMap<(usize, String), String> = HashMap::new();
        for Said { image, rater, labels: of_image, size, file, place } in said {
            let Some(idx) = images.find(&file, &place, &image)? else {
                self.unknown.insert(image);
                continue;
            };
            // What a table says has a place, and is said once.
            if !place.is_empty()
                && let Some(before) = rows.insert((idx, rater.clone()), place.clone())
            {
                let message = format!(
                    "found `{image}` by `{rater}` again, after {before}; expected one row of each image and rater"
                );
                return Err(DataError::invalid(&file, place, message));
            }
            sizes.extend(size.map(|size| (idx, size)));
            if !of_image.is_empty() {
                labels.entry((idx, rater.clone())).or_default().extend(of_image);
            }
            silent_places.push((idx, rater));
        }
        self.check_joined(images, placed.len() + silent_places.len())?;
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
        let mut damaged = Vec::new();
        for of_photo in sizes {
            match of_photo {
                Ok((idx, size)) => drop(self.sizes.insert(idx, size)),
                Err(error) => damaged.push(error),
            }
        }
        match DataError::of_several(damaged) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn reading(
        &mut self,
        images: &Images,
        idx: usize,
        raw: RawReading,
    ) -> Result<Reading, DataError> {
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
        if let Some(annotated) = raw.size.filter(|annotated| !is_scaled(*annotated, size)) {
            return Err(invalid(format!(
                "found masks or annotations of {annotated} (height x width), but the image `{id}` is {size}; expected \
                 its size, or that of a smaller or larger copy of it"
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
            match self.is_closed && self.schema.concept(&region.concept).is_none() {
                false => reading.regions.push(region),
                true => {
                    *self.left_out.entry(region.concept.clone()).or_default() += 1;
                    reading.push_label(region.concept, None);
                }
            }
        }
        reading.sort_labels();
        Ok(reading)
    }

    /// Refuses annotations of which not one is of an image: the names are of another kind.
    fn check_joined(&self, images: &Images, num_joined: usize) -> Result<(), DataError> {
        let (Some(first), 0) = (self.unknown.first(), num_joined) else { return Ok(()) };
        let such = |name: Option<&str>| {
            name.map_or_else(String::new, |name| format!(", such as `{name}`"))
        };
        let message = format!(
            "found annotations of {} images{}, and none of them is among the {} images{}; expected the path of each \
             below the folder of the photos (`images`), with or without its extension",
            self.unknown.len(),
            such(Some(first)),
            images.ids.len(),
            such(images.ids.first().map(String::as_str))
        );
        Err(DataError::invalid(&self.root.join(DATASET_FILE), "", message))
    }

    /// Annotations of images that there are not.
    fn unknown_images(&self, images: &Images) -> Option<Finding> {
        let first = self.unknown.first()?;
        let message = format!(
            "annotations of {} images are not read, because there is no such photo among {}: `{first}`{}",
            self.unknown.len(),
            images.ids.len(),
            if self.unknown.len() > 1 { ", ..." } else { "" }
        );
        Some(Finding::new(FindingKind::StaleRow, self.root, message))
    }

    /// Warns of regions of concepts that `[concepts]` leaves out. A check finds them as unknown labels.
    fn warn_of_left_out(&self) {
        if self.left_out.is_empty() {
            return;
        }
        let counts = self.left_out.iter().map(|(name, num)| format!("`{name}` ({num})"));
        tracing::warn!(
            "{} regions are of concepts that [concepts] leaves out, and count nowhere: {}",
            self.left_out.values().sum::<usize>(),
            counts.collect::<Vec<_>>().join(", ")
        );
    }

    /// Labels that may be slips. Warns of those that are near another word.
    fn unmarked_labels(&self) -> Vec<Finding> {
        let note = |label: &String| {
            let others: Vec<&str> = self
                .schema
                .labels()
                .filter(|other| !self.unmarked.iter().any(|one| one == other))
                .collect();
            let near = did_you_mean(label, &others);
            let message = format!(
                "raters say `{label}`{near} of whole images; it is no class and nobody marks it, so it counts as a \
                 concept: [concepts] says which there are, [spellings] what else they are called"
            );
            if !near.is_empty() {
                tracing::warn!("{message}");
            }
            Finding::new(FindingKind::UnknownLabel, self.root, message)
        };
        self.unmarked.iter().map(note).collect()
    }
}

/// Whether an image of `size` was brought to `other` without changing its shape, up to rounding to whole pixels.
fn is_scaled(size: ImageSize, other: ImageSize) -> bool {
    let [height, width] = <[u32; 2]>::from(size).map(u64::from);
    let [other_height, other_width] = <[u32; 2]>::from(other).map(u64::from);
    // Each side is a pixel off at most from what the other one asks for.
    let difference = (height * other_width).abs_diff(width * other_height);
    difference <= other_height.max(other_width) || difference <= height.max(width)
}
