//! The tests of `dermx-agreement` from outside, in one program: each program compiles generic code anew.

mod incomplete;
mod statistics;
mod tables;
