//! A data set written in another format.

use crate::dataset_file::DATASET_FILE;
use crate::{AnnotatedImage, Annotations, RawReading, coco};
use dermx_data::{
    DataError, Dataset, Existing, Image, Mask, OutputFolder, Reading, image_id, write_atomic,
};
use dermx_table::csv;
use rayon::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};

/// What is written beside the `dataset.toml`.
const ANNOTATIONS: &str = "annotations.json";
const LABELS: &str = "labels.csv";
const READINGS: &str = "readings.csv";
const MASKS: &str = "masks";

/// A format that data sets are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// COCO, one file: every region with its attributes, outlines as outlines.
    Coco,
    /// A PNG of each rater, image and concept: the pixels alone.
    Masks,
}

/// What [`convert`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Converted {
    /// Images.
    pub num_images: usize,
    /// Readings.
    pub num_readings: usize,
    /// Regions in COCO, files as masks.
    pub num_regions: usize,
    /// Adjectives of regions, which masks cannot hold.
    pub num_attributes_lost: usize,
}

/// Writes `dataset` into the new or empty folder `out`, as [`convert_into`] does.
///
/// # Errors
/// As of [`convert_into`]; a folder that is not empty.
pub fn convert(dataset: &Dataset, target: Target, out: &Path) -> Result<Converted, DataError> {
    let folder = OutputFolder::open(out, Existing::Refuse, &[dataset.root()], is_converted)?;
    let converted = convert_into(dataset, target, &folder)?;
    folder.finish()?;
    Ok(converted)
}

/// Whether [`convert_into`] writes the file of this name below its folder.
pub fn is_converted(path: &Path) -> bool {
    let files = [DATASET_FILE, ANNOTATIONS, LABELS, READINGS];
    path.starts_with(MASKS) || files.iter().any(|file| path == Path::new(file))
}

/// Writes `dataset` into the folder `out`: annotations and `dataset.toml`; patients and attributes of images into
/// `labels.csv`. Masks cannot hold the rest, so that gold classes are in `labels.csv`, too, and who read what, and the
/// labels of whole images, in `readings.csv`. Photos stay where they are.
///
/// # Errors
/// A file that cannot be written, a name that cannot be that of a file or stand in a table, photos of some images only.
pub fn convert_into(
    dataset: &Dataset,
    target: Target,
    folder: &OutputFolder,
) -> Result<Converted, DataError> {
    let (out, made) = (folder.place(), &folder.path());
    let known: Vec<&Reading> =
        dataset.readings().iter().filter(|one| dataset.image(&one.image_id).is_some()).collect();
    let mut converted = Converted {
        num_images: dataset.images().len(),
        num_readings: known.len(),
        num_regions: known.iter().map(|one| one.regions.len()).sum(),
        num_attributes_lost: 0,
    };
    check_photos(dataset, out)?;
    check_classes(dataset, out)?;
    let columns = Columns::of(dataset, target);
    let labels = columns.csv(dataset, out)?;
    let readings = match target {
        Target::Coco => None,
        Target::Masks => Some(readings_csv(&known, out)?),
    };
    let files = match target {
        Target::Coco => Vec::new(),
        Target::Masks => mask_files(&known, out, made)?,
    };
    let section = match target {
        Target::Coco => {
            coco::write(&made.join(ANNOTATIONS), &annotations(dataset, &known))?;
            "[coco]\nfile = \"annotations.json\"\nrater = \"rater\"\n"
        }
        Target::Masks => {
            write_masks(&files, made)?;
            converted.num_regions = files.len();
            let regions = known.iter().flat_map(|one| &one.regions);
            converted.num_attributes_lost = regions.map(|region| region.attributes.len()).sum();
            "[masks]\npattern = \"masks/{rater}/{image}/{concept}.png\"\nabsent = \"unread\"\n\
             readings = \"readings.csv\"\n"
        }
    };
    if let Some(labels) = labels {
        write_atomic(&made.join(LABELS), &labels)?;
    }
    if let Some(readings) = readings {
        write_atomic(&made.join(READINGS), &readings)?;
    }
    let text = dataset_toml(dataset, &columns, section, out);
    write_atomic(&made.join(DATASET_FILE), text.as_bytes())?;
    Ok(converted)
}

