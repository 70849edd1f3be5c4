//! The images of `predict` and `explain`: photos, or a tensor that another program prepared.

use crate::error::{RunError, RunResult};
use crate::network::TrainedNetwork;
use burn::tensor::{Device, Tensor};
use dermx_data::{ImageNames, ImageSize, image_id, list_photos};
use dermx_model::{NamedTensor, read_weights};
use dermx_train::{Photos, images_to_tensor};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The key of the images in a tensor file.
const KEY: &str = "images";

/// Standardized images with their ids.
#[derive(Debug)]
pub struct Images {
    ids: Vec<String>,
    names: ImageNames,
    size: ImageSize,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Photos(Photos),
    Tensor(Vec<f32>),
}

impl Images {
    /// The photo `path`, or the photos in the folder `path` and its sub-folders, as `trained` takes them.
    ///
    /// # Errors
    /// No such file or folder, or no photo in it.
    pub fn open(path: &Path, trained: &TrainedNetwork) -> RunResult<Self> {
        let items: Vec<(String, PathBuf)> = match path.is_file() {
            true => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                vec![(image_id(&name), path.to_path_buf())]
            }
            false => list_photos(path)?.into_iter().collect(),
        };
        if items.is_empty() {
            return Err(RunError::in_file(path, "there is no .jpg or .png photo in it"));
        }
        let names = items.iter().map(|(id, path)| (id.as_str(), path.as_path()));
        let names = ImageNames::of_photos(names);
        let photos = Photos::open(items, trained.size, trained.normalization, false)?;
        Ok(Self { names, ..Self::of(photos) })
    }

    /// Photos that are open.
    pub fn of(photos: Photos) -> Self {
        let ids: Vec<String> = (0..photos.len()).map(|idx| photos.id(idx).to_string()).collect();
        let names = ImageNames::of_ids(ids.iter().map(String::as_str));
        Self { ids, names, size: photos.size(), source: Source::Photos(photos) }
    }

    /// Images of `values`, `[num_images, 3, height, width]`, standardized; their ids are numbers.
    pub fn of_values(num_images: usize, size: ImageSize, values: Vec<f32>) -> Self {
        let ids: Vec<String> = (0..num_images).map(|idx| idx.to_string()).collect();
        let names = ImageNames::of_ids(ids.iter().map(String::as_str));
        Self { ids, names, size, source: Source::Tensor(values) }
    }

    /// Some of the images, each by its place and with another id; one may be there several times.
    ///
    /// # Errors
    /// None that images can cause that were opened.
    pub fn picked(&self, picks: &[(usize, String)]) -> RunResult<Self> {
        let ids: Vec<String> = picks.iter().map(|(_, id)| id.clone()).collect();
        let names = ImageNames::of_ids(ids.iter().map(String::as_str));
        let source = match &self.source {
            Source::Photos(photos) => Source::Photos(photos.picked(picks)?),
            Source::Tensor(values) => {
                let num_values = 3 * self.size.num_pixels();
                let of_image = |(idx, _): &(usize, String)| {
                    values[idx * num_values..(idx + 1) * num_values].iter().copied()
                };
                Source::Tensor(picks.iter().flat_map(of_image).collect())
            }
        };
        Ok(Self { ids, names, size: self.size, source })
    }

    /// Ids in order.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// What tables may call them, in order.
    pub const fn names(&self) -> &ImageNames {
        &self.names
    }

    /// Size of every image.
    pub const fn size(&self) -> ImageSize {
        self.size
    }

    /// The file of photo `idx`; none of a tensor's image.
    pub fn photo(&self, idx: usize) -> Option<&Path> {
        match &self.source {
            Source::Photos(photos) => Some(photos.path(idx)),
            Source::Tensor(_) => None,
        }
    }

    /// The index ranges of batches of `batch_size` images.
    pub fn batches(&self, batch_size: usize) -> impl Iterator<Item = Range<usize>> + '_ {
        let batch_size = batch_size.max(1);
        let starts = (0..self.ids.len()).step_by(batch_size);
        starts.map(move |start| start..(start + batch_size).min(self.ids.len()))
    }

    /// The images of `range`, `[range.len(), 3, height, width]`.
    ///
    /// # Errors
    /// A photo that cannot be read.
    pub fn batch(&self, range: Range<usize>, device: &Device) -> RunResult<Tensor<4>> {
        let num_images = range.len();
        let planes = match &self.source {
            Source::Photos(photos) => photos.batch(&range.collect::<Vec<_>>())?,
            Source::Tensor(values) => {
                let num_values = 3 * self.size.num_pixels();
                values[range.start * num_values..range.end * num_values].to_vec()
            }
        };
        Ok(images_to_tensor(planes, num_images, self.size, device))
    }

    /// The standardized images `images`, f32 `[n, 3, height, width]`, of a safetensors file; their ids are
    /// numbers.
    ///
    /// # Errors
    /// No such file or tensor, one of another shape, or values that are not finite.
    pub fn of_tensor_file(file: &Path) -> RunResult<Self> {
        let mut tensors = read_weights(file)?;
        let NamedTensor { shape, values } = tensors.remove(KEY).ok_or_else(|| {
            let found = tensors.keys().cloned().collect::<Vec<_>>().join(", ");
            RunError::in_file(file, format!("there is no tensor `{KEY}`; found: {found}"))
        })?;
        let side = |length: usize| u32::try_from(length).ok().filter(|&length| length > 0);
        let (&[num_images, 3, height, width], true) = (shape.as_slice(), !values.is_empty()) else {
            let message = format!("`{KEY}` is {shape:?}, expected [n, 3, height, width]");
            return Err(RunError::in_file(file, message));
        };
        let (Some(height), Some(width)) = (side(height), side(width)) else {
            return Err(RunError::in_file(file, format!("`{KEY}` is {shape:?}")));
        };
        let size = ImageSize::new(height, width);
        if let Some(idx) = values.iter().position(|value| !value.is_finite()) {
            let image_idx = idx / (3 * size.num_pixels());
            let message = format!(
                "{}: image {image_idx} of the tensor `{KEY}` holds {}, which no pixel can be",
                file.display(),
                values[idx]
            );
            return Err(RunError::internal(message));
        }
        Ok(Self::of_values(num_images, size, values))
    }
}
