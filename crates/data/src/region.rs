//! What a rater marked in an image.

use crate::{ImageSize, Mask, fill, polygon};
use serde::{Deserialize, Serialize};

/// A closed line of `[x, y]` vertices in pixels; the last vertex is joined to the first.
pub type Ring = Vec<[f64; 2]>;

/// Which pixels belong to an outline: the three rules in use give different pixels at the rim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// COCO's (`rleFrPoly` of pycocotools): each ring by itself, the union of them.
    Coco,
    /// Pillow's `ImageDraw.polygon` with `fill=1, outline=1`: each ring by itself, the union of them.
    Pil,
    /// Darwin's (V7's `upolygon`): all rings together by even-odd, their rims included.
    Darwin,
}

/// Something that a rater marked.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// What is marked.
    pub concept: String,
    /// Adjectives, in the order of the file.
    pub attributes: Vec<String>,
    /// Where.
    pub shape: Shape,
}

/// Where a region is.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// An outline.
    Polygon {
        /// Its rings.
        rings: Vec<Ring>,
        /// Which pixels belong to it.
        fill: Fill,
    },
    /// Pixels, in the size of the image.
    Mask(Mask),
}

/// Rows of pixels that the edges of an outline may cross in all, which bounds time and memory; drawn ones
/// cross some thousands.
const MAX_CROSSED: u64 = 1 << 24;

impl Region {
    /// Whether the pixels of the region can be had in an image of `size`.
    ///
    /// # Errors
    /// As [`Shape::check`].
    pub fn check(&self, size: ImageSize) -> Result<(), String> {
        self.shape.check(size)
    }
}

impl Shape {
    /// Whether [`Shape::mask`] can be asked for in an image of `size`.
    ///
    /// # Errors
    /// What is wrong and what to do: edges that cross more than 2^24 rows of pixels in all (by the rule of
    /// COCO, rows and columns), or a mask of another size.
    pub fn check(&self, size: ImageSize) -> Result<(), String> {
        match self {
            Self::Polygon { rings, fill } => check_outline(rings, *fill, size),
            Self::Mask(mask) if mask.size() == size => Ok(()),
            Self::Mask(mask) => Err(format!(
                "found a mask of {}; expected {size}, the size of the image",
                mask.size()
            )),
        }
    }

    /// The pixels in an image of `size`.
    pub fn mask(&self, size: ImageSize) -> Mask {
        match self {
            Self::Polygon { rings, fill: Fill::Coco } => fill::coco(rings, size),
            Self::Polygon { rings, fill: Fill::Pil } => fill::pil(rings, size),
            Self::Polygon { rings, fill: Fill::Darwin } => polygon::rasterize(rings, size),
            Self::Mask(mask) => mask.clone(),
        }
    }
}

/// Whether an outline can be drawn in an image of `size`, else what is wrong and what to do.
pub(crate) fn check_outline(rings: &[Ring], fill: Fill, size: ImageSize) -> Result<(), String> {
    if size.num_pixels() == 0 {
        return Ok(());
    }
    let [num_columns, num_rows] = polygon::num_crossed(rings, size);
    let (num, lines) = match fill {
        Fill::Coco => (num_columns + num_rows, "rows and columns"),
        Fill::Pil | Fill::Darwin => (num_rows, "rows"),
    };
    if num <= MAX_CROSSED {
        return Ok(());
    }
    Err(format!(
        "the edges of the outline cross {num} {lines} of pixels in all; expected at most {MAX_CROSSED}: draw \
         it with fewer vertices"
    ))
}
