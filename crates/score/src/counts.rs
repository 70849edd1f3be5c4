//! How much was scored, in words.

use crate::choices::Unmarked;
use crate::score::{
    NUM_DIAGNOSES, NUM_NOT_SCORED, NUM_READINGS, NUM_READINGS_WITHOUT_MASK, NUM_UNTESTED,
    NUM_WITHOUT_GOLD, NUM_WITHOUT_MAP, NUM_WITHOUT_MASK, NUM_WITHOUT_PREDICTION, NUM_WITHOUT_VALUE,
};
use dermx_eval::EvalRecord;
use serde::Deserialize;

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
    if let (Some(all), Some(without)) = (number(NUM_READINGS), number(NUM_READINGS_WITHOUT_MASK))
        && without > 0
    {
        let how =
            match record.scoring.get("unmarked").and_then(|how| Unmarked::deserialize(how).ok()) {
                Some(Unmarked::Empty) => "are scored with an empty mask",
                _ => "are in no score of a map",
            };
        lines.push(format!("in {without} of {all} readings of them nothing is marked: they {how}"));
    }
    if let Some(diagnoses) = number(NUM_DIAGNOSES).filter(|&diagnoses| diagnoses != images) {
        lines.push(format!("the diagnosis of {diagnoses} of them is scored"));
    }
    let not_scored = match number(NUM_WITHOUT_GOLD) {
        Some(1..) => {
            "images have no reading that counts, or neither a gold class nor a mask: not scored"
        }
        _ => "images have no evaluation that counts: not scored",
    };
    for (key, what) in [
        (NUM_WITHOUT_MASK, "of them have no mask: only their diagnosis is scored"),
        (NUM_WITHOUT_MAP, "more images have no heat map: their masks are not scored"),
        (NUM_WITHOUT_PREDICTION, "images have no prediction: their diagnosis is not scored"),
        (NUM_NOT_SCORED, not_scored),
        (NUM_UNTESTED, "more images have no gold class or several: not tested on, not scored"),
    ] {
        if let Some(number) = number(key).filter(|&number| number > 0) {
            lines.push(format!("{number} {what}"));
        }
    }
    let without_value =
        record.scoring.get(NUM_WITHOUT_VALUE).and_then(serde_json::Value::as_object);
    for (variable, number) in without_value.into_iter().flatten() {
        lines.push(format!(
            "{number} images have no value of `{variable}`: they are in no part of it"
        ));
    }
    lines
}
