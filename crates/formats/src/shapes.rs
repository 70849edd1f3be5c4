//! Shapes that several formats have, and how large they may be.

use dermx_data::{DataError, Fill, ImageSize, MAX_SIDE_PX, Mask, Ring, Shape};
use std::fs;
use std::path::Path;

/// Farthest coordinate of a vertex, in pixels: beyond any image, and exact in whatever draws it.
pub(crate) const MAX_COORDINATE: f64 = 16_777_216.0;

/// Vertices of an ellipse.
const NUM_ELLIPSE_VERTICES: u32 = 720;

/// The size of an image of `width` columns and `height` rows.
///
/// # Errors
/// A message when a side is 0 or longer than 65535, or the image has more than 100 megapixels.
pub(crate) fn image_size(width: u64, height: u64) -> Result<ImageSize, String> {
    let side = |name: &str, side: u64| match u32::try_from(side) {
        Ok(pixels) if (1..=MAX_SIDE_PX).contains(&pixels) => Ok(pixels),
        _ => Err(format!("found a {name} of {side}; expected 1 to {MAX_SIDE_PX} pixels")),
    };
    let size = ImageSize::new(side("height", height)?, side("width", width)?);
    size.check_area().map(|()| size)
}

/// An outline.
///
/// # Errors
/// A message when there is no ring or one without a vertex, or when a coordinate is not a number between
/// -2^24 and 2^24.
pub(crate) fn outline(rings: Vec<Ring>, fill: Fill) -> Result<Shape, String> {
    if rings.is_empty() || rings.iter().any(Vec::is_empty) {
        return Err("found an outline without a vertex".to_owned());
    }
    let is_far = |value: &&f64| value.is_nan() || value.abs() > MAX_COORDINATE;
    if let Some(far) = rings.iter().flatten().flatten().find(is_far) {
        return Err(format!("found the coordinate {far}; expected at most {MAX_COORDINATE}"));
    }
    Ok(Shape::Polygon { rings, fill })
}

/// The rectangle between two corners, as a ring from `[left, top]` to the right.
pub(crate) fn rectangle([left, top]: [f64; 2], [right, bottom]: [f64; 2]) -> Ring {
    vec![[left, top], [right, top], [right, bottom], [left, bottom]]
}

/// The ring turned around `center`, clockwise in an image whose rows go down.
pub(crate) fn rotated(ring: Ring, degrees: f64, center: [f64; 2]) -> Ring {
    let (sin, cos) = sin_cos(degrees);
    let turned = |[x, y]: [f64; 2]| {
        let (x, y) = (x - center[0], y - center[1]);
        [center[0] + (cos * x - sin * y), center[1] + (sin * x + cos * y)]
    };
    match degrees == 0.0 {
        true => ring,
        false => ring.into_iter().map(turned).collect(),
    }
}

/// Sine and cosine, exact for right angles: else a turned rectangle of whole pixels would miss them by a
/// hair, and fills that cut off decimals would lose a row.
fn sin_cos(degrees: f64) -> (f64, f64) {
    match degrees.rem_euclid(360.0) {
        0.0 => (0.0, 1.0),
        90.0 => (1.0, 0.0),
        180.0 => (0.0, -1.0),
        270.0 => (-1.0, 0.0),
        degrees => libm::sincos(degrees.to_radians()),
    }
}

/// An ellipse as an outline of 720 vertices, the first at the end of the first radius.
///
/// # Errors
/// A message when the shapes of the file take too much memory.
///
/// # Source
/// `Ellipse.as_polygon` of datumaro, which has as many.
pub(crate) fn ellipse(
    center: [f64; 2],
    radii: [f64; 2],
    degrees: f64,
    budget: &mut SizeBudget,
) -> Result<Ring, String> {
    budget.take(NUM_ELLIPSE_VERTICES.into())?;
    let vertex = |idx: u32| {
        let (sin, cos) = sin_cos(f64::from(idx) * 360.0 / f64::from(NUM_ELLIPSE_VERTICES));
        [center[0] + radii[0] * cos, center[1] + radii[1] * sin]
    };
    Ok(rotated((0..NUM_ELLIPSE_VERTICES).map(vertex).collect(), degrees, center))
}

/// A part of an image: its first row and column, and its size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crop {
    pub top: u64,
    pub left: u64,
    pub height: u64,
    pub width: u64,
}

impl Crop {
    /// The mask in an image of `size` from runs of pixels in this part of it, which are numbered row by row
    /// there: sorted, and not beyond its last pixel.
    ///
    /// # Errors
    /// A message when the part is not inside of the image, or when the masks of the file take too much memory.
    pub fn mask(
        self,
        runs: &[[u64; 2]],
        size: ImageSize,
        budget: &mut SizeBudget,
    ) -> Result<Mask, String> {
        let Self { top, left, height, width } = self;
        let is_in = |start: u64, length: u64, side: u32| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= u64::from(side))
        };
        if !is_in(top, height, size.height) || !is_in(left, width, size.width) {
            return Err(format!(
                "found a mask of {height}x{width} at row {top}, column {left}; expected one inside of the \
                 image of {size}"
            ));
        }
        let num_rows = |&[start, end]: &[u64; 2]| match start < end {
            true => (end - 1) / width - start / width + 1,
            false => 0,
        };
        budget.take(runs.iter().map(num_rows).sum())?;
        let pieces = runs.iter().filter(|[start, end]| start < end).flat_map(|&[start, end]| {
            (start / width..=(end - 1) / width).map(move |row| {
                let first = row * width;
                let columns = [start.max(first) - first, end.min(first + width) - first];
                columns.map(|column| ((top + row) * u64::from(size.width) + left + column) as u32)
            })
        });
        Ok(Mask::from_sorted_runs(size, pieces))
    }
}

