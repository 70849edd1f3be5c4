//! The tests of `dermx-train` from outside, in one program: each program compiles generic code anew.

mod checkpoint;
mod checkpoint_faults;
mod finite;
mod fit;
mod guided;
mod initialize;
mod last_batch;
mod loss;
mod mix;
mod multi_label;
mod objective;
mod optimizer;
mod recipe;
mod schedule;
mod tiny;
mod validation;
