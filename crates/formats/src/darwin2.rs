//! Darwin JSON 2.0, V7's format: a file for each image. Version 1.0 is read by `dermx-data`.
//!
//! # Source
//! darwin-py, `utils/utils.py` and `exporter/formats/mask.py`.

use crate::files::{self, OneImage};
use crate::readings::Readings;
use crate::shapes::{self, Crop, SizeBudget};
use crate::skipped::Skipped;
use crate::{AnnotatedImage, Annotations};
use dermx_data::{DataError, Fill, ImageSize, Mask, Region, Shape, json};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Reads a file, or the JSON files of a folder and below; `fill` says which pixels outlines cover, usually
/// [`Fill::Darwin`].
///
/// - **Images.** The name is the item's, in its folder in Darwin (`path`).
/// - **Readings.** Where `rater` is given, each image is read by that rater. Otherwise each annotation is by
///   the first of its `annotators`, by full name, else by e-mail; images without an annotation are read by
///   nobody.
/// - **Regions.** Polygons (all `paths` one outline) and bounding boxes are outlines. Masks are the values of
///   the raster layer, pairs of a value and a count row by row, that it maps to their `id`.
/// - **Labels.** Tags are labels of the reading. `attributes` are those of a region; `properties` are not read.
///
/// Other annotations are counted in [`Annotations::skipped`].
///
/// # Errors
/// With the file and the place as a JSON path: what is no such file, other versions, items of several slots,
/// annotations that do not name a rater where none is given, raster layers that do not have the image's
/// pixels or have values of no mask, masks that are in none, two files of one image by one rater.
pub fn read(path: &Path, rater: Option<&str>, fill: Fill) -> Result<Annotations, DataError> {
    files::read_each(path, |file, _| read_file(file, rater, fill))
}

#[derive(Deserialize)]
#[serde(expecting = "a file of Darwin: an object with `item` and `annotations`")]
struct File {
    version: Option<Value>,
    item: Option<Item>,
    #[serde(default)]
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `name` and `slots`")]
struct Item {
    name: String,
    path: Option<String>,
    #[serde(default)]
    slots: Vec<Slot>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `width` and `height`")]
struct Slot {
    width: Option<u64>,
    height: Option<u64>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `name`")]
struct Annotation {
    id: Option<String>,
    name: String,
    annotators: Option<Vec<Author>>,
    attributes: Option<Vec<String>>,
    polygon: Option<Polygon>,
    bounding_box: Option<BoundingBox>,
    tag: Option<IgnoredAny>,
    mask: Option<IgnoredAny>,
    raster_layer: Option<RasterLayer>,
    // What else an annotation may be, and is not read.
    frames: Option<IgnoredAny>,
    cuboid: Option<IgnoredAny>,
    ellipse: Option<IgnoredAny>,
    eye: Option<IgnoredAny>,
    graph: Option<IgnoredAny>,
    keypoint: Option<IgnoredAny>,
    line: Option<IgnoredAny>,
    link: Option<IgnoredAny>,
    simple_table: Option<IgnoredAny>,
    skeleton: Option<IgnoredAny>,
    string: Option<IgnoredAny>,
    table: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `full_name` or `email`")]
struct Author {
    full_name: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `paths`")]
struct Polygon {
    paths: Option<Vec<Vec<Vertex>>>,
    path: Option<Vec<Vertex>>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `x` and `y`")]
struct Vertex {
    x: f64,
    y: f64,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `x`, `y`, `w` and `h`")]
struct BoundingBox {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `dense_rle` and `mask_annotation_ids_mapping`")]
struct RasterLayer {
    dense_rle: Vec<u32>,
    mask_annotation_ids_mapping: BTreeMap<String, u32>,
}

fn read_file(path: &Path, rater: Option<&str>, fill: Fill) -> Result<OneImage, DataError> {
    let file: File = json::read_stream(path)?;
    let invalid = |place: &str, message: String| DataError::invalid(path, place, message);
    let item = file.item(path)?;
    let name = item.image_name().map_err(|message| invalid("item.name", message))?;
    let size = item.size().map_err(|message| invalid("item.slots", message))?;
    let mut budget = SizeBudget::new(path)?;
    let layer = Layer::find(&file.annotations, size, &mut budget)
        .map_err(|(place, message)| invalid(&place, message))?;
    let mut skipped = Skipped::default();
    let mut readings = Readings::new(path, &name, size);
    if let Some(rater) = rater {
        readings.of(rater);
    }
    for (annotation_idx, annotation) in file.annotations.iter().enumerate() {
        let at = |message: String| {
            let message = format!("`{}`: {message}", annotation.name);
            invalid(&format!("annotations[{annotation_idx}]"), message)
        };
        let content = annotation.content(&layer, fill, &mut budget).map_err(at)?;
        if let Content::Nothing = content {
            continue;
        }
        if let Content::Other(kind) = content {
            skipped.add(
                format!("annotation of type `{kind}`"),
                format!("annotations of type `{kind}`"),
            );
            continue;
        }
        let rater = rater.or_else(|| annotation.rater()).ok_or_else(|| {
            at("found no name in `annotators`; expected one, or say whose file it is".to_owned())
        })?;
        let reading = readings.of(rater);
        let concept = annotation.name.trim().to_owned();
        match content {
            Content::Region(shape) => {
                let attributes = annotation.attributes.clone().unwrap_or_default();
                reading.regions.push(Region { concept, attributes, shape });
            }
            _ => reading.labels.push(concept),
        }
    }
    let readings = readings.into_vec();
    let image = AnnotatedImage { name, size, gold: Vec::new() };
    Ok(OneImage { image, readings, skipped })
}

impl File {
    /// The item of a file of version 2.0.
    fn item(&self, path: &Path) -> Result<&Item, DataError> {
        let is_2 = |version: &Value| match version {
            Value::String(text) => text == "2" || text.starts_with("2."),
            other => other.as_f64() == Some(2.0),
        };
        if let Some(version) = self.version.as_ref().filter(|version| !is_2(version)) {
            let version = version.as_str().map_or_else(|| version.to_string(), str::to_owned);
            let message = format!("is Darwin JSON {version}; expected 2.0");
            return Err(DataError::invalid(path, "version", message));
        }
        self.item.as_ref().ok_or_else(|| {
            let message = "found no `item`; expected Darwin JSON 2.0 (1.0 has `image`)";
            DataError::invalid(path, "item", message)
        })
    }
}

impl Item {
    /// The name with its folders.
    fn image_name(&self) -> Result<String, String> {
        let folders = self.path.as_deref().unwrap_or_default();
        let parts = folders.split('/').chain([self.name.as_str()]).filter(|part| !part.is_empty());
        match self.name.is_empty() {
            true => Err("found no name; expected that of an image".to_owned()),
            false => Ok(parts.collect::<Vec<_>>().join("/")),
        }
    }

