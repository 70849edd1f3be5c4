//! The tests of `dermx-kernels` from outside, in one program: each program compiles generic code anew.

mod cpu;
mod ops;
mod torch;
