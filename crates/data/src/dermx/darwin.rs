//! One evaluation as a Darwin JSON file, `annotations/RATER_IMAGE.json`.
//!
//! # Source
//! Darwin (V7) exports of version 1.0 as found in the 2021 release of DermX: a list of annotations, each
//! with exactly one of `tag`, `polygon` (one ring) and `complex_polygon` (several). As darwin-py reads
//! them, both may have `additional_paths`: further rings, holes or islands.

use super::ontology::{kind_of, usual_spelling};
use crate::image_id::composed;
use crate::schema::LabelKind;
use crate::{DataError, ImageSize, MAX_SIDE_PX, OutlineBudget, Reading, Region, Ring, file, json};
use rayon::prelude::*;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// Reads one evaluation; image and rater come from the file name.
///
/// # Errors
/// When the file cannot be read or [`parse_evaluation`] refuses its content.
pub fn read_evaluation(path: &Path) -> Result<Reading, DataError> {
    parse_evaluation(path, &file::read(path)?)
}

/// The evaluation in `bytes`, the content of the file `path`.
///
/// The file name is split at its first `_`. Keys that are not needed are skipped, but not inside of an
/// outline, where each is read or refused. Labels get their usual spelling; one that the ontology does not have is kept, see [`Reading::unknown_labels`].
///
/// # Errors
/// With the place as a JSON path, or as line and column where there is none: text that is not JSON in
/// UTF-8, another version of Darwin than 1.0, a key that is missing or of another type, an unknown key
/// inside of an outline, a side of 0 or of more than 65535 pixels, an image of more than 100 megapixels, an
/// annotation that is not exactly one of tag, polygon and complex polygon, a ring without a vertex, or an
/// outline whose edges cross more than 2^22 rows of pixels in all, those of all outlines 2^24.
pub fn parse_evaluation(path: &Path, bytes: &[u8]) -> Result<Reading, DataError> {
    let (rater, image_id) = names(path)?;
    let file: File = json::parse(path, bytes).map_err(|error| named_version(path, bytes, error))?;
    if let Some(version) = file.version.as_ref().filter(|version| !is_version_1(version)) {
        return Err(other_version(path, version));
    }
    let invalid = |(place, message): (String, String)| DataError::invalid(path, place, message);
    let size = file.image.size().map_err(invalid)?;
    let mut evaluation = Reading::new(image_id, rater, size);
    evaluation.needs_class = true;
    if let Some((person, round)) = repeated(&evaluation.rater) {
        (evaluation.person, evaluation.round) = (person.to_owned(), round);
    }
    let mut budget = OutlineBudget::default();
    for (annotation_idx, annotation) in file.annotations.into_iter().enumerate() {
        let place = format!("annotations[{annotation_idx}]");
        match annotation.into_content().map_err(|message| invalid((place.clone(), message)))? {
            Content::Tag(name) => {
                let name = spell(&mut evaluation, name);
                let kind = kind_of(&name).map(LabelKind::from);
                evaluation.push_label(name, kind);
            }
            Content::Region { characteristic, attributes, rings } => {
                let characteristic = spell(&mut evaluation, characteristic);
                let attributes =
                    attributes.into_iter().map(|one| spell(&mut evaluation, one)).collect();
                let region = Region { attributes, ..Region::outlined(characteristic, rings) };
                budget.take(&region.shape, size).map_err(|message| {
                    invalid((place, format!("`{}`: {message}", region.concept)))
                })?;
                evaluation.regions.push(region);
            }
        }
    }
    evaluation.sort_labels();
    Ok(evaluation)
}

/// Writes `root/annotations/RATER_IMAGE.json` for each evaluation; equal values give equal bytes.
///
/// # Errors
/// When a file cannot be written, or an evaluation could not be read back: a rater with `_`, a
/// ring without a vertex, or a vertex that is not finite.
pub fn write_annotations(root: &Path, evaluations: &[Reading]) -> Result<(), DataError> {
    let folder = root.join("annotations");
    file::create_folder(&folder)?;
    let written: Vec<_> =
        evaluations.par_iter().map(|one| write_evaluation(&folder, one)).collect();
    written.into_iter().collect()
}

fn write_evaluation(folder: &Path, evaluation: &Reading) -> Result<(), DataError> {
    let path = folder.join(evaluation.stem() + ".json");
    let mut bytes = serde_json::to_vec(&File::from(evaluation))
        .map_err(|error| DataError::invalid(&path, "", error.to_string()))?;
    bytes.push(b'\n');
    let read_back = parse_evaluation(&path, &bytes)?;
    if (&read_back.rater, &read_back.image_id) != (&evaluation.rater, &evaluation.image_id) {
        let message = format!("found the rater `{}`; expected no `_` in it", evaluation.rater);
        return Err(DataError::invalid(&path, "", message));
    }
    file::write(&path, &bytes)
}

