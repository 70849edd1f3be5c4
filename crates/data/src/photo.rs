//! Photos: JPEG and PNG files to 8-bit RGB, or an error that names the file.
//!
//! The decoders are used directly and strictly: the usual lenient setting turns a cut-off file into
//! a photo whose lower part is gray, and such a photo would be trained on without a word.

use crate::file_kind::{CONVERT, FileKind, kind_of};
use crate::{DataError, ImageSize, jpeg, orientation, resize};
use image::{DynamicImage, ImageFormat, ImageReader, RgbImage};
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Longest side of a photo that is decoded, in pixels.
const MAX_SIDE_PX: u32 = 65_500;
/// Largest photo that is decoded, in pixels.
const MAX_PIXELS: u64 = 100_000_000;
/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 512 << 20;

const TRUNCATED_JPEG: &str = "is a truncated JPEG; copy it again";

/// Whether the orientation that a file states turns its photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Orientation {
    /// Turn and mirror the photo as its EXIF or XMP says: the photo as its viewer sees it.
    #[default]
    Apply,
    /// Leave the pixels as they are stored, as Keras does.
    Ignore,
}

/// Reads a JPEG or PNG file as 8-bit RGB, turned as its EXIF or XMP says.
///
/// See [`decode_photo`] for the rules.
///
/// # Errors
/// The file cannot be read or is larger than 512 MiB, or its content is refused by
/// [`decode_photo`].
pub fn read_photo(path: &Path) -> Result<RgbImage, DataError> {
    decode_photo(&read_bytes(path)?, path, Orientation::Apply)
}

/// As [`read_photo`], then [`resize`] to `size`; the memory of the photo serves for the thread's next.
///
/// # Errors
/// As [`read_photo`].
pub fn read_resized(path: &Path, size: ImageSize) -> Result<RgbImage, DataError> {
    decode_resized(&read_bytes(path)?, path, size)
}

/// As [`read_resized`], with the BLAKE3 hash of the file that the photo was read from.
///
/// # Errors
/// As [`read_photo`].
pub fn read_resized_with_hash(
    path: &Path,
    size: ImageSize,
) -> Result<(RgbImage, blake3::Hash), DataError> {
    let bytes = read_bytes(path)?;
    Ok((decode_resized(&bytes, path, size)?, blake3::hash(&bytes)))
}

fn decode_resized(bytes: &[u8], path: &Path, size: ImageSize) -> Result<RgbImage, DataError> {
    let photo = decode_photo(bytes, path, Orientation::Apply)?;
    let resized = resize(&photo, size);
    jpeg::recycle(photo.into_raw());
    Ok(resized)
}

/// The size of a photo as [`read_photo`] gives it, from the head of the file.
///
/// # Errors
/// The file cannot be read, is no JPEG or PNG, or its head is damaged.
pub fn photo_size(path: &Path) -> Result<ImageSize, DataError> {
    let bytes = read_bytes(path)?;
    let (format, turn) = match kind_of(&bytes) {
        FileKind::Jpeg => (ImageFormat::Jpeg, orientation::of_jpeg(&bytes)),
        FileKind::Png => (ImageFormat::Png, orientation::of_png(&bytes)),
        FileKind::Other(what_to_say) => return Err(invalid(path, what_to_say)),
    };
    let (width, height) = ImageReader::with_format(Cursor::new(&bytes), format)
        .into_dimensions()
        .map_err(|error| invalid(path, error.to_string()))?;
    check_size(width, height).map_err(|message| invalid(path, message))?;
    use image::metadata::Orientation as Turn;
    let is_turned = matches!(
        turn,
        Some(Turn::Rotate90 | Turn::Rotate270 | Turn::Rotate90FlipH | Turn::Rotate270FlipH)
    );
    Ok(if is_turned { ImageSize::new(width, height) } else { ImageSize::new(height, width) })
}

