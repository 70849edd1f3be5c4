//! The report that a person reads: one self-contained HTML page, the same in Markdown, every
//! table as CSV and in LaTeX and every figure as SVG; and training curves for TensorBoard.
//!
//! [`render`] turns a [`ReportInput`] into files in memory, [`event_file`] the [`LoggedStep`]s of a run;
//! the caller writes them.

mod axis;
mod beyond;
mod card;
mod chart;
mod citation;
mod compared;
mod comparison;
mod csv;
mod dataset_page;
mod definition;
mod diagnosis;
mod dots;
mod drawn;
mod error;
mod event_file;
mod facts;
mod gallery;
mod input;
mod labels;
mod maps;
mod matrix;
mod page;
mod reliability;
mod sanity;
mod score_cell;
mod score_text;
mod seeds;
mod table;
mod tables_page;
mod template;

pub use beyond::{
    comparison_tables, identification_table, localization_table, parts_by_characteristic,
    parts_table,
};
pub use compared::{ComparisonPage, render_comparisons};
pub use comparison::NO_CEILING;
pub use dataset_page::{DatasetPage, RaterColor, Said, Sample, SampleGroup, render_dataset};
pub use error::ReportError;
pub use event_file::{LoggedStep, event_file};
pub use input::{
    Chosen, Citation, EpochPoint, GalleryItem, RaterOutline, ReportInput, Rgb, SeedInput,
};
pub use labels::by_label as label_table;
pub use page::{RenderedReport, render};
pub use score_cell::{map_columns, reading, score_cell, seeds_cell};
pub use score_text::readable;
pub use table::diagnosis as diagnosis_table;
pub use tables_page::{TablesPage, render_tables};
