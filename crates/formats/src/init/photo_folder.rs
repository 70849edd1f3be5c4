//! Which files of a folder are its photos.

use crate::photos::photos;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Names of folders that photos are usually in, in lower case.
const PHOTO_FOLDERS: [&str; 7] =
    ["images", "photos", "imgs", "img", "jpegimages", "pictures", "data"];

/// Names of folders that masks are usually in, in lower case.
const MASK_FOLDERS: [&str; 9] = [
    "masks",
    "mask",
    "annotations",
    "segmentations",
    "segmentation",
    "segmentationclass",
    "ground_truth",
    "groundtruth",
    "gt",
];

/// The folder of the photos with `/`, `.` for the root, and the photos by id.
pub type PhotoFolder = (Option<String>, BTreeMap<String, PathBuf>);

/// The folder with photos: one of a usual name; else the one with JPEGs, which are no masks; else all folders but those
/// with a name of masks.
pub fn photo_folder(root: &Path) -> PhotoFolder {
    let read = |folder: &str| {
        let found = photos(root, Path::new(folder), None).unwrap_or_default();
        (Some(folder.to_owned()), without_masks(found))
    };
    let folders = folders(root);
    let is_usual = |name: &&String| PHOTO_FOLDERS.contains(&name.to_lowercase().as_str());
    for folder in folders.iter().filter(is_usual) {
        let found = read(folder);
        if !found.1.is_empty() {
            return found;
        }
    }
    let (_, all) = read(".");
    let top = |id: &str| id.split_once('/').map_or(String::new(), |(top, _)| top.to_owned());
    let tops: BTreeSet<String> =
        all.iter().filter(|(_, path)| is_jpeg(path)).map(|(id, _)| top(id)).collect();
    match tops.iter().collect::<Vec<_>>()[..] {
        [only] if !only.is_empty() && folders.len() > 1 => return read(only),
        _ => {}
    }
    let is_photo = |id: &str| match tops.is_empty() {
        true => !MASK_FOLDERS.contains(&top(id).to_lowercase().as_str()),
        false => tops.contains(&top(id)),
    };
    let found: BTreeMap<String, PathBuf> = all.into_iter().filter(|(id, _)| is_photo(id)).collect();
    match found.is_empty() {
        true => (None, found),
        false => (Some(".".to_owned()), found),
    }
}

/// Those that are no PNG beside a JPEG whose name they continue: `001_beak.png` beside `001.jpg` is a mask.
fn without_masks(photos: BTreeMap<String, PathBuf>) -> BTreeMap<String, PathBuf> {
    let jpegs: BTreeSet<String> =
        photos.iter().filter(|(_, path)| is_jpeg(path)).map(|(id, _)| id.clone()).collect();
    let is_mask = |id: &str| {
        let ends = id.char_indices().filter(|(_, char)| matches!(char, '_' | '-' | '.' | ' '));
        ends.into_iter().any(|(end, _)| jpegs.contains(&id[..end]))
    };
    photos.into_iter().filter(|(id, path)| is_jpeg(path) || !is_mask(id)).collect()
}

fn is_jpeg(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// The names of the folders in `root`, sorted.
fn folders(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let name = |path: PathBuf| Some(path.file_name()?.to_str()?.to_owned());
    let folders = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
    let mut folders: Vec<String> =
        folders.filter_map(name).filter(|name| !name.starts_with('.')).collect();
    folders.sort();
    folders
}