/// Decodes the bytes of a JPEG or PNG file as 8-bit RGB; `path` only names the file in errors.
///
/// The format is told by the content, never by the name. Gray becomes three equal channels, alpha
/// is dropped, 16 bits become 8 by keeping the high byte, palettes are looked up, and CMYK and YCCK
/// are taken to be inverted as Adobe writes them: `R = (255 - C) (255 - K) / 255`. The orientation is
/// the first valid one in EXIF, then in XMP, wherever the format keeps them; damage there is no error.
///
/// # Errors
/// Other formats and rare kinds of JPEG (lossless, arithmetic coding, hierarchical, 12 bits), called
/// what they are; photos above 65,500 pixels per side or 100 megapixels, refused before memory is
/// taken; truncated or damaged files. A JPEG that lost a part of its middle but not its end may pass,
/// as it does in Pillow: the format has no checksum.
///
/// # Source
/// The colors are those of Pillow's `Image.open(path).convert("RGB")` (with libjpeg-turbo), except
/// 16-bit gray, which Pillow clips at 255. They are equal to the last bit for PNG and for the JPEGs of
/// cameras: sequential Huffman coding in one scan, gray, YCbCr or RGB, colors in full, half or quarter
/// resolution. Of other JPEGs (progressive, CMYK) a few values differ by up to 3.
pub fn decode_photo(
    bytes: &[u8],
    path: &Path,
    orientation: Orientation,
) -> Result<RgbImage, DataError> {
    type Decode = fn(&[u8]) -> Result<RgbImage, String>;
    type Orient = fn(&[u8]) -> Option<image::metadata::Orientation>;
    let (decode, orient): (Decode, Orient) = match kind_of(bytes) {
        FileKind::Jpeg => (decode_jpeg, orientation::of_jpeg),
        FileKind::Png => (decode_png, orientation::of_png),
        FileKind::Other(what_to_say) => return Err(invalid(path, what_to_say)),
    };
    // The last line of defense: a decoder that panics must not end a run that takes days.
    let photo = catch_unwind(AssertUnwindSafe(|| decode(bytes)))
        .unwrap_or_else(|_| Err("makes the decoder panic; it is damaged: replace it".to_owned()))
        .map_err(|message| invalid(path, message))?;
    let turn = match orientation {
        Orientation::Apply => orient(bytes),
        Orientation::Ignore => None,
    };
    let Some(turn) = turn else { return Ok(photo) };
    let mut photo = DynamicImage::ImageRgb8(photo);
    photo.apply_orientation(turn);
    Ok(photo.into_rgb8())
}

/// The bytes of a photo's file; larger ones than any photo's are refused.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, DataError> {
    let file = std::fs::File::open(path).map_err(|e| DataError::io(path, &e))?;
    let num_bytes = file.metadata().map_or(0, |metadata| metadata.len()).min(MAX_FILE_BYTES);
    let mut bytes = Vec::with_capacity(num_bytes as usize);
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|e| DataError::io(path, &e))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(invalid(path, "is larger than 512 MiB; photos are smaller"));
    }
    Ok(bytes)
}

fn invalid(path: &Path, message: impl Into<String>) -> DataError {
    DataError::invalid(path, "", message)
}

fn check_size(width: u32, height: u32) -> Result<(), String> {
    let size = ImageSize::new(height, width);
    if width == 0 || height == 0 {
        return Err(format!("has no pixels ({size})"));
    }
    let num_pixels = u64::from(width) * u64::from(height);
    if width.max(height) > MAX_SIDE_PX || num_pixels > MAX_PIXELS {
        return Err(format!(
            "is {size} pixels; at most {MAX_SIDE_PX} per side and 100 megapixels are read: \
             make it smaller"
        ));
    }
    Ok(())
}

/// Decodes a JPEG: what cameras write with our own decoder, all else with zune-jpeg.
fn decode_jpeg(bytes: &[u8]) -> Result<RgbImage, String> {
    check_jpeg_ends(bytes)?;
    if let Some(kind) = jpeg::unread_kind(bytes) {
        return Err(format!("is a JPEG {kind}; this kind is not read: {CONVERT}"));
    }
    match jpeg::Header::read(bytes) {
        Some(header) => decode_camera_jpeg(&header, bytes),
        None => decode_other_jpeg(bytes),
    }
}

