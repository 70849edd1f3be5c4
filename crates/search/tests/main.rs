//! The tests of `dermx-search` from outside, in one program: each program compiles generic code anew.

mod runner;
mod search;

#[path = "../../work/tests/toy/mod.rs"]
mod toy;
