//! A `dataset.toml` for a folder, as far as its files tell.

use crate::convert::quoted;
use crate::dataset_file::{DATASET_FILE, Format};
use crate::masks::matches;
use dermx_data::{CsvTable, DataError, dermx, image_id, list_files, list_photos, write_atomic};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// What [`init`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guessed {
    /// The file.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// What could not be found out, one sentence each.
    pub open: Vec<String>,
}

/// Names of folders that photos are usually in.
const PHOTO_FOLDERS: [&str; 6] = ["images", "photos", "imgs", "img", "JPEGImages", "data"];

/// Ways to name a mask, the most telling first. Each is below a folder.
const PATTERNS: [&str; 12] = [
    "{rater}/{image}/{concept}.png",
    "{concept}/{rater}/{image}.png",
    "{rater}/{concept}/{image}.png",
    "{rater}/{image}_{concept}.png",
    "{image}/{rater}/{concept}.png",
    "{image}_{rater}_{concept}.png",
    "{rater}_{image}_{concept}.png",
    "{concept}/{image}.png",
    "{image}/{concept}.png",
    "{image}_{concept}.png",
    "{rater}/{image}.png",
    "{image}.png",
];

/// Files that are looked into, and at most so many.
const MAX_FILES: usize = 2000;

/// Looks at the files in `root`, and writes a commented `dataset.toml` for the format that they are in, or for
/// `format`.
///
/// # Errors
/// A folder that is not there or cannot be read, or that has such a file already.
pub fn init(root: &Path, format: Option<Format>) -> Result<Guessed, DataError> {
    let path = root.join(DATASET_FILE);
    if !root.is_dir() {
        return Err(DataError::missing(root, "found no such folder"));
    }
    if path.exists() {
        return Err(DataError::invalid(&path, "", "is there already; change or remove it"));
    }
    let look = Look::at(root)?;
    let format = format.unwrap_or_else(|| look.format());
    let mut open = Vec::new();
    let text = look.text(format, &mut open);
    write_atomic(&path, text.as_bytes())?;
    Ok(Guessed { path, text, open })
}

/// What lies in a folder.
struct Look {
    root: PathBuf,
    /// The folder of the photos, with `/`; `.` for the root.
    images: Option<String>,
    ids: BTreeSet<String>,
    /// Files below the root that are no photos of `images`, with `/`.
    files: Vec<String>,
    /// JSON and XML files by what they are.
    annotations: BTreeMap<Format, Vec<String>>,
    /// Whether annotations of Darwin, LabelMe lie in folders of raters.
    is_dermx: bool,
}

impl Look {
    fn at(root: &Path) -> Result<Self, DataError> {
        let (images, ids) = photo_folder(root);
        let below = |path: &PathBuf| {
            let path = path.strip_prefix(root).unwrap_or(path);
            path.to_string_lossy().replace('\\', "/")
        };
        let inside =
            images.as_deref().filter(|folder| *folder != ".").map(|folder| format!("{folder}/"));
        let files: Vec<String> = list_files(root)?
            .iter()
            .map(below)
            .filter(|file| inside.as_ref().is_none_or(|inside| !file.starts_with(inside.as_str())))
            .collect();
        let mut annotations: BTreeMap<Format, Vec<String>> = BTreeMap::new();
        for file in files.iter().take(MAX_FILES) {
            if let Some(format) = kind(&root.join(file)) {
                annotations.entry(format).or_default().push(file.clone());
            }
        }
        let is_dermx = dermx::is_dermx(root);
        Ok(Self { root: root.to_path_buf(), images, ids, files, annotations, is_dermx })
    }

    fn format(&self) -> Format {
        if self.is_dermx {
            return Format::Dermx;
        }
        let most = self.annotations.iter().max_by_key(|(_, files)| files.len());
        match (most, self.pattern()) {
            (Some((format, _)), _) => *format,
            (None, Some(_)) => Format::Masks,
            (None, None) => Format::None,
        }
    }