/// Rater and image from `RATER_IMAGE.json`.
fn names(path: &Path) -> Result<(String, String), DataError> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let stem = composed(stem);
    match stem.split_once('_') {
        Some((rater, image_id)) if !rater.is_empty() && !image_id.is_empty() => {
            Ok((rater.to_owned(), image_id.to_owned()))
        }
        _ => {
            let message = format!("found the name `{stem}`; expected RATER_IMAGE.json");
            Err(DataError::invalid(path, "", message))
        }
    }
}

/// The usual spelling of a label.
fn spell(reading: &mut Reading, label: String) -> String {
    let usual = usual_spelling(&label);
    reading.spell(label, usual)
}

/// The person and the round in the name of a repeated round, `labeller` and two digits: in the release of 2023
/// `labeller32` is the second round of `labeller3`. Every other name is a first round.
fn repeated(rater: &str) -> Option<(&str, u32)> {
    match rater.strip_prefix("labeller")?.as_bytes() {
        [person, round @ b'2'..=b'9'] if person.is_ascii_digit() => {
            Some((&rater[..rater.len() - 1], u32::from(round - b'0')))
        }
        _ => None,
    }
}

/// The error of a file that could not be parsed, or that it is of another version.
fn named_version(path: &Path, bytes: &[u8], error: DataError) -> DataError {
    /// What tells a file of version 2.0 from one of 1.0.
    #[derive(Deserialize)]
    struct Outline {
        version: Option<Value>,
        item: Option<IgnoredAny>,
        image: Option<IgnoredAny>,
    }
    let Ok(Outline { version, item, image }) = serde_json::from_slice(bytes) else { return error };
    match version.filter(|version| !is_version_1(version)) {
        Some(version) => other_version(path, &version),
        None if item.is_some() && image.is_none() => other_version(path, &Value::from("2.0")),
        None => error,
    }
}

fn is_version_1(version: &Value) -> bool {
    let is_1 = |text: &str| text == "1" || text.starts_with("1.");
    version.as_str().is_some_and(is_1) || version.as_f64() == Some(1.0) || version.is_null()
}

fn other_version(path: &Path, version: &Value) -> DataError {
    let version = version.as_str().map_or_else(|| version.to_string(), str::to_owned);
    let message =
        format!("is Darwin JSON {version}; only 1.0 is read: export it as Darwin JSON 1.0");
    DataError::invalid(path, "version", message)
}

/// The file; keys in the order in which the release has them.
#[derive(Serialize, Deserialize)]
#[serde(expecting = "an object with `image` and `annotations`")]
struct File {
    #[serde(skip_deserializing)]
    dataset: &'static str,
    #[serde(default, skip_serializing)]
    version: Option<Value>,
    image: Image,
    annotations: Vec<Annotation>,
}

#[derive(Serialize, Deserialize)]
#[serde(expecting = "an object with `width` and `height`")]
struct Image {
    width: u32,
    height: u32,
    #[serde(skip_deserializing)]
    original_filename: String,
    #[serde(skip_deserializing)]
    filename: String,
    #[serde(skip_deserializing)]
    path: &'static str,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(expecting = "an object with `name`")]
struct Annotation {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<String>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    bounding_box: Option<BoundingBox>,
    #[serde(skip_serializing_if = "Option::is_none")]
    complex_polygon: Option<Polygon<Vec<Vertex>>>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    polygon: Option<Polygon<Vertex>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<Tag>,
    // What else an annotation may be, and is not read.
    #[serde(skip_serializing)]
    cuboid: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    ellipse: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    frames: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    keypoint: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    line: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    mask: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    raster_layer: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    skeleton: Option<IgnoredAny>,
}

/// An outline: its first ring, or all, and further ones.
#[derive(Serialize, Deserialize)]
#[serde(expecting = "an object with `path`", deny_unknown_fields)]
struct Polygon<T> {
    path: Vec<T>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    additional_paths: Vec<Vec<Vertex>>,
}

#[derive(Serialize, Deserialize)]
#[serde(expecting = "an object with `x` and `y`", deny_unknown_fields)]
struct Vertex {
    x: f64,
    y: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(expecting = "an empty object")]
struct Tag {}

/// The extent of all vertices, not clipped to the image.
#[derive(Serialize)]
struct BoundingBox {
    h: f64,
    w: f64,
    x: f64,
    y: f64,
}

/// An annotation after its form was checked.
enum Content {
    Tag(String),
    Region { characteristic: String, attributes: Vec<String>, rings: Vec<Ring> },
}

impl Image {
    /// The size, or the place and the message of an error.
    fn size(&self) -> Result<ImageSize, (String, String)> {
        for (place, side) in [("image.width", self.width), ("image.height", self.height)] {
            if side == 0 || side > MAX_SIDE_PX {
                let message = format!("found {side}; expected 1 to {MAX_SIDE_PX} pixels");
                return Err((place.to_owned(), message));
            }
        }
        let size = ImageSize::new(self.height, self.width);
        size.check_area().map_err(|message| ("image".to_owned(), message))?;
        Ok(size)
    }
}

impl Annotation {
    /// The tag or instance, or the message of an error.
    fn into_content(self) -> Result<Content, String> {
        if let Some(other) = self.other_shape() {
            return Err(format!(
                "`{}`: found `{other}`; only `tag`, `polygon` and `complex_polygon` are read",
                self.name
            ));
        }
        let rings: Vec<Ring> = match (self.tag, self.polygon, self.complex_polygon) {
            (Some(_), None, None) => return Ok(Content::Tag(self.name)),
            (None, Some(polygon), None) => {
                let Polygon { path, additional_paths } = polygon;
                std::iter::once(path).chain(additional_paths).map(ring).collect()
            }
            (None, None, Some(polygon)) => {
                polygon.path.into_iter().chain(polygon.additional_paths).map(ring).collect()
            }
            (tag, polygon, complex) => {
                let count = [tag.is_some(), polygon.is_some(), complex.is_some()];
                let count = count.into_iter().filter(|&is_some| is_some).count();
                return Err(format!(
                    "`{}`: found {count} of `tag`, `polygon` and `complex_polygon`; expected one",
                    self.name
                ));
            }
        };
        if rings.is_empty() || rings.iter().any(Vec::is_empty) {
            return Err(format!("`{}`: found a ring without a vertex", self.name));
        }
        let Self { name: characteristic, attributes, .. } = self;
        Ok(Content::Region { characteristic, attributes, rings })
    }

