//! A data set written in another format.

use crate::dataset_file::DATASET_FILE;
use crate::{AnnotatedImage, Annotations, RawReading, coco};
use dermx_data::{DataError, Dataset, Image, Mask, Reading, write_atomic};
use rayon::prelude::*;
use serde::Deserialize;
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};

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

/// Writes `dataset` into the folder `out`: annotations, `labels.csv` (gold classes, patients, attributes),
/// `readings.csv` (who read what, and the labels of whole images) and `dataset.toml`. Photos stay where they are.
///
/// # Errors
/// A folder that is not empty, a file that cannot be written, a name that cannot be that of a file.
pub fn convert(dataset: &Dataset, target: Target, out: &Path) -> Result<Converted, DataError> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |error: std::io::Error| DataError::io(&path, &error)
    };
    std::fs::create_dir_all(out).map_err(io(out))?;
    if std::fs::read_dir(out).map_err(io(out))?.next().is_some() {
        let message = "is not empty; name a new or an empty folder (nothing was written)";
        return Err(DataError::invalid(out, "", message));
    }
    let readings = dataset.readings();
    let mut converted = Converted {
        num_images: dataset.images().len(),
        num_readings: readings.len(),
        num_regions: readings.iter().map(|one| one.regions.len()).sum(),
        num_attributes_lost: 0,
    };
    let section = match target {
        Target::Coco => {
            coco::write(&out.join("annotations.json"), &annotations(dataset))?;
            "[coco]\nfile = \"annotations.json\"\nrater = \"rater\"\n".to_owned()
        }
        Target::Masks => {
            converted.num_regions = write_masks(dataset, out)?;
            let attributes = readings.iter().flat_map(|one| &one.regions);
            converted.num_attributes_lost = attributes.map(|region| region.attributes.len()).sum();
            "[masks]\npattern = \"masks/{rater}/{image}/{concept}.png\"\nabsent = \"unread\"\n"
                .to_owned()
        }
    };
    write_atomic(&out.join("labels.csv"), &labels_csv(dataset))?;
    write_atomic(&out.join("readings.csv"), &readings_csv(readings))?;
    write_atomic(&out.join(DATASET_FILE), dataset_toml(dataset, &section, out).as_bytes())?;
    Ok(converted)
}

/// What COCO holds of a data set.
fn annotations(dataset: &Dataset) -> Annotations {
    let image = |image: &Image| AnnotatedImage {
        name: image.file_name.clone(),
        size: dataset.readings_of(&image.image_id).first().map(|one| one.size),
        gold: image.gold.clone(),
    };
    let reading = |one: &Reading| RawReading {
        image: dataset
            .image(&one.image_id)
            .map_or_else(|| one.image_id.clone(), |image| image.file_name.clone()),
        rater: one.rater.clone(),
        size: Some(one.size),
        labels: labels(one),
        regions: one.regions.clone(),
        file: PathBuf::new(),
    };
    // Images that only a reading knows are no images of the data set.
    let known = dataset.readings().iter().filter(|one| dataset.image(&one.image_id).is_some());
    Annotations {
        images: dataset.images().iter().map(image).collect(),
        readings: known.map(reading).collect(),
        skipped: Vec::new(),
    }
}

/// What a reading says of the whole image.
fn labels(one: &Reading) -> Vec<String> {
    let labels = [&one.classes, &one.discards, &one.tags, &one.unknown];
    labels.into_iter().flatten().cloned().collect()
}

/// Writes the mask of each reading and concept; their number.
fn write_masks(dataset: &Dataset, out: &Path) -> Result<usize, DataError> {
    let files: Vec<(PathBuf, &Reading, &str)> = dataset
        .readings()
        .iter()
        .flat_map(|one| one.concepts().into_iter().map(move |concept| (one, concept)))
        .map(|(one, concept)| {
            for name in [one.rater.as_str(), concept] {
                check_name(out, name)?;
            }
            let path = Path::new("masks").join(&one.rater).join(&one.image_id);
            Ok((out.join(path).join(format!("{concept}.png")), one, concept))
        })
        .collect::<Result<_, DataError>>()?;
    let write = |(path, one, concept): &(PathBuf, &Reading, &str)| {
        let folder = path.parent().unwrap_or(out);
        std::fs::create_dir_all(folder).map_err(|error| DataError::io(folder, &error))?;
        let regions = one.regions.iter().filter(|region| region.concept == *concept);
        let mask = Mask::union_all(regions.map(|region| region.mask(one.size)));
        mask.unwrap_or_else(|| Mask::empty(one.size)).write_png(path)
    };
    let written: Vec<Result<(), DataError>> = files.par_iter().map(write).collect();
    written.into_iter().collect::<Result<(), _>>()?;
    Ok(files.len())
}

/// A rater or concept names a file of its own.
fn check_name(out: &Path, name: &str) -> Result<(), DataError> {
    let is_plain = matches!(Path::new(name).components().collect::<Vec<_>>().as_slice(),
        [Component::Normal(only)] if only.to_str() == Some(name));
    match is_plain && !name.contains(['/', '\\']) {
        true => Ok(()),
        false => {
            let message = format!("`{name}` cannot be the name of a file; convert to COCO");
            Err(DataError::invalid(out, "", message))
        }
    }
}

fn labels_csv(dataset: &Dataset) -> Vec<u8> {
    let attributes = &dataset.schema().image_attributes;
    let header = ["image", "class", "patient"].into_iter().map(str::to_owned);
    let rows = dataset.images().iter().map(|image| {
        let own = [
            image.file_name.clone(),
            image.gold.join("|"),
            image.patient.clone().unwrap_or_default(),
        ];
        let values = attributes.iter().map(|name| image.attribute(name).to_owned());
        own.into_iter().chain(values).collect::<Vec<_>>()
    });
    csv(std::iter::once(header.chain(attributes.iter().cloned()).collect()).chain(rows))
}

fn readings_csv(readings: &[Reading]) -> Vec<u8> {
    let header = ["image", "rater", "labels"].map(str::to_owned).to_vec();
    let row = |one: &Reading| vec![one.image_id.clone(), one.rater.clone(), labels(one).join("|")];
    csv(std::iter::once(header).chain(readings.iter().map(row)))
}

fn csv(rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Writing into memory cannot fail, and every row is as long as the first.
        let _ = writer.write_record(&row);
    }
    writer.into_inner().unwrap_or_default()
}

fn dataset_toml(dataset: &Dataset, section: &str, out: &Path) -> String {
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
    line("\n[labels]\nfile = \"labels.csv\"\nimage = \"image\"\nclass = \"class\"".to_owned());
    if dataset.images().iter().any(|image| image.patient.is_some()) {
        line("patient = \"patient\"".to_owned());
    }
    if !schema.image_attributes.is_empty() {
        line(format!("attributes = {}", list(&schema.image_attributes)));
    }
    line(format!("\n{section}readings = \"readings.csv\""));
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

/// A string as TOML has it.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

pub(crate) fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(", "))
}

/// The way from the folder `from` to `path`, with `/`.
fn relative(path: &Path, from: &Path) -> String {
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let (path, from) = (whole(path), whole(from));
    let (path, from): (Vec<_>, Vec<_>) = (path.components().collect(), from.components().collect());
    let num_same = path.iter().zip(&from).take_while(|(a, b)| a == b).count();
    let up = from[num_same..].iter().map(|_| "..".to_owned());
    let down = path[num_same..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned());
    let parts: Vec<String> = up.chain(down).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}