    /// The pattern that fits the most PNG files whose image there is.
    fn pattern(&self) -> Option<String> {
        let png = |file: &&String| file.to_lowercase().ends_with(".png");
        let files: Vec<&String> = self.files.iter().filter(png).take(MAX_FILES).collect();
        let folders: BTreeSet<&str> =
            files.iter().filter_map(|file| Some(file.split_once('/')?.0)).collect();
        let is_image = |name: &str| self.ids.contains(&image_id(name));
        let starts = folders.iter().map(|folder| format!("{folder}/")).chain([String::new()]);
        let patterns: Vec<String> = starts
            .flat_map(|start| PATTERNS.iter().map(move |one| format!("{start}{one}")))
            .collect();
        let mut best: Option<(usize, &String)> = None;
        for pattern in &patterns {
            let fits = |file: &&&String| {
                matches(pattern, file, &is_image).is_some_and(|image| is_image(&image))
            };
            let num = files.iter().filter(fits).count();
            if num > best.map_or(0, |(num, _)| num) {
                best = Some((num, pattern));
            }
        }
        best.map(|(_, pattern)| pattern.clone())
    }

    fn text(&self, format: Format, open: &mut Vec<String>) -> String {
        let mut text = String::from(
            "# What this folder holds; docs: `dermx dataset --help` and datasets/README.md.\n",
        );
        let name = self.root.canonicalize().ok();
        let name = name
            .as_deref()
            .and_then(Path::file_name)
            .map(|name| name.to_string_lossy().into_owned());
        text += &format!("name = {}\n", quoted(name.as_deref().unwrap_or("data set")));
        text += &format!("format = {}\n", quoted(format.name()));
        if format == Format::Dermx {
            return text;
        }
        match &self.images {
            Some(folder) => text += &format!("images = {}\n", quoted(folder)),
            None => {
                text += "# images = \"images\"          # the folder of the photos\n";
                open.push("where the photos are (`images`); agreement tables need none".to_owned());
            }
        }
        text += "# classes = [\"cat\", \"dog\"]   # the gold classes in the order of matrices; else those found\n";
        text += "# discard = [\"unusable\"]     # labels that take a reading out of every table\n";
        text += &self.labels(open);
        if format != Format::None {
            text += &format!("\n[{}]\n{}", format.name(), self.section(format, open));
        }
        text += "\n# [concepts]                 # else those found; the value is the group in tables\n# beak = \"head\"\n";
        text
    }

    /// Where gold classes are from.
    fn labels(&self, open: &mut Vec<String>) -> String {
        let tables = self.files.iter().filter(|file| file.to_lowercase().ends_with(".csv"));
        for file in tables {
            let Ok(table) = CsvTable::read(&self.root.join(file)) else { continue };
            let Some(image_idx) = self.image_column(&table) else { continue };
            let column = |names: &[&str]| {
                let known = |column: &&String| names.contains(&column.to_lowercase().as_str());
                table.columns().iter().find(known)
            };
            let class =
                column(&["class", "label", "diagnosis", "species", "category", "target", "dx"]);
            let patient =
                column(&["patient", "patient_id", "owner", "subject", "subject_id", "case"]);
            if class.is_none() && patient.is_none() {
                continue;
            }
            let mut text = format!(
                "\n[labels]\nfile = {}\nimage = {}\n",
                quoted(file),
                quoted(&table.columns()[image_idx])
            );
            let others = table.columns().iter().enumerate().filter(|(idx, name)| {
                *idx != image_idx && !name.is_empty() && ![class, patient].contains(&Some(name))
            });
            let others: Vec<String> = others.map(|(_, name)| name.clone()).collect();
            for (key, column) in [("class", class), ("patient", patient)] {
                text += &match column {
                    Some(column) => format!("{key} = {}\n", quoted(column)),
                    None => format!("# {key} = \"\"\n"),
                };
            }
            text += &format!(
                "# attributes = {}  # what images can be parted by\n",
                crate::convert::list(&others)
            );
            return text;
        }
        let in_folders = !self.ids.is_empty() && self.ids.iter().all(|id| id.contains('/'));
        if in_folders {
            return "\n[labels]\nfrom = \"folders\"           # the first folder of a photo is its class\n".to_owned();
        }
        open.push("the gold classes: photos are in no class folders, and no table has a column of them ([labels])".to_owned());
        "\n# [labels]\n# file = \"labels.csv\"\n# image = \"file\"\n# class = \"species\"\n"
            .to_owned()
    }

