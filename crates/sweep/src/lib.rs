//! Many runs: which there are, who works on which, and what a batch system is asked.
//!
//! Everything is a function of its arguments and of a [`SharedFolder`]: no clock, no processes, no
//! networks. The caller does the work of a unit while it holds a claim on it.

mod claim;
mod range;
mod slurm;
mod unit;

pub use claim::{
    Claim, Hold, SharedFolder, Sighting, Standing, State, accepted, claim, latest, standing,
};
pub use range::{NumberRange, choices};
pub use slurm::{ArrayScript, MAX_ARRAY, Resources};
pub use unit::{Kind, Unit, UnitConfig, units};
