//! Binary masks as runs of pixels.

use crate::{DataError, ImageSize, MaskBuilder, file};
use image::codecs::png::{CompressionType, FilterType, PngDecoder, PngEncoder};
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder};
use std::io::Cursor;
use std::path::Path;

/// Largest mask that is read from a file, in pixels: as large as a photo may be.
const MAX_FILE_PIXELS: u64 = 100_000_000;

/// The pixels of an image that a rater outlined.
///
/// Pixels are numbered row by row; a run `[start, end)` holds consecutive ones. Runs are sorted and
/// neither touch nor overlap, so equal masks are equal values, and a mask of a photo takes a few
/// kilobytes.
///
/// # Panics
/// Operations on two masks panic when the sizes differ: only masks of one image can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    size: ImageSize,
    runs: Vec<[u32; 2]>,
}

impl Mask {
    /// The mask of `sorted` runs `[start, end)` of pixels, row by row: sorted by their start; they may overlap,
    /// touch or be empty.
    ///
    /// # Panics
    /// When the image has more than 2^32 - 1 pixels (65535x65535 fits).
    pub fn from_sorted_runs(size: ImageSize, sorted: impl IntoIterator<Item = [u32; 2]>) -> Self {
        assert!(u32::try_from(size.num_pixels()).is_ok(), "a mask of {size} is too large");
        let mut runs: Vec<[u32; 2]> = Vec::new();
        for [start, end] in sorted.into_iter().filter(|[start, end]| start < end) {
            match runs.last_mut() {
                Some(last) if start <= last[1] => last[1] = last[1].max(end),
                _ => runs.push([start, end]),
            }
        }
        Self { size, runs }
    }

    /// The mask without any pixel.
    pub fn empty(size: ImageSize) -> Self {
        Self::from_sorted_runs(size, [])
    }

    /// The mask of the non-zero values of `dense`, row by row.
    ///
    /// # Panics
    /// When `dense` does not hold one value per pixel.
    pub fn from_dense(dense: &[u8], size: ImageSize) -> Self {
        let mut builder = MaskBuilder::default();
        builder.push(dense);
        builder.finish(size)
    }

    /// The values 0 and 1, row by row.
    pub fn to_dense(&self) -> Vec<u8> {
        self.to_gray(1)
    }

    fn to_gray(&self, white: u8) -> Vec<u8> {
        let mut dense = vec![0; self.size.num_pixels()];
        for &[start, end] in &self.runs {
            dense[start as usize..end as usize].fill(white);
        }
        dense
    }

    /// The size of the image.
    pub fn size(&self) -> ImageSize {
        self.size
    }

    /// The runs `[start, end)` of row-major pixel indices: sorted, apart from each other, not empty.
    pub fn runs(&self) -> &[[u32; 2]] {
        &self.runs
    }

    /// The number of pixels in the mask.
    pub fn area(&self) -> usize {
        self.runs.iter().map(|[start, end]| (end - start) as usize).sum()
    }

    /// Whether the mask has no pixel.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The pixels in this mask, in `other`, or in both.
    pub fn union(&self, other: &Self) -> Self {
        assert_eq!(self.size, other.size, "masks of one image");
        let (mut left, mut right) = (self.runs.as_slice(), other.runs.as_slice());
        let merged = std::iter::from_fn(|| {
            let next = match (left.first(), right.first()) {
                (Some(a), Some(b)) if b < a => &mut right,
                (Some(_), _) => &mut left,
                (None, _) => &mut right,
            };
            next.split_off_first().copied()
        });
        Self::from_sorted_runs(self.size, merged)
    }

    /// The pixels that are in at least one of `masks`; `None` when there is no mask.
    pub fn union_all(masks: impl IntoIterator<Item = Self>) -> Option<Self> {
        masks.into_iter().reduce(|union, mask| union.union(&mask))
    }

    /// The pixels that are in at least `num` of `masks`, none of them twice; `None` without a mask.
    pub fn in_at_least(num: usize, masks: &[&Self]) -> Option<Self> {
        let size = masks.first()?.size;
        let mut borders: Vec<(u32, bool)> = Vec::new();
        for mask in masks {
            assert_eq!(mask.size, size, "masks of one image");
            borders
                .extend(mask.runs.iter().flat_map(|&[start, end]| [(start, true), (end, false)]));
        }
        // Stable: this sort merges what is sorted already, and each mask's borders are.
        borders.sort();
        let (mut num_inside, mut start, mut runs) = (0, 0, Vec::new());
        // Where one mask ends and another starts, the end comes first: the runs then touch and join.
        for (pixel, is_start) in borders {
            if is_start {
                num_inside += 1;
                start = if num_inside == num { pixel } else { start };
            } else {
                if num_inside == num {
                    runs.push([start, pixel]);
                }
                num_inside -= 1;
            }
        }
        Some(Self::from_sorted_runs(size, runs))
    }

    /// The number of pixels in both masks.
    pub fn intersection_area(&self, other: &Self) -> usize {
        assert_eq!(self.size, other.size, "masks of one image");
        let (mut left, mut right) = (self.runs.as_slice(), other.runs.as_slice());
        let mut area = 0;
        while let (Some(a), Some(b)) = (left.first(), right.first()) {
            area += a[1].min(b[1]).saturating_sub(a[0].max(b[0])) as usize;
            let behind = if a[1] <= b[1] { &mut left } else { &mut right };
            behind.split_off_first();
        }
        area
    }