    /// The column whose cells are images.
    fn image_column(&self, table: &CsvTable) -> Option<usize> {
        let rows = table.rows();
        let num_known = |idx: usize| {
            let is_known = |name: &str| {
                let id = image_id(name);
                self.ids.contains(&id)
                    || self.ids.iter().any(|known| known.rsplit('/').next() == Some(&id))
            };
            rows.iter().take(100).filter(|row| is_known(&row.cells[idx])).count()
        };
        let best = (0..table.columns().len())
            .map(|idx| (num_known(idx), idx))
            .max_by_key(|(num, _)| *num)?;
        (2 * best.0 >= rows.len().clamp(1, 100)).then_some(best.1)
    }

    fn section(&self, format: Format, open: &mut Vec<String>) -> String {
        let files = self.annotations.get(&format).cloned().unwrap_or_default();
        let folder_of = |file: &String| {
            file.rsplit_once('/').map_or(".".to_owned(), |(folder, _)| folder.to_owned())
        };
        let stem = |file: &str| {
            let name = file.rsplit('/').next().unwrap_or(file);
            name.split('.').next().unwrap_or(name).to_owned()
        };
        let by_rater = |names: Vec<(String, String)>| {
            let items: Vec<String> = names
                .iter()
                .map(|(rater, path)| format!("{} = {}", quoted(rater), quoted(path)))
                .collect();
            format!("{{ {} }}", items.join(", "))
        };
        match format {
            Format::Masks => {
                let pattern = self.pattern().unwrap_or_else(|| {
                    open.push("the pattern of the masks' paths (`masks.pattern`)".to_owned());
                    "masks/{rater}/{image}/{concept}.png".to_owned()
                });
                if !pattern.contains("{rater}") {
                    open.push(
                        "who drew the masks: their paths do not say (`masks.rater`)".to_owned(),
                    );
                }
                format!(
                    "pattern = {}\nabsent = \"unread\"            # or \"nothing\": a rater without a file of an image saw nothing there\n# readings = \"readings.csv\"   # who read what: image, rater, labels\n",
                    quoted(&pattern)
                )
            }
            Format::Coco | Format::Chexlocalize | Format::Cvat
                if files.len() != 1 || format == Format::Chexlocalize =>
            {
                let raters = files.iter().map(|file| (stem(file), file.clone())).collect();
                open.push("whether the names of the files are those of the raters".to_owned());
                format!("files = {}\n", by_rater(raters))
            }
            Format::Coco => {
                open.push("the key that names the rater, if several drew (`coco.rater`); without it the file is of one".to_owned());
                format!(
                    "file = {}\n# rater = \"attributes.annotator\"\n# fill = \"coco\"               # which pixels an outline covers: coco, pil, darwin\n",
                    quoted(&files[0])
                )
            }
            Format::Cvat => format!(
                "file = {}\n# rater = \"annotator\"        # the attribute that names the rater\n",
                quoted(&files[0])
            ),
            Format::LabelStudio | Format::Boxes => {
                let file = files.first().map_or_else(|| "export.json".to_owned(), Clone::clone);
                let columns = match format {
                    Format::Boxes => {
                        "image = \"image_id\"\nrater = \"rad_id\"\nconcept = \"class_name\"\ncolumns = [\"x_min\", \"y_min\", \"x_max\", \"y_max\"]\ncorners = \"xyxy\"            # or xywh\n"
                    }
                    _ => "",
                };
                format!("file = {}\n{columns}", quoted(&file))
            }
            Format::Labelme | Format::Darwin => {
                let folders: BTreeSet<String> = files.iter().map(folder_of).collect();
                match folders.len() {
                    0 | 1 => format!(
                        "folder = {}\n",
                        quoted(&folders.first().cloned().unwrap_or_else(|| ".".to_owned()))
                    ),
                    _ => {
                        let tops: BTreeSet<String> = folders
                            .iter()
                            .map(|folder| folder.split('/').next().unwrap_or(folder).to_owned())
                            .collect();
                        open.push(
                            "whether the names of the folders are those of the raters".to_owned(),
                        );
                        format!(
                            "folders = {}\n",
                            by_rater(tops.into_iter().map(|top| (stem(&top), top)).collect())
                        )
                    }
                }
            }
            _ => String::new(),
        }
    }
}

