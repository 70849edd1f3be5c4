//! The keys of a COCO file, before ids are joined.

use crate::number::{Number, Pixels};
use crate::rle::RawRle;
use dermx_data::{Fill, Ring};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};
use std::fmt;

/// The file.
#[derive(Default)]
pub struct File {
    pub images: Vec<Image>,
    pub categories: Vec<Category>,
    pub annotations: Vec<Annotation>,
    pub readings: Vec<Reading>,
    pub fill: Option<Fill>,
    /// How many annotations have key points.
    pub num_with_keypoints: usize,
    /// How many annotations have an object of attributes with more than the rater.
    pub num_with_object: usize,
}

/// An id, a number or a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Id {
    Number(i64),
    Text(String),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `id` and `file_name`")]
pub struct Image {
    pub id: Id,
    pub file_name: String,
    pub height: Option<Pixels>,
    pub width: Option<Pixels>,
    pub gold: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `id` and `name`")]
pub struct Category {
    pub id: Id,
    pub name: String,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `image_id` and `rater`")]
pub struct Reading {
    pub image_id: Id,
    #[serde(default, deserialize_with = "rater")]
    pub rater: Option<String>,
    pub labels: Option<Vec<String>>,
}

fn rater<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    RaterSeed { key: &[] }.deserialize(deserializer)
}

pub struct Annotation {
    pub image_id: Id,
    pub category_id: Id,
    pub segmentation: Segmentation,
    pub bbox: Option<[Number; 4]>,
    pub attributes: Vec<String>,
    /// Who, at our key.
    pub rater: Option<String>,
    /// Who, at the key of the options.
    pub keyed_rater: Option<String>,
    pub fill: Option<Fill>,
}

/// Where an annotation is.
#[derive(Default)]
pub enum Segmentation {
    #[default]
    None,
    Rings(Vec<Ring>),
    Rle(RawRle),
}

/// Whether a key of annotations has a meaning of its own, so that it cannot name the rater.
pub fn is_taken(key: &str) -> bool {
    ["", "image_id", "category_id", "segmentation", "bbox", "fill", "keypoints"].contains(&key)
}

/// The first of the keys that lead to the rater, and those after it.
fn split<'a>(key: &'a [&'a str]) -> (Option<&'a str>, &'a [&'a str]) {
    match key {
        [] => (None, &[]),
        [first, rest @ ..] => (Some(first), rest),
    }
}

/// Reads a file whose annotations name the rater at a key, or whose rater is known (no key).
#[derive(Clone, Copy)]
pub struct FileSeed<'a> {
    pub rater_key: &'a [&'a str],
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum FileKey {
    Images,
    Categories,
    Annotations,
    Readings,
    Fill,
    #[serde(other)]
    Other,
}

impl<'de> DeserializeSeed<'de> for FileSeed<'_> {
    type Value = File;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<File, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FileSeed<'_> {
    type Value = File;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `images`, `categories` and `annotations`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<File, A::Error> {
        let mut file = File::default();
        let (mut images, mut annotations) = (None, None);
        let (mut categories, mut readings) = (None, None);
        while let Some(key) = map.next_key()? {
            match key {
                FileKey::Images => once(&mut images, map.next_value()?, "images")?,
                FileKey::Categories => once(&mut categories, map.next_value()?, "categories")?,
                FileKey::Readings => once(&mut readings, map.next_value()?, "readings")?,
                FileKey::Annotations => {
                    let seed = AnnotationsSeed { rater_key: self.rater_key, file: &mut file };
                    once(&mut annotations, map.next_value_seed(seed)?, "annotations")?;
                }
                FileKey::Fill => file.fill = map.next_value()?,
                FileKey::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let missing = |key| move || A::Error::missing_field(key);
        Ok(File {
            images: images.ok_or_else(missing("images"))?,
            annotations: annotations.ok_or_else(missing("annotations"))?,
            categories: categories.unwrap_or_default(),
            readings: readings.unwrap_or_default(),
            ..file
        })
    }
}

/// Sets what may be set once.
fn once<T, E: Error>(place: &mut Option<T>, value: T, key: &'static str) -> Result<(), E> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(key)),
    }
}

