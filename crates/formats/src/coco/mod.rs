//! COCO's instances: images, categories and annotations in one JSON file.
//!
//! # Keys
//! - `images[]`: `id` (number or text), `file_name`, `height` and `width` (both or none).
//! - `categories[]`: `id`, `name`, which is the concept.
//! - `annotations[]`: `image_id`, `category_id`; `segmentation` as a list of rings `[x1, y1, x2, y2, ...]` or as
//!   run lengths (see [`rle`](crate::rle)); where it is missing, null or an empty list, `bbox` as
//!   `[x, y, width, height]`, whose pixels are always those of [`Fill::Coco`].
//!
//! Everything else is skipped, `iscrowd` too. Sections and keys stand in any order.
//!
//! Keys of ours, so that nothing is lost in a file that [`write()`] writes:
//! - `fill` of the file, or of an annotation: the rule of its rings; it comes before that of [`CocoOptions`].
//! - `images[].gold`: names of gold classes.
//! - `annotations[].rater`: who. `annotations[].attributes`: a list of texts. An object, as CVAT writes, is not
//!   read as attributes; it may hold the rater.
//! - `readings[]`: `image_id`, `rater`, `labels`: who read what, also where nothing was marked.

mod parse;
mod write;

pub use write::write;

use crate::rle::{Decoder, check_size};
use crate::{AnnotatedImage, Annotations, RawReading};
use dermx_data::{DataError, Fill, ImageSize, Region, Shape, json};
use parse::{Annotation, File, FileSeed, Id, Image, Segmentation};
use std::collections::HashMap;
use std::path::Path;

/// Who a file is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rater {
    /// All of it is of one.
    Named(String),
    /// Each annotation names them: the keys that lead to a text or a number, joined by dots, for example
    /// `attributes.annotator`. An annotation without it may have our key `rater`.
    Key(String),
}

/// What a COCO file does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CocoOptions {
    /// Who it is of.
    pub rater: Rater,
    /// Which pixels belong to its rings, where it does not say it.
    pub fill: Fill,
}

/// What the COCO file `path` says, read as a stream.
///
/// All images that the file lists are returned. A reading is an image and a rater that `readings` or an
/// annotation names, `readings` first; whether a rater without an annotation of an image read it is for
/// the caller to say.
///
/// # Errors
/// With the place as a JSON path, or as line and column where there is none: text that is not JSON; a key
/// that is missing or of another type; an image or a category that is listed twice or not at all; a side of
/// 0 or of more than 65535 pixels; an image of more than 100 megapixels; a ring of an odd number of coordinates or of none; run lengths that are
/// malformed or not of the image's size; an outline that is too costly; an annotation of nobody, or two
/// raters in a file of one.
pub fn read(path: &Path, options: &CocoOptions) -> Result<Annotations, DataError> {
    let rater_key: Vec<&str> = match &options.rater {
        Rater::Key(key) => key.split('.').collect(),
        Rater::Named(_) => Vec::new(),
    };
    if let Some(first) = rater_key.first().filter(|first| parse::is_taken(first)) {
        let message = format!("`{first}` cannot name the rater; expected another key");
        return Err(DataError::invalid(path, "", message));
    }
    let file: File = json::read_seed(path, FileSeed { rater_key: &rater_key })?;
    Joined::new(path, options, &file)?.annotations(file)
}

/// The images and categories of a file, by their ids, and the readings so far.
struct Joined<'a> {
    path: &'a Path,
    options: &'a CocoOptions,
    image_idxs: HashMap<Id, usize>,
    concepts: HashMap<Id, String>,
    /// The places of readings by image and rater.
    reading_idxs: HashMap<(usize, String), usize>,
    /// What the file itself calls the rater of a file of one.
    own_rater: Option<String>,
}

