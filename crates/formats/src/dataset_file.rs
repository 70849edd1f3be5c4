//! `dataset.toml`: what a folder of annotations cannot say of itself.

use crate::boxes::{Corners, Unit};
use crate::masks::fixed_folder;
use dermx_data::text::{Lines, MAX_EXCERPT, first_problems, shortened};
use dermx_data::{DataError, Fill, did_you_mean};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Unknown keys for which a known one is looked for.
const MAX_LOOKED_FOR: usize = 100;

/// Problems that are named at once.
const MAX_PROBLEMS: usize = 12;

/// The name of the file.
pub const DATASET_FILE: &str = "dataset.toml";

/// A format of annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A PNG of each rater and concept.
    Masks,
    /// COCO instances (JSON).
    Coco,
    /// CheXlocalize (JSON).
    Chexlocalize,
    /// An export of Label Studio (JSON).
    LabelStudio,
    /// CVAT for images 1.1 (XML).
    Cvat,
    /// LabelMe (JSON for each image).
    Labelme,
    /// Darwin 2.0 (JSON for each image).
    Darwin,
    /// A table of boxes (CSV).
    Boxes,
    /// The layout of DermX.
    Dermx,
    /// Labels alone.
    None,
}

impl Format {
    /// Every format with its name in `format` and in the head of its section.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Masks, "masks"),
        (Self::Coco, "coco"),
        (Self::Chexlocalize, "chexlocalize"),
        (Self::LabelStudio, "label-studio"),
        (Self::Cvat, "cvat"),
        (Self::Labelme, "labelme"),
        (Self::Darwin, "darwin"),
        (Self::Boxes, "boxes"),
        (Self::Dermx, "dermx"),
        (Self::None, "none"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(format, _)| *format == self).map_or("none", |(_, name)| name)
    }

    /// The keys of its section.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Masks => &["pattern", "rater", "concept", "absent", "readings"],
            Self::Coco => &["files", "file", "rater", "fill", "absent", "readings"],
            Self::Chexlocalize => &["files", "readings"],
            Self::LabelStudio => &["file", "fill", "readings"],
            Self::Cvat => &["files", "file", "rater", "fill", "readings"],
            Self::Labelme => &["folders", "folder", "rater", "fill", "readings"],
            Self::Darwin => &["folders", "folder", "rater", "fill", "readings"],
            Self::Boxes => &[
                "file",
                "image",
                "rater",
                "concept",
                "columns",
                "width",
                "height",
                "unit",
                "corners",
                "inclusive",
                "absent",
                "readings",
            ],
            Self::Dermx | Self::None => &[],
        }
    }
}

/// What it means that a rater has no annotation of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    /// The rater did not look at it.
    Unread,
    /// The rater looked and found nothing.
    Nothing,
}

/// `dataset.toml`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct DatasetFile {
    /// What reports call the data set; the name of its folder without it.
    pub name: Option<String>,
    /// The format of the annotations; that of the section which is there without it.
    pub format: Option<Format>,
    /// The folder of the photos.
    pub images: Option<PathBuf>,
    /// The gold classes, in the order of matrices; those found without it, sorted.
    pub classes: Vec<String>,
    /// Labels that take a reading out of every table.
    pub discard: Vec<String>,
    /// Whether raters name a class of each image, so that a reading without one counts in no table.
    pub raters_name_classes: bool,
    /// Concepts and their groups, in the order of tables; those found without it, sorted.
    #[serde(deserialize_with = "pairs")]
    pub concepts: Vec<(String, String)>,
    /// Other spellings of labels, and the usual one.
    #[serde(deserialize_with = "pairs")]
    pub spellings: Vec<(String, String)>,
    /// Gold classes, patients and attributes.
    pub labels: Option<Labels>,
    /// The sections of formats.
    pub masks: Option<Source>,
    #[allow(missing_docs)]
    pub coco: Option<Source>,
    #[allow(missing_docs)]
    pub chexlocalize: Option<Source>,
    #[allow(missing_docs)]
    #[serde(rename = "label-studio")]
    pub label_studio: Option<Source>,
    #[allow(missing_docs)]
    pub cvat: Option<Source>,
    #[allow(missing_docs)]
    pub labelme: Option<Source>,
    #[allow(missing_docs)]
    pub darwin: Option<Source>,
    #[allow(missing_docs)]
    pub boxes: Option<Source>,
}

