//! COCO files that say all that annotations say.

use crate::{AnnotatedImage, Annotations, RawReading, rle};
use dermx_data::{DataError, Fill, ImageSize, Mask, Region, Ring, Shape, write_atomic};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// Writes `annotations` as one COCO file, which [`read`](super::read) reads as equal annotations with the rater
/// at the key `rater`: polygons as rings, masks as compressed run lengths. Equal values give equal bytes.
///
/// The file of each reading and what was skipped are not written.
///
/// # Errors
/// When the file cannot be written, or would not be read as the same: an image that is listed twice or of a
/// side of 0 or over 65535 pixels; a reading of an image that is not listed, of another size than the
/// image's, of nobody, or of a rater who already has one of the image; a region of no concept; an outline
/// without a ring, a ring without a vertex, a coordinate that is not finite, an outline that is too costly,
/// or a mask that has too many pixels.
pub fn write(path: &Path, annotations: &Annotations) -> Result<(), DataError> {
    let invalid = |(place, message): (String, String)| DataError::invalid(path, place, message);
    let mut bytes = File::of(annotations).map_err(invalid).and_then(|file| {
        serde_json::to_vec(&file).map_err(|error| DataError::invalid(path, "", error.to_string()))
    })?;
    bytes.push(b'\n');
    write_atomic(path, &bytes)
}

#[derive(Serialize)]
struct File<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    fill: Option<Fill>,
    images: Vec<Image<'a>>,
    categories: Vec<Category<'a>>,
    annotations: Vec<Annotation<'a>>,
    readings: Vec<Reading<'a>>,
}

#[derive(Serialize)]
struct Image<'a> {
    id: usize,
    file_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    gold: &'a [String],
}

#[derive(Serialize)]
struct Category<'a> {
    id: usize,
    name: &'a str,
}

#[derive(Serialize)]
struct Annotation<'a> {
    id: usize,
    image_id: usize,
    category_id: usize,
    rater: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    attributes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    fill: Option<Fill>,
    segmentation: Segmentation<'a>,
    bbox: [f64; 4],
    #[serde(skip_serializing_if = "Option::is_none")]
    area: Option<usize>,
    iscrowd: u8,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Segmentation<'a> {
    Rings(Vec<&'a [f64]>),
    Rle { size: ImageSize, counts: String },
}

#[derive(Serialize)]
struct Reading<'a> {
    image_id: usize,
    rater: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    labels: &'a [String],
}

/// The place and the message of an error.
type Problem = (String, String);

impl<'a> File<'a> {
    fn of(annotations: &'a Annotations) -> Result<Self, Problem> {
        let image_ids = image_ids(&annotations.images)?;
        let regions = || annotations.readings.iter().flat_map(|reading| &reading.regions);
        let concepts: BTreeMap<&str, usize> =
            regions().map(|region| (region.concept.as_str(), 0)).collect();
        let category_ids: BTreeMap<&str, usize> = concepts.into_keys().zip(1..).collect();
        let mut file = Self {
            fill: regions().find_map(fill_of),
            images: annotations.images.iter().zip(1..).map(Image::of).collect(),
            categories: category_ids.iter().map(|(&name, &id)| Category { id, name }).collect(),
            annotations: Vec::with_capacity(regions().count()),
            readings: Vec::with_capacity(annotations.readings.len()),
        };
        let mut seen = HashSet::new();
        for reading in &annotations.readings {
            let place = format!("{} by {}", reading.image, reading.rater);
            let problem = |message: String| (place.clone(), message);
            let (image_id, size) = checked(reading, &image_ids).map_err(problem)?;
            if !seen.insert((image_id, &reading.rater)) {
                return Err(problem("is the second reading of the image by the rater".to_owned()));
            }
            let rater = &reading.rater;
            file.readings.push(Reading { image_id, rater, labels: &reading.labels });
            for region in &reading.regions {
                let segmentation = Segmentation::of(region)
                    .map_err(|message| problem(format!("`{}`: {message}", region.concept)))?;
                let (bbox, area) = extent(&region.shape, size);
                file.annotations.push(Annotation {
                    id: file.annotations.len() + 1,
                    image_id,
                    category_id: category_ids[region.concept.as_str()],
                    rater,
                    attributes: &region.attributes,
                    fill: fill_of(region).filter(|&fill| Some(fill) != file.fill),
                    segmentation,
                    bbox,
                    area,
                    iscrowd: 0,
                });
            }
        }
        Ok(file)
    }
}

