//! CVAT's XML "for images 1.1".
//!
//! # Source
//! datumaro, `plugins/data_formats/cvat/base.py`, which reads the same files.

mod xml;

use crate::readings::Readings;
use crate::shapes::{self, Crop, SizeBudget};
use crate::skipped::Skipped;
use crate::{AnnotatedImage, Annotations, RawReading};
use dermx_data::{DataError, Fill, ImageSize, Region, Shape};
use std::collections::BTreeSet;
use std::path::Path;
use xml::{Element, Node, Xml};

/// Who drew what a CVAT file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rater<'a> {
    /// One person drew all of it.
    Name(&'a str),
    /// Each shape and each tag names its rater in the attribute of this name.
    Attribute(&'a str),
}

/// Reads a file; `fill` says which pixels outlines cover.
///
/// - **Readings.** With [`Rater::Name`], each image of the file is read by that rater, also those without a
///   shape. With [`Rater::Attribute`], an image is read by those whom its shapes and tags name.
/// - **Regions.** Polygons, boxes (turned by `rotation` degrees around their center) and ellipses (720
///   vertices) are outlines. Masks are run lengths, the first of zeros, row by row inside of the mask's box.
/// - **Labels.** Tags are labels of the reading.
/// - **Attributes** of a region: `true` gives the attribute's name, `false` and nothing give none, a number
///   gives `name=number`, another value itself. What CVAT says of every shape (`occluded`, `z_order`,
///   `source`, `group_id`) is not read.
///
/// Other shapes (polylines, points, cuboids, skeletons) and attributes of tags are counted in
/// [`Annotations::skipped`].
///
/// # Errors
/// With the line: what is no such XML, a document type, videos (`track`), two images of one name, a size
/// or a number that is missing or no number, run lengths that do not fill their box, a box outside of the
/// image, a shape that does not name its rater.
pub fn read(path: &Path, rater: Rater<'_>, fill: Fill) -> Result<Annotations, DataError> {
    let mut xml = Xml::open(path)?;
    let mut reader =
        Reader { path, rater, fill, budget: SizeBudget::new(path)?, skipped: Skipped::default() };
    let root = xml.root()?;
    if root.name != "annotations" {
        let message = format!("found `{}`; expected `annotations`: {EXPORT}", root.name);
        return Err(xml.invalid(message));
    }
    let mut annotations = Annotations::default();
    let mut names = BTreeSet::new();
    loop {
        match xml.next()? {
            Node::Start(element) if element.name == "image" => {
                let (image, readings) = reader.image(&mut xml, &element)?;
                if !names.insert(image.name.clone()) {
                    let message =
                        format!("found the image `{}` twice; expected it once", image.name);
                    return Err(xml.invalid(message));
                }
                annotations.images.push(image);
                annotations.readings.extend(readings);
            }
            Node::Start(element) if element.name == "track" => {
                return Err(xml.invalid(format!("found `track`, which is of videos: {EXPORT}")));
            }
            Node::Start(_) => xml.skip()?,
            Node::Text(_) => {}
            Node::End => break,
        }
    }
    xml.end()?;
    annotations.skipped = reader.skipped.into_lines();
    Ok(annotations)
}

/// What to do with another file.
const EXPORT: &str = "export it as `CVAT for images 1.1`";

struct Reader<'a> {
    path: &'a Path,
    rater: Rater<'a>,
    fill: Fill,
    budget: SizeBudget,
    skipped: Skipped,
}