/// No format has a word for an image that is known to show none of the classes.
fn check_classes(dataset: &Dataset, out: &Path) -> Result<(), DataError> {
    let Some(image) = dataset.images().iter().find(|image| image.is_without_class) else {
        return Ok(());
    };
    let message = format!(
        "the image `{}` is known to show none of the classes, which a converted data set cannot say",
        image.image_id
    );
    Err(DataError::invalid(out, "", message))
}

/// Photos are found by one folder, so all images have one, or none.
fn check_photos(dataset: &Dataset, out: &Path) -> Result<(), DataError> {
    let Some(folder) = dataset.photo_folder() else { return Ok(()) };
    match dataset.images().iter().find(|image| image.photo.is_none()) {
        None => Ok(()),
        Some(image) => {
            let message = format!(
                "the image `{}` has no photo in {}, but others have; expected photos of all images or of none",
                image.image_id,
                folder.display()
            );
            Err(DataError::invalid(out, "", message))
        }
    }
}

/// A name of the image from which its id follows.
fn name_of(image: &Image) -> String {
    let Image { file_name, image_id: id, .. } = image;
    match image_id(file_name) == *id {
        true => file_name.clone(),
        // Of `a.jpg`, which would be cut, `a.jpg.png` is the name.
        false if image_id(id) != *id => format!("{id}.png"),
        false => id.clone(),
    }
}

/// What COCO holds of a data set.
fn annotations(dataset: &Dataset, known: &[&Reading]) -> Annotations {
    let image = |image: &Image| AnnotatedImage {
        name: name_of(image),
        size: dataset.readings_of(&image.image_id).first().map(|one| one.size),
        gold: image.gold.clone(),
    };
    let reading = |one: &&Reading| RawReading {
        image: dataset.image(&one.image_id).map(name_of).unwrap_or_default(),
        rater: one.rater.clone(),
        size: Some(one.size),
        labels: labels(one),
        regions: one.regions.clone(),
        file: PathBuf::new(),
    };
    Annotations {
        images: dataset.images().iter().map(image).collect(),
        readings: known.iter().map(reading).collect(),
        skipped: Vec::new(),
    }
}

/// What a reading says of the whole image.
fn labels(one: &Reading) -> Vec<String> {
    let labels = [&one.classes, &one.discards, &one.tags, &one.unknown];
    labels.into_iter().flatten().cloned().collect()
}

/// The file of each reading and concept.
fn mask_files<'a>(
    known: &[&'a Reading],
    out: &Path,
    made: &Path,
) -> Result<Vec<(PathBuf, &'a Reading, &'a str)>, DataError> {
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for one in known {
        check_folder(out, &one.rater)?;
        one.image_id.split('/').try_for_each(|part| check_folder(out, part))?;
        for name in std::iter::once(one.rater.as_str()).chain(one.concepts()) {
            check_name(out, name)?;
            // In composed form: what `image_id` cuts from a name with `.png` is the name.
            let folded = image_id(&format!("{name}.png")).to_lowercase();
            let other = names.entry(folded).or_insert(name);
            if *other != name {
                let message = format!(
                    "`{name}` and `{other}` cannot both be names of files, where letter case and the \
                     composition of letters may not count; convert to COCO"
                );
                return Err(DataError::invalid(out, "", message));
            }
        }
    }
    let file = |one: &&'a Reading, concept: &str| {
        let folder = made.join(MASKS).join(&one.rater).join(&one.image_id);
        folder.join(format!("{concept}.png"))
    };
    let files = known.iter().flat_map(|one| {
        one.concepts().into_iter().map(move |concept| (file(one, concept), *one, concept))
    });
    Ok(files.collect())
}