impl<'a> Image<'a> {
    fn of((image, id): (&'a AnnotatedImage, usize)) -> Self {
        let (height, width) =
            (image.size.map(|size| size.height), image.size.map(|size| size.width));
        Self { id, file_name: &image.name, height, width, gold: &image.gold }
    }
}

impl<'a> Segmentation<'a> {
    fn of(region: &'a Region) -> Result<Self, String> {
        match &region.shape {
            Shape::Mask(mask) => {
                rle::check_mask(mask)?;
                Ok(Self::Rle { size: mask.size(), counts: rle::encode(mask) })
            }
            Shape::Polygon { rings, .. } => {
                if rings.is_empty() || rings.iter().any(Vec::is_empty) {
                    return Err("found no ring, or one without a vertex".to_owned());
                }
                let coordinates = rings.iter().flatten().flatten();
                if let Some(other) = coordinates.into_iter().find(|value| !value.is_finite()) {
                    return Err(format!("found the coordinate {other}; expected a number"));
                }
                Ok(Self::Rings(rings.iter().map(|ring| ring.as_flattened()).collect()))
            }
        }
    }
}

/// The ids and sizes of images by their names.
fn image_ids(
    images: &[AnnotatedImage],
) -> Result<HashMap<&str, (usize, Option<ImageSize>)>, Problem> {
    let mut image_ids = HashMap::new();
    for (image, id) in images.iter().zip(1..) {
        let problem = |message: String| (image.name.clone(), message);
        image.size.map_or(Ok(()), rle::check_size).map_err(problem)?;
        if image.name.is_empty() {
            return Err(problem("found an image without a name".to_owned()));
        }
        if image_ids.insert(image.name.as_str(), (id, image.size)).is_some() {
            return Err(problem("is listed twice".to_owned()));
        }
    }
    Ok(image_ids)
}

/// The id and the size of the image of a reading.
fn checked(
    reading: &RawReading,
    image_ids: &HashMap<&str, (usize, Option<ImageSize>)>,
) -> Result<(usize, Option<ImageSize>), String> {
    let Some(&(image_id, size)) = image_ids.get(reading.image.as_str()) else {
        return Err("the image is not listed".to_owned());
    };
    if reading.size != size {
        let text =
            |size: Option<ImageSize>| size.map_or("unknown".to_owned(), |size| size.to_string());
        let (found, expected) = (text(reading.size), text(size));
        return Err(format!("the size is {found}; expected {expected}, that of the image"));
    }
    if reading.rater.is_empty() {
        return Err("found a rater without a name".to_owned());
    }
    for region in &reading.regions {
        if region.concept.is_empty() {
            return Err("found a region without a concept".to_owned());
        }
        size.map_or(Ok(()), |size| region.check(size))
            .map_err(|message| format!("`{}`: {message}", region.concept))?;
    }
    Ok((image_id, size))
}

fn fill_of(region: &Region) -> Option<Fill> {
    match region.shape {
        Shape::Polygon { fill, .. } => Some(fill),
        Shape::Mask(_) => None,
    }
}

/// The box around a shape, `[x, y, width, height]`, and its number of pixels, which a polygon has in an image
/// of known size: what other programs expect.
fn extent(shape: &Shape, size: Option<ImageSize>) -> ([f64; 4], Option<usize>) {
    match shape {
        Shape::Mask(mask) => (box_of_mask(mask), Some(mask.area())),
        Shape::Polygon { rings, .. } => {
            (box_of_rings(rings), size.map(|size| shape.mask(size).area()))
        }
    }
}

fn box_of_rings(rings: &[Ring]) -> [f64; 4] {
    let range = |axis: usize| {
        let values = rings.iter().flatten().map(|vertex| vertex[axis]);
        values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
            [low.min(value), high.max(value)]
        })
    };
    let [[left, right], [top, bottom]] = [range(0), range(1)];
    // Of coordinates near the largest number the difference is none.
    [left, top, (right - left).min(f64::MAX), (bottom - top).min(f64::MAX)]
}

fn box_of_mask(mask: &Mask) -> [f64; 4] {
    let width = mask.size().width;
    let (Some(first), Some(last)) = (mask.runs().first(), mask.runs().last()) else {
        return [0.0; 4];
    };
    let (top, bottom) = (first[0] / width, (last[1] - 1) / width + 1);
    let (mut left, mut right) = (width, 0);
    for &[start, end] in mask.runs() {
        let is_in_one_row = start / width == (end - 1) / width;
        let columns =
            if is_in_one_row { [start % width, (end - 1) % width + 1] } else { [0, width] };
        (left, right) = (left.min(columns[0]), right.max(columns[1]));
    }
    [left, top, right - left, bottom - top].map(f64::from)
}
