//! Pixels of outlines by the rules of COCO and of Pillow; Darwin's is in [`polygon`](crate::polygon).

mod coco;
mod pil;

pub use coco::coco;
pub use pil::pil;
