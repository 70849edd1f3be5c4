//! What a record says of how it was scored, in words.

use crate::score_text::readable;
use dermx_eval::EvalRecord;
use serde_json::Value;

/// How the maps were prepared and which masks count, as (name, value) in words; what is not known here,
/// as a later version may write it, is told as words, too.
pub fn scoring_facts(record: &EvalRecord) -> Vec<(String, String)> {
    let facts = record.scoring.iter().filter(|(key, value)| !is_nothing_left_out(key, value));
    facts
        .map(|(key, value)| {
            let name = name(key).map_or_else(|| capitalized(&readable(key)), str::to_owned);
            (name, known(key, value).unwrap_or_else(|| words(value)))
        })
        .collect()
}

/// A count of what is left out says something where it is not zero.
fn is_nothing_left_out(key: &str, value: &Value) -> bool {
    let is_count = key.starts_with("num_") && (key.contains("_without_") || key.contains("_not_"));
    (is_count || key == "num_images_untested") && value.as_u64() == Some(0)
}

fn name(key: &str) -> Option<&'static str> {
    Some(match key {
        "average" => "Average over masks",
        "union_average" => "Average over unions",
        "bootstrap" => "Bootstrap intervals",
        "border" => "Beyond the border of a map",
        "class_exchange" => "Classes exchanged",
        "images" => "Images that are scored",
        "normalize" => "Scale of the maps",
        "quantize" => "Steps of the maps",
        "num_images" => "Number of images",
        "num_images_not_scored" => "Images without a reading that counts",
        "num_images_without_map" => "Images without a map, left out",
        "num_images_without_mask" => "Images without a mask",
        "num_images_without_prediction" => "Images without a prediction, left out",
        "num_images_without_gold" => "Images with no gold class or several",
        "num_images_untested" => "Images left out of the test",
        "num_images_without_value" => "Images that are in no part",
        "num_diagnoses" => "Images whose diagnosis is scored",
        "num_mask_rows" => "Masks of characteristics",
        "num_union_rows" => "Unions (one for each rater and image)",
        "num_readings" => "Readings (one rater, one image)",
        "num_readings_without_mask" => "Readings in which nothing is marked",
        "rows" => "Masks of characteristics that count",
        "union_rows" => "Unions that count",
        "size" => "Size of maps and masks",
        "unit_of_intervals" => "Intervals resample",
        "unmarked" => "What a rater did not mark",
        "grid" => "Grid",
        _ => return None,
    })
}

fn known(key: &str, value: &Value) -> Option<String> {
    let text = match (key, value.as_str()) {
        ("average", Some("mean")) => "the mean",
        ("average", Some("median")) => "the median",
        ("union_average", Some("rows")) => "every union counts alike",
        ("union_average", Some("classes")) => "every class counts alike",
        ("border", Some("mirror")) => "it is mirrored",
        ("border", Some("clamp")) => "its outermost pixels go on",
        ("normalize", Some("max")) => "divided by the largest value, negative values are 0",
        ("normalize", Some("none")) => "as they are, cut to 0 to 1",
        ("rows" | "union_rows", Some("kept_images")) => "all masks of the images that are scored",
        ("rows" | "union_rows", Some("kept_evaluations")) => "masks of evaluations that count",
        ("rows" | "union_rows", Some("all")) => "every mask",
        ("unit_of_intervals", Some("image")) => "images",
        ("unmarked", Some("left_out")) => "is left out: only what was marked is scored",
        ("unmarked", Some("empty")) => "counts as an empty mask",
        _ => return known_shape(key, value),
    };
    Some(text.to_owned())
}

fn known_shape(key: &str, value: &Value) -> Option<String> {
    match key {
        "quantize" if value.as_bool() == Some(true) => Some("256, as in an 8-bit image".to_owned()),
        "quantize" if value.as_bool() == Some(false) => Some("none, full precision".to_owned()),
        "class_exchange" if value.is_null() => Some("none".to_owned()),
        "class_exchange" => Some(format!("{} for one another", words(value))),
        "bootstrap" => {
            let number = |name: &str| value.get(name)?.as_u64();
            Some(format!("{} resamples, seed {}", number("num_resamples")?, number("seed")?))
        }
        "size" => match value.as_array()?.as_slice() {
            [height, width] => Some(format!("{height} by {width} pixels (height by width)")),
            _ => None,
        },
        _ => None,
    }
}

/// A value of JSON without its signs.
fn words(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => readable(text),
        Value::Array(values) => joined(values.iter().map(words)),
        Value::Object(entries) => joined(
            entries.iter().map(|(key, value)| format!("{}: {}", readable(key), words(value))),
        ),
    }
}

/// The texts with commas between them; `none` without any.
fn joined(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<String> = texts.collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The facts of a record scored so, as lines.
    fn told(scoring: &Value) -> Vec<String> {
        let scoring = serde_json::from_value(scoring.clone()).expect("an object");
        let record = EvalRecord { scoring, ..EvalRecord::default() };
        scoring_facts(&record).into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
    }

    #[test]
    fn what_was_chosen_is_told_in_words() {
        let scoring = json!({
            "bootstrap": {"num_resamples": 1000, "seed": 0},
            "class_exchange": null,
            "num_images_without_map": 0,
            "num_images_without_mask": 3,
            "quantize": true,
            "rows": "kept_images",
            "size": [60, 80],
        });
        let expected = [
            "Bootstrap intervals: 1000 resamples, seed 0",
            "Classes exchanged: none",
            "Images without a mask: 3",
            "Steps of the maps: 256, as in an 8-bit image",
            "Masks of characteristics that count: all masks of the images that are scored",
            "Size of maps and masks: 60 by 80 pixels (height by width)",
        ];
        assert_eq!(told(&scoring), expected);
    }

    #[test]
    fn what_is_not_known_has_no_sign_of_json_either() {
        let scoring = json!({"new_key": {"some_part": [1, null, true], "other": {}}});
        assert_eq!(told(&scoring), ["New key: other: none, some part: 1, none, yes"]);
    }
}
