//! The cache of decoded photos.

use dermx_data::{DecodedCache, ImageSize, read_photo, resize};
use image::{Rgb, RgbImage};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

type TestResult = Result<(), Box<dyn Error>>;

const SIZE: ImageSize = ImageSize::new(5, 7);

fn write_photo(path: &Path, shade: u8) -> TestResult {
    let photo = RgbImage::from_fn(20, 10, |x, y| Rgb([shade, 10 * x as u8, 20 * y as u8]));
    Ok(photo.save(path)?)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

#[test]
fn an_entry_holds_the_photo_after_its_hash() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("photo.png");
    write_photo(&path, 3)?;
    let cached = folder.path().join("cache");
    let cache = DecodedCache::open(&cached, SIZE)?;
    let key = cache.key(&path)?;
    let expected = resize(&read_photo(&path)?, SIZE);
    assert_eq!(cache.photo(&path, key)?, expected);
    let [entry] = &entries(&cached)?[..] else { return Err("expected one entry".into()) };
    let bytes = fs::read(entry)?;
    assert_eq!(bytes[..32], *blake3::hash(expected.as_raw()).as_bytes());
    assert_eq!(bytes[32..], *expected.as_raw());
    // The entry is enough from now on.
    fs::remove_file(&path)?;
    assert_eq!(cache.photo(&path, key)?, expected);
    Ok(())
}

#[test]
fn a_damaged_entry_is_made_again() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("photo.png");
    write_photo(&path, 3)?;
    let cached = folder.path().join("cache");
    let cache = DecodedCache::open(&cached, SIZE)?;
    let key = cache.key(&path)?;
    let expected = cache.photo(&path, key)?;
    let entry = entries(&cached)?.remove(0);
    let whole = fs::read(&entry)?;
    let flipped = |idx: usize| {
        let mut bytes = whole.clone();
        bytes[idx] ^= 1;
        bytes
    };
    let damages = [
        Vec::new(),
        whole[..31].to_vec(),
        whole[..whole.len() - 1].to_vec(),
        flipped(0),
        flipped(40),
    ];
    for damaged in damages {
        fs::write(&entry, damaged)?;
        assert_eq!(cache.photo(&path, key)?, expected);
        assert_eq!(fs::read(&entry)?, whole);
    }
    Ok(())
}

#[test]
fn another_photo_or_size_has_another_entry() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("photo.png");
    let cached = folder.path().join("cache");
    let cache = DecodedCache::open(&cached, SIZE)?;
    write_photo(&path, 3)?;
    let first = cache.key(&path)?;
    let of_first = cache.photo(&path, first)?;
    write_photo(&path, 4)?;
    let second = cache.key(&path)?;
    assert_ne!(cache.photo(&path, second)?, of_first);
    let turned = DecodedCache::open(&cached, ImageSize::new(7, 5))?;
    assert_eq!(turned.photo(&path, turned.key(&path)?)?.dimensions(), (5, 7));
    assert_eq!(entries(&cached)?.len(), 3);
    Ok(())
}

#[test]
fn a_photo_that_changes_during_a_run_is_refused() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("photo.png");
    write_photo(&path, 3)?;
    let cache = DecodedCache::open(&folder.path().join("cache"), SIZE)?;
    let key = cache.key(&path)?;
    write_photo(&path, 4)?;
    let error = cache.photo(&path, key).err().ok_or("expected an error")?;
    assert!(
        error.to_string().ends_with(
            "photo.png: changed while it was in use; put back what it was, or start again"
        )
    );
    Ok(())
}
