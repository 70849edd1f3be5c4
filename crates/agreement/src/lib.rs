//! How far raters agree with a gold standard and with each other: the tables of an annotated data
//! set, with the choices of the DermX study as defaults and every choice open.
//!
//! This crate brings annotations (`dermx-data`) and statistics (`dermx-eval`) together.

mod chance;
mod choices;
mod outlines;
mod panel;
mod resamples;
mod strata;
mod table;
mod tables;

pub use chance::{ChanceCorrectedRow, DIAGNOSIS};
pub use choices::{AgreementChoices, Evaluations, OneEmpty, Overrides, SeveralDiagnoses, Table};
pub use resamples::Bootstrap;
pub use strata::{Stratum, strata};
pub use table::{Row, Rows};
pub use tables::{
    AgreementTables, DatasetTables, LeaveOneOut, MaskCounts, Options, concepts, localisable,
};