impl Reader<'_> {
    /// An image with what it holds, after its start was read.
    fn image(
        &mut self,
        xml: &mut Xml,
        element: &Element,
    ) -> Result<(AnnotatedImage, Vec<RawReading>), DataError> {
        let name = xml.check(element.text("name"))?.to_owned();
        let invalid =
            |xml: &Xml, message: String| xml.invalid(format!("image `{name}`: {message}"));
        let size = image_size(element).map_err(|message| invalid(xml, message))?;
        let mut readings = Readings::new(self.path, &name, Some(size));
        if let Rater::Name(rater) = self.rater {
            readings.of(rater);
        }
        loop {
            let shape = match xml.next()? {
                Node::Start(shape) => shape,
                Node::Text(_) => continue,
                Node::End => break,
            };
            let at = |message: String| format!("`{}`: {message}", shape.name);
            if !matches!(shape.name.as_str(), "box" | "polygon" | "ellipse" | "mask" | "tag") {
                self.skipped.add(format!("`{}`", shape.name), format!("`{}`", shape.name));
                xml.skip()?;
                continue;
            }
            let label =
                shape.text("label").map_err(|message| invalid(xml, at(message)))?.to_owned();
            let found = match shape.name.as_str() {
                "tag" => None,
                _ => Some(self.shape(&shape, size).map_err(|message| invalid(xml, at(message)))?),
            };
            let (rater, attributes) = self.attributes(xml)?;
            let rater = match (self.rater, &rater) {
                (Rater::Name(name), _) => name,
                (Rater::Attribute(_), Some(rater)) => rater,
                (Rater::Attribute(name), None) => {
                    let message = format!("found no attribute `{name}`; expected its rater in it");
                    return Err(invalid(xml, at(message)));
                }
            };
            let reading = readings.of(rater);
            match found {
                Some(shape) => reading.regions.push(Region { concept: label, attributes, shape }),
                None => {
                    reading.labels.push(label);
                    for _ in attributes {
                        self.skipped.add("attribute of a tag", "attributes of tags");
                    }
                }
            }
        }
        let readings = readings.into_vec();
        Ok((AnnotatedImage { name, size: Some(size), gold: Vec::new() }, readings))
    }

    /// The rater whom the attributes of a shape name, and what else they say.
    fn attributes(&self, xml: &mut Xml) -> Result<(Option<String>, Vec<String>), DataError> {
        let (mut rater, mut attributes) = (None, Vec::new());
        loop {
            match xml.next()? {
                Node::Start(element) if element.name == "attribute" => {
                    let name = xml.check(element.text("name"))?.to_owned();
                    let value = xml.text()?;
                    let value = value.trim();
                    match self.rater {
                        Rater::Attribute(key) if key == name => {
                            rater = (!value.is_empty()).then(|| value.to_owned());
                        }
                        _ => attributes.extend(attribute(&name, value)),
                    }
                }
                Node::Start(_) => xml.skip()?,
                Node::Text(_) => {}
                Node::End => return Ok((rater, attributes)),
            }
        }
    }

    /// The shape of an element, or the message of an error.
    fn shape(&mut self, element: &Element, size: ImageSize) -> Result<Shape, String> {
        let rotation = element.number_or("rotation", 0.0)?;
        let ring = match element.name.as_str() {
            "mask" => return self.mask(element, size),
            "polygon" => points(element.text("points")?)?,
            "ellipse" => {
                let center = [element.number("cx")?, element.number("cy")?];
                let radii = [element.number("rx")?, element.number("ry")?];
                shapes::ellipse(center, radii, rotation, &mut self.budget)?
            }
            _ => {
                let start = [element.number("xtl")?, element.number("ytl")?];
                let end = [element.number("xbr")?, element.number("ybr")?];
                let center = [0, 1].map(|axis| (start[axis] + end[axis]) / 2.0);
                shapes::rotated(shapes::rectangle(start, end), rotation, center)
            }
        };
        shapes::outline(vec![ring], self.fill)
    }

    fn mask(&mut self, element: &Element, size: ImageSize) -> Result<Shape, String> {
        let crop = Crop {
            top: element.integer("top")?,
            left: element.integer("left")?,
            height: element.integer("height")?,
            width: element.integer("width")?,
        };
        let num_pixels = crop.height.saturating_mul(crop.width);
        let runs = runs(element.text("rle")?, num_pixels)?;
        Ok(Shape::Mask(crop.mask(&runs, size, &mut self.budget)?))
    }
}

fn image_size(element: &Element) -> Result<ImageSize, String> {
    shapes::image_size(element.integer("width")?, element.integer("height")?)
}

/// What an attribute says of its region.
fn attribute(name: &str, value: &str) -> Option<String> {
    match value {
        "" | "false" => None,
        "true" => Some(name.to_owned()),
        number if number.parse::<f64>().is_ok() => Some(format!("{name}={number}")),
        value => Some(value.to_owned()),
    }
}

/// The vertices in `x,y;x,y;...`.
fn points(text: &str) -> Result<Vec<[f64; 2]>, String> {
    let point = |pair: &str| {
        let numbers =
            pair.split_once(',').and_then(|(x, y)| Some([xml::number(x)?, xml::number(y)?]));
        numbers.ok_or_else(|| {
            format!("`points`: found `{}`; expected two numbers, as in `1.5,2`", shortened(pair))
        })
    };
    text.split(';').map(str::trim).filter(|pair| !pair.is_empty()).map(point).collect()
}

/// The runs `[start, end)` of ones in run lengths with commas, the first of zeros, of `num_pixels`.
fn runs(text: &str, num_pixels: u64) -> Result<Vec<[u64; 2]>, String> {
    let (mut runs, mut end, mut is_one) = (Vec::new(), 0_u64, false);
    for length in text.split(',').map(str::trim) {
        let number: u64 = length.parse().map_err(|_| {
            format!("`rle`: found `{}`; expected a number of pixels", shortened(length))
        })?;
        let start = end;
        end = end.saturating_add(number);
        if is_one {
            runs.push([start, end]);
        }
        is_one = !is_one;
    }
    match end == num_pixels {
        true => Ok(runs),
        false => Err(format!(
            "`rle`: found {end} pixels; expected {num_pixels}, as many as `width` times `height`"
        )),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests;