fn decode_camera_jpeg(header: &jpeg::Header<'_>, bytes: &[u8]) -> Result<RgbImage, String> {
    let jpeg::Header { width, height, .. } = *header;
    check_jpeg_size(width, height, bytes)?;
    rgb_image(width, height, header.pixels().map_err(damaged_jpeg)?)
}

fn decode_other_jpeg(bytes: &[u8]) -> Result<RgbImage, String> {
    // Headers are read leniently (cameras write odd ones), the pixels strictly.
    let lenient = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), lenient);
    let damaged = |error: DecodeErrors| damaged_jpeg(error.to_string().trim().trim_matches('"'));
    decoder.decode_headers().map_err(damaged)?;
    let info = decoder.info().ok_or("is a JPEG without header")?;
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    check_jpeg_size(width, height, bytes)?;
    decoder.set_options(lenient.set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::RGB));
    rgb_image(width, height, decoder.decode().map_err(damaged)?)
}

fn damaged_jpeg(reason: &str) -> String {
    format!("is a damaged JPEG ({reason}); replace it")
}

/// Before memory is taken: the limits, and whether the file can hold that many pixels.
fn check_jpeg_size(width: u32, height: u32, bytes: &[u8]) -> Result<(), String> {
    check_size(width, height)?;
    // Each block of 8 x 8 pixels takes at least one bit.
    let num_blocks = u64::from(width.div_ceil(8)) * u64::from(height.div_ceil(8));
    if num_blocks > 8 * bytes.len() as u64 { Err(TRUNCATED_JPEG.to_owned()) } else { Ok(()) }
}

/// Refuses a JPEG that is cut off: without the marker `FF D9`.
///
/// It is looked for segment by segment because embedded previews hold one too.
fn check_jpeg_ends(bytes: &[u8]) -> Result<(), String> {
    let truncated = || TRUNCATED_JPEG.to_owned();
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        let marker = memchr::memchr(0xFF, rest).ok_or_else(truncated)?;
        rest = &rest[marker + 1..];
        match rest {
            // Filler; a stuffed zero, a restart or another marker without content.
            [0xFF, ..] => {}
            [0x00 | 0x01 | 0xD0..=0xD8, tail @ ..] => rest = tail,
            [0xD9, ..] => return Ok(()),
            [_, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest = rest.get(1 + length..).ok_or_else(truncated)?;
            }
            _ => return Err(truncated()),
        }
    }
}

fn decode_png(bytes: &[u8]) -> Result<RgbImage, String> {
    if bytes.get(12..16) == Some(b"CgBI") {
        return Err(format!(
            "is a PNG as Apple changes it for its phones (CgBI); this kind is not read: {CONVERT}"
        ));
    }

    let broken = |e: png::DecodingError| match e {
        png::DecodingError::IoError(_) => "is a truncated PNG; copy it again".to_owned(),
        png::DecodingError::LimitsExceeded => "is a PNG whose chunks are too large".to_owned(),
        other => format!("is a damaged PNG ({other}); replace it"),
    };
    let limits = png::Limits { bytes: MAX_FILE_BYTES as usize };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    // Texts may unpack to gigabytes; those about orientation are read elsewhere.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let (width, height) = decoder.read_header_info().map_err(broken)?.size();
    check_size(width, height)?;
    let mut reader = decoder.read_info().map_err(broken)?;
    let num_bytes = reader.output_buffer_size().ok_or("is a PNG too large for this machine")?;
    let mut pixels = vec![0; num_bytes];
    reader.next_frame(&mut pixels).map_err(broken)?;
    rgb_image(width, height, rgb_of(pixels, reader.output_color_type().0.samples()))
}

/// Interleaved RGB from 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA) interleaved channels.
fn rgb_of(pixels: Vec<u8>, num_channels: usize) -> Vec<u8> {
    match num_channels {
        1 | 2 => pixels.chunks_exact(num_channels).flat_map(|pixel| [pixel[0]; 3]).collect(),
        3 => pixels,
        _ => pixels.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
    }
}

fn rgb_image(width: u32, height: u32, pixels: Vec<u8>) -> Result<RgbImage, String> {
    let found = pixels.len();
    RgbImage::from_raw(width, height, pixels)
        .ok_or_else(|| format!("decodes to {found} bytes, not {width} x {height} x 3"))
}
