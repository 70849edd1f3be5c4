//! The tests of `dermx-eval` from outside, in one program: each program compiles generic code anew.

mod auroc;
mod certainty;
mod close;
mod complexity;
mod degenerate;
mod diagnosis;
mod equal_networks;
mod fuzzy;
mod heatmap;
mod kappa;
mod localization;
mod multilabel;
mod outline_shape;
mod paired;
mod probabilities;
mod regression;
mod seeds;
mod table;
mod temperature;