    /// The mask on another grid, each pixel taking the value at its own centre.
    ///
    /// Row `i` takes source row `floor((i + 0.5) * height / new_height)`, and columns likewise.
    ///
    /// # Source
    /// Pillow's `Image.resize` with `NEAREST`, including its running sum of the step in `f64`.
    pub fn resize_nearest(&self, size: ImageSize) -> Self {
        if size == self.size {
            return self.clone();
        }
        let rows = nearest_indices(self.size.height, size.height);
        let columns = NearestColumns::new(self.size.width, size.width);
        let mut runs = Vec::new();
        for (row, &source) in (0u32..).zip(&rows) {
            let first = source * self.size.width;
            let after = first + self.size.width;
            let skipped = self.runs.partition_point(|run| run[1] <= first);
            for run in self.runs[skipped..].iter().take_while(|run| run[0] < after) {
                let span = columns.of(run.map(|pixel| pixel.clamp(first, after) - first));
                runs.push(span.map(|column| row * size.width + column));
            }
        }
        Self::from_sorted_runs(size, runs)
    }

    /// Reads an 8-bit gray PNG of the values 0 and 255.
    ///
    /// # Errors
    /// When the file cannot be read, is no PNG, has more than 100 megapixels, transparent pixels, or
    /// another value.
    pub fn read_png(path: &Path) -> Result<Self, DataError> {
        let (gray, size) = read_gray(path)?;
        if let Some(position) = gray.iter().position(|value| !matches!(value, 0 | 255)) {
            let width = size.width as usize;
            let message = format!("found the value {}; expected 0 or 255", gray[position]);
            let place = format!("row {}, column {}", position / width, position % width);
            return Err(DataError::invalid(path, place, message));
        }
        Ok(Self::from_dense(&gray, size))
    }

    /// Reads a PNG of any depth or color whose pixels above 0 (in any channel) are in the mask.
    ///
    /// # Errors
    /// When the file cannot be read, is no PNG, has more than 100 megapixels, or transparent pixels.
    pub fn read_positive_png(path: &Path) -> Result<Self, DataError> {
        let (gray, size) = read_gray(path)?;
        Ok(Self::from_dense(&gray, size))
    }

    /// Writes an 8-bit gray PNG of the values 0 and 255; equal masks give equal bytes.
    ///
    /// # Errors
    /// When the file cannot be written, or the mask has no row or no column.
    pub fn write_png(&self, path: &Path) -> Result<(), DataError> {
        let mut bytes = Vec::new();
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::NoFilter)
            .write_image(
                &self.to_gray(255),
                self.size.width,
                self.size.height,
                ExtendedColorType::L8,
            )
            .map_err(|error| DataError::invalid(path, "", error.to_string()))?;
        file::write(path, &bytes)
    }
}

/// The pixels of a PNG as 8-bit gray; what is above 0 stays so.
fn read_gray(path: &Path) -> Result<(Vec<u8>, ImageSize), DataError> {
    let invalid = |message: String| DataError::invalid(path, "", message);
    let bytes = file::read(path)?;
    let no_png = |error| invalid(format!("found {error}; expected an 8-bit gray PNG"));
    let decoder = PngDecoder::new(Cursor::new(&bytes)).map_err(no_png)?;
    let (width, height) = decoder.dimensions();
    let size = ImageSize::new(height, width);
    if u64::from(width) * u64::from(height) > MAX_FILE_PIXELS {
        let message = format!("found a mask of {size}; expected at most 100 megapixels");
        return Err(invalid(message));
    }
    let image = DynamicImage::from_decoder(decoder).map_err(no_png)?;
    // A mask that stands in the alpha channel would else be read as something else.
    let is_opaque = |image: &DynamicImage| image.to_rgba8().pixels().all(|one| one.0[3] == 255);
    if image.color().has_alpha() && !is_opaque(&image) {
        let message = "found transparent pixels; expected an 8-bit gray PNG without them";
        return Err(invalid(message.to_owned()));
    }
    let gray = match image {
        DynamicImage::ImageLuma8(gray) => gray.into_raw(),
        DynamicImage::ImageLuma16(gray) => {
            gray.iter().map(|&value| (value / 257).max(u16::from(value > 0)) as u8).collect()
        }
        // The brightest channel: a dark color must not be rounded to nothing.
        other => other.to_rgb8().pixels().map(|one| one.0.into_iter().max().unwrap_or(0)).collect(),
    };
    Ok((gray, size))
}

/// Where the columns of a mask are after resizing.
pub(crate) struct NearestColumns {
    /// How many columns are picked to the left of each column, and in all.
    num_before: Vec<u32>,
}

impl NearestColumns {
    pub fn new(width: u32, new_width: u32) -> Self {
        let mut num_before = vec![0; width as usize + 1];
        for column in nearest_indices(width, new_width) {
            num_before[column as usize + 1] += 1;
        }
        for column in 1..num_before.len() {
            num_before[column] += num_before[column - 1];
        }
        Self { num_before }
    }

    /// The span `[start, end)` of new columns that are picked from a span of old ones.
    pub fn of(&self, span: [u32; 2]) -> [u32; 2] {
        span.map(|column| self.num_before[column as usize])
    }
}

/// For each of `new_len` pixels the nearest of `len` pixels, as Pillow computes it.
pub(crate) fn nearest_indices(len: u32, new_len: u32) -> Vec<u32> {
    let step = f64::from(len) / f64::from(new_len);
    let mut position = 0.5 * step;
    let mut indices = Vec::with_capacity(new_len as usize);
    for _ in 0..new_len {
        indices.push((position as u32).min(len.saturating_sub(1)));
        position += step;
    }
    indices
}
