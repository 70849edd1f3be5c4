//! Label Studio's JSON export: a list of tasks, whose annotations are what raters said.
//!
//! # Source
//! label-studio-sdk, `converter/converter.py`, `utils.py` and `brush.py`.

mod brush;
mod image_names;

use crate::shapes::{self, SizeBudget};
use crate::skipped::Skipped;
use crate::{AnnotatedImage, Annotations, RawReading};
use dermx_data::{DataError, Fill, ImageSize, Region, Shape, json};
use image_names::ImageReference;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

/// Reads an export of the type JSON (not JSON-MIN).
///
/// - **Images.** The image of a task is `data.image`, else the first text in `data` that names a photo.
///   Its name is the file name: of a URL, without the query, of `/data/local-files/?d=...`, or of
///   `/data/upload/...`, without the eight digits and the dash that Label Studio puts before it; all with
///   percent-encoding undone. Where these names would be the same for different images, the path below the
///   folder that all images have in common is the name.
/// - **Readings.** Each annotation is a reading by `completed_by`: the e-mail address, else the number.
///   Annotations that were cancelled, and predictions of models, are none. An annotation without regions
///   says that there is nothing to see.
/// - **Regions.** Polygons, rectangles and ellipses, whose coordinates are percent of the image's width and
///   height, become outlines that `fill` fills: a rectangle, turned by `rotation` degrees around its first
///   corner, has four vertices; an ellipse 720. Brushes are masks: the pixels whose alpha is not 0. A
///   region with several labels becomes several regions.
/// - **Choices** of the image are labels of the reading; choices of a region are its attributes, or name it
///   where it has no label of its own.
///
/// What else there is (key points, texts, ratings, ...) is counted in [`Annotations::skipped`].
///
/// # Errors
/// With the place as a JSON path: a file that is not such a list; an annotation whose rater is not named;
/// two sizes of an image; shapes of an image that was turned, or of several images in a task; shapes with
/// missing numbers; brushes that do not have the image's pixels.
pub fn read(path: &Path, fill: Fill) -> Result<Annotations, DataError> {
    let tasks: Vec<Task> = json::read_stream(path)?;
    let invalid = |place: String, message: String| DataError::invalid(path, place, message);
    let references = tasks.iter().enumerate().map(|(task_idx, task)| {
        task.image().map_err(|message| invalid(format!("[{task_idx}].data"), message))
    });
    let names = image_names::short(&references.collect::<Result<Vec<_>, _>>()?);
    let mut reader = Reader {
        fill,
        budget: SizeBudget::new(path)?,
        sizes: BTreeMap::new(),
        skipped: Skipped::default(),
    };
    let mut readings = Vec::new();
    for (task_idx, (task, image)) in tasks.into_iter().zip(&names).enumerate() {
        for _ in &task.predictions {
            reader.skipped.add("prediction of a model", "predictions of models");
        }
        for (annotation_idx, annotation) in task.annotations.into_iter().enumerate() {
            if annotation.was_cancelled == Some(true) {
                reader.skipped.add("cancelled annotation", "cancelled annotations");
                continue;
            }
            let place = format!("[{task_idx}].annotations[{annotation_idx}]");
            let rater = annotation
                .rater()
                .map_err(|message| invalid(format!("{place}.completed_by"), message))?;
            let said = reader
                .annotation(image, annotation.result.unwrap_or_default())
                .map_err(|(within, message)| invalid(format!("{place}.result{within}"), message))?;
            let Said { labels, regions } = said;
            let file = path.to_path_buf();
            readings.push(RawReading {
                image: image.clone(),
                rater,
                size: None,
                labels,
                regions,
                file,
            });
        }
    }
    let Reader { sizes, skipped, .. } = reader;
    for reading in &mut readings {
        reading.size = sizes.get(&reading.image).copied();
    }
    let mut seen = BTreeSet::new();
    let images = names.iter().filter(|&name| seen.insert(name)).map(|name| AnnotatedImage {
        name: name.clone(),
        size: sizes.get(name).copied(),
        gold: Vec::new(),
    });
    Ok(Annotations { images: images.collect(), readings, skipped: skipped.into_lines() })
}

#[derive(Deserialize)]
#[serde(expecting = "a task with `data` and `annotations`")]
struct Task {
    data: Option<Data>,
    #[serde(default, alias = "completions")]
    annotations: Vec<Annotation>,
    #[serde(default)]
    predictions: Vec<IgnoredAny>,
}

/// The texts of `data`, in the order of the file.
struct Data(Vec<(String, String)>);

