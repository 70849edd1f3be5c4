//! Annotated data sets in the formats that people have: what each says, and joined with images, gold classes
//! and choices, a data set.
//!
//! A format is a file here with a function `read`; it knows nothing of the others.

mod annotations;
pub mod chexlocalize;
pub mod coco;
mod json;
mod number;
pub mod rle;

pub use annotations::{AnnotatedImage, Annotations, RawReading};
