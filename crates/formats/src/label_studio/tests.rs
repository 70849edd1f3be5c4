use super::*;
use crate::RawReading;
use serde_json::json;
use std::fs;

/// What an export says.
fn export(value: &Value) -> Result<Annotations, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.json");
    fs::write(&path, value.to_string()).unwrap();
    read(&path, Fill::Darwin).map_err(|error| format!("{}: {}", error.place, error.message))
}

/// A task of one image with one annotation of `results`, by user 7.
fn task(results: Value) -> Value {
    json!([{
        "id": 1,
        "data": {"image": "/data/upload/1/abcdef12-a.jpg"},
        "annotations": [{"id": 2, "completed_by": 7, "was_cancelled": false, "result": results}],
        "predictions": []
    }])
}

/// A result of an image of 20 columns and 10 rows.
fn result(kind: &str, value: Value) -> Value {
    json!({
        "id": "r1", "type": kind, "from_name": "tool", "to_name": "image",
        "original_width": 20, "original_height": 10, "image_rotation": 0, "value": value
    })
}

/// The only reading of an export of one.
fn reading(results: Value) -> RawReading {
    let mut annotations = export(&task(results)).unwrap();
    assert_eq!(annotations.readings.len(), 1);
    annotations.readings.remove(0)
}

fn ring(region: &Region) -> &[[f64; 2]] {
    match &region.shape {
        Shape::Polygon { rings, fill: Fill::Darwin } if rings.len() == 1 => &rings[0],
        other => panic!("{other:?}"),
    }
}

#[test]
fn coordinates_are_percent_of_the_width_and_of_the_height() {
    // 25 % of 20 columns are 5, of 10 rows 2.5.
    let points = json!([[25, 25], [75, 25], [75, 100]]);
    let value = json!({"points": points, "closed": true, "polygonlabels": ["Beak"]});
    let reading = reading(json!([result("polygonlabels", value)]));
    assert_eq!(reading.size, Some(ImageSize::new(10, 20)));
    assert_eq!((reading.image.as_str(), reading.rater.as_str()), ("a.jpg", "7"));
    let [region] = &reading.regions[..] else { panic!() };
    assert_eq!(region.concept, "Beak");
    assert_eq!(ring(region), [[5.0, 2.5], [15.0, 2.5], [15.0, 10.0]]);
}

#[test]
fn a_rectangle_turns_around_its_first_corner() {
    // Corner at (10, 5), 4 columns wide, 2 rows high; a quarter to the right: the width goes down, the height
    // to the left.
    let value = json!({
        "x": 50, "y": 50, "width": 20, "height": 20, "rotation": 90, "rectanglelabels": ["Wing"]
    });
    let turned = reading(json!([result("rectanglelabels", value.clone())]));
    assert_eq!(ring(&turned.regions[0]), [[10.0, 5.0], [10.0, 9.0], [8.0, 9.0], [8.0, 5.0]]);
    let mut straight = value;
    straight["rotation"] = json!(0);
    let straight = reading(json!([result("rectanglelabels", straight)]));
    assert_eq!(ring(&straight.regions[0]), [[10.0, 5.0], [14.0, 5.0], [14.0, 7.0], [10.0, 7.0]]);
}

#[test]
fn an_ellipse_has_its_radii_in_percent_too() {
    let value = json!({
        "x": 50, "y": 50, "radiusX": 10, "radiusY": 10, "rotation": 0, "ellipselabels": ["Eye"]
    });
    let reading = reading(json!([result("ellipselabels", value)]));
    let ring = ring(&reading.regions[0]);
    // Around (10, 5): 2 columns, 1 row.
    assert_eq!([ring[0], ring[180]], [[12.0, 5.0], [10.0, 6.0]]);
}

#[test]
fn each_annotation_is_a_reading_of_whom_it_names_unless_cancelled() {
    let annotation = |by: Value, cancelled: bool| json!({"completed_by": by, "was_cancelled": cancelled, "result": []});
    let annotations = json!([
        annotation(json!(1), false),
        annotation(json!({"id": 2, "email": "b@x.org"}), false),
        annotation(json!({"id": 3, "email": ""}), false),
        annotation(json!(4), true)
    ]);
    let tasks = json!([
        {"data": {"image": "a.jpg"}, "annotations": annotations},
        {"data": {"text": "seen", "photo": "b.jpg"}, "annotations": [], "predictions": [{}]},
    ]);
    let read = export(&tasks).unwrap();
    let raters: Vec<_> = read.readings.iter().map(|reading| reading.rater.as_str()).collect();
    assert_eq!(raters, ["1", "b@x.org", "3"]);
    assert!(read.readings.iter().all(|reading| reading.regions.is_empty()));
    let names: Vec<_> = read.images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["a.jpg", "b.jpg"]);
    assert_eq!(read.skipped, ["1 cancelled annotation", "1 prediction of a model"]);
}

