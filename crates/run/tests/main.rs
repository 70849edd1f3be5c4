//! The tests of `dermx-run` from outside, in one program: each program compiles generic code anew.

mod commit;
mod one_work;

#[path = "../../work/tests/toy/mod.rs"]
mod toy;
