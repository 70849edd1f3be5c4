//! LabelMe's JSON files, one for each image.
//!
//! # Source
//! labelme, `_label_file.py` and `utils/shape.py`.

mod circle;

use crate::files::{self, OneImage};
use crate::shapes::{self, Crop, SizeBudget};
use crate::skipped::Skipped;
use crate::{AnnotatedImage, Annotations, RawReading};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dermx_data::{DataError, Fill, ImageSize, Mask, PngRows, Region, Shape, json};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Reads a file, or the JSON files of a folder and below, as drawn by `rater`; `fill` says which pixels
/// polygons cover.
///
/// - **Images.** The name is `imagePath` in the folder of its file below `path`; where that leaves the
///   folder (`../`, an absolute path), only the file name of it. The separators of Windows are as good as
///   others. `imageData` is not read.
/// - **Regions**, each shape one, also those of one `group_id`. Polygons are outlines. The others have the
///   pixels that LabelMe gives them, whatever `fill` is: rectangles those from corner to corner, decimals cut
///   off, both corners included; circles the ellipse of Pillow; masks their PNG, from corner to corner.
/// - **Attributes** of a region are the `flags` of its shape that are true; those of the file are labels of
///   the reading.
///
/// Other shapes (points, lines, oriented rectangles) are counted in [`Annotations::skipped`].
///
/// # Errors
/// With the file and the place as a JSON path: what is no such file, shapes without their points, masks
/// that are no gray PNG of the size that their corners say or not inside of the image, circles with a
/// diameter of more than 46000 pixels, two files of one image.
pub fn read(path: &Path, rater: &str, fill: Fill) -> Result<Annotations, DataError> {
    files::read_each(path, |file, folder| read_file(file, folder, rater, fill))
}

#[derive(Deserialize)]
#[serde(
    expecting = "a file of LabelMe: an object with `imagePath` and `shapes`",
    rename_all = "camelCase"
)]
struct File {
    image_path: String,
    image_height: Option<u64>,
    image_width: Option<u64>,
    #[serde(default)]
    flags: Option<BTreeMap<String, bool>>,
    shapes: Vec<LabelledShape>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `label` and `points`")]
struct LabelledShape {
    label: String,
    points: Vec<[f64; 2]>,
    shape_type: Option<String>,
    flags: Option<BTreeMap<String, bool>>,
    mask: Option<String>,
}

fn read_file(path: &Path, folder: &Path, rater: &str, fill: Fill) -> Result<OneImage, DataError> {
    let file: File = json::read_stream(path)?;
    let invalid = |place: &str, message: String| DataError::invalid(path, place, message);
    let name =
        image_name(folder, &file.image_path).map_err(|message| invalid("imagePath", message))?;
    let size = match (file.image_width, file.image_height) {
        (Some(width), Some(height)) => Some(
            shapes::image_size(width, height)
                .map_err(|message| invalid("imageHeight, imageWidth", message))?,
        ),
        _ => None,
    };
    let mut budget = SizeBudget::new(path)?;
    let mut skipped = Skipped::default();
    let mut regions = Vec::new();
    for (shape_idx, shape) in file.shapes.iter().enumerate() {
        let found = shape.shape(size, fill, &mut budget).map_err(|message| {
            let message = format!("`{}`: {message}", shape.label);
            invalid(&format!("shapes[{shape_idx}]"), message)
        })?;
        match found {
            Some(found) => regions.push(Region {
                concept: shape.label.clone(),
                attributes: raised(shape.flags.as_ref()),
                shape: found,
            }),
            None => {
                let kind = shape.kind();
                skipped.add(format!("shape of type `{kind}`"), format!("shapes of type `{kind}`"));
            }
        }
    }
    let reading = RawReading {
        image: name.clone(),
        rater: rater.to_owned(),
        size,
        labels: raised(file.flags.as_ref()),
        regions,
        file: path.to_path_buf(),
    };
    let image = AnnotatedImage { name, size, gold: Vec::new() };
    Ok(OneImage { image, readings: vec![reading], skipped })
}

/// The names of the flags that are true.
fn raised(flags: Option<&BTreeMap<String, bool>>) -> Vec<String> {
    let flags = flags.into_iter().flatten();
    flags.filter(|&(_, is_raised)| *is_raised).map(|(name, _)| name.clone()).collect()
}

/// The image of a file in `folder`.
fn image_name(folder: &Path, image_path: &str) -> Result<String, String> {
    let image_path = image_path.replace('\\', "/");
    let mut parts: Vec<&str> =
        image_path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let is_drive = |part: &&str| part.ends_with(':');
    let leaves =
        image_path.starts_with('/') || parts.contains(&"..") || parts.first().is_some_and(is_drive);
    let name = parts
        .last()
        .filter(|name| **name != ".." && !is_drive(name))
        .ok_or_else(|| format!("found `{image_path}`; expected the path of an image"))?;
    if leaves {
        parts = vec![name];
    }
    let folders = folder.iter().map(|part| part.to_string_lossy().into_owned());
    Ok(folders.chain(parts.iter().map(|&part| part.to_owned())).collect::<Vec<_>>().join("/"))
}

impl LabelledShape {
    /// What it is; LabelMe's first files had only polygons.
    fn kind(&self) -> &str {
        self.shape_type.as_deref().unwrap_or("polygon")
    }

