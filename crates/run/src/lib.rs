//! Runs: from a configuration to a run folder, and what is done in one: training, prediction, explanation,
//! scoring, the report, verification; searches and sweeps of many runs.
//!
//! This crate knows files, the clock and the environment; it prints nothing and ends no process. What
//! computes is a [`Session`], who watches a [`dermx_work::Watch`]; both are handed in.

#![allow(clippy::disallowed_methods, reason = "run folders tell of the machine and the hour")]

mod agreement_tables;
pub mod bench;
mod certificate;
mod collect;
mod compare;
pub mod config;
mod context;
mod dataset_page;
mod description;
mod download;
mod error;
mod evaluate;
mod explain;
mod explanation;
mod fetch;
mod fitting;
mod gallery;
mod gallery_choice;
mod image_manifests;
mod images;
mod label_gallery;
mod label_maps;
mod label_scores;
mod label_targets;
mod labels;
mod memory;
mod network;
mod outlines;
mod outside;
mod overlay;
mod photos;
mod predict;
mod pretrained;
mod report;
mod robustness;
mod run_folder;
mod run_gallery;
mod sanity;
pub mod search;
mod session;
pub mod shell;
mod standing;
pub mod sweep;
mod synth;
mod temperature;
mod test_set;
mod thresholds;
mod train;
mod training;
mod training_data;
mod training_images;
mod training_log;
mod trial;
mod usual_normalization;
mod verify;
mod watcher;
pub mod weight_files;

pub use agreement_tables::{all_tables, names_classes};
pub use collect::collect;
pub use compare::{check_scores, comparisons, is_comparison, write_comparisons};
pub use context::Context;
pub use dataset_page::{DatasetReport, PAGE_FOLDER, is_dataset_report};
pub use description::Description;
pub use error::{RunError, RunResult};
pub use evaluate::{BY, evaluate_again, evaluate_run, is_scores};
pub use explain::{Extras, explain, is_explanation, read_targets};
pub use explanation::{Explained, Job};
pub use fetch::fetch_weights;
pub use images::Images;
pub use network::{TrainedNetwork, WeightsOptions};
pub use outside::{Outside, write_outside_report};
pub use overlay::{outdated_overlays, paint};
pub use predict::predict;
pub use report::{Reports, is_report, write_reports};
pub use run_folder::{
    Place, REPORT, RunFolder, SeedFolder, is_same_folder, refuse_run_folder, this_process,
};
pub use session::{
    Backend, BackendKind, BackendReport, DeviceReport, Session, backend_reports, check_precision,
};
pub use standing::{RunState, SeedStage, SeedStanding, Standing, WatchedRun};
pub use synth::{prepare_synthetic, synthesize};
pub use train::{Tested, Trained, Validated, train};
pub use training::Training;
pub use training_data::TrainingData;
pub use training_images::{photo_set, photo_set_of};
pub use usual_normalization::UsualNormalization;
pub use verify::{Check, Checks, Epochs, Verdict, verify};
