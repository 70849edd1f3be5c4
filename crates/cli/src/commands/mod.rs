//! One file for each command.

pub mod audit;
pub mod backends;
pub mod bench;
pub mod check;
pub mod completions;
pub mod config;
pub mod convert;
pub mod describe;
pub mod evaluate;
pub mod explain;
pub mod fetch;
pub mod init;
pub mod predict;
pub mod report;
pub mod search;
pub mod sweep;
pub mod synth;
pub mod tables;
pub mod train;
pub mod verify;
pub mod watch;
pub mod weights;
