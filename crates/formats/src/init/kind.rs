//! What an annotation file is.

use crate::dataset_file::Format;
use dermx_data::CsvTable;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// What a file is, and what is found out of it on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    pub format: Format,
    /// The key or attribute that names the rater.
    pub rater: Option<String>,
    /// Whether it tells gold classes.
    pub has_gold: bool,
}

/// What the one who annotated is called, in lower case.
pub const RATER_NAMES: [&str; 13] = [
    "rater",
    "annotator",
    "rater_id",
    "annotator_id",
    "rad_id",
    "reader",
    "reader_id",
    "expert",
    "labeler",
    "labeller",
    "created_by",
    "completed_by",
    "user",
];

/// The items of a list that are looked at.
const NUM_ITEMS: usize = 100;

/// How much of an XML file is looked at, in bytes.
const NUM_XML: u64 = 1 << 20;

/// What an annotation file is, by its first keys.
pub fn kind(path: &Path) -> Option<Kind> {
    let extension = path.extension()?.to_str()?.to_lowercase();
    let open = || File::open(path).ok().map(BufReader::new);
    let plain = |format| Kind { format, rater: None, has_gold: false };
    match extension.as_str() {
        "xml" => {
            let mut head = Vec::new();
            open()?.take(NUM_XML).read_to_end(&mut head).ok()?;
            let head = String::from_utf8_lossy(&head);
            let attribute = |name: &&str| head.contains(&format!("<attribute name=\"{name}\">"));
            let rater = RATER_NAMES.iter().find(|name| attribute(name));
            let rater = rater.map(|name| (*name).to_owned());
            head.contains("<annotations").then_some(Kind { rater, ..plain(Format::Cvat) })
        }
        "csv" => box_columns(&CsvTable::read(path).ok()?).map(|_| plain(Format::Boxes)),
        "json" => kind_of(&serde_json::from_reader(open()?).ok()?),
        _ => None,
    }
}

/// The columns of a table of boxes, and whether the last two are sides.
pub fn box_columns(table: &CsvTable) -> Option<([String; 4], bool)> {
    let find =
        |name: &str| table.columns().iter().find(|column| column.to_lowercase() == name).cloned();
    let known = [
        (["x_min", "y_min", "x_max", "y_max"], false),
        (["xmin", "ymin", "xmax", "ymax"], false),
        (["x1", "y1", "x2", "y2"], false),
        (["x", "y", "w", "h"], true),
        (["x", "y", "width", "height"], true),
    ];
    known.into_iter().find_map(|(names, are_sides)| {
        let [Some(x), Some(y), Some(right), Some(bottom)] = names.map(find) else { return None };
        Some(([x, y, right, bottom], are_sides))
    })
}

/// The kind of a JSON file.
fn kind_of(form: &Form) -> Option<Kind> {
    let format = format_of(form)?;
    let annotation = form.keys.get("annotations").and_then(|list| list.item.as_deref());
    let image = form.keys.get("images").and_then(|list| list.item.as_deref());
    let is_coco = format == Format::Coco;
    Some(Kind {
        format,
        rater: annotation.filter(|_| is_coco).and_then(rater_key),
        has_gold: is_coco && image.is_some_and(|image| image.keys.contains_key("gold")),
    })
}

/// The way to who annotated: a key of annotations, or of an object in them.
fn rater_key(annotation: &Form) -> Option<String> {
    let named = |form: &Form| {
        let is_rater = |name: &&&str| {
            let form = form.keys.iter().find(|(key, _)| key.to_lowercase() == ***name);
            form.is_some_and(|(_, value)| value.is_plain)
        };
        let name = *RATER_NAMES.iter().find(is_rater)?;
        form.keys.keys().find(|key| key.to_lowercase() == *name).cloned()
    };
    named(annotation).or_else(|| {
        let below = |(key, value): (&String, &Form)| Some(format!("{key}.{}", named(value)?));
        annotation.keys.iter().find_map(below)
    })
}

/// The format of a JSON file.
fn format_of(form: &Form) -> Option<Format> {
    let has = |name: &str| form.keys.contains_key(name);
    if form.item.as_ref().is_some_and(|task| task.keys.contains_key("annotations")) {
        return Some(Format::LabelStudio);
    }
    if has("images") && has("annotations") {
        return Some(Format::Coco);
    }
    if has("shapes") && has("imagePath") {
        return Some(Format::Labelme);
    }
    if has("item") && has("annotations") {
        return Some(Format::Darwin);
    }
    let is_rle = |one: &Form| one.keys.contains_key("size") && one.keys.contains_key("counts");
    let is_image = |one: &Form| one.keys.contains_key("img_size") || one.keys.values().any(is_rle);
    form.keys.values().next().is_some_and(is_image).then_some(Format::Chexlocalize)
}

/// The keys of a JSON file, and those of the first items of each list; nothing else of it is kept.
#[derive(Debug, Default)]
struct Form {
    keys: BTreeMap<String, Form>,
    /// The keys of all items that were looked at.
    item: Option<Box<Form>>,
    /// Whether it is a text or a number.
    is_plain: bool,
}

impl Form {
    fn plain() -> Self {
        Self { is_plain: true, ..Self::default() }
    }

    fn merge(&mut self, other: Self) {
        self.is_plain |= other.is_plain;
        for (key, form) in other.keys {
            self.keys.entry(key).or_default().merge(form);
        }
        if let Some(item) = other.item {
            self.item.get_or_insert_default().merge(*item);
        }
    }
}

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FormVisitor)
    }
}

struct FormVisitor;

impl<'de> Visitor<'de> for FormVisitor {
    type Value = Form;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Form, A::Error> {
        let mut form = Form::default();
        while let Some((key, value)) = map.next_entry()? {
            form.keys.insert(key, value);
        }
        Ok(form)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Form, A::Error> {
        let mut form = Form::default();
        let mut num_left = NUM_ITEMS;
        while num_left > 0 {
            let Some(item) = items.next_element::<Form>()? else { return Ok(form) };
            form.item.get_or_insert_default().merge(item);
            num_left -= 1;
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(form)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Form, E> {
        Ok(Form::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Form, E> {
        Ok(Form::plain())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Form, E> {
        Ok(Form::plain())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Form, E> {
        Ok(Form::plain())
    }

    fn visit_str<E>(self, _: &str) -> Result<Form, E> {
        Ok(Form::plain())
    }

    fn visit_unit<E>(self) -> Result<Form, E> {
        Ok(Form::default())
    }
}
