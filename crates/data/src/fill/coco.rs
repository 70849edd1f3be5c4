//! To be written.

use crate::{ImageSize, Mask, Ring};

/// To be written.
pub fn coco(_rings: &[Ring], size: ImageSize) -> Mask {
    Mask::empty(size)
}
