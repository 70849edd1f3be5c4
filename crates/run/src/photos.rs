//! Which photo is of which image.

use crate::error::RunResult;
use dermx_data::{DataError, Dataset, Image, ImageNames, list_photos};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The photo of each image that has one: where the data set says, in `folder`, or in the folder `images`
/// beside the annotations.
///
/// # Errors
/// A folder that cannot be listed, or an image of which several photos may be meant.
pub fn photos<'a>(
    dataset: &'a Dataset,
    folder: Option<&Path>,
) -> RunResult<BTreeMap<&'a str, PathBuf>> {
    let images = dataset.images();
    let beside = dataset.root().join("images");
    let folder = match folder {
        None if images.iter().any(|image| image.photo.is_some()) => None,
        None => Some(beside.as_path()).filter(|beside| beside.is_dir()),
        given => given,
    };
    let Some(folder) = folder else {
        let own = images.iter().filter_map(|one| Some((one.image_id.as_str(), one.photo.clone()?)));
        return Ok(own.collect());
    };
    let files: Vec<(String, PathBuf)> = list_photos(folder)?.into_iter().collect();
    let names = ImageNames::of_photos(files.iter().map(|(id, path)| (id.as_str(), path.as_path())));
    let mut found = BTreeMap::new();
    for image in images {
        let idx =
            find_photo(&names, image).map_err(|message| DataError::invalid(folder, "", message))?;
        found.extend(idx.map(|idx| (image.image_id.as_str(), files[idx].1.clone())));
    }
    Ok(found)
}

/// The photo of an image: by the file name in the metadata, which may have folders, or by its id.
///
/// # Errors
/// A message that names the photos, where several may be meant.
pub fn find_photo(names: &ImageNames, image: &Image) -> Result<Option<usize>, String> {
    match names.find(&image.file_name)? {
        None => names.find(&image.image_id),
        found => Ok(found),
    }
}
