//! What a file is by its first bytes, whatever its name says.

use image::ImageFormat;

/// What to do about a kind of file that is not read.
pub(crate) const CONVERT: &str = "convert it to an 8-bit baseline JPEG or a PNG";

/// What a file that ought to be a photo is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileKind {
    Jpeg,
    Png,
    /// No photo that is read; what to say of it.
    Other(String),
}

/// Formats of images that the `image` crate does not tell: their name, and the bytes at a place.
const IMAGES: [(&str, usize, &[u8]); 17] = [
    ("HEIC", 4, b"ftypheic"),
    ("HEIC", 4, b"ftypheix"),
    ("HEIC", 4, b"ftyphevc"),
    ("HEIC", 4, b"ftyphevx"),
    ("HEIF", 4, b"ftypmif1"),
    ("HEIF", 4, b"ftypmsf1"),
    ("AVIF", 4, b"ftypavi"),
    ("a film or another file of the MPEG-4 family", 4, b"ftyp"),
    ("JPEG 2000", 4, b"jP  "),
    ("JPEG 2000", 0, b"\xFF\x4F\xFF\x51"),
    ("JPEG XL", 4, b"JXL "),
    ("JPEG XL", 0, b"\xFF\x0A"),
    ("Photoshop", 0, b"8BPS"),
    ("DICOM", 128, b"DICM"),
    ("a raw photo of Fujifilm", 0, b"FUJIFILM"),
    ("BigTIFF", 0, b"II+\0"),
    ("BigTIFF", 0, b"MM\0+"),
];

/// Files that are no images.
const NO_IMAGES: [(&str, &[u8]); 7] = [
    (
        "is a pointer of Git LFS, not the photo; fetch it with `git lfs pull`",
        b"version https://git-lfs",
    ),
    ("is a web page, not the photo; download it again", b"<!doctype html"),
    ("is a web page, not the photo; download it again", b"<html"),
    ("is a drawing or another text in XML, not a photo; convert it to a PNG", b"<?xml"),
    ("is a drawing (SVG), not a photo; convert it to a PNG", b"<svg"),
    ("is a PDF, not a photo; take the photo out of it", b"%PDF"),
    ("is a ZIP archive, not a photo; unpack it", b"PK\x03\x04"),
];

/// The kind of a file by its content.
pub(crate) fn kind_of(bytes: &[u8]) -> FileKind {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => FileKind::Jpeg,
        Ok(ImageFormat::Png) => FileKind::Png,
        Ok(ImageFormat::Tiff) => FileKind::Other(image("TIFF (or a camera's raw photo)")),
        Ok(other) => FileKind::Other(image(other.to_mime_type())),
        Err(_) if bytes.is_empty() => FileKind::Other("is empty; copy it again".to_owned()),
        Err(_) => FileKind::Other(other(bytes)),
    }
}

/// Whether a file is an image of any kind.
pub(crate) fn is_image(bytes: &[u8]) -> bool {
    image::guess_format(bytes).is_ok() || named_image(bytes).is_some()
}

fn named_image(bytes: &[u8]) -> Option<&'static str> {
    let at = |&&(_, at, magic): &&(&str, usize, &[u8])| {
        bytes.get(at..).is_some_and(|bytes| bytes.starts_with(magic))
    };
    IMAGES.iter().find(at).map(|(name, ..)| *name)
}

fn image(name: &str) -> String {
    format!("is {name}; photos are JPEG or PNG: {CONVERT}")
}

fn other(bytes: &[u8]) -> String {
    if let Some(name) = named_image(bytes) {
        return image(name);
    }
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    let starts = |&&(_, magic): &&(&str, &[u8])| {
        text.get(..magic.len()).is_some_and(|start| start.eq_ignore_ascii_case(magic))
    };
    match NO_IMAGES.iter().find(starts) {
        Some((what_to_say, _)) => (*what_to_say).to_owned(),
        None if bytes.iter().all(|&byte| byte == 0) => "holds zeros only; copy it again".to_owned(),
        None => "is neither JPEG nor PNG".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{FileKind, kind_of};

    #[track_caller]
    fn assert_says(bytes: &[u8], expected: &str) {
        match kind_of(bytes) {
            FileKind::Other(found) => assert!(found.contains(expected), "{found}"),
            kind => panic!("{kind:?}"),
        }
    }

    #[test]
    fn other_formats_of_images_are_named_with_what_to_do() {
        for (bytes, name) in [
            (b"\0\0\0\x18ftypheic\0\0\0\0".as_slice(), "is HEIC;"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0", "is HEIF;"),
            (b"\0\0\0\x1cftypavis\0\0\0\0", "is AVIF;"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "is image/webp;"),
            (b"GIF89a\x01\0\x01\0", "is image/gif;"),
            (b"BM\x36\0\0\0\0\0\0\0", "is image/bmp;"),
            (b"II*\0\x08\0\0\0", "is TIFF"),
            (b"MM\0*\0\0\0\x08", "is TIFF"),
            (b"\0\0\0\x0cjP  \r\n\x87\n", "is JPEG 2000;"),
            (b"\xFF\x0A\x01\x02", "is JPEG XL;"),
            (b"8BPS\0\x01", "is Photoshop;"),
        ] {
            assert_says(bytes, name);
            assert_says(bytes, "convert it to an 8-bit baseline JPEG or a PNG");
        }
    }

    #[test]
    fn files_that_are_no_images_are_named_with_what_to_do() {
        assert_says(b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull");
        assert_says(b"\xEF\xBB\xBF\r\n <!DOCTYPE html><html>", "web page");
        assert_says(b"<?xml version=\"1.0\"?><svg/>", "convert it to a PNG");
        assert_says(b"%PDF-1.7", "PDF");
        assert_says(b"", "is empty");
        assert_says(&[0; 512], "holds zeros only");
        assert_says(b"id,label\n1,Acne\n", "neither JPEG nor PNG");
    }
}