    fn size(&self) -> Result<Option<ImageSize>, String> {
        match &self.slots[..] {
            [] => Ok(None),
            [Slot { width: Some(width), height: Some(height) }] => {
                shapes::image_size(*width, *height).map(Some)
            }
            [_] => Ok(None),
            slots => Err(format!("found {} slots; expected one image", slots.len())),
        }
    }
}

/// What an annotation is.
enum Content {
    Region(Shape),
    Label,
    /// The raster layer, which masks refer to.
    Nothing,
    /// What is not read.
    Other(&'static str),
}

impl Annotation {
    fn rater(&self) -> Option<&str> {
        let author = self.annotators.as_ref()?.first()?;
        let names = [&author.full_name, &author.email].into_iter().flatten();
        names.map(|name| name.trim()).find(|name| !name.is_empty())
    }

    /// What it is, or the message of an error.
    fn content(
        &self,
        layer: &Layer,
        fill: Fill,
        budget: &mut SizeBudget,
    ) -> Result<Content, String> {
        if self.frames.is_some() {
            return Ok(Content::Other("video"));
        }
        if let Some(polygon) = &self.polygon {
            let ring =
                |path: &Vec<Vertex>| path.iter().map(|vertex| [vertex.x, vertex.y]).collect();
            let rings = match (&polygon.paths, &polygon.path) {
                (Some(paths), _) => paths.iter().map(ring).collect(),
                (None, Some(path)) => vec![ring(path)],
                (None, None) => return Err("found no `paths` in its `polygon`".to_owned()),
            };
            return shapes::outline(rings, fill).map(Content::Region);
        }
        if let Some(BoundingBox { x, y, w, h }) = self.bounding_box {
            let ring = shapes::rectangle([x, y], [x + w, y + h]);
            return shapes::outline(vec![ring], fill).map(Content::Region);
        }
        if self.tag.is_some() {
            return Ok(Content::Label);
        }
        if let Some(kind) = self.other_kind() {
            return Ok(Content::Other(kind));
        }
        if self.mask.is_some() {
            let mask = layer.mask(self.id.as_deref())?;
            let shape = Shape::Mask(mask.clone());
            budget.take_copy(&shape, &[])?;
            return Ok(Content::Region(shape));
        }
        match self.raster_layer {
            Some(_) => Ok(Content::Nothing),
            None => Ok(Content::Other("other")),
        }
    }

