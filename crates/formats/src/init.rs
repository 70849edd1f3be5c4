//! A `dataset.toml` for a folder, as far as its files tell.

mod kind;
mod photo_folder;
mod seen;

use crate::convert::{list, quoted};
use crate::dataset_file::{DATASET_FILE, Format};
use crate::masks::matches;
use crate::photos::photos;
use dermx_data::{CsvTable, DataError, Existing, OutputFile, dermx, image_id, list_files};
use kind::{Kind, RATER_NAMES, box_columns, kind};
use photo_folder::photo_folder;
use std::collections::{BTreeMap, BTreeSet};
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
/// A folder that is not there or cannot be read, or that has such a file already, which is not to be replaced.
pub fn init(root: &Path, format: Option<Format>, existing: Existing) -> Result<Guessed, DataError> {
    let path = root.join(DATASET_FILE);
    if !root.is_dir() {
        return Err(DataError::missing(root, "found no such folder"));
    }
    let file = OutputFile::open(&path, existing, &[])?;
    let look = Look::at(root)?;
    let format = format.unwrap_or_else(|| look.format());
    let mut open = Vec::new();
    let text = look.text(format, &mut open);
    open.extend(look.seen(format, &text));
    file.write(text.as_bytes())?;
    Ok(Guessed { path, text, open })
}

/// What lies in a folder.
struct Look {
    root: PathBuf,
    /// The folder of the photos, with `/`; `.` for the root.
    images: Option<String>,
    ids: BTreeSet<String>,
    /// Files below the root that are no photos, with `/`.
    files: Vec<String>,
    /// Annotation files by what they are.
    annotations: BTreeMap<Format, Vec<(String, Kind)>>,
    is_dermx: bool,
}

impl Look {
    fn at(root: &Path) -> Result<Self, DataError> {
        let (images, photos) = photo_folder(root);
        let below = |path: &Path| {
            let path = path.strip_prefix(root).unwrap_or(path);
            path.to_string_lossy().replace('\\', "/")
        };
        let photo_files: BTreeSet<String> = photos.values().map(|path| below(path)).collect();
        let files = list_files(root)?;
        let files: Vec<String> = files.iter().map(|path| below(path)).collect();
        let files: Vec<String> =
            files.into_iter().filter(|file| !photo_files.contains(file)).collect();
        let mut annotations: BTreeMap<Format, Vec<(String, Kind)>> = BTreeMap::new();
        let texts = files.iter().filter(|file| !has_extension(file, "png"));
        for file in texts.take(MAX_FILES) {
            if let Some(kind) = kind(&root.join(file)) {
                annotations.entry(kind.format).or_default().push((file.clone(), kind));
            }
        }
        let is_dermx = dermx::is_dermx(root);
        let ids = photos.into_keys().collect();
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
        let png = |file: &&String| has_extension(file, "png");
        let files: Vec<&String> = self.files.iter().filter(png).take(MAX_FILES).collect();
        let mut folders: BTreeSet<String> =
            files.iter().filter_map(|file| Some(format!("{}/", file.split_once('/')?.0))).collect();
        folders.insert(common_folder(files.iter().map(|file| file.as_str())));
        folders.insert(String::new());
        let is_image = |name: &str| self.ids.contains(&image_id(name));
        // The longest first: what is the same in all paths is no name.
        let starts = folders.into_iter().rev();
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
            "# What this folder holds; docs: `dermx dataset --help` and docs/data.md.\n",
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
        if format == Format::Masks && self.are_masks_photos() {
            open.push(
                "which PNG files are photos and which are masks: put the photos into a folder of their own"
                    .to_owned(),
            );
        }
        text += &self.labels(format, open);
        if format != Format::None {
            text += &format!("\n[{}]\n{}", format.name(), self.section(format, open));
        }
        text += "\n# [concepts]                 # else those found; the value is the group in tables\n# beak = \"head\"\n";
        text
    }

    /// Whether the photos that would be read are others than those that were found.
    fn are_masks_photos(&self) -> bool {
        let (Some(images), pattern) = (&self.images, self.pattern()) else { return false };
        let read = photos(&self.root, Path::new(images), pattern.as_deref());
        !read.is_ok_and(|read| read.keys().eq(&self.ids))
    }

    /// The tables, with their names.
    fn tables(&self) -> impl Iterator<Item = (&String, CsvTable)> {
        let tables = self.files.iter().filter(|file| has_extension(file, "csv"));
        tables.filter_map(|file| Some((file, CsvTable::read(&self.root.join(file)).ok()?)))
    }

