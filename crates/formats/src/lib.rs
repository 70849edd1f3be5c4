//! Annotated data sets in the formats that people have: what each says, and joined with images, gold classes
//! and choices, a data set.
//!
//! A format is a file here with a function `read`; it knows nothing of the others.

mod annotations;
pub mod boxes;
pub mod chexlocalize;
pub mod coco;
mod convert;
pub mod cvat;
pub mod darwin2;
mod dataset_file;
mod files;
mod gold;
mod init;
mod join;
pub mod label_studio;
pub mod labelme;
pub mod masks;
mod number;
mod open;
mod photos;
mod readings;
pub mod rle;
mod shapes;
mod skipped;

pub use annotations::{AnnotatedImage, Annotations, RawReading};
pub use convert::{Converted, Target, convert, convert_into, is_converted};
pub use dataset_file::{Absent, DATASET_FILE, DatasetFile, Format, Labels, LabelsFrom, Source};
pub use init::{Guessed, init};
pub use open::{is_dermx, labels_table_in, open, open_table};