/// Where gold classes are from.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Labels {
    /// `folders`, or nothing where there is a table.
    pub from: Option<LabelsFrom>,
    /// A table (CSV).
    pub file: Option<PathBuf>,
    /// Its column of file names or ids of images.
    pub image: Option<String>,
    /// Its column of classes.
    pub class: Option<String>,
    /// What stands between several classes in a cell; `|` without it.
    pub separator: Option<String>,
    /// What an empty cell says of an image.
    pub empty: Option<Empty>,
    /// In place of a column of classes: a column for each class, called as the class is, with 1 or 0.
    pub columns: Vec<String>,
    /// Its column of patients.
    pub patient: Option<String>,
    /// Its columns of anything else that images can be parted by.
    pub attributes: Vec<String>,
}

/// What it means that an image has no class in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Empty {
    /// Its classes are not known.
    Unknown,
    /// It shows none of the classes.
    NoClass,
}

/// Where gold classes are from, if not from a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelsFrom {
    /// The folders of the photos.
    Folders,
    /// The annotations: COCO's `images[].gold`.
    Annotations,
}

/// Where annotations are, and how they are meant; which keys a format has, `Format::keys` says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Source {
    /// The path of a mask, with `{image}` and, where there are several, `{rater}` and `{concept}`.
    pub pattern: Option<String>,
    /// A file of each rater.
    pub files: BTreeMap<String, PathBuf>,
    /// A file of all raters, or of one.
    pub file: Option<PathBuf>,
    /// A folder of each rater.
    pub folders: BTreeMap<String, PathBuf>,
    /// A folder of all raters, or of one.
    pub folder: Option<PathBuf>,
    /// The key, attribute or column that names the rater; in `masks` and for a single rater, the name.
    pub rater: Option<String>,
    /// The column of concepts; in `masks`, the concept of all.
    pub concept: Option<String>,
    /// Which pixels an outline covers.
    pub fill: Option<Fill>,
    /// What it means that a rater has no annotation of an image.
    pub absent: Option<Absent>,
    /// A table (CSV) of who read what: `image`, `rater` and, if wanted, `labels`.
    pub readings: Option<PathBuf>,
    /// The column of images.
    pub image: Option<String>,
    /// The four columns of a box.
    pub columns: Vec<String>,
    /// The column of the width of the image.
    pub width: Option<String>,
    /// The column of its height.
    pub height: Option<String>,
    /// `pixels` or `fraction` of the image.
    pub unit: Option<Unit>,
    /// What the four columns are.
    pub corners: Option<Corners>,
    /// Whether the second corner is a pixel of the box.
    pub inclusive: bool,
}

const TOP: [&str; 9] = [
    "name",
    "format",
    "images",
    "classes",
    "discard",
    "raters_name_classes",
    "concepts",
    "spellings",
    "labels",
];
const LABELS: [&str; 9] =
    ["from", "file", "image", "class", "separator", "empty", "columns", "patient", "attributes"];

impl DatasetFile {
    /// Reads `root/dataset.toml`.
    ///
    /// # Errors
    /// A file that cannot be read or is not TOML; with their lines, all keys that do not exist; a value of
    /// another type; files and folders that it names and that are not there.
    pub fn read(root: &Path) -> Result<Self, DataError> {
        let path = root.join(DATASET_FILE);
        let bytes = std::fs::read(&path).map_err(|error| DataError::io(&path, &error))?;
        let text = str::from_utf8(&bytes).map_err(|error| {
            let place = format!("byte {}", error.valid_up_to());
            DataError::invalid(&path, place, "found bytes that are not UTF-8; save it in UTF-8")
        })?;
        Self::parse(&path, text)
    }

