//! The tests of `dermx-work` from outside, in one program: each program compiles generic code anew.

mod toy;
mod trial;
