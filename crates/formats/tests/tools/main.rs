//! Files of annotation tools against what the tools' own libraries read in them, and damaged ones. Each
//! format has a folder with its files, a `generate.py`, and the `golden.json` that it wrote.

mod golden;
mod mutations;

use dermx_data::Fill;
use dermx_formats::{cvat, darwin2, label_studio, labelme};
use golden::{Golden, folder};

#[test]
fn label_studio_reads_as_its_sdk_does() {
    let read = label_studio::read(&folder("label_studio").join("export.json"), Fill::Coco).unwrap();
    Golden::read("label_studio").check(&read, 1e-9);
    assert_eq!(read.skipped, ["2 cancelled annotations"]);
}

#[test]
fn cvat_reads_as_datumaro_does() {
    let path = folder("cvat").join("annotations.xml");
    let read = cvat::read(&path, cvat::Rater::Name("Ann"), Fill::Coco).unwrap();
    // datumaro keeps 32 bits of a number.
    Golden::read("cvat").check(&read, 1e-5);
    assert!(read.skipped.is_empty());
}

#[test]
fn labelme_has_the_pixels_that_it_draws() {
    let read = labelme::read(&folder("labelme").join("files"), "Ann", Fill::Pil).unwrap();
    Golden::read("labelme").check(&read, 0.0);
    assert!(read.skipped.is_empty());
}

#[test]
fn darwin_2_has_the_pixels_that_darwin_py_draws() {
    let read = darwin2::read(&folder("darwin2").join("files"), None, Fill::Darwin).unwrap();
    Golden::read("darwin2").check(&read, 0.0);
    assert!(read.skipped.is_empty());
}
