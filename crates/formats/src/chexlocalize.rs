//! CheXlocalize's two JSON files: segmentations as run lengths, and the outlines that they were drawn from.
//!
//! A segmentation is `{id: {pathology: {"size": [height, width], "counts": text}}}`, see
//! [`rle`](crate::rle); a pathology that is not there has a mask without pixels. Outlines are
//! `{id: {"img_size": [height, width], pathology: [[[x, y], ...], ...]}}`, filled as by Pillow.
//!
//! # Source
//! `annotation_to_segmentation.py` and `eval.py` of rajpurkarlab/cheXlocalize.

use crate::number::{Number, Pixels};
use crate::rle::{Decoder, RawRle, check_size};
use crate::{AnnotatedImage, Annotations, RawReading};
use dermx_data::{DataError, Fill, ImageSize, Region, Ring, Shape, json};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::path::Path;

/// What the file `path` says, which is of one `rater` who read all images in it.
///
/// A mask without pixels and a pathology without an outline are no region.
///
/// # Errors
/// With the place as a JSON path, or as line and column where there is none: text that is not JSON; a value
/// of another type; an image or a pathology that is there twice; run lengths that are malformed or of
/// another size than the others of the image; outlines without `img_size`, or with a side of 0 or of more
/// than 65535 pixels, or of more than 100 megapixels; a ring without a vertex; an outline that is too costly.
pub fn read(path: &Path, rater: &str) -> Result<Annotations, DataError> {
    let File(entries) = json::read_stream(path)?;
    let mut decoder = Decoder::new(path)?;
    let mut found = Annotations::default();
    for (image, entry) in entries {
        let invalid = |place: String, message| DataError::invalid(path, place, message);
        let mut size = entry.size.map(|[height, width]| ImageSize::new(height.0, width.0));
        if let Some(Err(message)) = size.map(check_size) {
            return Err(invalid(format!("{image}.img_size"), message));
        }
        let mut regions = Vec::new();
        for (concept, finding) in entry.findings {
            let place = || format!("{image}.{concept}");
            let shape = match finding {
                Finding::Rle(rle) => {
                    let mask = decoder.decode(&rle).map_err(|message| invalid(place(), message))?;
                    size.get_or_insert(mask.size());
                    Shape::Mask(mask)
                }
                Finding::Rings(rings) => Shape::Polygon { rings, fill: Fill::Pil },
            };
            let Some(size) = size else {
                let message = "found an outline, and no `img_size` of the image".to_owned();
                return Err(invalid(place(), message));
            };
            shape.check(size).map_err(|message| invalid(place(), message))?;
            let is_nothing = match &shape {
                Shape::Mask(mask) => mask.is_empty(),
                Shape::Polygon { rings, .. } => rings.is_empty(),
            };
            if !is_nothing {
                regions.push(Region { concept, attributes: Vec::new(), shape });
            }
        }
        found.readings.push(RawReading {
            image: image.clone(),
            rater: rater.to_owned(),
            size,
            labels: Vec::new(),
            regions,
            file: path.to_owned(),
        });
        found.images.push(AnnotatedImage { name: image, size, gold: Vec::new() });
    }
    Ok(found)
}

/// What is said of each image, in the order of the file.
struct File(Vec<(String, Entry)>);

/// What is said of an image.
struct Entry {
    size: Option<[Pixels; 2]>,
    findings: Vec<(String, Finding)>,
}

/// Where a pathology is.
enum Finding {
    Rle(RawRle),
    Rings(Vec<Ring>),
}

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FileVisitor)
    }
}

struct FileVisitor;

impl<'de> Visitor<'de> for FileVisitor {
    type Value = File;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an entry for each image")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<File, A::Error> {
        let (mut entries, mut seen) = (Vec::new(), std::collections::HashSet::new());
        while let Some(image) = map.next_key::<String>()? {
            if image.is_empty() || !seen.insert(image.clone()) {
                let message = format!("found the image `{image}` twice, or without a name");
                return Err(A::Error::custom(message));
            }
            entries.push((image, map.next_value()?));
        }
        Ok(File(entries))
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an entry for each pathology")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let (mut size, mut findings) = (None, Vec::new());
        let mut seen = std::collections::HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format!("found `{key}` twice")));
            }
            if key == "img_size" {
                size = Some(map.next_value()?);
            } else {
                findings.push((key, map.next_value()?));
            }
        }
        Ok(Entry { size, findings })
    }
}

impl<'de> Deserialize<'de> for Finding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FindingVisitor)
    }
}

struct FindingVisitor;

impl<'de> Visitor<'de> for FindingVisitor {
    type Value = Finding;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `size` and `counts`, or a list of outlines")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Finding, A::Error> {
        RawRle::deserialize(MapAccessDeserializer::new(map)).map(Finding::Rle)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Finding, A::Error> {
        let mut rings = Vec::new();
        while let Some(vertices) = items.next_element::<Vec<[Number; 2]>>()? {
            if vertices.is_empty() {
                return Err(A::Error::custom("found a ring without a vertex"));
            }
            rings.push(vertices.into_iter().map(|vertex| vertex.map(|value| value.0)).collect());
        }
        Ok(Finding::Rings(rings))
    }
}