/// The folder with photos, and their ids.
fn photo_folder(root: &Path) -> (Option<String>, BTreeSet<String>) {
    let ids = |folder: &Path| -> BTreeSet<String> {
        list_photos(folder).map(|photos| photos.into_keys().collect()).unwrap_or_default()
    };
    for folder in PHOTO_FOLDERS {
        let found = ids(&root.join(folder));
        if root.join(folder).is_dir() && !found.is_empty() {
            return (Some(folder.to_owned()), found);
        }
    }
    // Photos alone, or any one folder of photos alone: JPEGs are no masks.
    let found = ids(root);
    if !found.is_empty() {
        return (Some(".".to_owned()), found);
    }
    let folders = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> =
        folders.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    let has_jpeg = |folder: &PathBuf| {
        let files = list_files(folder).unwrap_or_default();
        let is_jpeg = |path: &PathBuf| {
            path.extension().is_some_and(|one| {
                one.eq_ignore_ascii_case("jpg") || one.eq_ignore_ascii_case("jpeg")
            })
        };
        files.iter().any(is_jpeg)
    };
    match folders.into_iter().find(has_jpeg) {
        Some(folder) => {
            let found = ids(&folder);
            let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
            (name, found)
        }
        None => (None, BTreeSet::new()),
    }
}

/// What an annotation file is, by its first keys.
fn kind(path: &Path) -> Option<Format> {
    let extension = path.extension()?.to_str()?.to_lowercase();
    let open = || File::open(path).ok().map(BufReader::new);
    match extension.as_str() {
        "xml" => {
            let mut head = [0; 2048];
            let num = open()?.read(&mut head).ok()?;
            String::from_utf8_lossy(&head[..num]).contains("<annotations").then_some(Format::Cvat)
        }
        "csv" => {
            let table = CsvTable::read(path).ok()?;
            let has =
                |name: &str| table.columns().iter().any(|column| column.to_lowercase() == name);
            let is_box = ["x_min", "y_min", "x_max", "y_max"].iter().all(|name| has(name))
                || ["xmin", "ymin", "xmax", "ymax"].iter().all(|name| has(name));
            is_box.then_some(Format::Boxes)
        }
        "json" => format_of(&serde_json::from_reader(open()?).ok()?),
        _ => None,
    }
}

/// The format of a JSON file.
fn format_of(form: &Form) -> Option<Format> {
    let has = |name: &str| form.keys.contains_key(name);
    if form.first.as_ref().is_some_and(|task| task.keys.contains_key("annotations")) {
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

/// The keys of a JSON file, and the first item of each list; nothing else of it is kept.
#[derive(Debug, Default)]
struct Form {
    keys: BTreeMap<String, Form>,
    first: Option<Box<Form>>,
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
        let first = items.next_element()?.map(Box::new);
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Form { first, ..Form::default() })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Form, E> {
        Ok(Form::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Form, E> {
        Ok(Form::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Form, E> {
        Ok(Form::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Form, E> {
        Ok(Form::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Form, E> {
        Ok(Form::default())
    }

    fn visit_unit<E>(self) -> Result<Form, E> {
        Ok(Form::default())
    }
}