impl<'a> Joined<'a> {
    fn new(path: &'a Path, options: &'a CocoOptions, file: &File) -> Result<Self, DataError> {
        let (mut image_idxs, mut names) = (HashMap::new(), HashMap::new());
        for (image_idx, image) in file.images.iter().enumerate() {
            let twice = |place: &str, value: &dyn std::fmt::Display| {
                let place = format!("images[{image_idx}].{place}");
                DataError::invalid(path, place, format!("`{value}` is listed twice"))
            };
            if image_idxs.insert(image.id.clone(), image_idx).is_some() {
                return Err(twice("id", &image.id));
            }
            if names.insert(&image.file_name, image_idx).is_some() {
                return Err(twice("file_name", &image.file_name));
            }
        }
        let mut concepts = HashMap::new();
        for (category_idx, category) in file.categories.iter().enumerate() {
            if category.name.is_empty() {
                let place = format!("categories[{category_idx}].name");
                return Err(DataError::invalid(
                    path,
                    place,
                    "found an empty name; expected a concept",
                ));
            }
            if concepts.insert(category.id.clone(), category.name.clone()).is_some() {
                let place = format!("categories[{category_idx}].id");
                let message = format!("`{}` is listed twice", category.id);
                return Err(DataError::invalid(path, place, message));
            }
        }
        let (reading_idxs, own_rater) = (HashMap::new(), None);
        Ok(Self { path, options, image_idxs, concepts, reading_idxs, own_rater })
    }

    fn annotations(mut self, file: File) -> Result<Annotations, DataError> {
        let path = self.path;
        let images = file.images.into_iter().enumerate();
        let images: Vec<AnnotatedImage> = images
            .map(|(image_idx, image)| self.image(image_idx, image))
            .collect::<Result<_, _>>()?;
        let mut found = Annotations { images, ..Annotations::default() };
        for (reading_idx, reading) in file.readings.into_iter().enumerate() {
            let place = format!("readings[{reading_idx}]");
            let image_idx = self.image_idx(&reading.image_id, &place)?;
            let rater = self.rater(None, reading.rater, &place)?;
            if self.reading_idxs.contains_key(&(image_idx, rater.clone())) {
                let message =
                    format!("`{rater}` reads `{}` a second time", found.images[image_idx].name);
                return Err(DataError::invalid(path, place, message));
            }
            self.reading(&mut found, image_idx, rater).labels = reading.labels.unwrap_or_default();
        }
        let fill = file.fill.unwrap_or(self.options.fill);
        let mut decoder = Decoder::new(path)?;
        for (annotation_idx, annotation) in file.annotations.into_iter().enumerate() {
            let place = format!("annotations[{annotation_idx}]");
            self.annotation(&mut found, annotation, fill, &mut decoder, &place)?;
        }
        let skipped = [
            (file.num_with_keypoints, "key points"),
            (file.num_with_object, "attributes that are no list"),
        ];
        let skipped = skipped.into_iter().filter(|&(num, _)| num > 0);
        let in_words = |(num, what): (usize, &str)| {
            let plural = if num == 1 { "" } else { "s" };
            format!("{what} of {num} annotation{plural}")
        };
        found.skipped = skipped.map(in_words).collect();
        Ok(found)
    }

    fn image(&self, image_idx: usize, image: Image) -> Result<AnnotatedImage, DataError> {
        let invalid =
            |message| Err(DataError::invalid(self.path, format!("images[{image_idx}]"), message));
        let size = match (image.height, image.width) {
            (Some(height), Some(width)) => Some(ImageSize::new(height.0, width.0)),
            (None, None) => None,
            _ => return invalid("found one of `height` and `width`; expected both".to_owned()),
        };
        if let Some(Err(message)) = size.map(check_size) {
            return invalid(message);
        }
        if image.file_name.is_empty() {
            return invalid("found an empty `file_name`; expected the name of a photo".to_owned());
        }
        Ok(AnnotatedImage { name: image.file_name, size, gold: image.gold.unwrap_or_default() })
    }

    fn image_idx(&self, id: &Id, place: &str) -> Result<usize, DataError> {
        self.image_idxs.get(id).copied().ok_or_else(|| {
            let message = format!("found `{id}`; expected the `id` of one of `images`");
            DataError::invalid(self.path, format!("{place}.image_id"), message)
        })
    }