/// How much a file may still say: bounds the memory that reading it takes.
///
/// Some shapes say much in a few letters: a circle, or the box of a mask, up to 65535 rows. A file has a
/// million of rows, vertices or attributes, and 32 for each of its bytes: many times what drawn shapes need.
#[derive(Debug)]
pub(crate) struct SizeBudget {
    left: u64,
}

impl SizeBudget {
    /// Of the file `path`.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn new(path: &Path) -> Result<Self, DataError> {
        let metadata = fs::metadata(path).map_err(|error| DataError::io(path, &error))?;
        Ok(Self { left: (1 << 20) + metadata.len().saturating_mul(32) })
    }

    /// Takes `num` rows, vertices or attributes.
    ///
    /// # Errors
    /// A message when that many are not left.
    pub fn take(&mut self, num: u64) -> Result<(), String> {
        let message = "the shapes of this file are far larger than the file itself; is it damaged?";
        self.left = self.left.checked_sub(num).ok_or(message)?;
        Ok(())
    }

    /// Takes what one more copy of a shape with attributes needs.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn take_copy(&mut self, shape: &Shape, attributes: &[String]) -> Result<(), String> {
        let num = match shape {
            Shape::Polygon { rings, .. } => rings.iter().map(Vec::len).sum(),
            Shape::Mask(mask) => mask.runs().len(),
        };
        self.take(num as u64)?;
        self.take(attributes.iter().map(|attribute| 4 + attribute.len() as u64 / 8).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_is_exact_and_goes_from_right_to_down() {
        // Around (10, 10), the corner (14, 10), four to the right, comes to (10, 14), four below.
        let ring = vec![[14.0, 10.0], [10.0, 7.0]];
        assert_eq!(rotated(ring.clone(), 90.0, [10.0, 10.0]), [[10.0, 14.0], [13.0, 10.0]]);
        assert_eq!(rotated(ring.clone(), -270.0, [10.0, 10.0]), [[10.0, 14.0], [13.0, 10.0]]);
        assert_eq!(rotated(ring.clone(), 360.0, [10.0, 10.0]), ring);
    }

    #[test]
    fn an_ellipse_has_its_four_ends_among_its_vertices() {
        let mut budget = SizeBudget { left: 720 };
        let ring = ellipse([5.0, 7.0], [3.0, 2.0], 0.0, &mut budget).unwrap();
        assert!(ellipse([5.0, 7.0], [3.0, 2.0], 0.0, &mut budget).is_err());
        assert_eq!(ring.len(), 720);
        assert_eq!(
            [ring[0], ring[180], ring[360], ring[540]],
            [[8.0, 7.0], [5.0, 9.0], [2.0, 7.0], [5.0, 5.0]]
        );
    }

    #[test]
    fn runs_of_a_crop_are_cut_at_its_rows() {
        // A crop of 2x3 at row 1, column 2 of an image of 4x6: its pixels 1 to 4 are two of its first row,
        // columns 3 and 4 of row 1 (pixels 9 and 10), and two of its second, columns 2 and 3 of row 2
        // (pixels 14 and 15).
        let crop = Crop { top: 1, left: 2, height: 2, width: 3 };
        let mut budget = SizeBudget { left: 2 };
        let size = ImageSize::new(4, 6);
        let mask = crop.mask(&[[1, 5], [6, 6]], size, &mut budget).unwrap();
        assert_eq!(mask.runs(), [[9, 11], [14, 16]]);
        assert!(crop.mask(&[[1, 5]], size, &mut budget).unwrap_err().contains("damaged"));
        let crop = Crop { left: 4, ..crop };
        let message = crop.mask(&[], size, &mut budget).unwrap_err();
        assert!(message.contains("2x3 at row 1, column 4"), "{message}");
        let crop = Crop { left: u64::MAX, ..crop };
        assert!(crop.mask(&[], size, &mut budget).is_err());
    }

    #[test]
    fn what_no_image_has_is_refused() {
        assert_eq!(image_size(65_535, 1), Ok(ImageSize::new(1, 65_535)));
        assert!(image_size(0, 1).unwrap_err().contains("a width of 0"));
        assert!(image_size(1, 65_536).unwrap_err().contains("a height of 65536"));
        let error = image_size(10_001, 10_000).unwrap_err();
        assert!(error.contains("10000x10001") && error.contains("100 megapixels"), "{error}");
        assert!(image_size(10_000, 10_000).is_ok());
        let error = |ring: Ring| outline(vec![ring], Fill::Coco).unwrap_err();
        assert!(error(Vec::new()).contains("without a vertex"));
        assert!(error(vec![[0.0, 2e7]]).contains("the coordinate 20000000"));
        assert!(error(vec![[0.0, f64::NAN]]).contains("NaN"));
    }
}
