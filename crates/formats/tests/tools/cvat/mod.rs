//! CVAT, as datumaro reads it.

use super::golden::{Golden, folder};
use dermx_data::Fill;
use dermx_formats::cvat;

#[test]
fn cvat_reads_as_datumaro_does() {
    let path = folder("cvat").join("annotations.xml");
    let read = cvat::read(&path, cvat::Rater::Name("Ann"), Fill::Coco).unwrap();
    // datumaro keeps 32 bits of a number.
    Golden::read("cvat").check(&read, 1e-5);
    assert!(read.skipped.is_empty());
}
