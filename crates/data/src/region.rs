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

impl Shape {
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
