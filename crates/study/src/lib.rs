//! What belongs to the DermX study alone: the numbers of its tables and what they printed, the audit of its
//! published confusion matrices, and two classes that are counted as each other's.
//!
//! Everything else scores any annotated data set and does not know of a Table 5 or 6. The study's recipes
//! are configurations, in `configs/as-published`.
//!
//! # Source
//! Jalaboi et al., 2021 (DermX).

mod assignment;
mod audit;
mod error;
mod exchange;
mod layout;
mod printed;
mod scoring;

pub use assignment::{Assignment, MAX_AUDITED_CLASSES, best_assignment};
pub use audit::{Audit, AuditScores, Audits, audit};
pub use error::{StudyError, StudyResult};
pub use exchange::exchanged;
pub use layout::{in_study_layout, study_table};
pub use printed::{
    PrintedComparison, PrintedDifference, compare_table, compare_tables, read_printed,
};
pub use scoring::{SCORING, SIZE};
