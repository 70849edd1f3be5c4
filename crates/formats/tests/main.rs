//! The tests of `dermx-formats` from outside, in one program: each program compiles generic code anew.

mod chexlocalize;
mod coco;
mod convert;
mod dataset_file;
mod fixture;
mod outside;
mod rle;
mod tools;
