//! Photos that were decoded and resized before, in a folder.

use crate::photo::read_bytes;
use crate::{DataError, ImageSize, Orientation, decode_photo, resize};
use image::RgbImage;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Part of every key: a change of what [`decode_photo`] or [`resize`] yield raises it.
const VERSION: &[u8] = b"dermx decoded photo 3";
/// Bytes of a hash, which come before the pixels.
const HASH_BYTES: usize = blake3::OUT_LEN;

/// A folder of photos at one size: reading one from here takes a twentieth of decoding it.
///
/// An entry `<key>.rgb` holds the BLAKE3 hash of its pixels and the pixels, 3 bytes each. Its key is
/// a hash of the photo's file, the size, and the version of decoding and resizing, so an entry never
/// gets old: another photo or size has another entry. Entries are written beside their place and
/// renamed, so several processes may use a folder; a damaged entry is made again.
#[derive(Debug, Clone)]
pub struct DecodedCache {
    folder: PathBuf,
    size: ImageSize,
}

/// What an entry is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodedKey {
    entry: blake3::Hash,
    file: blake3::Hash,
}

impl DecodedKey {
    /// BLAKE3 of the photo's file.
    pub const fn file_hash(&self) -> blake3::Hash {
        self.file
    }
}

impl DecodedCache {
    /// The cache in `folder`, which is made if it is not there, of photos stretched to `size`.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: &Path, size: ImageSize) -> Result<Self, DataError> {
        crate::file::create_folder(folder)?;
        Ok(Self { folder: folder.to_path_buf(), size })
    }

    /// The key of the photo `path` as its file is now.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn key(&self, path: &Path) -> Result<DecodedKey, DataError> {
        Ok(self.key_of(&read_bytes(path)?))
    }

    /// The photo `path`, whose key was `key`, at the size of the cache: from its entry, or decoded
    /// and then written there.
    ///
    /// # Errors
    /// The photo cannot be read, is no longer the one of `key`, or its entry cannot be written.
    pub fn photo(&self, path: &Path, key: DecodedKey) -> Result<RgbImage, DataError> {
        let entry = self.folder.join(format!("{}.rgb", key.entry));
        if let Some(photo) = self.read(&entry) {
            return Ok(photo);
        }
        let bytes = read_bytes(path)?;
        if self.key_of(&bytes) != key {
            return Err(DataError::changed(path));
        }
        let photo = resize(&decode_photo(&bytes, path, Orientation::Apply)?, self.size);
        self.write(&entry, &photo)?;
        Ok(photo)
    }

    fn key_of(&self, bytes: &[u8]) -> DecodedKey {
        let mut hasher = blake3::Hasher::new();
        hasher.update(VERSION);
        hasher.update(&self.size.height.to_le_bytes());
        hasher.update(&self.size.width.to_le_bytes());
        hasher.update(bytes);
        DecodedKey { entry: hasher.finalize(), file: blake3::hash(bytes) }
    }

    /// The photo of an entry, unless it is missing or damaged.
    fn read(&self, entry: &Path) -> Option<RgbImage> {
        let mut bytes = std::fs::read(entry).ok()?;
        let hash: [u8; HASH_BYTES] = *bytes.first_chunk()?;
        bytes.drain(..HASH_BYTES);
        // The comparison is of the hashes' bytes: what is damaged may be the hash.
        let is_whole =
            bytes.len() == 3 * self.size.num_pixels() && blake3::hash(&bytes).as_bytes() == &hash;
        RgbImage::from_raw(self.size.width, self.size.height, bytes).filter(|_| is_whole)
    }

    /// Writes under a name of its own, then renames: of two processes the later one wins, and both
    /// wrote the same. Not synced, because a torn entry is found out by its hash.
    fn write(&self, entry: &Path, photo: &RgbImage) -> Result<(), DataError> {
        let io = |error: std::io::Error| DataError::io(entry, &error);
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).map_err(io)?;
        file.write_all(blake3::hash(photo.as_raw()).as_bytes()).map_err(io)?;
        file.write_all(photo.as_raw()).map_err(io)?;
        file.persist(entry).map_err(|error| io(error.error))?;
        Ok(())
    }
}