    /// Where gold classes are from.
    fn labels(&self, format: Format, open: &mut Vec<String>) -> String {
        let of_format = self.annotations.get(&format).map_or(&[][..], Vec::as_slice);
        if of_format.iter().any(|(_, kind)| kind.has_gold) {
            return "\n[labels]\nfrom = \"annotations\"\n".to_owned();
        }
        for (file, table) in self.tables() {
            if box_columns(&table).is_some() {
                continue;
            }
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
            // Who read what is another table.
            if others.iter().any(|name| RATER_NAMES.contains(&name.to_lowercase().as_str())) {
                continue;
            }
            for (key, column) in [("class", class), ("patient", patient)] {
                text += &match column {
                    Some(column) => format!("{key} = {}\n", quoted(column)),
                    None => format!("# {key} = \"\"\n"),
                };
            }
            text += &format!("# attributes = {}  # what images can be split by\n", list(&others));
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

    /// A table of who read what.
    fn readings(&self) -> String {
        let is_readings = |table: &CsvTable| {
            ["image", "rater"].iter().all(|name| table.find_column(name).is_some())
                && box_columns(table).is_none()
        };
        match self.tables().find(|(_, table)| is_readings(table)) {
            Some((file, _)) => format!("readings = {}\n", quoted(file)),
            None => {
                "# readings = \"readings.csv\"   # who read what: image, rater, labels\n".to_owned()
            }
        }
    }

    fn section(&self, format: Format, open: &mut Vec<String>) -> String {
        let found = self.annotations.get(&format).map_or(&[][..], Vec::as_slice);
        let files: Vec<String> = found.iter().map(|(file, _)| file.clone()).collect();
        let rater = found.first().and_then(|(_, kind)| kind.rater.clone());
        let fill =
            "# fill = \"pil\"               # which pixels an outline covers: coco, pil, darwin\n";
        match format {
            Format::Masks => self.masks(open),
            Format::Coco | Format::Chexlocalize | Format::Cvat
                if files.len() != 1 || format == Format::Chexlocalize =>
            {
                if files.is_empty() {
                    open.push("the files of the annotations".to_owned());
                    return "files = {}\n".to_owned();
                }
                open.push("whether the names of the files are those of the raters".to_owned());
                let fill = if format == Format::Chexlocalize { "" } else { fill };
                format!("files = {}\n{fill}", by_rater(&names_of_raters(&files)))
            }
            Format::Coco | Format::Cvat | Format::Chexlocalize => {
                let (key, example) = match format {
                    Format::Coco => ("coco.rater", "attributes.annotator"),
                    _ => ("cvat.rater", "annotator"),
                };
                let rater = match rater {
                    Some(rater) => format!("rater = {}\n", quoted(&rater)),
                    None => {
                        open.push(format!(
                            "the key that names the rater, if several drew (`{key}`); without it the file is of one"
                        ));
                        format!("# rater = {}\n", quoted(example))
                    }
                };
                format!("file = {}\n{rater}{fill}", quoted(&files[0]))
            }
            Format::LabelStudio => {
                let file = files.first().map_or("export.json", String::as_str);
                if files.len() != 1 {
                    open.push(format!("which file is the export: found {}", files.len()));
                }
                format!("file = {}\n{fill}", quoted(file))
            }
            Format::Boxes => self.boxes(&files, open),
            Format::Labelme | Format::Darwin => self.file_for_each(&files, open) + fill,
            Format::Dermx | Format::None => String::new(),
        }
    }

    fn masks(&self, open: &mut Vec<String>) -> String {
        let pattern = self.pattern().unwrap_or_else(|| {
            open.push("the pattern of the masks' paths (`masks.pattern`)".to_owned());
            "masks/{rater}/{image}/{concept}.png".to_owned()
        });
        let has = |part: &str| pattern.contains(part);
        if !has("{rater}") {
            open.push("who drew the masks: their paths do not say (`masks.rater`)".to_owned());
        }
        if has("{rater}") && has("{concept}") && !has("{rater}/{image}/{concept}") {
            open.push(
                "which part of a mask's path is the rater and which the concept (`masks.pattern`)"
                    .to_owned(),
            );
        }
        format!(
            "pattern = {}\nabsent = \"unread\"            # or \"nothing\": a rater without a file of an image saw nothing there\n{}",
            quoted(&pattern),
            self.readings()
        )
    }

    /// A table of boxes, with the names of its columns.
    fn boxes(&self, files: &[String], open: &mut Vec<String>) -> String {
        let Some(file) = files.first() else {
            open.push("the table of the boxes and its columns".to_owned());
            return "file = \"boxes.csv\"\nimage = \"image_id\"\nrater = \"rad_id\"\nconcept = \"class_name\"\n\
                    columns = [\"x_min\", \"y_min\", \"x_max\", \"y_max\"]\n".to_owned();
        };
        let mut text = format!("file = {}\n", quoted(file));
        let Ok(table) = CsvTable::read(&self.root.join(file)) else { return text };
        let find = |names: &[&str]| {
            let is_named = |column: &&String| names.contains(&column.to_lowercase().as_str());
            table.columns().iter().find(is_named)
        };
        let image = self.image_column(&table).map(|idx| &table.columns()[idx]);
        let image = image.or_else(|| find(&["image", "image_id", "filename", "file", "file_name"]));
        let concept = find(&["class_name", "concept", "class", "label", "finding", "category"]);
        for (key, column) in [("image", image), ("rater", find(&RATER_NAMES)), ("concept", concept)]
        {
            match column {
                Some(column) => text += &format!("{key} = {}\n", quoted(column)),
                None => {
                    open.push(format!("which column is the {key} (`boxes.{key}`)"));
                    text += &format!("# {key} = \"\"\n");
                }
            }
        }
        if let Some((columns, are_sides)) = box_columns(&table) {
            let corners = if are_sides { "xywh" } else { "xyxy" };
            text += &format!("columns = {}\ncorners = {}\n", list(&columns), quoted(corners));
        }
        open.push(
            "whether boxes are in pixels, and the second corner is a pixel of the box".to_owned(),
        );
        text + "# unit = \"fraction\"         # else pixels\n# inclusive = true\n"
    }

    /// Where the files are of which each is about one image.
    fn file_for_each(&self, files: &[String], open: &mut Vec<String>) -> String {
        let start = common_folder(files.iter().map(String::as_str));
        let below: Vec<&str> = files.iter().map(|file| &file[start.len()..]).collect();
        let stem = |file: &str| file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned();
        let num_known = |is_known: &dyn Fn(&str) -> bool| {
            below.iter().filter(|file| is_known(&stem(file))).count()
        };
        let images = self.images.as_deref().filter(|images| *images != ".");
        let in_images =
            images.and_then(|images| start.strip_prefix(&format!("{images}/"))).unwrap_or_default();
        let with_top = num_known(&|stem| self.ids.contains(&format!("{in_images}{stem}")));
        let without_top = num_known(&|stem| {
            stem.split_once('/').is_some_and(|(_, rest)| self.ids.contains(rest))
        });
        let tops: BTreeSet<&str> =
            below.iter().filter_map(|file| Some(file.split_once('/')?.0)).collect();
        let folder = if start.is_empty() { "." } else { start.trim_end_matches('/') };
        if tops.is_empty() || with_top > without_top {
            return format!("folder = {}\n", quoted(folder));
        }
        let is_only = tops.len() == 1;
        if !is_only {
            open.push("whether the names of the folders are those of the raters".to_owned());
        }
        let folders = tops.into_iter().map(|top| (top.to_owned(), format!("{start}{top}")));
        format!("folders = {}\n", by_rater(&folders.collect::<Vec<_>>()))
    }
}

/// Names of raters from those of files: what differs in them, if it is one name.
fn names_of_raters(files: &[String]) -> Vec<(String, String)> {
    let last = |file: &str| {
        let name = file.rsplit('/').next().unwrap_or(file);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
    };
    let start = common_folder(files.iter().map(String::as_str));
    let top = |file: &str| file[start.len()..].split('/').next().unwrap_or(file).to_owned();
    let whole = |file: &str| file.to_owned();
    let ways: [&dyn Fn(&str) -> String; 3] = [&last, &top, &whole];
    let differ = |way: &&&dyn Fn(&str) -> String| {
        files.iter().map(|file| way(file)).collect::<BTreeSet<_>>().len() == files.len()
    };
    let way = ways.iter().find(differ).unwrap_or(&ways[2]);
    files.iter().map(|file| (way(file), file.clone())).collect()
}

fn by_rater(names: &[(String, String)]) -> String {
    let items: Vec<String> =
        names.iter().map(|(rater, path)| format!("{} = {}", quoted(rater), quoted(path))).collect();
    format!("{{ {} }}", items.join(", "))
}

/// The folders that all files lie in, with a `/` at the end.
fn common_folder<'a>(files: impl Iterator<Item = &'a str>) -> String {
    let folders = |file: &'a str| -> Vec<&'a str> {
        file.rsplit_once('/').map_or(Vec::new(), |(folder, _)| folder.split('/').collect())
    };
    let same = files.map(folders).reduce(|one, other| {
        let num = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
        one[..num].to_vec()
    });
    same.unwrap_or_default().iter().map(|folder| format!("{folder}/")).collect()
}

fn has_extension(file: &str, extension: &str) -> bool {
    file.rsplit_once('.').is_some_and(|(_, found)| found.eq_ignore_ascii_case(extension))
}