    /// The same of `text`, the content of the file `path`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, DataError> {
        let invalid = |message: String| DataError::invalid(path, "", message);
        let table = DeTable::parse(text).map_err(|error| invalid(syntax(text, &error)))?;
        let table = table.get_ref();
        let mut problems = unknown_keys(table, text);
        let parsed = toml::from_str::<Self>(text);
        if let Err(error) = &parsed {
            problems.push(wrong_value(table, text, error));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        if let Ok(file) = &parsed {
            problems.extend(file.missing(folder, &|key| line_of(table, text, key)));
        }
        let mut file = match (parsed, problems.is_empty()) {
            (Ok(file), true) => file,
            _ => return Err(invalid(first_problems(&problems, MAX_PROBLEMS, "; "))),
        };
        for (section, pairs) in
            [("concepts", &mut file.concepts), ("spellings", &mut file.spellings)]
        {
            let places = places(table, section);
            pairs.sort_by_key(|(key, _)| places.get(key.as_str()).copied());
        }
        problems.extend(file.contradictions());
        match problems.is_empty() {
            true => Ok(file),
            false => Err(invalid(first_problems(&problems, MAX_PROBLEMS, "; "))),
        }
    }

    /// The sections that are there.
    fn sections(&self) -> Vec<(Format, &Source)> {
        [
            (Format::Masks, &self.masks),
            (Format::Coco, &self.coco),
            (Format::Chexlocalize, &self.chexlocalize),
            (Format::LabelStudio, &self.label_studio),
            (Format::Cvat, &self.cvat),
            (Format::Labelme, &self.labelme),
            (Format::Darwin, &self.darwin),
            (Format::Boxes, &self.boxes),
        ]
        .into_iter()
        .filter_map(|(format, source)| Some((format, source.as_ref()?)))
        .collect()
    }

    /// The format, and its section if it has one.
    pub fn format(&self) -> (Format, Source) {
        let sections = self.sections();
        let of_section = sections.first().map_or(Format::None, |(format, _)| *format);
        let format = self.format.unwrap_or(of_section);
        let source = sections.into_iter().find(|(of, _)| *of == format);
        (format, source.map(|(_, source)| source.clone()).unwrap_or_default())
    }

    /// Files and folders that are not there, or are the other of the two, each with the line that `line_of` gives to
    /// its key.
    fn missing(&self, folder: &Path, line_of: &dyn Fn(&[&str]) -> String) -> Vec<String> {
        let mut named: Vec<(Vec<&str>, &Path)> = Vec::new();
        named.extend(self.images.as_deref().map(|path| (vec!["images"], path)));
        let table = self.labels.as_ref().and_then(|labels| labels.file.as_deref());
        named.extend(table.map(|path| (vec!["labels", "file"], path)));
        let (format, source) = self.format();
        let key = |key: &'static str| vec![format.name(), key];
        for (name, path) in
            [("file", &source.file), ("folder", &source.folder), ("readings", &source.readings)]
        {
            named.extend(path.as_deref().map(|path| (key(name), path)));
        }
        let fixed = source.pattern.as_deref().map(fixed_folder).map(Path::new);
        named.extend(fixed.map(|path| (key("pattern"), path)));
        for (name, paths) in [("files", &source.files), ("folders", &source.folders)] {
            let key = |rater| [key(name), vec![rater]].concat();
            named.extend(paths.iter().map(|(rater, path)| (key(rater.as_str()), path.as_path())));
        }
        let problem = |(key, path): (Vec<&str>, &Path)| {
            let path = folder.join(path);
            let is_file = matches!(key[..], [_, "file" | "files" | "readings", ..]);
            let is_folder = matches!(key[..], ["images"] | [_, "pattern"]);
            let what = match (path.exists(), path.is_dir()) {
                (false, _) => format!("there is no `{}`", path.display()),
                (true, true) if is_file => {
                    format!("`{}` is a folder; expected a file", path.display())
                }
                (true, false) if is_folder => {
                    format!("`{}` is a file; expected a folder", path.display())
                }
                _ => return None,
            };
            Some(format!("{}`{}`: {what}", line_of(&key), key.join(".")))
        };
        named.into_iter().filter_map(problem).collect()
    }