/// Writes the mask of each reading and concept.
fn write_masks(files: &[(PathBuf, &Reading, &str)], out: &Path) -> Result<(), DataError> {
    let create = |folder: &Path| {
        std::fs::create_dir_all(folder).map_err(|error| DataError::io(folder, &error))
    };
    create(&out.join(MASKS))?;
    let write = |(path, one, concept): &(PathBuf, &Reading, &str)| {
        create(path.parent().unwrap_or(out))?;
        let regions = one.regions.iter().filter(|region| region.concept == *concept);
        let mask = Mask::union_all(regions.map(|region| region.mask(one.size)));
        mask.unwrap_or_else(|| Mask::empty(one.size)).write_png(path)
    };
    let written: Vec<Result<(), DataError>> = files.par_iter().map(write).collect();
    written.into_iter().collect()
}

/// A rater or concept names a file of its own, which is not hidden.
fn check_name(out: &Path, name: &str) -> Result<(), DataError> {
    let is_plain = matches!(Path::new(name).components().collect::<Vec<_>>().as_slice(),
        [Component::Normal(only)] if only.to_str() == Some(name));
    match is_plain && !name.contains(['/', '\\']) && !name.starts_with('.') {
        true => Ok(()),
        false => {
            let message = format!("`{name}` cannot be the name of a file; convert to COCO");
            Err(DataError::invalid(out, "", message))
        }
    }
}

/// The same of a folder, which has no extension of a photo.
fn check_folder(out: &Path, name: &str) -> Result<(), DataError> {
    check_name(out, name)?;
    match image_id(&format!("{name}.png")) == image_id(name) {
        true => Ok(()),
        false => {
            let message = format!(
                "`{name}` has the name of a photo, and cannot be that of a folder; convert to COCO"
            );
            Err(DataError::invalid(out, "", message))
        }
    }
}

/// The columns of `labels.csv`.
struct Columns {
    /// Names that no attribute has.
    image: String,
    class: Option<String>,
    patient: Option<String>,
    attributes: Vec<String>,
}

impl Columns {
    fn of(dataset: &Dataset, target: Target) -> Self {
        let attributes = dataset.schema().image_attributes.clone();
        let free = |name: &str| {
            let mut name = name.to_owned();
            while attributes.contains(&name) {
                name.push('_');
            }
            name
        };
        let has_patients = dataset.images().iter().any(|image| image.patient.is_some());
        Self {
            image: free("image"),
            class: (target == Target::Masks).then(|| free("class")),
            patient: has_patients.then(|| free("patient")),
            attributes,
        }
    }

    /// Whether there is anything but images to tell.
    fn are_needed(&self) -> bool {
        self.class.is_some() || self.patient.is_some() || !self.attributes.is_empty()
    }

    fn csv(&self, dataset: &Dataset, out: &Path) -> Result<Option<Vec<u8>>, DataError> {
        if !self.are_needed() {
            return Ok(None);
        }
        let mut header = vec![self.image.clone()];
        header.extend(self.class.iter().chain(&self.patient).cloned());
        for name in &self.attributes {
            header.push(item(out, name)?);
        }
        let mut rows = vec![header];
        for image in dataset.images() {
            let mut row = vec![image_cell(&name_of(image))];
            if self.class.is_some() {
                row.push(items(out, &image.gold)?);
            }
            if self.patient.is_some() {
                row.push(cell(out, image.patient.as_deref().unwrap_or_default())?);
            }
            for name in &self.attributes {
                row.push(cell(out, image.attribute(name))?);
            }
            rows.push(row);
        }
        Ok(Some(csv(rows)))
    }
}

fn readings_csv(known: &[&Reading], out: &Path) -> Result<Vec<u8>, DataError> {
    let mut rows =
        vec![["image", "rater", "labels", "height", "width"].map(str::to_owned).to_vec()];
    for one in known {
        let [height, width] = [one.size.height, one.size.width].map(|side| side.to_string());
        let (image, rater) = (image_cell(&one.image_id), item(out, &one.rater)?);
        rows.push(vec![image, rater, items(out, &labels(one))?, height, width]);
    }
    Ok(csv(rows))
}

