//! Annotated data sets in the formats that people have: what each says, and joined with images, gold classes
//! and choices, a data set.
//!
//! A format is a file here with a function `read`; it knows nothing of the others.

mod annotations;
pub mod boxes;
pub mod cvat;
pub mod darwin2;
mod files;
mod json;
pub mod label_studio;
pub mod labelme;
mod plain_words;
mod readings;
mod shapes;
mod skipped;

pub use annotations::{AnnotatedImage, Annotations, RawReading};
