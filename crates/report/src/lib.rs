//! The report that a person reads: one self-contained HTML page, the same in Markdown, every
//! table as CSV and every figure as SVG.
//!
//! [`render`] turns a [`ReportInput`] into files in memory; the caller writes them.

mod axis;
mod beyond;
mod card;
mod chart;
mod comparison;
mod csv;
mod definition;
mod error;
mod gallery;
mod input;
mod matrix;
mod page;
mod sanity;
mod score_text;
mod table;
mod template;

pub use error::ReportError;
pub use input::{EpochPoint, GalleryItem, ReportInput, SeedInput};
pub use page::{RenderedReport, render};
