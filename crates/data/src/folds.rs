//! The folds of the 2023 release: which images are for training, and which for testing.

use crate::csv_table::{CsvRow, CsvTable, read_rows};
use crate::image_id::image_id;
use crate::metadata::ImageIds;
use crate::{DataError, file};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One of several splits of the images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// The number in the file names, from 0.
    pub fold_idx: usize,
    /// The images to train on, sorted by id.
    pub train: Vec<FoldImage>,
    /// The images to test on, sorted by id.
    pub test: Vec<FoldImage>,
}

/// An image of a fold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoldImage {
    /// What the file calls the image, as [`image_id`](crate::image_id) has it.
    pub image_id: String,
    /// Whom the image shows; empty where that is not known.
    pub patient_id: String,
}

/// The folder of the folds below the root of the data set.
pub(crate) fn folder(root: &Path) -> PathBuf {
    root.join("folds")
}

/// The two files of a fold, training first.
pub(crate) fn files(root: &Path, fold_idx: usize) -> [PathBuf; 2] {
    ["train", "test"].map(|side| folder(root).join(format!("metadata_fold_{fold_idx}_{side}.csv")))
}

/// Reads `root/folds/metadata_fold_N_{train,test}.csv`, sorted by `N`; no folder, no folds. Of their columns
/// `current_filename` and `patient_id` are read.
///
/// Where `root` is a table (CSV), its columns are `image` (or `image_id`, `file`, `current_filename`), `fold` and, if there
/// is one, `patient` (or `patient_id`). Without a column `part` an image is tested in its fold, and trained on in all
/// others; with it, a row puts an image on one side of a fold: `train`, or `val` or `test`.
///
/// # Errors
/// When a file cannot be read, has no partner or is against the rules of
/// [`CsvTable`](crate::CsvTable); with line and column: a missing column, no file name, an image that
/// has two rows; or no row at all.
pub fn read_folds(root: &Path) -> Result<Vec<Fold>, DataError> {
    if root.is_file() {
        return read_table(root);
    }
    fold_indices(root)?.into_iter().map(|fold_idx| read_fold(root, fold_idx)).collect()
}

/// Names that the column of images may have.
const IMAGE_COLUMNS: [&str; 6] =
    ["image", "image_id", "file", "filename", "file_name", "current_filename"];
const PATIENT_COLUMNS: [&str; 2] = ["patient", "patient_id"];

/// The folds of one table, by number.
fn read_table(path: &Path) -> Result<Vec<Fold>, DataError> {
    let table = CsvTable::read(path)?;
    let known = |names: &[&str]| names.iter().find_map(|name| table.find_column(name));
    let image_column = known(&IMAGE_COLUMNS)
        .and_then(|idx| table.columns().get(idx).map(String::as_str))
        .unwrap_or(IMAGE_COLUMNS[0]);
    let [image_idx, fold_idx] = table.positions([image_column, "fold"])?;
    let (part_idx, patient_idx) = (table.find_column("part"), known(&PATIENT_COLUMNS));
    let mut rows = Vec::new();
    for row in table.rows() {
        let number = row.cells[fold_idx].parse::<usize>().map_err(|_| {
            let message = format!("found `{}`; expected the number of a fold", row.cells[fold_idx]);
            table.invalid(row.line, "fold", message)
        })?;
        let is_test = match part_idx.map(|idx| row.cells[idx].to_lowercase()).as_deref() {
            None => None,
            Some("train" | "training") => Some(false),
            Some("val" | "valid" | "validation" | "test") => Some(true),
            Some(other) => {
                let message = format!("found `{other}`; expected train, val or test");
                return Err(table.invalid(row.line, "part", message));
            }
        };
        let image_id = image_id(&row.cells[image_idx]);
        if image_id.is_empty() {
            return Err(table.invalid(row.line, image_column, "found no image"));
        }
        let patient_id = patient_idx.map_or(String::new(), |idx| row.cells[idx].clone());
        rows.push((row.line, number, is_test, FoldImage { image_id, patient_id }));
    }
    let numbers: BTreeSet<usize> = rows.iter().map(|(_, number, ..)| *number).collect();
    if numbers.is_empty() {
        return Err(DataError::invalid(path, "", "found no row; expected one per image"));
    }
    let mut seen = BTreeSet::new();
    for (line, number, _, image) in &rows {
        let of_fold = part_idx.map_or(0, |_| *number);
        if !seen.insert((of_fold, image.image_id.as_str())) {
            let message = format!("found the image `{}` again", image.image_id);
            return Err(table.invalid(*line, image_column, message));
        }
    }
    let fold = |number: usize| {
        let side = |wanted: bool| {
            let is_on =
                |(_, of, is_test, _): &&(usize, usize, Option<bool>, FoldImage)| match is_test {
                    None => (*of == number) == wanted,
                    Some(is_test) => *of == number && *is_test == wanted,
                };
            let mut images: Vec<FoldImage> =
                rows.iter().filter(is_on).map(|(.., image)| image.clone()).collect();
            images.sort_unstable();
            images
        };
        Fold { fold_idx: number, train: side(false), test: side(true) }
    };
    Ok(numbers.into_iter().map(fold).collect())
}