    /// Who an annotation or a reading is of: `keyed` is at the key of the options, `own` at ours.
    fn rater(
        &mut self,
        keyed: Option<String>,
        own: Option<String>,
        place: &str,
    ) -> Result<String, DataError> {
        let invalid = |place, message| Err(DataError::invalid(self.path, place, message));
        let (rater, key) = match &self.options.rater {
            Rater::Key(key) => (keyed.or(own), key.as_str()),
            Rater::Named(name) => {
                if let Some(own) = own {
                    let first = self.own_rater.get_or_insert_with(|| own.clone());
                    if *first != own {
                        let message = format!(
                            "found `{own}` after `{first}` in a file that is to be `{name}`'s alone; say \
                             that its key `rater` names the rater"
                        );
                        return invalid(format!("{place}.rater"), message);
                    }
                }
                (Some(name.clone()), "rater")
            }
        };
        match rater {
            Some(rater) if !rater.is_empty() => Ok(rater),
            _ => {
                let message = "found no rater; expected a name or a number".to_owned();
                invalid(format!("{place}.{key}"), message)
            }
        }
    }

    /// The reading of an image by a rater, which is added if it is new.
    fn reading<'b>(
        &mut self,
        found: &'b mut Annotations,
        image_idx: usize,
        rater: String,
    ) -> &'b mut RawReading {
        let image = &found.images[image_idx];
        let next = found.readings.len();
        let reading_idx = *self.reading_idxs.entry((image_idx, rater)).or_insert_with_key(|key| {
            found.readings.push(RawReading {
                image: image.name.clone(),
                rater: key.1.clone(),
                size: image.size,
                labels: Vec::new(),
                regions: Vec::new(),
                file: self.path.to_owned(),
            });
            next
        });
        &mut found.readings[reading_idx]
    }

    fn annotation(
        &mut self,
        found: &mut Annotations,
        annotation: Annotation,
        fill: Fill,
        decoder: &mut Decoder,
        place: &str,
    ) -> Result<(), DataError> {
        let path = self.path;
        let invalid =
            |key: &str, message: String| DataError::invalid(path, format!("{place}{key}"), message);
        let image_idx = self.image_idx(&annotation.image_id, place)?;
        let concept = self.concepts.get(&annotation.category_id).cloned().ok_or_else(|| {
            let found = &annotation.category_id;
            let message = format!("found `{found}`; expected the `id` of one of `categories`");
            invalid(".category_id", message)
        })?;
        let rater = self.rater(annotation.keyed_rater, annotation.rater, place)?;
        let (shape, key) = match (annotation.segmentation, annotation.bbox) {
            (Segmentation::Rings(rings), _) => {
                let fill = annotation.fill.unwrap_or(fill);
                (Shape::Polygon { rings, fill }, ".segmentation")
            }
            (Segmentation::Rle(rle), _) => {
                let mask = decoder.decode(&rle);
                let mask = mask.map_err(|message| invalid(".segmentation", message))?;
                (Shape::Mask(mask), ".segmentation")
            }
            (Segmentation::None, Some([x, y, width, height])) => {
                let (right, bottom) = (x.0 + width.0, y.0 + height.0);
                if width.0 < 0.0 || height.0 < 0.0 || !right.is_finite() || !bottom.is_finite() {
                    let message = format!(
                        "found a width of {} and a height of {}; expected none below 0",
                        width.0, height.0
                    );
                    return Err(invalid(".bbox", message));
                }
                let ring = vec![[x.0, y.0], [x.0, bottom], [right, bottom], [right, y.0]];
                (Shape::Polygon { rings: vec![ring], fill: Fill::Coco }, ".bbox")
            }
            (Segmentation::None, None) => {
                let message = "found neither `segmentation` nor `bbox`; expected one".to_owned();
                return Err(invalid("", message));
            }
        };
        if let Some(Err(message)) = found.images[image_idx].size.map(|size| shape.check(size)) {
            return Err(invalid(key, message));
        }
        let region = Region { concept, attributes: annotation.attributes, shape };
        self.reading(found, image_idx, rater).regions.push(region);
        Ok(())
    }
}