#[test]
fn choices_are_labels_of_the_image_or_attributes_of_their_region() {
    let points = json!([[0, 0], [10, 0], [10, 10]]);
    let of_image = json!({"id": "c", "type": "choices", "value": {"choices": ["ill", "old"]}});
    let of_region = result("choices", json!({"points": points, "choices": ["red"]}));
    let region = result("polygonlabels", json!({"points": points, "polygonlabels": ["A", "B"]}));
    let reading = reading(json!([of_image, region, of_region]));
    assert_eq!(reading.labels, ["ill", "old"]);
    let regions: Vec<_> =
        reading.regions.iter().map(|one| (one.concept.as_str(), one.attributes.clone())).collect();
    let red = vec!["red".to_owned()];
    assert_eq!(regions, [("A", red.clone()), ("B", red)]);
}

#[test]
fn a_tool_beside_its_labels_is_one_region() {
    let points = json!([[0, 0], [10, 0], [10, 10]]);
    let tool = |id: &str| {
        let mut tool = result("polygon", json!({"points": points}));
        tool["id"] = json!(id);
        tool
    };
    let labels = result("labels", json!({"points": points, "labels": ["A"]}));
    let mut choices = result("choices", json!({"choices": ["B"]}));
    choices["id"] = json!("r2");
    let reading = reading(json!([tool("r1"), labels, tool("r2"), choices]));
    let concepts: Vec<_> = reading.regions.iter().map(|region| region.concept.as_str()).collect();
    assert_eq!(concepts, ["A", "B"]);
}

#[test]
fn what_is_not_read_is_counted() {
    let results = json!([
        result("keypointlabels", json!({"x": 1, "y": 1, "width": 1, "keypointlabels": ["A"]})),
        result("keypointlabels", json!({"x": 2, "y": 1, "width": 1, "keypointlabels": ["A"]})),
        {"type": "relation", "from_id": "a", "to_id": "b"},
        {"type": "textarea", "value": {"text": ["x"]}},
        result("polygon", json!({"points": [[0, 0], [1, 0], [1, 1]]})),
    ]);
    let read = export(&task(results)).unwrap();
    let expected = [
        "1 result of type `relation`",
        "1 result of type `textarea`",
        "1 shape without a label",
        "2 results of type `keypointlabels`",
    ];
    let mut skipped = read.skipped;
    skipped.sort();
    assert_eq!(skipped, expected);
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    let box_value = json!({"x": 0, "y": 0, "width": 1, "height": 1, "rectanglelabels": ["A"]});
    let changed = |key: &str, value: Value| {
        let mut changed = result("rectanglelabels", box_value.clone());
        changed[key] = value;
        task(json!([result("rectanglelabels", box_value.clone()), changed]))
    };
    let mut nobody = task(json!([]));
    nobody[0]["annotations"][0]["completed_by"] = Value::Null;
    let place = "[0].annotations[0].result[1]";
    for (value, expected) in [
        (json!({}), "expected a list"),
        (json!([{"id": 1, "image": "a.jpg"}]), "[0].data: found no `data` of a task; export"),
        (json!([{"data": {"text": "x"}, "annotations": []}]), "[0].data: found no text that names"),
        (nobody, "[0].annotations[0].completed_by: found nobody"),
        (changed("original_width", json!(21)), "original_width: found the size 10x21 of the image"),
        (changed("original_height", json!(0)), "result[1]: found a height of 0"),
        (changed("original_width", Value::Null), "found no `original_width`"),
        (changed("image_rotation", json!(90)), "turned by 90 degrees"),
        (changed("to_name", json!("other")), ".to_name: found shapes of `image` and of `other`"),
        (changed("item_index", json!(1)), ".item_index: found a shape in a further page"),
        (changed("value", json!({"rectanglelabels": ["A"], "x": 1})), ".value: found no `y`"),
        (
            changed("value", json!({"rectanglelabels": ["A"], "x": "1"})),
            "[0].annotations[0].result[1].value.x: found the text \"1\"; expected a number",
        ),
    ] {
        let message = export(&value).unwrap_err();
        assert!(message.contains(expected), "{message}");
        if value[0]["annotations"][0]["result"][1].is_object() {
            assert!(message.starts_with(place), "{message}");
        }
    }
}
