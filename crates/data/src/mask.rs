//! Binary masks as runs of pixels.

use crate::photo::read_bytes;
use crate::{DataError, ImageSize, MaskBuilder, PngRows, file};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use std::path::Path;

/// Runs that the mask of any file may have, and how many more for each byte of the file. Drawn masks have some
/// thousands; a file of stripes or dots packs millions into a few bytes.
const NUM_FREE_RUNS: usize = 1 << 18;
const RUNS_PER_BYTE: usize = 64;

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
    /// When the file cannot be read, is no PNG, has more than 100 megapixels, transparent pixels, another
    /// value, or far more runs than a file of its size has.
    pub fn read_png(path: &Path) -> Result<Self, DataError> {
        read_gray(path, |value| matches!(value, 0 | 255))
    }

    /// Reads a PNG of any depth or color whose pixels above 0 (in any channel) are in the mask.
    ///
    /// # Errors
    /// As [`read_png`](Self::read_png), but for other values.
    pub fn read_positive_png(path: &Path) -> Result<Self, DataError> {
        read_gray(path, |_| true)
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

/// The mask of the pixels above 0 in a PNG, all of whose gray values have to be `expected`.
fn read_gray(path: &Path, expected: impl Fn(u8) -> bool) -> Result<Mask, DataError> {
    let bytes = read_bytes(path)?;
    let invalid = |place: String, message: String| DataError::invalid(path, place, message);
    let no_png =
        |error| invalid(String::new(), format!("found {error}; expected an 8-bit gray PNG"));
    let mut is_large = None;
    let png = PngRows::open(&bytes, |size| {
        size.check_area().inspect_err(|message| is_large = Some(message.clone()))
    });
    if let Some(message) = is_large {
        return Err(invalid(String::new(), message));
    }
    let png = png.map_err(no_png)?;
    let size = png.size();
    let gray = GrayRow { num_channels: png.num_channels(), is_16_bit: png.is_16_bit() };
    let max_runs = NUM_FREE_RUNS.saturating_add(RUNS_PER_BYTE * bytes.len());
    let mut runs: Vec<[u32; 2]> = Vec::new();
    let (mut row, mut wrong) = (0, None);
    let read = png.read(|values| {
        let found = gray.push_runs(values, row, size.width, &expected, &mut runs);
        row += 1;
        let found = match runs.len() > max_runs {
            true => Err((String::new(), format!(
                "found more than {max_runs} runs of pixels, far more than drawn masks have; expected a mask"
            ))),
            false => found,
        };
        found.map_err(|error| {
            wrong = Some(error);
            String::new()
        })
    });
    if let Some((place, message)) = wrong {
        return Err(invalid(place, message));
    }
    read.map_err(no_png)?;
    Ok(Mask::from_sorted_runs(size, runs))
}

/// How a row of a PNG holds its pixels.
struct GrayRow {
    num_channels: usize,
    is_16_bit: bool,
}

impl GrayRow {
    /// Adds the runs of pixels above 0 in a row, or gives the place and the message of an error.
    fn push_runs(
        &self,
        values: &[u8],
        row: u32,
        width: u32,
        expected: impl Fn(u8) -> bool,
        runs: &mut Vec<[u32; 2]>,
    ) -> Result<(), (String, String)> {
        let first = row * width;
        let num_bytes = self.num_channels * if self.is_16_bit { 2 } else { 1 };
        let mut start = None;
        for (column, pixel) in (0..).zip(values.chunks_exact(num_bytes)) {
            let gray = self.gray(pixel).map_err(|message| (String::new(), message))?;
            if !expected(gray) {
                let place = format!("row {row}, column {column}");
                return Err((place, format!("found the value {gray}; expected 0 or 255")));
            }
            match (gray > 0, start) {
                (true, None) => start = Some(column),
                (false, Some(begin)) => {
                    runs.push([first + begin, first + column]);
                    start = None;
                }
                _ => {}
            }
        }
        runs.extend(start.map(|begin| [first + begin, first + width]));
        Ok(())
    }

    /// The brightest channel in 8 bits: a dark color must not be rounded to nothing.
    fn gray(&self, pixel: &[u8]) -> Result<u8, String> {
        let value = |channel: usize| match self.is_16_bit {
            false => pixel[channel],
            true => {
                let value = u16::from_be_bytes([pixel[2 * channel], pixel[2 * channel + 1]]);
                (value / 257).max(u16::from(value > 0)) as u8
            }
        };
        let has_alpha = matches!(self.num_channels, 2 | 4);
        // A mask that stands in the alpha channel would else be read as something else.
        if has_alpha && value(self.num_channels - 1) != 255 {
            return Err(
                "found transparent pixels; expected an 8-bit gray PNG without them".to_owned()
            );
        }
        let num_colors = self.num_channels - usize::from(has_alpha);
        Ok((0..num_colors).map(value).max().unwrap_or(0))
    }
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