    /// The name of a shape that is not read.
    fn other_shape(&self) -> Option<&'static str> {
        [
            ("cuboid", &self.cuboid),
            ("ellipse", &self.ellipse),
            ("frames", &self.frames),
            ("keypoint", &self.keypoint),
            ("line", &self.line),
            ("mask", &self.mask),
            ("raster_layer", &self.raster_layer),
            ("skeleton", &self.skeleton),
        ]
        .into_iter()
        .find_map(|(name, shape)| shape.is_some().then_some(name))
    }

    fn of_tag(name: &str) -> Self {
        Self { name: name.to_owned(), tag: Some(Tag {}), ..Self::default() }
    }

    fn of_instance(instance: &Region) -> Self {
        let mut rings: Vec<Vec<Vertex>> =
            instance.rings().iter().map(|ring| vertices(ring)).collect();
        let bounding_box = Some(BoundingBox::around(&rings));
        let attributes = instance.attributes.clone();
        let name = instance.concept.clone();
        let (polygon, complex_polygon) = match rings.len() {
            1 => (rings.pop().map(Polygon::of), None),
            _ => (None, Some(Polygon::of(rings))),
        };
        Self { attributes, bounding_box, complex_polygon, name, polygon, ..Self::default() }
    }
}

impl<T> Polygon<T> {
    fn of(path: Vec<T>) -> Self {
        Self { path, additional_paths: Vec::new() }
    }
}

impl BoundingBox {
    fn around(rings: &[Vec<Vertex>]) -> Self {
        let extent = |coordinate: fn(&Vertex) -> f64| {
            rings
                .iter()
                .flatten()
                .map(coordinate)
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                    (low.min(value), high.max(value))
                })
        };
        let ((left, right), (top, bottom)) = (extent(|vertex| vertex.x), extent(|vertex| vertex.y));
        Self { h: bottom - top, w: right - left, x: left, y: top }
    }
}

impl From<&Reading> for File {
    fn from(evaluation: &Reading) -> Self {
        let Reading { classes, discards, tags, unknown, .. } = evaluation;
        let tags = [tags, unknown, discards, classes].into_iter().flatten();
        let instances = evaluation.regions.iter().map(Annotation::of_instance);
        let filename = evaluation.stem() + ".jpg";
        let ImageSize { height, width } = evaluation.size;
        Self {
            dataset: "DermX",
            version: None,
            image: Image {
                width,
                height,
                original_filename: filename.clone(),
                filename,
                path: "/",
            },
            annotations: instances.chain(tags.map(|name| Annotation::of_tag(name))).collect(),
        }
    }
}

fn ring(vertices: Vec<Vertex>) -> Ring {
    vertices.into_iter().map(|vertex| [vertex.x, vertex.y]).collect()
}

fn vertices(ring: &[[f64; 2]]) -> Vec<Vertex> {
    ring.iter().map(|&[x, y]| Vertex { x, y }).collect()
}

#[cfg(test)]
mod tests {
    use super::repeated;

    #[test]
    fn a_repeated_round_is_a_second_digit_from_two() {
        assert_eq!(repeated("labeller12"), Some(("labeller1", 2)));
        assert_eq!(repeated("labeller83"), Some(("labeller8", 3)));
        for first_round in ["labeller1", "labeller10", "labeller11", "labeller123", "derm12", "ö"]
        {
            assert_eq!(repeated(first_round), None, "{first_round}");
        }
    }
}
