//! How a photo is to be turned: the one reader of orientation, wherever a file may state it.
//!
//! The first valid value (1 to 8) counts, in this order: EXIF, whatever carries it, then XMP.
//!
//! | | EXIF | XMP |
//! |---|---|---|
//! | JPEG | segments APP1 before the pixels, one by one, then joined (a block above 64 KiB is divided) | segments APP1 |
//! | PNG | chunks `eXIf`, before or behind the pixels; then texts `Raw profile type exif` and `... APP1` (ImageMagick, GIMP) | texts `XML:com.adobe.xmp` and `Raw profile type xmp` |
//!
//! Damage around a value hides it; it never makes a photo unreadable.
//!
//! # Source
//! CIPA DC-008 (EXIF 3.0), PNG 3rd edition, Adobe's XMP specification part 3. Pillow's
//! `ImageOps.exif_transpose` turns the same photos and fewer: for it a value that is not valid ends the
//! search, and so does a first block without a value; it passes over values of one byte, other
//! introductions than `Exif\0\0`, the profiles `APP1` and `xmp`, and in XMP single quotes and other
//! prefixes than `tiff`.

mod exif;
mod png;
mod xmp;

use crate::jpeg::segments;
use image::metadata::Orientation;

/// How an APP1 segment of XMP starts.
const XMP_SEGMENT: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// The segment APP1 of a JPEG.
const APP1: u8 = 0xE1;

/// The orientation that the JPEG `file` states.
pub(crate) fn of_jpeg(file: &[u8]) -> Option<Orientation> {
    let app1 = || segments(file).filter(|one| one.marker == APP1).map(|one| one.content);
    let value = app1().find_map(exif::orientation);
    let value = value.or_else(|| exif::orientation(&exif::joined(app1())?));
    let xmp = || app1().find_map(|segment| xmp::orientation(segment.strip_prefix(XMP_SEGMENT)?));
    value.or_else(xmp).and_then(Orientation::from_exif)
}

/// The orientation that the PNG `file` states.
pub(crate) fn of_png(file: &[u8]) -> Option<Orientation> {
    let png::Blocks { exif, xmp } = png::blocks(file);
    let value = exif.iter().find_map(|block| exif::orientation(block));
    let value = value.or_else(|| xmp.iter().find_map(|packet| xmp::orientation(packet)));
    value.and_then(Orientation::from_exif)
}
