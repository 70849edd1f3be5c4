//! The tests of `dermx-kernels` from outside, in one program: each program compiles generic code anew.

// On Linux `bounds` has the same tests, between pages that end the process when they are touched.
#[cfg(not(all(target_os = "linux", not(miri))))]
mod cpu;
mod ops;
mod torch;
