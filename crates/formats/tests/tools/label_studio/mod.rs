//! Label Studio, as its SDK reads it.

use super::golden::{Golden, folder};
use dermx_data::Fill;
use dermx_formats::label_studio;

#[test]
fn label_studio_reads_as_its_sdk_does() {
    let read = label_studio::read(&folder("label_studio").join("export.json"), Fill::Coco).unwrap();
    Golden::read("label_studio").check(&read, 1e-9);
    assert_eq!(read.skipped, ["2 cancelled annotations"]);
}
