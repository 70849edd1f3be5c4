//! Any data set, from its folder.

use crate::boxes::{self, BoxOptions, Cell, Corners, Unit};
use crate::coco::{self, CocoOptions};
use crate::dataset_file::{Absent, DATASET_FILE, DatasetFile, Format, Labels, Source};
use crate::join::{Found, Said, join};
use crate::masks::{self, Unnamed};
use crate::photos::photos;
use crate::{Annotations, chexlocalize, cvat, darwin2, label_studio, labelme};
use dermx_data::{
    CsvLine, CsvTable, DataError, Dataset, Fill, ImageNames, ImageSize, MAX_SIDE_PX, cell_place,
    class_folders, dermx, did_you_mean, list_photos, photo_size,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a folder has to hold.
const EXPECTED: &str = "expected a folder with `dataset.toml` (`dermx dataset init DIR` writes one), a folder of \
    class folders with photos, or DermX's layout (`annotations/`, `metadata.csv`)";

/// The rater of masks that do not name one.
const RATER: &str = "rater";
/// The concept of masks that do not name one.
const CONCEPT: &str = "region";

/// Reads the data set in the folder `root`: as its `dataset.toml` says; without one, in DermX's layout, or a folder
/// of class folders as labels without readings.
///
/// # Errors
/// No such folder, one that is none of these, and everything that its format refuses, by file and place.
pub fn open(root: &Path) -> Result<Dataset, DataError> {
    if root.is_file() {
        return Err(DataError::invalid(root, "", format!("is a file; {EXPECTED}")));
    }
    if !root.is_dir() {
        return Err(DataError::missing(root, format!("found no such folder; {EXPECTED}")));
    }
    if root.join(DATASET_FILE).is_file() {
        let file = DatasetFile::read(root)?;
        return match file.format() {
            (Format::Dermx, _) => dermx::read(root),
            (format, source) => of_file(root, &file, format, &source),
        };
    }
    if dermx::is_dermx(root) {
        return dermx::read(root);
    }
    let has_folders = class_folders(root).is_ok_and(|folders| !folders.is_empty());
    // What keeps a folder from being one of class folders may be all that is wrong, or that it is something else.
    let named = |error: DataError| DataError {
        message: format!("{} (in {}: {EXPECTED})", error.message, root.display()),
        ..error
    };
    let photos = if has_folders { list_photos(root).map_err(named)? } else { BTreeMap::new() };
    if photos.is_empty() {
        return Err(DataError::missing(root, format!("found no data set; {EXPECTED}")));
    }
    let file = DatasetFile { images: Some(".".into()), ..DatasetFile::default() };
    join(root, &file, Some(photos), Found::default())
}

/// Columns that a table of images and classes usually has.
const IMAGE_COLUMNS: [&str; 6] = ["image", "file", "filename", "file_name", "path", "image_id"];
const CLASS_COLUMNS: [&str; 4] = ["class", "label", "diagnosis", "species"];
const PATIENT_COLUMNS: [&str; 2] = ["patient", "patient_id"];

/// The data set of a table (CSV) of images and classes, and of patients, if it has them: photos beside the table and
/// below. Which of the usual columns is there, is taken; others are for a `dataset.toml`.
///
/// # Errors
/// A table that cannot be read, or without such columns.
pub fn open_table(path: &Path) -> Result<Dataset, DataError> {
    let table = CsvTable::read(path)?;
    let known = |names: &[&str]| {
        let is_known = |column: &&String| names.contains(&column.to_lowercase().as_str());
        table.columns().iter().find(is_known).cloned()
    };
    let needed = |names: &[&str]| {
        known(names).ok_or_else(|| {
            let message = format!(
                "found the columns {}; expected one of {}, or a {DATASET_FILE} that says which column is what",
                table.columns().join(", "),
                names.join(", ")
            );
            DataError::invalid(path, "line 1", message)
        })
    };
    let root = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let root = root.unwrap_or(Path::new("."));
    let near = |column: &&String| !did_you_mean(column, &PATIENT_COLUMNS).is_empty();
    if let (None, Some(slip)) = (known(&PATIENT_COLUMNS), table.columns().iter().find(near)) {
        let message = format!(
            "found the column `{slip}`{}, which is not read; rename it",
            did_you_mean(slip, &PATIENT_COLUMNS)
        );
        return Err(DataError::invalid(path, "line 1", message));
    }
    let labels = Labels {
        file: path.file_name().map(PathBuf::from),
        image: Some(needed(&IMAGE_COLUMNS)?),
        class: Some(needed(&CLASS_COLUMNS)?),
        patient: known(&PATIENT_COLUMNS),
        ..Labels::default()
    };
    let file =
        DatasetFile { images: Some(".".into()), labels: Some(labels), ..DatasetFile::default() };
    let photos = photos(root, Path::new("."), None)?;
    join(root, &file, Some(photos), Found::default())
}

/// A table of images and classes that lies in `folder` itself, if there is one.
pub fn labels_table_in(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let is_table = |path: &PathBuf| {
        let is_csv = path.extension().is_some_and(|found| found.eq_ignore_ascii_case("csv"));
        let Some(table) = is_csv.then(|| CsvTable::read(path).ok()).flatten() else { return false };
        let has = |names: &[&str]| {
            table.columns().iter().any(|column| names.contains(&column.to_lowercase().as_str()))
        };
        has(&IMAGE_COLUMNS) && has(&CLASS_COLUMNS)
    };
    entries.filter(is_table).min()
}

/// Whether a folder is in DermX's layout, complete or not.
pub fn is_dermx(root: &Path) -> bool {
    let is_said = || DatasetFile::read(root).is_ok_and(|file| file.format().0 == Format::Dermx);
    match root.join(DATASET_FILE).is_file() {
        true => is_said(),
        false => dermx::is_dermx(root),
    }
}

/// What `dataset.toml` describes.
fn of_file(
    root: &Path,
    file: &DatasetFile,
    format: Format,
    source: &Source,
) -> Result<Dataset, DataError> {
    let images = match (format, &file.images) {
        // Labels alone are those of the photos beside the file.
        (Format::None, None) => Some(Path::new(".")),
        (_, images) => images.as_deref(),
    };
    let pattern = source.pattern.as_deref();
    let photos = images.map(|images| photos(root, images, pattern)).transpose()?;
    let mut found = read(root, format, source, photos.as_ref())?;
    if let Some(table) = &source.readings {
        add_readings(&root.join(table), &mut found)?;
    }
    join(root, file, photos, found)
}

/// What the annotations of a format say.
fn read(
    root: &Path,
    format: Format,
    source: &Source,
    photos: Option<&BTreeMap<String, PathBuf>>,
) -> Result<Found, DataError> {
    let mut found = Found::default();
    let rater = source.rater.as_deref();
    let fill = |usual: Fill| source.fill.unwrap_or(usual);
    // Each rater's own file or folder lists the images that the rater read.
    let own = |paths: &BTreeMap<String, PathBuf>| -> Vec<(String, PathBuf)> {
        paths.iter().map(|(rater, path)| (rater.clone(), root.join(path))).collect()
    };
    let absent = |usual: Absent| source.absent.unwrap_or(usual);
    let whole = |path: &Option<PathBuf>| path.as_ref().map(|path| root.join(path));
    match format {
        Format::None | Format::Dermx => {}
        Format::Masks => {
            let concept = source.concept.as_deref().unwrap_or(CONCEPT);
            let unnamed = Unnamed { rater: rater.unwrap_or(RATER), concept };
            let pattern = source.pattern.as_deref().unwrap_or_default();
            let none = BTreeMap::new();
            let annotations = masks::read(root, pattern, unnamed, photos.unwrap_or(&none))?;
            found.add(root, annotations, None, absent(Absent::Unread));
        }
        Format::Coco => {
            let fill = fill(Fill::Coco);
            for (rater, path) in own(&source.files) {
                let options = CocoOptions { rater: coco::Rater::Named(rater.clone()), fill };
                let annotations = coco::read(&path, &options)?;
                found.add(&path, annotations, Some(&rater), absent(Absent::Nothing));
            }
            if let Some(path) = whole(&source.file) {
                let by = match rater {
                    Some(key) => coco::Rater::Key(key.to_owned()),
                    None => coco::Rater::Named(RATER.to_owned()),
                };
                let options = CocoOptions { rater: by, fill };
                let (only, usual) = match rater {
                    Some(_) => (None, Absent::Unread),
                    None => (Some(RATER), Absent::Nothing),
                };
                found.add(&path, coco::read(&path, &options)?, only, absent(usual));
            }
        }
        Format::Chexlocalize => {
            for (rater, path) in own(&source.files) {
                found.add(&path, chexlocalize::read(&path, &rater)?, None, Absent::Unread);
            }
        }
        Format::LabelStudio => {
            if let Some(path) = whole(&source.file) {
                found.add(&path, label_studio::read(&path, fill(Fill::Pil))?, None, Absent::Unread);
            }
        }
        Format::Cvat => {
            for (rater, path) in own(&source.files) {
                let annotations = cvat::read(&path, cvat::Rater::Name(&rater), fill(Fill::Pil))?;
                found.add(root, annotations, None, Absent::Unread);
            }
            if let Some(path) = whole(&source.file) {
                let by = rater.map_or(cvat::Rater::Name(RATER), cvat::Rater::Attribute);
                found.add(&path, cvat::read(&path, by, fill(Fill::Pil))?, None, Absent::Unread);
            }
        }
        Format::Labelme => {
            for (rater, path) in own(&source.folders) {
                let annotations = labelme::read(&path, &rater, fill(Fill::Pil))?;
                found.add(root, annotations, None, Absent::Unread);
            }
            if let Some(path) = whole(&source.folder) {
                let annotations = labelme::read(&path, rater.unwrap_or(RATER), fill(Fill::Pil))?;
                found.add(root, annotations, None, Absent::Unread);
            }
        }
        Format::Darwin => {
            for (rater, path) in own(&source.folders) {
                let annotations = darwin2::read(&path, Some(&rater), fill(Fill::Darwin))?;
                found.add(root, annotations, None, Absent::Unread);
            }
            if let Some(path) = whole(&source.folder) {
                let annotations = darwin2::read(&path, rater, fill(Fill::Darwin))?;
                found.add(root, annotations, None, Absent::Unread);
            }
        }
        Format::Boxes => {
            if let Some(path) = whole(&source.file) {
                let annotations = read_boxes(&path, source, photos)?;
                found.add(&path, annotations, None, absent(Absent::Unread));
            }
        }
    }
    Ok(found)
}

/// A table of boxes; of images whose size it does not tell, that of their photos.
fn read_boxes(
    path: &Path,
    source: &Source,
    photos: Option<&BTreeMap<String, PathBuf>>,
) -> Result<Annotations, DataError> {
    let columns: Vec<&str> = source.columns.iter().map(String::as_str).collect();
    let numbers = columns.try_into().unwrap_or(["x_min", "y_min", "x_max", "y_max"]);
    let image = source.image.as_deref().unwrap_or("image");
    let size = match (source.width.as_deref(), source.height.as_deref()) {
        (Some(width), Some(height)) => Some([width, height]),
        _ => None,
    };
    let sizes = match (source.unit, size, photos) {
        (Some(Unit::Fraction), None, Some(photos)) => Some(sizes_of(path, image, photos)?),
        _ => None,
    };
    let options = BoxOptions {
        image,
        rater: source.rater.as_deref().map_or(Cell::Value(RATER), Cell::Column),
        concept: source.concept.as_deref().map_or(Cell::Value(CONCEPT), Cell::Column),
        numbers,
        corners: source.corners.unwrap_or(Corners::Xyxy),
        unit: source.unit.unwrap_or_default(),
        inclusive: source.inclusive,
        size,
        sizes: sizes.as_ref(),
    };
    boxes::read(path, &options)
}

/// The sizes of photos by what a table calls them.
fn sizes_of(
    path: &Path,
    column: &str,
    photos: &BTreeMap<String, PathBuf>,
) -> Result<BTreeMap<String, ImageSize>, DataError> {
    let table = CsvTable::read(path)?;
    let [image_idx] = table.positions([column])?;
    let files: Vec<&PathBuf> = photos.values().collect();
    let names = photos.iter().map(|(id, path)| (id.as_str(), path.as_path()));
    let names = ImageNames::of_photos(names);
    let called: BTreeSet<&String> = table.rows().iter().map(|row| &row.cells[image_idx]).collect();
    let mut sizes = BTreeMap::new();
    for name in called {
        let found =
            names.find(name).map_err(|message| DataError::invalid(path, column, message))?;
        if let Some(idx) = found {
            sizes.insert(name.clone(), photo_size(files[idx])?);
        }
    }
    Ok(sizes)
}

/// The columns of a table of readings; the first two have to be there.
const READINGS_COLUMNS: [&str; 5] = ["image", "rater", "labels", "height", "width"];

/// Adds who read what, and which labels they gave to the whole image: `image`, `rater` and, if there are such columns,
/// `labels`, separated by `|`, and `height` and `width` of the image in pixels.
fn add_readings(path: &Path, found: &mut Found) -> Result<(), DataError> {
    let table = CsvTable::read(path)?;
    let [image_idx, rater_idx] = table.positions(["image", "rater"])?;
    let unknown =
        |column: &&String| !column.is_empty() && !READINGS_COLUMNS.contains(&column.as_str());
    if let Some(column) = table.columns().iter().find(unknown) {
        let message = format!(
            "found the column `{column}`{}; the columns are {}",
            did_you_mean(column, &READINGS_COLUMNS),
            READINGS_COLUMNS.join(", ")
        );
        return Err(DataError::invalid(path, "line 1", message));
    }
    let labels_idx = table.find_column("labels");
    let sides = ["height", "width"].map(|name| table.find_column(name));
    for row in table.rows() {
        for (idx, column) in [(image_idx, "image"), (rater_idx, "rater")] {
            if row.cells[idx].is_empty() {
                return Err(table.invalid(row.line, column, format!("found no {column}")));
            }
        }
        let labels = labels_idx.map_or("", |idx| &row.cells[idx]).split('|').map(str::trim);
        found.said.push(Said {
            image: row.cells[image_idx].clone(),
            rater: row.cells[rater_idx].clone(),
            labels: labels.filter(|label| !label.is_empty()).map(str::to_owned).collect(),
            size: size_of(&table, row, sides)?,
            file: path.to_path_buf(),
            place: cell_place(row.line, "image"),
        });
    }
    Ok(())
}

/// The size in a row, if the table has both columns and the row both cells.
fn size_of(
    table: &CsvTable,
    row: &CsvLine,
    sides: [Option<usize>; 2],
) -> Result<Option<ImageSize>, DataError> {
    let [Some(height_idx), Some(width_idx)] = sides else { return Ok(None) };
    if row.cells[height_idx].is_empty() && row.cells[width_idx].is_empty() {
        return Ok(None);
    }
    let side = |idx: usize| {
        let text = &row.cells[idx];
        let side = text.parse().ok().filter(|side| (1..=MAX_SIDE_PX).contains(side));
        side.ok_or_else(|| {
            let message = format!(
                "found `{text}`; expected a whole number of pixels from 1 to {MAX_SIDE_PX}"
            );
            table.invalid(row.line, &table.columns()[idx], message)
        })
    };
    let size = ImageSize::new(side(height_idx)?, side(width_idx)?);
    let column = &table.columns()[height_idx];
    size.check_area().map_err(|message| table.invalid(row.line, column, message))?;
    Ok(Some(size))
}