    /// Its outline or pixels; `None` where it is of another kind.
    fn shape(
        &self,
        size: Option<ImageSize>,
        fill: Fill,
        budget: &mut SizeBudget,
    ) -> Result<Option<Shape>, String> {
        let image = || size.ok_or("found no `imageHeight` and `imageWidth`, which it needs");
        let shape = match self.kind() {
            "polygon" => {
                if self.points.len() < 3 {
                    let num = self.points.len();
                    return Err(format!("found {num} points; expected 3 or more of a polygon"));
                }
                shapes::outline(vec![self.points.clone()], fill)?
            }
            "rectangle" => {
                let [a, b] = self.two_points()?;
                let [start, end] = [f64::min, f64::max]
                    .map(|pick| [0, 1].map(|axis| pick(a[axis], b[axis]).trunc()));
                // Pillow draws a polygon of whole pixels with its rim, as it draws this rectangle.
                shapes::outline(vec![shapes::rectangle(start, end)], Fill::Pil)?
            }
            "circle" => {
                let [center, rim] = self.two_points()?;
                Shape::Mask(circle::mask(center, rim, image()?, budget)?)
            }
            "mask" => {
                let corners = self.two_points()?;
                let png =
                    self.mask.as_deref().ok_or("found no `mask`; expected a PNG in base64")?;
                Shape::Mask(mask(png, corners, image()?, budget)?)
            }
            _ => return Ok(None),
        };
        Ok(Some(shape))
    }

    fn two_points(&self) -> Result<[[f64; 2]; 2], String> {
        self.points.as_slice().try_into().map_err(|_| {
            format!("found {} points; expected 2 of a {}", self.points.len(), self.kind())
        })
    }
}

/// The pixels that are not 0 in a PNG between two corners of an image of `size`.
fn mask(
    png: &str,
    [[left, top], [right, bottom]]: [[f64; 2]; 2],
    size: ImageSize,
    budget: &mut SizeBudget,
) -> Result<Mask, String> {
    let pixel = |value: f64| match (0.0..=f64::from(u16::MAX)).contains(&value) {
        true => Ok(value as u64),
        false => Err(format!("found a corner at {value}; expected one inside of the image")),
    };
    let (left, top, right, bottom) = (pixel(left)?, pixel(top)?, pixel(right)?, pixel(bottom)?);
    let side = |start: u64, end: u64| (end + 1).saturating_sub(start);
    let crop = Crop { top, left, height: side(top, bottom), width: side(left, right) };
    let runs = gray_png(png, &crop, budget).map_err(|message| format!("`mask`: {message}"))?;
    crop.mask(&runs, size, budget)
}

/// The runs of pixels that are not 0 in a gray PNG in base64, which has the size of `crop`.
fn gray_png(text: &str, crop: &Crop, budget: &mut SizeBudget) -> Result<Vec<[u64; 2]>, String> {
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(text).map_err(|error| format!("is no base64: {error}"))?;
    let mut other_size = None;
    let png = PngRows::open(&bytes, |size| {
        let ImageSize { height, width } = size;
        if (u64::from(width), u64::from(height)) == (crop.width, crop.height) {
            return size.check_area();
        }
        other_size = Some(format!(
            "found a PNG of {height}x{width}; expected {}x{}, as its corners say, both of which belong to it",
            crop.height, crop.width
        ));
        Err(String::new())
    });
    if let Some(message) = other_size {
        return Err(message);
    }
    let no_png = |error| format!("found {error}; expected a gray PNG");
    let png = png.map_err(no_png)?;
    if png.num_channels() != 1 || png.is_16_bit() {
        return Err("found colours; expected a gray PNG of one or eight bits".to_owned());
    }
    let mut runs: Vec<[u64; 2]> = Vec::new();
    let mut start = 0;
    png.read(|values| {
        for values in values.chunk_by(|a, b| (*a != 0) == (*b != 0)) {
            let end = start + values.len() as u64;
            match runs.last_mut() {
                _ if values[0] == 0 => {}
                Some(last) if last[1] == start => last[1] = end,
                _ => {
                    budget.take(1)?;
                    runs.push([start, end]);
                }
            }
            start = end;
        }
        Ok(())
    })
    .map_err(no_png)?;
    Ok(runs)
}

#[cfg(test)]
mod tests;
