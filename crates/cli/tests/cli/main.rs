//! The `dermx` command as its users meet it.

mod audit;
mod backends;
mod bench;
mod broken_input;
mod check;
mod config;
mod conformance;
mod dermx;
mod determinism;
mod faults;
mod foreign_heatmaps;
mod image_ids;
mod not_finite;
mod read_in_part;
mod resume;
mod search;
mod slurm;
mod snapshots;
mod split;
mod stages;
mod sweep;
mod switches;
mod table_6;
mod torture;
mod verify;
mod weights;
