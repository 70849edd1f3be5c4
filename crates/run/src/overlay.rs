//! Pictures of heat maps: the photo under its map, beside a bar of the colors.

use crate::error::{RunError, RunResult};
use crate::explanation::Explained;
use crate::images::Images;
use dermx_data::{ImageSize, list_files, read_photo, resize, write_atomic};
use dermx_eval::{Border, HeatmapScoring, Normalize, prepare};
use dermx_gradcam::{Heatmap, beside_color_bar, blend_heatmap};
use dermx_score::npy_file;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The longer side of a picture, in pixels: a map has far fewer cells, and a folder of pictures stays small.
const MAX_SIDE_PX: u32 = 1024;

/// The photo under `map`, which is divided by its maximum and resized to it.
///
/// # Errors
/// A map that is not finite.
pub fn paint(photo: &RgbImage, map: &Heatmap) -> RunResult<RgbImage> {
    let (width, height) = photo.dimensions();
    let scoring = HeatmapScoring {
        size: [height as usize, width as usize],
        normalize: Normalize::Max,
        quantize: false,
        border: Border::Mirror,
    };
    let heat = prepare(&map.values, [map.height, map.width], &scoring)?.values();
    RgbImage::from_raw(width, height, blend_heatmap(photo.as_raw(), &heat))
        .ok_or_else(|| RunError::internal("the overlay has another size than its photo"))
}

/// Writes the picture of `one`, an image of `images`, into `folder` beside its map: `<image_id>.png`.
///
/// # Errors
/// An image that is no photo, a photo that cannot be read, a folder that cannot be written to.
pub fn write(images: &Images, one: &Explained<'_>, folder: &Path) -> RunResult<()> {
    let path = images.photo(one.idx).ok_or_else(|| {
        RunError::usage("--overlays needs photos (--images): a tensor holds none")
    })?;
    let photo = read_photo(path)?;
    let longer = photo.width().max(photo.height());
    let photo = match longer > MAX_SIDE_PX {
        true => {
            let shrunk = |side: u32| (side * MAX_SIDE_PX / longer).max(1);
            resize(&photo, ImageSize::new(shrunk(photo.height()), shrunk(photo.width())))
        }
        false => photo,
    };
    let painted = paint(&photo, &one.map)?;
    let size = [painted.height() as usize, painted.width() as usize];
    let (pixels, width) = beside_color_bar(painted.as_raw(), size);
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(&pixels, width as u32, painted.height(), ExtendedColorType::Rgb8)
        .map_err(|error| RunError::internal(error.to_string()))?;
    Ok(write_atomic(&picture_of(&npy_file(folder, one.image_id)?), &bytes)?)
}

/// The picture of the map in the file `map`.
fn picture_of(map: &Path) -> PathBuf {
    map.with_extension("png")
}

/// Paths below `folder` of the pictures that lie beside their maps.
///
/// # Errors
/// A folder that cannot be read.
fn pictures(folder: &Path) -> RunResult<BTreeSet<PathBuf>> {
    let files: BTreeSet<PathBuf> = list_files(folder)?.into_iter().collect();
    let is_map = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "npy");
    let pictures = files.iter().filter(is_map).map(|map| picture_of(map));
    let there = pictures.filter(|picture| files.contains(picture));
    Ok(there.filter_map(|path| path.strip_prefix(folder).ok().map(Path::to_path_buf)).collect())
}

/// The pictures in `folder`, which maps are to be written into again, that have none in `made`: beside other
/// maps than their own they would mislead.
///
/// # Errors
/// A folder that cannot be read.
pub fn outdated_overlays(folder: &Path, made: &Path) -> RunResult<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let new = pictures(made)?;
    let old = pictures(folder)?.into_iter().filter(|path| !new.contains(path));
    Ok(old.map(|path| folder.join(path)).collect())
}
