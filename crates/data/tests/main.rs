//! The tests of `dermx-data` from outside, in one program: each program compiles generic code anew.

mod augment;
mod dataset;
mod decoded_cache;
mod dermx_check;
mod dermx_conformance;
mod dermx_files;
mod dermx_mask;
mod fill;
mod fixture;
mod folder;
mod hex;
mod jpeg;
mod manifest;
mod orientation;
mod photo;
mod photo_check;
mod release_2023;
mod resize;
mod split;
mod synth;
mod write_atomic;
