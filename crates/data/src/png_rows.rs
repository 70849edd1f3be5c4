//! PNG files read row by row, with one set of limits for whoever reads one.

use crate::ImageSize;
use png::{BitDepth, Decoder, DecodingError, Limits, Reader, Transformations};
use std::io::Cursor;

/// Memory that the parts of a file beside its pixels may take, in bytes.
const MAX_BYTES: usize = 512 << 20;

/// A PNG whose pixels were not read yet: gray or RGB, with or without alpha, of 8 or 16 bits. Palettes and
/// fewer bits are brought to that.
pub struct PngRows<'a> {
    reader: Reader<Cursor<&'a [u8]>>,
    size: ImageSize,
}

/// A decoder that takes no more memory than `MAX_BYTES` beside the pixels. Texts and color profiles may unpack
/// to gigabytes and are passed over.
pub(crate) fn decoder(bytes: &[u8]) -> Decoder<Cursor<&[u8]>> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: MAX_BYTES });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder
}

/// The size in the head of a PNG.
pub(crate) fn size(decoder: &mut Decoder<Cursor<&[u8]>>) -> Result<ImageSize, DecodingError> {
    let (width, height) = decoder.read_header_info()?.size();
    Ok(ImageSize::new(height, width))
}

impl<'a> PngRows<'a> {
    /// The PNG in `bytes`; `check` is asked for the size in its head before memory is taken for pixels.
    ///
    /// # Errors
    /// What is wrong: no PNG, or what `check` says.
    pub fn open(
        bytes: &'a [u8],
        check: impl FnOnce(ImageSize) -> Result<(), String>,
    ) -> Result<Self, String> {
        let mut decoder = decoder(bytes);
        decoder.set_transformations(Transformations::EXPAND);
        let size = size(&mut decoder).map_err(in_words)?;
        check(size)?;
        Ok(Self { reader: decoder.read_info().map_err(in_words)?, size })
    }

    /// The size of the image.
    pub fn size(&self) -> ImageSize {
        self.size
    }

    /// Values of a pixel: 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA).
    pub fn num_channels(&self) -> usize {
        self.reader.output_color_type().0.samples()
    }

    /// Whether a value has 16 bits, and so two bytes, the high one first.
    pub fn is_16_bit(&self) -> bool {
        self.reader.output_color_type().1 == BitDepth::Sixteen
    }

    /// Calls `row` with the bytes of each row, from the top. A row is all that is held in memory, but for
    /// interlaced files, which are held whole.
    ///
    /// # Errors
    /// Damage, or what `row` says.
    pub fn read(mut self, mut row: impl FnMut(&[u8]) -> Result<(), String>) -> Result<(), String> {
        let num_bytes = self.num_channels() * if self.is_16_bit() { 2 } else { 1 };
        let num_bytes = num_bytes * self.size.width as usize;
        if self.reader.info().interlaced {
            let mut pixels = vec![0; num_bytes * self.size.height as usize];
            self.reader.next_frame(&mut pixels).map_err(in_words)?;
            return pixels.chunks_exact(num_bytes).try_for_each(row);
        }
        let mut num_rows = 0;
        while let Some(next) = self.reader.next_row().map_err(in_words)? {
            if next.data().len() != num_bytes || num_rows == self.size.height {
                return Err("a PNG whose pixels have another size than it says".to_owned());
            }
            row(next.data())?;
            num_rows += 1;
        }
        match num_rows == self.size.height {
            true => Ok(()),
            false => Err(format!("a PNG of {num_rows} rows that says it has {}", self.size.height)),
        }
    }
}

fn in_words(error: DecodingError) -> String {
    match error {
        DecodingError::IoError(_) => "a PNG that is cut off".to_owned(),
        DecodingError::LimitsExceeded => "a PNG whose chunks are too large".to_owned(),
        other => format!("no PNG or a damaged one ({other})"),
    }
}
