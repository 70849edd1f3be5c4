//! The tests of `dermx-score` from outside, in one program: each program compiles generic code anew.

mod any_data_set;
mod benchmark;
