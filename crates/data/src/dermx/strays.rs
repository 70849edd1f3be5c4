//! What lies in the folders of a data set and is not read.

use crate::folder::files_below;
use crate::{DataError, file, folds, mask_files};
use std::path::{Path, PathBuf};

/// What a data set looks like.
pub(crate) const LAYOUT: &str = "expected the layout of DermX: `annotations/RATER_IMAGE.json`, `metadata.csv` \
    and, if wanted, `masks/masks/RATER_IMAGE_NNNNN.png`";

/// Files and folders that a message names.
const MAX_NAMED: usize = 5;

/// The entries of `annotations/`: what is read, and what is not.
#[derive(Debug, Default)]
pub(crate) struct AnnotationFolder {
    /// The files `*.json`.
    pub files: Vec<PathBuf>,
    /// What looks like an annotation and is not read, with what to say of it. Results without it would
    /// be those of another data set, so it is refused.
    pub refused: Vec<(PathBuf, String)>,
    /// What else is not read.
    pub others: Vec<PathBuf>,
}

impl AnnotationFolder {
    /// Lists `root/annotations`.
    ///
    /// # Errors
    /// A folder that is not there or cannot be read, or without anything that looks like an annotation.
    pub fn list(root: &Path) -> Result<Self, DataError> {
        if !root.is_dir() {
            let message = format!(
                "found no such folder; {LAYOUT} (its authors published DermX under CC0 1.0; \
                 `dermx synth` writes a synthetic set in the same layout)"
            );
            return Err(DataError::missing(root, message));
        }
        let folder = folder(root);
        if !folder.is_dir() {
            return Err(DataError::missing(&folder, format!("found no such folder; {LAYOUT}")));
        }
        let mut list = Self::default();
        for (path, is_folder) in entries(&folder)? {
            match refusal(&path, is_folder)? {
                Some(message) => list.refused.push((path, message)),
                None if is_annotation(&path) => list.files.push(path),
                None => list.others.push(path),
            }
        }
        if list.files.is_empty() && list.refused.is_empty() {
            let message = "found no `*.json` in it; expected RATER_IMAGE.json, one per evaluation";
            return Err(DataError::missing(&folder, message));
        }
        Ok(list)
    }

    /// The same; an error if something looks like an annotation and is not read.
    pub fn complete(self) -> Result<Self, DataError> {
        let Some((first, message)) = self.refused.first() else { return Ok(self) };
        let names = self.refused.iter().skip(1).take(MAX_NAMED).map(|(path, _)| name_of(path));
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        let others = match self.refused.len() - 1 {
            0 => String::new(),
            num if num <= MAX_NAMED => format!("; the same goes for {}", names.join(", ")),
            num => format!("; the same goes for {} and {} more", names.join(", "), num - MAX_NAMED),
        };
        Err(DataError::invalid(first, "", format!("{message}{others}")))
    }
}

/// What nothing reads in `annotations/`, which are the [others](AnnotationFolder::others) there, in
/// `masks/` and in `folds/`, sorted; hidden files, `Thumbs.db` and files in `masks/masks` are passed over.
pub(crate) fn find(root: &Path, others: Vec<PathBuf>) -> Result<Vec<PathBuf>, DataError> {
    let mut strays = others;
    let read = [mask_files::folder(root), mask_files::table(root)];
    let paths = |folder: &Path| Ok(entries(folder)?.into_iter().map(|(path, _)| path));
    strays.extend(paths(&root.join("masks"))?.filter(|path| !read.contains(path)));
    let is_of_fold = |path: &PathBuf| folds::fold_idx(&name_of(path)).is_some();
    strays.extend(paths(&folds::folder(root))?.filter(|path| !is_of_fold(path)));
    strays.sort();
    Ok(strays)
}

fn folder(root: &Path) -> PathBuf {
    root.join("annotations")
}

/// Whether the name is that of an annotation file.
fn is_annotation(path: &Path) -> bool {
    name_of(path).ends_with(".json")
}

/// What to say of an entry that looks like an annotation and is not read.
fn refusal(path: &Path, is_folder: bool) -> Result<Option<String>, DataError> {
    let is_like_annotation = |path: &Path| name_of(path).to_lowercase().ends_with(".json");
    if is_folder {
        let files = files_below(path)?.files;
        let num_files = files.iter().filter(|path| is_like_annotation(path)).count();
        return Ok((num_files > 0).then(|| {
            format!(
                "found a folder with {num_files} JSON files, which are not read; move them up, right \
                 into `annotations`, as RATER_IMAGE.json"
            )
        }));
    }
    if is_like_annotation(path) && !is_annotation(path) {
        return Ok(Some("is not read; end its name in `.json`, in small letters".to_owned()));
    }
    Ok(None)
}

/// The entries of a folder, sorted, each with whether it is a folder; none where there is no such folder.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, bool)>, DataError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let seen = |entry: &file::Entry| !entry.name.starts_with('.') && entry.name != "Thumbs.db";
    let listed = file::list(folder)?.into_iter().filter(seen);
    Ok(listed.map(|entry| (folder.join(entry.name), entry.is_folder)).collect())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
