//! The tests of `dermx-report` from outside, in one program: each program compiles generic code anew.

mod report;
mod tensorboard;