#[derive(Deserialize)]
#[serde(expecting = "an annotation with `completed_by` and `result`")]
struct Annotation {
    completed_by: Option<Value>,
    was_cancelled: Option<bool>,
    result: Option<Vec<RegionOrChoice>>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `type` and `value`")]
struct RegionOrChoice {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    to_name: Option<String>,
    original_width: Option<u64>,
    original_height: Option<u64>,
    image_rotation: Option<f64>,
    item_index: Option<u64>,
    value: Option<ResultValue>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase")]
struct ResultValue {
    x: Option<f64>,
    y: Option<f64>,
    width: Option<f64>,
    height: Option<f64>,
    rotation: Option<f64>,
    radius_x: Option<f64>,
    radius_y: Option<f64>,
    points: Option<Vec<[f64; 2]>>,
    rle: Option<Vec<u8>>,
    polygonlabels: Option<Vec<String>>,
    rectanglelabels: Option<Vec<String>>,
    ellipselabels: Option<Vec<String>>,
    brushlabels: Option<Vec<String>>,
    labels: Option<Vec<String>>,
    choices: Option<Vec<String>>,
}

impl Task {
    fn image(&self) -> Result<ImageReference, String> {
        let Data(texts) = self
            .data
            .as_ref()
            .ok_or("found no `data` of a task; export the project as `JSON`, not as `JSON-MIN`")?;
        let image = texts.iter().find(|(key, _)| key == "image");
        let photo = || texts.iter().find(|(_, text)| image_names::is_photo(text));
        let (key, text) = image.or_else(photo).ok_or(
            "found no text that names an image; expected the path or address of one, usually as `image`",
        )?;
        ImageReference::parse(text).map_err(|message| format!("`{key}`: {message}"))
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Data;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data, A::Error> {
                let mut texts = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if let Value::String(text) = value {
                        texts.push((key, text));
                    }
                }
                Ok(Data(texts))
            }
        }
        deserializer.deserialize_map(Texts)
    }
}

impl Annotation {
    fn rater(&self) -> Result<String, String> {
        let named = |value: &Value| match value {
            Value::Number(number) => Some(number.to_string()),
            Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            _ => None,
        };
        let rater = match &self.completed_by {
            Some(Value::Object(user)) => {
                ["email", "id"].into_iter().find_map(|key| user.get(key).and_then(named))
            }
            Some(value) => named(value),
            None => None,
        };
        rater.ok_or_else(|| {
            "found nobody; expected the number of a user, or an object with `email` or `id`"
                .to_owned()
        })
    }
}

impl RegionOrChoice {
    /// The labels of a region.
    fn labels(&self) -> &[String] {
        let Some(value) = &self.value else { return &[] };
        let labels = match self.kind.as_str() {
            "polygonlabels" => &value.polygonlabels,
            "rectanglelabels" => &value.rectanglelabels,
            "ellipselabels" => &value.ellipselabels,
            "brushlabels" => &value.brushlabels,
            "labels" => &value.labels,
            _ => &None,
        };
        labels.as_deref().unwrap_or_default()
    }

    /// The choices, if it is one of choices.
    fn choices(&self) -> Option<&[String]> {
        let value = self.value.as_ref().filter(|_| self.kind == "choices")?;
        value.choices.as_deref()
    }

    /// Its shape, if it is of a kind that is read.
    fn tool(&self) -> Option<Tool> {
        let value = self.value.as_ref()?;
        match self.kind.as_str() {
            "polygonlabels" | "polygon" => Some(Tool::Polygon),
            "rectanglelabels" | "rectangle" => Some(Tool::Rectangle),
            "ellipselabels" | "ellipse" => Some(Tool::Ellipse),
            "brushlabels" | "brush" => Some(Tool::Brush),
            // Labels that stand beside the tool: the shape says which it was.
            "labels" if value.points.is_some() => Some(Tool::Polygon),
            "labels" if value.rle.is_some() => Some(Tool::Brush),
            "labels" if value.radius_x.is_some() => Some(Tool::Ellipse),
            "labels" if value.x.is_some() && value.height.is_some() => Some(Tool::Rectangle),
            _ => None,
        }
    }
}

#[derive(Clone, Copy)]
enum Tool {
    Polygon,
    Rectangle,
    Ellipse,
    Brush,
}

/// What one annotation says.
struct Said {
    labels: Vec<String>,
    regions: Vec<Region>,
}

/// What is needed from one annotation to the next.
struct Reader {
    fill: Fill,
    budget: SizeBudget,
    /// The sizes of images by name.
    sizes: BTreeMap<String, ImageSize>,
    skipped: Skipped,
}