/// Reads the annotations; what is skipped in them is counted in the file.
struct AnnotationsSeed<'a> {
    rater_key: &'a [&'a str],
    file: &'a mut File,
}

impl<'de> DeserializeSeed<'de> for AnnotationsSeed<'_> {
    type Value = Vec<Annotation>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for AnnotationsSeed<'_> {
    type Value = Vec<Annotation>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of annotations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut annotations = Vec::new();
        let Self { rater_key, file } = self;
        while let Some(annotation) =
            items.next_element_seed(AnnotationSeed { rater_key, file: &mut *file })?
        {
            annotations.push(annotation);
        }
        Ok(annotations)
    }
}

struct AnnotationSeed<'a> {
    rater_key: &'a [&'a str],
    file: &'a mut File,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum AnnotationKey {
    ImageId,
    CategoryId,
    Segmentation,
    Bbox,
    Attributes,
    Rater,
    Fill,
    Keypoints,
    Other(String),
}

impl<'de> DeserializeSeed<'de> for AnnotationSeed<'_> {
    type Value = Annotation;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Annotation, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AnnotationSeed<'_> {
    type Value = Annotation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `image_id`, `category_id` and `segmentation`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotation, A::Error> {
        let (mut image_id, mut category_id, mut segmentation) = (None, None, None);
        let (mut bbox, mut attributes) = (None, Attributes::default());
        let (mut rater, mut keyed_rater, mut fill) = (None, None, None);
        let (first, rest) = split(self.rater_key);
        while let Some(key) = map.next_key()? {
            match key {
                AnnotationKey::ImageId => once(&mut image_id, map.next_value()?, "image_id")?,
                AnnotationKey::CategoryId => {
                    once(&mut category_id, map.next_value()?, "category_id")?;
                }
                AnnotationKey::Segmentation => {
                    once(&mut segmentation, map.next_value()?, "segmentation")?;
                }
                AnnotationKey::Bbox => bbox = map.next_value()?,
                AnnotationKey::Fill => fill = map.next_value()?,
                AnnotationKey::Attributes => {
                    let rater_key = if first == Some("attributes") { rest } else { &[] };
                    attributes = map.next_value_seed(AttributesSeed { rater_key })?;
                }
                AnnotationKey::Rater if first == Some("rater") => {
                    keyed_rater = map.next_value_seed(RaterSeed { key: rest })?;
                }
                AnnotationKey::Rater => rater = map.next_value_seed(RaterSeed { key: &[] })?,
                AnnotationKey::Keypoints => {
                    let is_some = map.next_value::<Option<IgnoredAny>>()?.is_some();
                    self.file.num_with_keypoints += usize::from(is_some);
                }
                AnnotationKey::Other(key) if first == Some(&key) => {
                    keyed_rater = map.next_value_seed(RaterSeed { key: rest })?;
                }
                AnnotationKey::Other(_) => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        self.file.num_with_object += usize::from(attributes.is_object);
        let missing = |key| move || A::Error::missing_field(key);
        Ok(Annotation {
            image_id: image_id.ok_or_else(missing("image_id"))?,
            category_id: category_id.ok_or_else(missing("category_id"))?,
            segmentation: segmentation.unwrap_or_default(),
            bbox,
            attributes: attributes.names,
            rater,
            keyed_rater: keyed_rater.or(attributes.rater),
            fill,
        })
    }
}

/// A rater at the end of `key`, if there is one.
#[derive(Clone, Copy)]
struct RaterSeed<'a> {
    key: &'a [&'a str],
}