    /// The name of a kind that is not read.
    fn other_kind(&self) -> Option<&'static str> {
        [
            ("cuboid", &self.cuboid),
            ("ellipse", &self.ellipse),
            ("eye", &self.eye),
            ("graph", &self.graph),
            ("keypoint", &self.keypoint),
            ("line", &self.line),
            ("link", &self.link),
            ("simple_table", &self.simple_table),
            ("skeleton", &self.skeleton),
            ("string", &self.string),
            ("table", &self.table),
        ]
        .into_iter()
        .find_map(|(name, kind)| kind.is_some().then_some(name))
    }
}

/// The masks of a file.
#[derive(Default)]
struct Layer {
    /// The value of each mask annotation by its id.
    values: BTreeMap<String, u32>,
    /// The pixels of each value.
    masks: BTreeMap<u32, Mask>,
}

impl Layer {
    /// The only raster layer among annotations, or the place and the message of an error.
    fn find(
        annotations: &[Annotation],
        size: Option<ImageSize>,
        budget: &mut SizeBudget,
    ) -> Result<Self, (String, String)> {
        let mut layers = annotations
            .iter()
            .enumerate()
            .filter_map(|(idx, annotation)| Some((idx, annotation.raster_layer.as_ref()?)));
        let Some((annotation_idx, layer)) = layers.next() else { return Ok(Self::default()) };
        let place = |idx: usize| format!("annotations[{idx}].raster_layer");
        if let Some((second_idx, _)) = layers.next() {
            return Err((
                place(second_idx),
                "found a second raster layer; expected one".to_owned(),
            ));
        }
        Self::new(layer, size, budget).map_err(|message| (place(annotation_idx), message))
    }

    fn new(
        layer: &RasterLayer,
        size: Option<ImageSize>,
        budget: &mut SizeBudget,
    ) -> Result<Self, String> {
        let size = size.ok_or("found no `width` and `height` of the image, which it needs")?;
        let (pairs, []) = layer.dense_rle.as_chunks() else {
            let num = layer.dense_rle.len();
            return Err(format!(
                "`dense_rle`: found {num} numbers; expected pairs of value and count"
            ));
        };
        let values = layer.mask_annotation_ids_mapping.clone();
        let mut runs: BTreeMap<u32, Vec<[u64; 2]>> =
            values.values().map(|&value| (value, Vec::new())).collect();
        let mut end = 0;
        for &[value, count] in pairs {
            let start = end;
            end += u64::from(count);
            match runs.get_mut(&value) {
                Some(runs) => runs.push([start, end]),
                None if value == 0 => {}
                None => {
                    return Err(format!(
                        "`dense_rle`: found the value {value}, which `mask_annotation_ids_mapping` does \
                         not have"
                    ));
                }
            }
        }
        if end != size.num_pixels() as u64 {
            let num_pixels = size.num_pixels();
            return Err(format!(
                "`dense_rle`: found {end} pixels; expected the {num_pixels} of {size}"
            ));
        }
        let (height, width) = (u64::from(size.height), u64::from(size.width));
        // All of the image: a run may then go on in the next row.
        let whole = Crop { top: 0, left: 0, height, width };
        let mask =
            |(value, runs): (u32, Vec<[u64; 2]>)| Ok((value, whole.mask(&runs, size, budget)?));
        let masks = runs.into_iter().map(mask).collect::<Result<_, String>>()?;
        Ok(Self { values, masks })
    }

    /// The mask of an annotation.
    fn mask(&self, id: Option<&str>) -> Result<&Mask, String> {
        let id = id.ok_or("found no `id`, by which a raster layer has its pixels")?;
        let mask = self.values.get(id).and_then(|value| self.masks.get(value));
        mask.ok_or_else(|| format!("found no raster layer with the mask `{id}`"))
    }
}

#[cfg(test)]
mod tests;
