//! Darwin 2.0, as darwin-py draws its shapes.

use super::golden::{Golden, folder};
use dermx_data::Fill;
use dermx_formats::darwin2;

#[test]
fn darwin_2_has_the_pixels_that_darwin_py_draws() {
    let read = darwin2::read(&folder("darwin2").join("files"), None, Fill::Darwin).unwrap();
    Golden::read("darwin2").check(&read, 0.0);
    assert!(read.skipped.is_empty());
}
