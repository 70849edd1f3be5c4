//! Diagnostic and explainability scores on plain slices: no Burn, no images on disk, no other crate of ours.

mod record;

pub use record::{ClassScores, EvalRecord, MapScores, MapTable, Score, UNION};
