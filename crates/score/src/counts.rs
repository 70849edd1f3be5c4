//! How much was scored, in words.

use crate::score::{NUM_NOT_SCORED, NUM_WITHOUT_MAP, NUM_WITHOUT_MASK, NUM_WITHOUT_PREDICTION};
use dermx_eval::EvalRecord;

/// How many images and masks were scored, a line each; and how many were not, and why.
pub fn counts(record: &EvalRecord) -> Vec<String> {
    let number = |key: &str| record.scoring.get(key).and_then(serde_json::Value::as_u64);
    let [Some(images), Some(masks), Some(unions)] =
        ["num_images", "num_mask_rows", "num_union_rows"].map(number)
    else {
        return Vec::new();
    };
    let mut lines =
        vec![format!("scored: {images} images, {masks} masks, {unions} unions of masks")];
    for (key, what) in [
        (NUM_WITHOUT_MASK, "of them have no mask: only their diagnosis is scored"),
        (NUM_WITHOUT_MAP, "more images have no heat map: their masks are not scored"),
        (NUM_WITHOUT_PREDICTION, "images have no prediction: their diagnosis is not scored"),
        (NUM_NOT_SCORED, "images of metadata.csv have no evaluation that counts: not scored"),
    ] {
        if let Some(number) = number(key).filter(|&number| number > 0) {
            lines.push(format!("{number} {what}"));
        }
    }
    lines
}