    /// What cannot be meant.
    fn contradictions(&self) -> Vec<String> {
        let (format, source) = self.format();
        let mut problems = Vec::new();
        let sections: Vec<Format> = self.sections().into_iter().map(|(of, _)| of).collect();
        if sections.len() > 1 || sections.first().is_some_and(|of| *of != format) {
            let names: Vec<String> = sections.iter().map(|of| format!("[{}]", of.name())).collect();
            problems.push(format!(
                "found {}; expected the section of one format, [{}]",
                names.join(" and "),
                format.name()
            ));
        }
        let one_of = |names: [&str; 2], given: [bool; 2]| match given {
            [false, false] => Some(format!(
                "[{0}] has neither `{1}` nor `{2}`",
                format.name(),
                names[0],
                names[1]
            )),
            [true, true] => {
                Some(format!("[{0}] has both `{1}` and `{2}`", format.name(), names[0], names[1]))
            }
            _ => None,
        };
        let needs = |name: &str, is_there: bool| {
            (!is_there).then(|| format!("[{}] has no `{name}`", format.name()))
        };
        let [has_files, has_folders] = [!source.files.is_empty(), !source.folders.is_empty()];
        let files = ["files", "file"];
        let folders = ["folders", "folder"];
        match format {
            Format::Masks => match &source.pattern {
                None => problems.push("[masks] has no `pattern`".to_owned()),
                Some(pattern) if !pattern.contains("{image}") => problems
                    .push(format!("`masks.pattern` is `{pattern}`; expected `{{image}}` in it")),
                Some(pattern) => {
                    let twice = |name: &str, value: &Option<String>| {
                        let part = format!("{{{name}}}");
                        let is_twice = value.is_some() && pattern.contains(&part);
                        is_twice.then(|| {
                            format!("`masks.{name}` and `{part}` in `masks.pattern` both say the {name}; remove one")
                        })
                    };
                    problems.extend(twice("rater", &source.rater));
                    problems.extend(twice("concept", &source.concept));
                }
            },
            Format::Coco | Format::Cvat => {
                problems.extend(one_of(files, [has_files, source.file.is_some()]));
            }
            Format::Chexlocalize => problems.extend(needs("files", has_files)),
            Format::LabelStudio => problems.extend(needs("file", source.file.is_some())),
            Format::Labelme | Format::Darwin => {
                problems.extend(one_of(folders, [has_folders, source.folder.is_some()]));
            }
            Format::Boxes => {
                problems.extend(needs("file", source.file.is_some()));
                if source.columns.len() != 4 {
                    problems.push(format!(
                        "`boxes.columns` names {} columns; expected four",
                        source.columns.len()
                    ));
                }
            }
            Format::Dermx | Format::None => {}
        }
        problems.extend(self.labels.iter().filter_map(Labels::contradiction));
        let has_respelled =
            |(_, usual): &&(String, String)| self.spellings.iter().any(|(other, _)| other == usual);
        if let Some((other, usual)) = self.spellings.iter().find(has_respelled) {
            problems.push(format!(
                "`spellings.{other}` is `{usual}`, which is another spelling itself; expected the usual one"
            ));
        }
        problems
    }
}

impl Labels {
    /// What cannot be meant.
    fn contradiction(&self) -> Option<String> {
        let has_columns = !self.columns.is_empty();
        let names =
            [self.image.is_some(), self.class.is_some(), self.patient.is_some(), has_columns];
        let of_cells = self.separator.is_some() || self.empty.is_some();
        let message = if self.file.is_none() && names.contains(&true) {
            "[labels] has columns, but no `file`"
        } else if has_columns && (self.class.is_some() || self.from.is_some()) {
            "`labels.columns` says the classes; remove `class` and `from`"
        } else if has_columns && of_cells {
            "`labels.separator` and `labels.empty` are about one column of classes, `class`"
        } else if self.separator.as_deref() == Some("") {
            "`labels.separator` is empty"
        } else {
            return None;
        };
        Some(message.to_owned())
    }
}

/// Keys that do not exist, each with its line and what it may be.
fn unknown_keys(table: &DeTable<'_>, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let lines = Lines::new(text);
    let mut check = |section: &str, table: &DeTable<'_>, known: &[&str]| {
        for (key, _) in table {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let place = if section.is_empty() { String::new() } else { format!("{section}.") };
                // Only some are named, and to look for what each may have meant takes time.
                if problems.len() >= MAX_LOOKED_FOR {
                    problems.push(format!("there is no key `{place}{name}`"));
                    continue;
                }
                problems.push(format!(
                    "line {}: there is no key `{place}{name}`{}; there are {}",
                    lines.line(key.span().start),
                    did_you_mean(name, known),
                    known.join(", ")
                ));
            }
        }
    };
    let sections: Vec<&str> =
        Format::ALL.iter().map(|(_, name)| *name).filter(|name| *name != "none").collect();
    check("", table, &[&TOP[..], &sections].concat());
    for (key, value) in table {
        let DeValue::Table(section) = value.get_ref() else { continue };
        let name = key.get_ref().as_ref();
        if name == "labels" {
            check(name, section, &LABELS);
        } else if let Some((format, _)) = Format::ALL.iter().find(|(_, known)| *known == name) {
            check(name, section, format.keys());
        }
    }
    problems
}

