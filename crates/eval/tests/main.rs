//! The tests of `dermx-eval` from outside, in one program: each program compiles generic code anew.

mod degenerate;
mod diagnosis;
mod equal_networks;
mod fuzzy;
mod heatmap;
mod kappa;
mod localization;
mod paired;
mod probabilities;
mod seeds;
mod table;
