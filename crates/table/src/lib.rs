//! One kind of [`Table`], and how it reads: on a terminal, in Markdown, CSV, LaTeX, HTML and JSON.
//!
//! Cells are typed, so that people read `0.312 ± 0.020` and programs the number in full precision.
//!
//! ```
//! use dermx_table::{Cell, Column, Score, Table};
//!
//! let columns = [Column::text("class").label("Class"), Column::score("f1").label("F1")];
//! let mut table = Table::new("diagnosis", "Diagnosis by class", columns);
//! let f1 = Score { std: Some(0.02), ..Score::new(0.3125) };
//! table.push([Cell::from("Acne"), f1.into()]);
//! assert_eq!(table.terminal(), "Diagnosis by class\nClass             F1\nAcne   0.312 ± 0.020\n");
//! assert_eq!(table.csv(), b"class,f1,f1_std,f1_low,f1_high\nAcne,0.3125,0.02,,\n");
//! ```

mod csv;
mod html;
mod json;
mod latex;
mod markdown;
mod order;
mod reading;
mod table;
mod terminal;
mod visible;

pub use crate::csv::{csv, readable, unguarded};
pub use latex::escape_latex;
pub use markdown::escape_markdown;
pub use order::by_name;
pub use reading::{Reading, number};
pub use table::{Cell, Column, Kind, Row, Score, Table};
pub use visible::visible;