impl Reader {
    /// What an annotation says, or the place in its results and the message of an error.
    fn annotation(
        &mut self,
        image: &str,
        results: Vec<RegionOrChoice>,
    ) -> Result<Said, (String, String)> {
        let mut target: Option<&Option<String>> = None;
        let mut by_region: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let shaped = || results.iter().filter(|result| result.tool().is_some());
        let regions: BTreeSet<&str> = shaped().filter_map(|one| one.id.as_deref()).collect();
        let labelled: BTreeSet<&str> = shaped()
            .filter(|result| !result.labels().is_empty())
            .filter_map(|result| result.id.as_deref())
            .collect();
        let mut said = Said { labels: Vec::new(), regions: Vec::new() };
        for result in &results {
            let Some(choices) = result.choices() else { continue };
            match result.id.as_deref().filter(|id| regions.contains(id)) {
                Some(id) => {
                    by_region.entry(id).or_default().extend(choices.iter().map(String::as_str))
                }
                None => said.labels.extend_from_slice(choices),
            }
        }
        for (result_idx, result) in results.iter().enumerate() {
            let at =
                |(within, message): (&str, String)| (format!("[{result_idx}]{within}"), message);
            let Some(tool) = result.tool() else {
                if result.choices().is_none() {
                    let kind = &result.kind;
                    self.skipped.add(
                        format!("result of type `{kind}`"),
                        format!("results of type `{kind}`"),
                    );
                }
                continue;
            };
            let id = result.id.as_deref().unwrap_or_default();
            if result.labels().is_empty() && labelled.contains(id) {
                continue; // the shape of labels that have it, too
            }
            if let Some(target) = target.filter(|target| **target != result.to_name) {
                let message = format!(
                    "found shapes of `{}` and of `{}`; expected those of one image",
                    target.as_deref().unwrap_or_default(),
                    result.to_name.as_deref().unwrap_or_default()
                );
                return Err(at((".to_name", message)));
            }
            target = Some(&result.to_name);
            let chosen = by_region.get(id).map_or(&[][..], Vec::as_slice);
            let (concepts, attributes) = match result.labels() {
                [] => (chosen.iter().map(|&one| one.to_owned()).collect(), Vec::new()),
                labels => (labels.to_vec(), chosen.iter().map(|&one| one.to_owned()).collect()),
            };
            if concepts.is_empty() {
                self.skipped.add("shape without a label", "shapes without a label");
                continue;
            }
            let size = self.size(image, result).map_err(at)?;
            let value =
                result.value.as_ref().ok_or_else(|| at(("", "found no `value`".to_owned())))?;
            let shape = self.shape(tool, value, size).map_err(|message| at((".value", message)))?;
            for concept in concepts {
                self.budget.take_copy(&shape, &attributes).map_err(|message| at(("", message)))?;
                let (attributes, shape) = (attributes.clone(), shape.clone());
                said.regions.push(Region { concept, attributes, shape });
            }
        }
        Ok(said)
    }

    /// The size of the image, which is the same in all its results, or the place and message of an error.
    fn size(
        &mut self,
        image: &str,
        result: &RegionOrChoice,
    ) -> Result<ImageSize, (&'static str, String)> {
        if result.item_index.is_some_and(|idx| idx > 0) {
            let message = "found a shape in a further page; expected one image in a task";
            return Err((".item_index", message.to_owned()));
        }
        if let Some(rotation) = result.image_rotation.filter(|rotation| *rotation != 0.0) {
            let message = format!(
                "found an image that was turned by {rotation} degrees, which is not read; turn it back"
            );
            return Err((".image_rotation", message));
        }
        let (Some(width), Some(height)) = (result.original_width, result.original_height) else {
            let message = "found no `original_width` and `original_height`; expected pixels";
            return Err(("", message.to_owned()));
        };
        let size = shapes::image_size(width, height).map_err(|message| ("", message))?;
        let known = *self.sizes.entry(image.to_owned()).or_insert(size);
        if size != known {
            let message =
                format!("found the size {size} of the image `{image}`, which was {known} before");
            return Err((".original_width", message));
        }
        Ok(size)
    }

    /// The shape in pixels, or the message of an error.
    fn shape(&mut self, tool: Tool, value: &ResultValue, size: ImageSize) -> Result<Shape, String> {
        let scale = [f64::from(size.width), f64::from(size.height)];
        let pixels = |[x, y]: [f64; 2]| [x / 100.0 * scale[0], y / 100.0 * scale[1]];
        let rotation = value.rotation.unwrap_or_default();
        let ring = match tool {
            Tool::Polygon => {
                let points = value.points.as_ref().ok_or("found no `points`")?;
                points.iter().map(|&point| pixels(point)).collect()
            }
            Tool::Rectangle => {
                let [x, y, width, height] = all(
                    [value.x, value.y, value.width, value.height],
                    ["x", "y", "width", "height"],
                )?;
                let (corner, sides) = (pixels([x, y]), pixels([width, height]));
                let far = [corner[0] + sides[0], corner[1] + sides[1]];
                shapes::rotated(shapes::rectangle(corner, far), rotation, corner)
            }
            Tool::Ellipse => {
                let [x, y, radius_x, radius_y] = all(
                    [value.x, value.y, value.radius_x, value.radius_y],
                    ["x", "y", "radiusX", "radiusY"],
                )?;
                let radii = pixels([radius_x, radius_y]);
                shapes::ellipse(pixels([x, y]), radii, rotation, &mut self.budget)?
            }
            Tool::Brush => {
                let packed = value.rle.as_ref().ok_or("found no `rle`")?;
                let mask = brush::mask(packed, size, &mut self.budget)
                    .map_err(|message| format!("`rle`: {message}"))?;
                return Ok(Shape::Mask(mask));
            }
        };
        shapes::outline(vec![ring], self.fill)
    }
}

/// All of some numbers, or a message that names the first that is missing.
fn all(values: [Option<f64>; 4], names: [&str; 4]) -> Result<[f64; 4], String> {
    let mut found = [0.0; 4];
    for ((found, value), name) in found.iter_mut().zip(values).zip(names) {
        *found = value.ok_or_else(|| format!("found no `{name}`; expected a number"))?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
