//! Any data set, from its folder.

use crate::dataset_file::{Absent, DATASET_FILE, DatasetFile, Format, Source};
use crate::join::{Found, join, photos};
use crate::masks::{self, Unnamed};
use dermx_data::{CsvTable, DataError, Dataset, class_folders, dermx, image_id};
use std::path::Path;

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
    match class_folders(root) {
        Ok(folders) if !folders.is_empty() => {
            let file = DatasetFile { images: Some(".".into()), ..DatasetFile::default() };
            join(root, &file, photos(root, &file)?, Found::default())
        }
        _ => Err(DataError::missing(root, format!("found no data set; {EXPECTED}"))),
    }
}

fn of_file(
    root: &Path,
    file: &DatasetFile,
    format: Format,
    source: &Source,
) -> Result<Dataset, DataError> {
    let photos = match (format, &file.images) {
        // Labels alone are those of the photos beside the file.
        (Format::None, None) => {
            let file = DatasetFile { images: Some(".".into()), ..file.clone() };
            photos(root, &file)?
        }
        _ => photos(root, file)?,
    };
    let mut found = Found::default();
    match format {
        Format::None | Format::Dermx => {}
        Format::Masks => {
            let unnamed = Unnamed {
                rater: source.rater.as_deref().unwrap_or(RATER),
                concept: source.concept.as_deref().unwrap_or(CONCEPT),
            };
            let pattern = source.pattern.as_deref().unwrap_or_default();
            let is_image = |name: &str| {
                photos.as_ref().is_some_and(|photos| photos.contains_key(&image_id(name)))
            };
            let annotations = masks::read(root, pattern, unnamed, &is_image)?;
            found.add(annotations, None, source.absent.unwrap_or(Absent::Unread));
        }
        _ => todo!(),
    }
    if let Some(table) = &source.readings {
        add_readings(&root.join(table), &mut found)?;
    }
    join(root, file, photos, found)
}

/// Adds who read what, and which labels they gave to the whole image: `image`, `rater` and, if there is such a column,
/// `labels`, separated by `|`.
fn add_readings(path: &Path, found: &mut Found) -> Result<(), DataError> {
    let table = CsvTable::read(path)?;
    let [image_idx, rater_idx] = table.positions(["image", "rater"])?;
    let labels_idx = table.find_column("labels");
    for row in table.rows() {
        let (image, rater) = (&row.cells[image_idx], &row.cells[rater_idx]);
        if image.is_empty() || rater.is_empty() {
            return Err(table.invalid(row.line, "image", "found no image or no rater"));
        }
        let labels = labels_idx.map_or("", |idx| &row.cells[idx]).split('|').map(str::trim);
        let labels: Vec<String> =
            labels.filter(|label| !label.is_empty()).map(str::to_owned).collect();
        found.say(image, rater, labels);
    }
    Ok(())
}