/// A section of names and texts; their order is brought back by [`places`].
fn pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
    Ok(BTreeMap::deserialize(deserializer)?.into_iter().collect())
}

/// Where each key of a section stands.
fn places<'a>(table: &'a DeTable<'_>, section: &str) -> BTreeMap<&'a str, usize> {
    match table.get(section).map(|value| value.get_ref()) {
        Some(DeValue::Table(section)) => {
            section.keys().map(|key| (key.get_ref().as_ref(), key.span().start)).collect()
        }
        _ => BTreeMap::new(),
    }
}

/// What is no TOML, with its line.
fn syntax(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| format!("line {}: ", line(text, &span)));
    let message = shortened(error.message(), MAX_EXCERPT).replace('\n', ", ");
    format!("{}is no TOML: {message}", line.unwrap_or_default())
}

/// What types of Rust are in plain words.
const WORDS: [(&str, &str); 17] = [
    ("wanted string or table", "expected a text"),
    ("invalid type: ", "found "),
    ("invalid value: ", "found "),
    ("unknown variant ", "found "),
    ("found sequence", "found a list"),
    ("found map", "found a section"),
    ("integer ", "the whole number "),
    ("floating point ", "the number "),
    ("boolean ", "the value "),
    ("string ", "the text "),
    (", expected ", "; expected "),
    ("expected a string", "expected a text"),
    ("expected path string", "expected a path, a text"),
    ("expected a sequence", "expected a list"),
    ("expected a boolean", "expected true or false"),
    ("expected a map", "expected a section"),
    ("expected struct ", "expected a section, not "),
];

/// A value that cannot be meant, with its line and key.
fn wrong_value(table: &DeTable<'_>, text: &str, error: &toml::de::Error) -> String {
    let mut message = shortened(error.message(), 2 * MAX_EXCERPT);
    let mut place = String::new();
    if let Some(span) = error.span() {
        place = format!("line {}: ", line(text, &span));
        if let Some(key) = key_at(table, &span) {
            place.push_str(&format!("`{key}`: "));
        }
    }
    let is_choice = message.starts_with("unknown variant ");
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let hint = match (is_choice, names.split_first()) {
        (true, Some((found, known))) => did_you_mean(found, known),
        _ => String::new(),
    };
    for (raw, plain) in WORDS {
        message = message.replace(raw, plain);
    }
    // The name of our type says nothing to a reader.
    if let Some((before, _)) = message.split_once(", not ") {
        message = before.to_owned();
    }
    format!("{place}{message}{hint}")
}

/// The key whose value a span lies in.
fn key_at(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let contains = |other: Range<usize>| other.start <= span.start && span.end <= other.end;
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        // A section's own span may be that of its head alone, so its keys are looked at first.
        if let DeValue::Table(section) = value.get_ref()
            && let Some(below) = key_at(section, span)
        {
            return Some(format!("{name}.{below}"));
        }
        if contains(value.span()) {
            return Some(name.to_owned());
        }
    }
    None
}

/// `line 3: ` for the key of this path, or nothing where it is not there.
fn line_of(table: &DeTable<'_>, text: &str, key: &[&str]) -> String {
    let Some((first, rest)) = key.split_first() else { return String::new() };
    let found = table.iter().find(|(name, _)| name.get_ref().as_ref() == *first);
    match found.map(|(name, value)| (name, value.get_ref())) {
        Some((name, _)) if rest.is_empty() => format!("line {}: ", line(text, &name.span())),
        Some((_, DeValue::Table(section))) => line_of(section, text, rest),
        _ => String::new(),
    }
}

/// The line in which a span starts, from 1.
fn line(text: &str, span: &Range<usize>) -> usize {
    text.as_bytes()[..span.start.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}
