//! Photos at the size of the network, ready to be batched.

use crate::draw::Draw;
use burn::tensor::{Device, Tensor, TensorData};
use dermx_data::{
    AugmentConfig, DataError, DecodedCache, DecodedKey, ImageSize, Normalization, PhotoLook,
    augment, read_photo, read_resized_with_hash, to_planes,
};
use image::RgbImage;
use rayon::prelude::*;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

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
    decoded: Option<Decoded>,
    cache: Option<Vec<RgbImage>>,
    /// BLAKE3 of each photo's file, once it is known: a file may be read once an epoch, and has to be
    /// the same each time.
    file_hashes: Vec<OnceLock<blake3::Hash>>,
}

/// Decoded photos on disk.
#[derive(Debug)]
struct Decoded {
    cache: DecodedCache,
    /// One for each photo.
    keys: Vec<DecodedKey>,
}

impl Photos {
    /// The photos of `items` (id and file). With `cache`, all are decoded now and kept in memory
    /// as bytes (`3 * height * width` for each); otherwise each is decoded whenever it is needed.
    ///
    /// # Errors
    /// With `cache`, photos that cannot be read: all of them, in the order of `items`.
    pub fn open(
        items: Vec<(String, PathBuf)>,
        size: ImageSize,
        normalization: Normalization,
        cache: bool,
    ) -> Result<Self, DataError> {
        let file_hashes = items.iter().map(|_| OnceLock::new()).collect();
        Self { items, size, normalization, decoded: None, cache: None, file_hashes }.kept(cache)
    }

    /// As [`Self::open`], with decoded photos kept in `folder` for the next run, too: see
    /// [`DecodedCache`]. Every photo's file is hashed now.
    ///
    /// # Errors
    /// A photo that cannot be read, or a folder that cannot be written.
    pub fn open_decoded(
        items: Vec<(String, PathBuf)>,
        size: ImageSize,
        normalization: Normalization,
        cache: bool,
        folder: &Path,
    ) -> Result<Self, DataError> {
        let mut photos = Self::open(items, size, normalization, false)?;
        let decoded = DecodedCache::open(folder, size)?;
        let keys = photos.for_each(&photos.indices(), |idx| decoded.key(&photos.items[idx].1))?;
        for (idx, key) in keys.iter().enumerate() {
            photos.check_file(idx, key.file_hash())?;
        }
        photos.decoded = Some(Decoded { cache: decoded, keys });
        photos.kept(cache)
    }

    /// Some of the photos, each by its place and with another id; one may be there several times.
    ///
    /// # Errors
    /// None that photos can cause that were opened.
    pub fn picked(&self, picks: &[(usize, String)]) -> Result<Self, DataError> {
        let items = picks.iter().map(|(idx, id)| (id.clone(), self.path(*idx).to_path_buf()));
        let photos = Self::open(items.collect(), self.size, self.normalization, false)?;
        let known = picks.iter().map(|(idx, _)| self.file_hashes.get(*idx)?.get());
        for (place, hash) in known.enumerate() {
            if let Some(hash) = hash {
                photos.check_file(place, *hash)?;
            }
        }
        Ok(photos)
    }

    fn kept(mut self, cache: bool) -> Result<Self, DataError> {
        if cache {
            self.cache = Some(self.for_each(&self.indices(), |idx| self.read(idx))?);
        }
        Ok(self)
    }

    /// Says of the photos what BLAKE3 of their files has to be, whenever they were or will be read;
    /// nothing of those of which `hash_of` knows nothing.
    ///
    /// # Errors
    /// The first photo that was read already, from another file.
    pub fn expect_files(
        &self,
        hash_of: impl Fn(&Path) -> Option<blake3::Hash>,
    ) -> Result<(), DataError> {
        let hashes = self.items.iter().map(|(_, path)| hash_of(path)).enumerate();
        hashes
            .filter_map(|(idx, hash)| Some((idx, hash?)))
            .try_for_each(|(idx, hash)| self.check_file(idx, hash))
    }

    /// Checks that the file of photo `idx` is what it was; the first time, notes what it is.
    fn check_file(&self, idx: usize, hash: blake3::Hash) -> Result<(), DataError> {
        match *self.file_hashes[idx].get_or_init(|| hash) == hash {
            true => Ok(()),
            false => Err(DataError::changed(&self.items[idx].1)),
        }
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

    /// File of photo `idx`.
    pub fn path(&self, idx: usize) -> &Path {
        self.items.get(idx).map_or(Path::new(""), |(_, path)| path)
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

    /// What each photo looks like, to find copies of it.
    ///
    /// # Errors
    /// Photos that cannot be read: all of them.
    pub fn looks(&self) -> Result<Vec<PhotoLook>, DataError> {
        let is_enough = self.size.height.min(self.size.width) >= PhotoLook::MIN_SIDE_PX;
        self.for_each(&self.indices(), |idx| {
            let path = &self.items[idx].1;
            Ok(match is_enough {
                true => PhotoLook::new(path, self.photo(idx)?.as_ref()),
                false => PhotoLook::new(path, &read_photo(path)?),
            })
        })
    }

    /// The standardized photos of `indices`, `[indices.len(), 3, height, width]` in row-major order.
    ///
    /// # Errors
    /// The first photo that cannot be read.
    pub fn batch(&self, indices: &[usize]) -> Result<Vec<f32>, DataError> {
        self.planes(indices, |&idx| {
            Ok(self.photo(idx)?.as_raw().iter().map(|&value| f32::from(value)).collect())
        })
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
        self.planes(draws, |draw| {
            let params = draw.augmentation(config, seed, epoch);
            Ok(augment(self.photo(draw.idx)?.as_ref(), &params, config))
        })
    }

    /// The standardized planes of the values that `make` gives for each item, one after the other.
    fn planes<I: Sync>(
        &self,
        items: &[I],
        make: impl Fn(&I) -> Result<Vec<f32>, DataError> + Sync,
    ) -> Result<Vec<f32>, DataError> {
        let num_values = 3 * self.size.num_pixels();
        let mut planes = vec![0.0; items.len() * num_values];
        let places = planes.par_chunks_mut(num_values.max(1));
        let results: Vec<Result<(), DataError>> = places
            .zip(items)
            .map(|(place, item)| {
                place.copy_from_slice(&to_planes(&make(item)?, self.size, &self.normalization));
                Ok(())
            })
            .collect();
        all_of(results)?;
        Ok(planes)
    }

    fn read(&self, idx: usize) -> Result<RgbImage, DataError> {
        let (_, path) = &self.items[idx];
        match &self.decoded {
            Some(Decoded { cache, keys }) => cache.photo(path, keys[idx]),
            None => {
                let (photo, hash) = read_resized_with_hash(path, self.size)?;
                self.check_file(idx, hash)?;
                Ok(photo)
            }
        }
    }

    /// Maps `indices` in parallel; results in order, and of several errors one that names them all.
    fn for_each<T: Send>(
        &self,
        indices: &[usize],
        make: impl Fn(usize) -> Result<T, DataError> + Send + Sync,
    ) -> Result<Vec<T>, DataError> {
        all_of(indices.par_iter().map(|&idx| make(idx)).collect())
    }
}

/// The values, or one error that names every photo that cannot be read.
fn all_of<T>(results: Vec<Result<T, DataError>>) -> Result<Vec<T>, DataError> {
    let mut values = Vec::with_capacity(results.len());
    let mut errors = Vec::new();
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    match DataError::of_several(errors) {
        None => Ok(values),
        Some(error) => Err(error),
    }
}
