//! The photos of a data set, also where other files lie between them.

use crate::masks::{fixed_folder, matches};
use dermx_data::{DataError, image_id, list_files};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Extensions of photos that cannot be read, in lower case.
const OTHER_PHOTOS: [&str; 9] = ["avif", "bmp", "dcm", "gif", "heic", "jxl", "tif", "tiff", "webp"];

/// The photos in the folder `images` of `root` and below, by image id. Files that are no images are passed over, and
/// so are the masks whose path is that of `pattern`.
///
/// # Errors
/// A folder that cannot be read, a photo in a format that cannot be read, two photos of one id.
pub(crate) fn photos(
    root: &Path,
    images: &Path,
    pattern: Option<&str>,
) -> Result<BTreeMap<String, PathBuf>, DataError> {
    let folder = root.join(images);
    let masks = pattern.map(fixed_folder).filter(|fixed| !fixed.is_empty());
    let masks = masks.map(|fixed| root.join(fixed)).filter(|masks| !folder.starts_with(masks));
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in list_files(&folder)? {
        if masks.as_ref().is_some_and(|masks| path.starts_with(masks)) {
            continue;
        }
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if OTHER_PHOTOS.contains(&extension.as_str()) {
            let message = "is no photo (.jpg, .jpeg or .png); convert it or move it elsewhere";
            return Err(DataError::invalid(&path, "", message));
        }
        if !["jpg", "jpeg", "png"].contains(&extension.as_str()) {
            continue;
        }
        let id = image_id(&below(&folder, &path));
        if let Some(other) = found.get(&id) {
            let message = format!("has the id `{id}` of {}; rename one of them", other.display());
            return Err(DataError::invalid(&path, "", message));
        }
        found.insert(id, path);
    }
    if let Some(pattern) = pattern {
        let is_image = |name: &str| found.contains_key(&image_id(name));
        let is_mask = |(id, path): (&String, &PathBuf)| {
            let image = matches(pattern, &below(root, path), &is_image);
            let image = image.map(|name| image_id(&name))?;
            (image != *id && found.contains_key(&image)).then(|| id.clone())
        };
        let masks: Vec<String> = found.iter().filter_map(is_mask).collect();
        masks.iter().for_each(|id| drop(found.remove(id)));
    }
    Ok(found)
}

/// The path below `folder` with `/`.
fn below(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
