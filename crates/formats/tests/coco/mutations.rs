//! COCO files, broken at random.

use super::{by_key, file};
use crate::damage::assert_read_or_located;
use dermx_formats::coco;

#[test]
fn two_thousand_broken_files_are_read_or_refused_with_their_place() {
    let annotations = r#"
        {"id": 1, "image_id": 7, "category_id": 1, "segmentation": [[1, 1, 3.25, 1, 3, 3, 1, 3], [0, 0, 5, 0, 5, -2.5e0]],
         "rater": "alice", "attributes": ["red"], "bbox": [1, 1, 2, 2], "area": 9, "iscrowd": 0, "fill": "pil"},
        {"id": 2, "image_id": 7, "category_id": 2, "segmentation": {"size": [4, 6], "counts": "91316"}, "rater": 3,
         "keypoints": [1, 2, 2]},
        {"id": 3, "image_id": 7, "category_id": 1, "segmentation": {"size": [4, 6], "counts": [9, 1, 3, 2, 9]},
         "rater": "bob", "attributes": {"occluded": false}},
        {"id": 4, "image_id": 7, "category_id": 1, "segmentation": [], "rater": "bob", "bbox": [0.5, 0, 2, 3]}"#;
    let more =
        r#", "fill": "darwin", "readings": [{"image_id": 7, "rater": "eve", "labels": ["cat"]}]"#;
    let (all, empty) = (file(annotations, more), file("", more));
    let large = all.replace("\"height\": 4, \"width\": 6", "\"height\": 4000, \"width\": 6000");
    let files = [all.as_bytes(), large.as_bytes(), empty.as_bytes()];
    assert_read_or_located(&files, |path| coco::read(path, &by_key("rater")));
}
