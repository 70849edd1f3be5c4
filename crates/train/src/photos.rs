//! Photos at the size of the network, ready to be batched.

use crate::sampling::Draw;
use burn::tensor::{Device, Tensor, TensorData};
use dermx_data::{
    AugmentConfig, AugmentParams, DataError, ImageSize, Normalization, Random, augment, read_photo,
    resize, to_planes,
};
use image::RgbImage;
use rayon::prelude::*;
use std::borrow::Cow;
use std::path::PathBuf;

/// A batch of standardized images as a tensor.
///
/// # Shapes
/// - `planes`: `[num_images, 3, height, width]` in row-major order
/// - output: the same
pub fn images_to_tensor(
    planes: Vec<f32>,
    num_images: usize,
    size: ImageSize,
    device: &Device,
) -> Tensor<4> {
    let shape = [num_images, 3, size.height as usize, size.width as usize];
    Tensor::from_data(TensorData::new(planes, shape), device)
}

/// A list of photos, read at one size and standardized in one way.
#[derive(Debug)]
pub struct Photos {
    items: Vec<(String, PathBuf)>,
    size: ImageSize,
    normalization: Normalization,
    cache: Option<Vec<RgbImage>>,
}

impl Photos {
    /// The photos of `items` (id and file). With `cache`, all are decoded now and kept in memory
    /// as bytes (`3 * height * width` for each); otherwise each is decoded whenever it is needed.
    ///
    /// # Errors
    /// With `cache`, the first photo (in the order of `items`) that cannot be read.
    pub fn open(
        items: Vec<(String, PathBuf)>,
        size: ImageSize,
        normalization: Normalization,
        cache: bool,
    ) -> Result<Self, DataError> {
        let mut photos = Self { items, size, normalization, cache: None };
        if cache {
            photos.cache = Some(photos.for_each(&photos.indices(), |&idx| photos.read(idx))?);
        }
        Ok(photos)
    }

    /// Number of photos.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no photo.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Id of photo `idx`.
    pub fn id(&self, idx: usize) -> &str {
        self.items.get(idx).map_or("", |(id, _)| id)
    }

    /// The size that the network sees.
    pub const fn size(&self) -> ImageSize {
        self.size
    }

    /// Indices of all photos in order.
    pub fn indices(&self) -> Vec<usize> {
        (0..self.len()).collect()
    }

    /// Photo `idx` at network size.
    ///
    /// # Errors
    /// A photo that cannot be read.
    pub fn photo(&self, idx: usize) -> Result<Cow<'_, RgbImage>, DataError> {
        match self.cache.as_ref().and_then(|cache| cache.get(idx)) {
            Some(photo) => Ok(Cow::Borrowed(photo)),
            None => self.read(idx).map(Cow::Owned),
        }
    }

    /// The standardized photos of `indices`, `[indices.len(), 3, height, width]` in row-major order.
    ///
    /// # Errors
    /// The first photo that cannot be read.
    pub fn batch(&self, indices: &[usize]) -> Result<Vec<f32>, DataError> {
        let planes = self.for_each(indices, |&idx| {
            let photo = self.photo(idx)?;
            let floats: Vec<f32> = photo.as_raw().iter().map(|&value| f32::from(value)).collect();
            Ok(to_planes(&floats, self.size, &self.normalization))
        })?;
        Ok(planes.concat())
    }

    /// As [`Self::batch`], each photo augmented as (`seed`, `epoch`, name of the draw) says.
    ///
    /// # Errors
    /// The first photo that cannot be read.
    pub fn augmented_batch(
        &self,
        draws: &[Draw],
        config: &AugmentConfig,
        seed: u64,
        epoch: u32,
    ) -> Result<Vec<f32>, DataError> {
        let planes = self.for_each(draws, |draw| {
            let mut random = Random::new(seed, "augment", u64::from(epoch), &draw.name);
            let params: AugmentParams = config.draw(&mut random);
            let floats = augment(self.photo(draw.idx)?.as_ref(), &params, config);
            Ok(to_planes(&floats, self.size, &self.normalization))
        })?;
        Ok(planes.concat())
    }

    fn read(&self, idx: usize) -> Result<RgbImage, DataError> {
        let (_, path) = &self.items[idx];
        Ok(resize(&read_photo(path)?, self.size))
    }

    /// Maps `items` in parallel; results in order, and of several errors always the first.
    fn for_each<I: Sync, T: Send>(
        &self,
        items: &[I],
        make: impl Fn(&I) -> Result<T, DataError> + Send + Sync,
    ) -> Result<Vec<T>, DataError> {
        let results: Vec<_> = items.par_iter().map(make).collect();
        results.into_iter().collect()
    }
}
