//! Many runs: which there are, who works on which, and who runs them.
//!
//! Names of units, claims and the text of Slurm's scripts are functions of their arguments and of a
//! [`SharedFolder`]. How a unit is done is the business of a [`dermx_work::Work`]; a [`Worker`] does one while
//! it holds a claim on it, in a process that a [`Launch`] started. So this crate knows the clock and
//! processes; it prints nothing and ends none but its children.

#![allow(
    clippy::disallowed_methods,
    reason = "workers give signs of life by the clock, and paths of configurations begin in the current folder"
)]

mod accepted;
mod claim;
mod error;
mod folder;
mod launch;
mod launcher;
mod local;
mod name;
mod plan;
mod range;
mod shell;
mod slurm;
mod status;
mod submit;
mod unit;
mod worker;

pub use accepted::Accepted;
pub use claim::{
    Claim, Hold, SharedFolder, Sighting, Standing, State, accepted, claim, latest, standing,
};
pub use dermx_work::{Kind, Resources};
pub use error::{SweepError, SweepResult};
pub use folder::DiskFolder;
pub use launch::Launch;
pub use launcher::{Launcher, UnitCommand};
pub use plan::{MAX_LEASE_S, MAX_UNITS, Plan, PlanRequest, Sweep, plan, trial_unit};
pub use range::{NumberRange, choices};
pub use slurm::{ArrayScript, MAX_ARRAY};
pub use status::{Broken, Failed, Running, Status};
pub use unit::{PROCESSOR, Unit, units};
pub use worker::{OnLost, UnitEnd, Worker, note_failure};