/// What a cell can hold: tables are read without white space around a cell.
fn cell(out: &Path, text: &str) -> Result<String, DataError> {
    match text.trim() == text {
        true => Ok(text.to_owned()),
        false => {
            let message =
                format!("`{text}` has white space at an end, which a table (CSV) does not keep");
            Err(DataError::invalid(out, "", message + "; rename it"))
        }
    }
}

/// A name, which is not empty.
fn item(out: &Path, name: &str) -> Result<String, DataError> {
    match name.is_empty() {
        true => Err(DataError::invalid(out, "", "found an empty name, which a table cannot hold")),
        false => cell(out, name),
    }
}

/// Several names.
fn items(out: &Path, names: &[String]) -> Result<String, DataError> {
    for name in names {
        item(out, name)?;
        if name.contains('|') {
            let message = format!(
                "`{name}` has a `|`, which separates names in a cell of a table; rename it or convert to COCO"
            );
            return Err(DataError::invalid(out, "", message));
        }
    }
    Ok(names.join("|"))
}

/// A path that keeps white space at its ends, because it does not end there.
fn image_cell(name: &str) -> String {
    let start = if name.trim_start() == name { "" } else { "./" };
    let end = if name.trim_end() == name { "" } else { "/" };
    format!("{start}{name}{end}")
}

fn dataset_toml(dataset: &Dataset, columns: &Columns, section: &str, out: &Path) -> String {
    let schema = dataset.schema();
    let mut text = String::new();
    let mut line = |line: String| {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{line}");
    };
    line(format!("name = {}", quoted(&schema.name)));
    if let Some(folder) = dataset.photo_folder() {
        line(format!("images = {}", quoted(&relative(&folder, out))));
    }
    line(format!("classes = {}", list(&schema.classes)));
    if !schema.discards.is_empty() {
        line(format!("discard = {}", list(&schema.discards)));
    }
    if schema.raters_name_classes {
        line("raters_name_classes = true".to_owned());
    }
    line("\n[labels]".to_owned());
    if columns.class.is_none() {
        line("from = \"annotations\"".to_owned());
    }
    if columns.are_needed() {
        line(format!("file = \"labels.csv\"\nimage = {}", quoted(&columns.image)));
        for (key, column) in [("class", &columns.class), ("patient", &columns.patient)] {
            if let Some(column) = column {
                line(format!("{key} = {}", quoted(column)));
            }
        }
    }
    if !columns.attributes.is_empty() {
        line(format!("attributes = {}", list(&columns.attributes)));
    }
    line(format!("\n{section}"));
    if !schema.concepts.is_empty() {
        line("\n[concepts]".to_owned());
        for concept in &schema.concepts {
            line(format!("{} = {}", quoted(&concept.name), quoted(&concept.group)));
        }
    }
    if !schema.spellings.is_empty() {
        line("\n[spellings]".to_owned());
        for [other, usual] in &schema.spellings {
            line(format!("{} = {}", quoted(other), quoted(usual)));
        }
    }
    text
}

/// A string or a key as TOML has it, in one line.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            _ if char.is_control() => {
                // Writing into a string cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(char));
            }
            _ => quoted.push(char),
        }
    }
    quoted + "\""
}

pub(crate) fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(", "))
}

/// The way from the folder `from` to `path`, with `/`.
fn relative(path: &Path, from: &Path) -> String {
    // A folder that is not there yet lies in one that is.
    let of_new = |path: &Path| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(parent.join(path.file_name()?))
    };
    let whole = |path: &Path| {
        path.canonicalize().ok().or_else(|| of_new(path)).unwrap_or_else(|| path.to_path_buf())
    };
    let (path, from) = (whole(path), whole(from));
    let (path, from): (Vec<_>, Vec<_>) = (path.components().collect(), from.components().collect());
    let num_same = path.iter().zip(&from).take_while(|(a, b)| a == b).count();
    let up = from[num_same..].iter().map(|_| "..".to_owned());
    let down = path[num_same..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned());
    let parts: Vec<String> = up.chain(down).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}