impl<'de> DeserializeSeed<'de> for RaterSeed<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RaterSeed<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.first() {
            None => f.write_str("a rater's name or number"),
            Some(key) => write!(f, "an object with `{key}`"),
        }
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        match self.key {
            [] => Ok(Some(text.to_owned())),
            _ => Err(E::invalid_type(Unexpected::Str(text), &self)),
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        match self.key {
            [] => Ok(Some(number.to_string())),
            _ => Err(E::invalid_type(Unexpected::Unsigned(number), &self)),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        match self.key {
            [] => Ok(Some(number.to_string())),
            _ => Err(E::invalid_type(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        match self.key {
            // 3.0 is 3: tables with gaps make whole numbers so.
            [] => Ok(Some(number.to_string())),
            _ => Err(E::invalid_type(Unexpected::Float(number), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (Some(first), rest) = split(self.key) else {
            return Err(A::Error::invalid_type(Unexpected::Map, &self));
        };
        let mut rater = None;
        while let Some(key) = map.next_key::<String>()? {
            match key == first {
                true => rater = map.next_value_seed(RaterSeed { key: rest })?,
                false => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(rater)
    }
}

/// The attributes of a region, and who marked it, at the end of `rater_key`.
#[derive(Clone, Copy)]
struct AttributesSeed<'a> {
    rater_key: &'a [&'a str],
}

#[derive(Default)]
struct Attributes {
    names: Vec<String>,
    rater: Option<String>,
    /// Whether they are an object that has more than the rater.
    is_object: bool,
}

impl<'de> DeserializeSeed<'de> for AttributesSeed<'_> {
    type Value = Attributes;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Attributes, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AttributesSeed<'_> {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts or an object")
    }

    fn visit_unit<E>(self) -> Result<Attributes, E> {
        Ok(Attributes::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Attributes, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = items.next_element()? {
            names.push(name);
        }
        Ok(Attributes { names, ..Attributes::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
        let (first, rest) = split(self.rater_key);
        let mut attributes = Attributes::default();
        while let Some(key) = map.next_key::<String>()? {
            if first == Some(&key) {
                attributes.rater = map.next_value_seed(RaterSeed { key: rest })?;
            } else {
                attributes.is_object = true;
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(attributes)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number or a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Id, E> {
        Ok(Id::Text(text.to_owned()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Id, E> {
        Ok(Id::Number(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Id, E> {
        let id = number.try_into().map(Id::Number);
        id.map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Id, E> {
        // Up to 2^53 every whole number is one.
        match number.fract() == 0.0 && number.abs() <= (1_u64 << 53) as f64 {
            true => Ok(Id::Number(number as i64)),
            false => Err(E::invalid_value(Unexpected::Float(number), &self)),
        }
    }
}

impl<'de> Deserialize<'de> for Segmentation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SegmentationVisitor)
    }
}

struct SegmentationVisitor;

impl<'de> Visitor<'de> for SegmentationVisitor {
    type Value = Segmentation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rings, or an object with `size` and `counts`")
    }

    fn visit_unit<E>(self) -> Result<Segmentation, E> {
        Ok(Segmentation::None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Segmentation, A::Error> {
        let mut rings = Vec::new();
        while let Some(FlatRing(ring)) = items.next_element()? {
            rings.push(ring);
        }
        // Boxes without an outline are often written so.
        Ok(if rings.is_empty() { Segmentation::None } else { Segmentation::Rings(rings) })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Segmentation, A::Error> {
        RawRle::deserialize(MapAccessDeserializer::new(map)).map(Segmentation::Rle)
    }
}

/// A ring as one list of numbers.
struct FlatRing(Ring);

impl<'de> Deserialize<'de> for FlatRing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FlatRingVisitor)
    }
}

struct FlatRingVisitor;

impl<'de> Visitor<'de> for FlatRingVisitor {
    type Value = FlatRing;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a ring, a list of numbers x1, y1, x2, y2 and so on")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<FlatRing, A::Error> {
        let mut ring = Vec::new();
        while let Some(Number(x)) = items.next_element()? {
            let Some(Number(y)) = items.next_element()? else {
                let message = "found an odd number of coordinates; expected x and y of each vertex";
                return Err(A::Error::custom(message));
            };
            ring.push([x, y]);
        }
        match ring.is_empty() {
            true => Err(A::Error::custom("found a ring without a vertex")),
            false => Ok(FlatRing(ring)),
        }
    }
}
