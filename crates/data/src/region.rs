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
const MAX_CROSSED: u64 = 1 << 22;

/// The same of all outlines of a reading.
const MAX_CROSSED_OF_READING: u64 = 1 << 24;

impl Region {
    /// Whether the pixels of the region can be had in an image of `size`.
    ///
    /// # Errors
    /// As [`Shape::check`].
    pub fn check(&self, size: ImageSize) -> Result<(), String> {
        self.shape.check(size)
    }

    /// An outline by Darwin's rule, without attributes.
    pub fn outlined(concept: impl Into<String>, rings: Vec<Ring>) -> Self {
        let shape = Shape::Polygon { rings, fill: Fill::Darwin };
        Self { concept: concept.into(), attributes: Vec::new(), shape }
    }

    /// The rings of an outline; none of a mask.
    pub fn rings(&self) -> &[Ring] {
        match &self.shape {
            Shape::Polygon { rings, .. } => rings,
            Shape::Mask(_) => &[],
        }
    }

    /// The pixels of the region; none where it lies outside of the image.
    pub fn mask(&self, size: ImageSize) -> Mask {
        match self.is_outside(size) {
            true => Mask::empty(size),
            false => self.shape.mask(size),
        }
    }

    /// Whether no part of an outline lies in the image. Such a slip of the hand has no pixel, although
    /// [`polygon::rasterize`] draws it on the rim of the image, as the annotation tool of the study does.
    pub fn is_outside(&self, size: ImageSize) -> bool {
        match &self.shape {
            Shape::Polygon { rings, fill: Fill::Darwin } => polygon::is_outside(rings, size),
            // The other rules draw nothing on the rim.
            Shape::Polygon { rings, .. } => {
                polygon::is_outside(rings, size) && self.shape.mask(size).is_empty()
            }
            Shape::Mask(_) => false,
        }
    }
}

impl Shape {
    /// The same for an image of `size`: a mask in another size is brought to it, each pixel taking the nearest.
    pub fn in_size(self, size: ImageSize) -> Self {
        match self {
            Self::Mask(mask) if mask.size() != size => Self::Mask(mask.resize_nearest(size)),
            other => other,
        }
    }

    /// The mask resized by [`Mask::resize_nearest`] from `size` to `new_size`.
    pub fn mask_nearest(&self, size: ImageSize, new_size: ImageSize) -> Mask {
        match self {
            Self::Polygon { rings, fill: Fill::Darwin } => {
                polygon::rasterize_nearest(rings, size, new_size)
            }
            Self::Mask(mask) => mask.resize_nearest(new_size),
            Self::Polygon { .. } => self.mask(size).resize_nearest(new_size),
        }
    }

    /// Whether [`Shape::mask`] can be asked for in an image of `size`.
    ///
    /// # Errors
    /// What is wrong and what to do: edges that cross more than 2^22 rows of pixels in all (by the rule of
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

/// Counts what drawing the outlines of one reading takes.
#[derive(Debug, Default)]
pub struct OutlineBudget {
    num_crossed: u64,
}

impl OutlineBudget {
    /// Whether one more shape can be drawn in an image of `size`.
    ///
    /// # Errors
    /// As [`Shape::check`]; edges that cross more than 2^24 rows of pixels together with those before.
    pub fn take(&mut self, shape: &Shape, size: ImageSize) -> Result<(), String> {
        shape.check(size)?;
        if let Shape::Polygon { rings, fill } = shape {
            self.num_crossed += num_crossed(rings, *fill, size).0;
        }
        match self.num_crossed <= MAX_CROSSED_OF_READING {
            true => Ok(()),
            false => Err(format!(
                "the edges of the outlines up to this one cross more than {MAX_CROSSED_OF_READING} rows of \
                 pixels in all; draw them with fewer vertices"
            )),
        }
    }
}

/// The lines of pixels that edges cross, and what these are.
fn num_crossed(rings: &[Ring], fill: Fill, size: ImageSize) -> (u64, &'static str) {
    if size.num_pixels() == 0 {
        return (0, "rows");
    }
    let [num_columns, num_rows] = polygon::num_crossed(rings, size);
    match fill {
        Fill::Coco => (num_columns + num_rows, "rows and columns"),
        Fill::Pil | Fill::Darwin => (num_rows, "rows"),
    }
}

/// Whether an outline can be drawn in an image of `size`, else what is wrong and what to do.
fn check_outline(rings: &[Ring], fill: Fill, size: ImageSize) -> Result<(), String> {
    let (num, lines) = num_crossed(rings, fill, size);
    if num <= MAX_CROSSED {
        return Ok(());
    }
    Err(format!(
        "the edges of the outline cross {num} {lines} of pixels in all; expected at most {MAX_CROSSED}: draw \
         it with fewer vertices"
    ))
}
