//! Which photo is of which image.

use crate::error::{RunError, RunResult};
use dermx_data::{Dataset, Image, ImageNames, list_photos};
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
    let PhotosOfImages { files, of_image } = photos_in(folder, images)?;
    let found = images.iter().zip(of_image);
    Ok(found
        .filter_map(|(image, idx)| Some((image.image_id.as_str(), files[idx?].clone())))
        .collect())
}

/// The photos of a folder, and of which images they are.
pub struct PhotosOfImages {
    /// All photos of the folder.
    pub files: Vec<PathBuf>,
    /// For each image the place of its photo in `files`.
    pub of_image: Vec<Option<usize>>,
}

/// Finds the photo of each of `images` in `folder`: by the file name in the metadata, which may have folders, or
/// by its id.
///
/// # Errors
/// A folder that cannot be listed, or an image of which several photos may be meant.
pub fn photos_in(folder: &Path, images: &[Image]) -> RunResult<PhotosOfImages> {
    let (ids, files): (Vec<String>, Vec<PathBuf>) = list_photos(folder)?.into_iter().unzip();
    let named = ids.iter().map(String::as_str).zip(files.iter().map(PathBuf::as_path));
    let names = ImageNames::of_photos(named);
    let find = |image: &Image| match names.find(&image.file_name) {
        Ok(None) => names.find(&image.image_id),
        found => found,
    };
    let of_image: Result<Vec<Option<usize>>, String> = images.iter().map(find).collect();
    let of_image = of_image.map_err(|message| RunError::in_file(folder, message))?;
    Ok(PhotosOfImages { files, of_image })
}
