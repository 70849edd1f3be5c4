//! LabelMe, as it draws its shapes.

use super::golden::{Golden, folder};
use dermx_data::Fill;
use dermx_formats::labelme;

#[test]
fn labelme_has_the_pixels_that_it_draws() {
    let read = labelme::read(&folder("labelme").join("files"), "Ann", Fill::Pil).unwrap();
    Golden::read("labelme").check(&read, 0.0);
    assert!(read.skipped.is_empty());
}
