//! The tests of `dermx-sweep` from outside, in one program: each program compiles generic code anew.

mod killed;
mod schedules;
mod script;
mod worker;

#[path = "../../work/tests/toy/mod.rs"]
mod toy;