/// The numbers in the file names.
pub(crate) fn fold_indices(root: &Path) -> Result<BTreeSet<usize>, DataError> {
    let folder = folder(root);
    if !folder.is_dir() {
        return Ok(BTreeSet::new());
    }
    Ok(file::list(&folder)?.iter().filter_map(|entry| fold_idx(&entry.name)).collect())
}

/// The number in the name of a file.
pub(crate) fn fold_idx(name: &str) -> Option<usize> {
    let name = name.strip_prefix("metadata_fold_")?;
    name.strip_suffix("_train.csv").or(name.strip_suffix("_test.csv"))?.parse().ok()
}

fn read_fold(root: &Path, fold_idx: usize) -> Result<Fold, DataError> {
    let [train, test] = files(root, fold_idx);
    Ok(Fold { fold_idx, train: read_side(&train)?, test: read_side(&test)? })
}

/// The images of one file, sorted.
pub(crate) fn read_side(path: &Path) -> Result<Vec<FoldImage>, DataError> {
    if !path.is_file() {
        let message = "found no such file; expected a training and a test file for each fold";
        return Err(DataError::missing(path, message));
    }
    let mut image_ids = ImageIds::default();
    let mut images = Vec::new();
    for CsvRow { line, cells } in read_rows(path, ["current_filename", "patient_id"])? {
        let [file_name, patient_id] = cells;
        let image_id = image_ids.add(path, line, &file_name, image_id(&file_name))?;
        images.push(FoldImage { image_id, patient_id });
    }
    image_ids.check_some(path)?;
    images.sort_unstable();
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::read_folds;

    /// For each fold, the ids to train on and to test on.
    fn folds(text: &str) -> Result<Vec<[String; 2]>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("folds.csv");
        std::fs::write(&path, text).unwrap();
        let folds = read_folds(&path).map_err(|error| error.to_string())?;
        let ids = |images: &[super::FoldImage]| {
            images.iter().map(|one| one.image_id.as_str()).collect::<Vec<_>>().join(" ")
        };
        Ok(folds.iter().map(|fold| [ids(&fold.train), ids(&fold.test)]).collect())
    }

    #[test]
    fn an_image_is_tested_in_its_fold_and_trained_on_in_the_others() {
        let found = folds("image,fold\ncat/a.jpg,0\ncat/b.jpg,1\nc.png,1\n").unwrap();
        assert_eq!(found, [["c cat/b", "cat/a"], ["cat/a", "c cat/b"]]);
    }

    #[test]
    fn a_column_of_parts_says_it_fold_by_fold() {
        let found = folds("file,fold,part\na,0,train\nb,0,val\na,3,test\nb,3,Train\n").unwrap();
        assert_eq!(found, [["a", "b"], ["b", "a"]]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, part) in [
            ("image,fold\na,x\n", "line 2"),
            ("image,fold\na,0\na,1\n", "the image `a` again"),
            ("image,fold,part\na,0,left\n", "expected train, val or test"),
            ("image,part\na,0\n", "no column `fold`"),
            ("image,fold\n", "no row"),
        ] {
            let error = folds(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
