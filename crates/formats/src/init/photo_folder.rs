//! Which files of a folder are its photos.

use crate::photos::photos;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
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
    if let Some(folder) = beside_masks(&all) {
        return read(&folder);
    }
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

/// Those that are no PNG whose name goes on that of a photo: `001_beak.png` is a mask beside `001.jpg`, and beside
/// `001.png` if it has no colors and that has.
fn without_masks(photos: BTreeMap<String, PathBuf>) -> BTreeMap<String, PathBuf> {
    let is_mask = |(id, path): (&String, &PathBuf)| {
        let ends = id.char_indices().filter(|(_, char)| matches!(char, '_' | '-' | '.' | ' '));
        let mut bases = ends.filter_map(|(end, _)| photos.get(&id[..end]));
        let is_photo_of =
            |base: &PathBuf| is_jpeg(base) || !has_no_colors(base) && has_no_colors(path);
        !is_jpeg(path) && bases.any(is_photo_of)
    };
    let masks: BTreeSet<String> =
        photos.iter().filter(|one| is_mask(*one)).map(|(id, _)| id.clone()).collect();
    photos.into_iter().filter(|(id, _)| !masks.contains(id)).collect()
}

/// Of two folders whose files have the same names, the one with the photos, if the other's files have no colors.
fn beside_masks(photos: &BTreeMap<String, PathBuf>) -> Option<String> {
    let mut folders: BTreeMap<&str, BTreeMap<&str, &PathBuf>> = BTreeMap::new();
    for (id, path) in photos {
        let (folder, name) = id.split_once('/')?;
        folders.entry(folder).or_default().insert(name, path);
    }
    let folders: Vec<_> = folders.into_iter().collect();
    let [(one, files), (other, same)] = folders.as_slice() else { return None };
    if !files.keys().eq(same.keys()) {
        return None;
    }
    let are_masks = |files: &BTreeMap<&str, &PathBuf>| {
        files.values().take(MAX_LOOKED_AT).all(|path| has_no_colors(path))
    };
    match (are_masks(files), are_masks(same)) {
        (false, true) => Some((*one).to_owned()),
        (true, false) => Some((*other).to_owned()),
        _ => None,
    }
}

/// Files of a folder that are looked into.
const MAX_LOOKED_AT: usize = 20;

/// Whether a file is a PNG of grey values or of a palette, as masks are.
fn has_no_colors(path: &Path) -> bool {
    let mut head = [0; 26];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    // After the signature and the head of the first part: width, height, depth and kind of color.
    read.is_ok() && head.starts_with(b"\x89PNG") && matches!(head[25], 0 | 3)
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
