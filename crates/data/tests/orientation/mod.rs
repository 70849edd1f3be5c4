//! Orientation: wherever a file states it, against Pillow; and what happens where it is damaged.

use crate::hex;

use dermx_data::{
    DecodedCache, FindingKind, ImageSize, Orientation, PhotoSet, Random, check_annotated_photos,
    check_photos, decode_photo, read_photo, read_resized, resize,
};
use image::metadata::Orientation as Turn;
use image::{DynamicImage, RgbImage};
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    file: String,
    /// What Pillow applies; nothing where it refuses the file.
    pillow: Option<u8>,
    expected: u8,
    /// Why more is read than Pillow does.
    because: Option<String>,
}

fn cases() -> Vec<Case> {
    let golden: Golden = serde_json::from_str(include_str!("golden.json")).expect("golden.json");
    golden.cases
}

fn file(name: &str) -> Vec<u8> {
    let case = cases().into_iter().find(|case| case.name == name).expect("a golden case");
    hex::bytes(&case.file)
}

fn decode(file: &[u8], orientation: Orientation) -> RgbImage {
    decode_photo(file, Path::new("x"), orientation).expect("decodes")
}

/// The stored pixels, turned as the number says.
fn turned(file: &[u8], number: u8) -> RgbImage {
    let mut photo = DynamicImage::ImageRgb8(decode(file, Orientation::Ignore));
    photo.apply_orientation(Turn::from_exif(number).expect("1 to 8"));
    photo.into_rgb8()
}

#[test]
fn every_place_turns_a_photo_as_pillow_does_or_says_why_not() {
    let mut num_like_pillow = 0;
    for Case { name, file, pillow, expected, because } in cases() {
        let file = hex::bytes(&file);
        assert_eq!(decode(&file, Orientation::Apply), turned(&file, expected), "{name}");
        assert_eq!(pillow == Some(expected), because.is_none(), "{name}");
        num_like_pillow += usize::from(because.is_none());
    }
    assert!(num_like_pillow > 60, "{num_like_pillow}");
}

#[test]
fn orientation_six_puts_the_stored_top_left_corner_at_the_top_right() {
    for name in ["jpeg short 6", "png eXIf behind the pixels"] {
        let file = file(name);
        let [stored, seen] =
            [Orientation::Ignore, Orientation::Apply].map(|orientation| decode(&file, orientation));
        assert_eq!((stored.width(), stored.height()), (8, 5));
        assert_eq!((seen.width(), seen.height()), (5, 8));
        assert_eq!(stored.get_pixel(0, 0), seen.get_pixel(4, 0), "{name}");
    }
}

#[test]
fn every_way_to_read_a_photo_turns_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let size = ImageSize::new(16, 10);
    let cache = DecodedCache::open(&folder.path().join("cache"), size).expect("a cache");
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).expect("a folder");
    for (name, case) in [("a.png", "png xmp behind the pixels"), ("b.jpg", "jpeg xmp element")] {
        let path = photos.join(name);
        let file = file(case);
        std::fs::write(&path, &file).expect("writes");
        let expected = turned(&file, 6);
        assert_eq!(read_photo(&path).expect("decodes"), expected);
        let resized = resize(&expected, size);
        assert_eq!(read_resized(&path, size).expect("decodes"), resized);
        let key = cache.key(&path).expect("a key");
        for _ in ["decoded", "from the cache"] {
            assert_eq!(cache.photo(&path, key).expect("decodes"), resized);
        }
    }
    // Annotations are about the photo as it is seen: 8 rows, 5 columns.
    let set = PhotoSet::read("images", &photos).expect("photos");
    let check = check_photos(std::slice::from_ref(&set), &|_, _| ());
    let of_size = |size| [("a", size), ("b", size)].map(|(id, size)| (id.to_owned(), size)).into();
    let seen = check_annotated_photos(&of_size(ImageSize::new(8, 5)), &set, &check);
    assert_eq!(seen, []);
    let stored = check_annotated_photos(&of_size(ImageSize::new(5, 8)), &set, &check);
    assert_eq!(stored.len(), 2);
    assert!(stored.iter().all(|one| one.kind == FindingKind::SizeMismatch), "{stored:?}");
}

#[test]
fn a_photo_and_its_upright_copy_are_the_same_pixels() {
    for name in ["png eXIf behind the pixels", "png raw profile in zTXt before the pixels"] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = file(name);
        std::fs::write(folder.path().join("odd.png"), &file).expect("writes");
        turned(&file, 6).save(folder.path().join("upright.png")).expect("writes");
        let set = PhotoSet::read("photos", folder.path()).expect("photos");
        let findings = check_photos(&[set], &|_, _| ()).findings;
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].kind, FindingKind::Duplicate);
        assert!(findings[0].message.contains("same pixels"), "{}", findings[0].message);
    }
}

#[test]
fn damage_in_an_orientation_does_not_make_a_photo_unreadable() {
    // What states the orientation ends where the pixels (JPEG) or their chunks (PNG) begin.
    let cases = cases();
    let odd = cases.iter().filter(|case| case.expected == 6);
    let mut num_read = 0;
    for (case_idx, case) in odd.enumerate() {
        let file = hex::bytes(&case.file);
        for round in 0..40 {
            let mut random = Random::new(0, "mutated orientation", round, &case_idx.to_string());
            // No length or marker is touched: only the metadata's own bytes.
            let Some(at) = memchr_of(&file, b"II*\0").or(memchr_of(&file, b"MM\0*")) else {
                continue;
            };
            if case.name.starts_with("jpeg") {
                let mut damaged = file.clone();
                for _ in 0..3 {
                    damaged[at + random.below(26)] = random.below(256) as u8;
                }
                let photo = decode(&damaged, Orientation::Apply);
                let (width, height) = (photo.width(), photo.height());
                assert!([(8, 5), (5, 8)].contains(&(width, height)), "{}", case.name);
                num_read += 1;
            }
        }
    }
    assert!(num_read > 1000, "{num_read}");
}

fn memchr_of(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
