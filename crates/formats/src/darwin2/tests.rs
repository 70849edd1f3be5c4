use super::*;
use crate::RawReading;
use serde_json::json;
use std::fs;

/// A file of an image of 5 columns and 4 rows.
fn file(annotations: Value) -> Value {
    json!({
        "version": "2.0",
        "schema_ref": "https://darwin-public.s3.eu-west-1.amazonaws.com/darwin_json/2.0/schema.json",
        "item": {
            "name": "1.jpg", "path": "/cat",
            "slots": [{"type": "image", "slot_name": "0", "width": 5, "height": 4, "source_files": []}]
        },
        "annotations": annotations
    })
}

fn by(name: &str, mut annotation: Value) -> Value {
    annotation["name"] = json!("Beak");
    annotation["annotators"] = json!([{"full_name": name, "email": "x@y.org"}]);
    annotation
}

fn read_files(files: &[(&str, &Value)], rater: Option<&str>) -> Result<Annotations, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, file) in files {
        fs::write(folder.path().join(name), file.to_string()).unwrap();
    }
    read(folder.path(), rater, Fill::Darwin)
        .map_err(|error| format!("{}: {}", error.place, error.message))
}

fn read_one(annotations: Value, rater: Option<&str>) -> Result<Annotations, String> {
    read_files(&[("1.json", &file(annotations))], rater)
}

fn reading(annotations: Value) -> RawReading {
    let mut read = read_one(annotations, Some("Ann")).unwrap();
    assert_eq!(read.readings.len(), 1);
    read.readings.remove(0)
}

/// A raster layer of two masks, `m` and `n`.
fn layer(dense_rle: Value) -> Value {
    json!([
        {"id": "m", "name": "Beak", "mask": {"sparse_rle": null}},
        {"id": "n", "name": "Tail", "mask": {"sparse_rle": null}},
        {"id": "l", "name": "__raster_layer__", "raster_layer": {
            "dense_rle": dense_rle, "mask_annotation_ids_mapping": {"m": 2, "n": 1}, "total_pixels": 20
        }}
    ])
}

#[test]
fn a_raster_layer_is_pairs_of_value_and_count_row_by_row() {
    // Of 20 pixels: 3 of nothing, 4 of value 2 (`m`: pixels 3 to 6, over the end of the first row), 1 of
    // value 1 (`n`: pixel 7), 12 of nothing.
    let reading = reading(layer(json!([0, 3, 2, 4, 1, 1, 0, 12])));
    let size = ImageSize::new(4, 5);
    let masks: Vec<_> =
        reading.regions.iter().map(|one| (one.concept.as_str(), one.shape.clone())).collect();
    let mask = |run| Shape::Mask(Mask::from_sorted_runs(size, [run]));
    assert_eq!(masks, [("Beak", mask([3, 7])), ("Tail", mask([7, 8]))]);
}

#[test]
fn outlines_have_all_their_paths_and_boxes_their_corners() {
    let vertex = |x: f64, y: f64| json!({"x": x, "y": y});
    let path = json!([vertex(0.5, 1.0), vertex(3.0, 1.0), vertex(3.0, 2.5)]);
    let annotations = json!([
        by(
            "Ann",
            json!({
                "polygon": {"paths": [path, path]}, "bounding_box": {"x": 0.5, "y": 1, "w": 2.5, "h": 1.5},
                "attributes": ["red"], "properties": [{"name": "p", "value": "q"}]
            })
        ),
        by("Ann", json!({"bounding_box": {"x": 1, "y": 0.5, "w": 2, "h": 3}})),
        by("Ann", json!({"tag": {}})),
    ]);
    let reading = reading(annotations);
    let ring = vec![[0.5, 1.0], [3.0, 1.0], [3.0, 2.5]];
    let outline = |rings| Shape::Polygon { rings, fill: Fill::Darwin };
    assert_eq!(reading.regions[0].shape, outline(vec![ring.clone(), ring]));
    assert_eq!(reading.regions[0].attributes, ["red"]);
    let rectangle = vec![[1.0, 0.5], [3.0, 0.5], [3.0, 3.5], [1.0, 3.5]];
    assert_eq!(reading.regions[1].shape, outline(vec![rectangle]));
    assert_eq!(reading.labels, ["Beak"]);
    assert_eq!(reading.image, "cat/1.jpg");
}

#[test]
fn annotations_are_by_their_first_annotator_or_by_whom_the_caller_says() {
    let tag = json!({"tag": {}});
    let annotations = json!([by("Ann", tag.clone()), by("Bob", tag.clone()), by("", tag.clone())]);
    let raters = |rater| -> Vec<String> {
        let read = read_one(annotations.clone(), rater).unwrap();
        read.readings.into_iter().map(|reading| reading.rater).collect()
    };
    assert_eq!(raters(None), ["Ann", "Bob", "x@y.org"]);
    assert_eq!(raters(Some("Eve")), ["Eve"]);
    // Without an annotation, nobody is known to have read the image.
    let read = read_one(json!([]), None).unwrap();
    assert_eq!((read.images.len(), read.readings.len()), (1, 0));
    let read = read_one(json!([]), Some("Eve")).unwrap();
    assert_eq!((read.images.len(), read.readings.len()), (1, 1));
}

#[test]
fn two_raters_may_have_a_file_each_of_one_image() {
    let (ann, bob) = (
        file(json!([by("Ann", json!({"tag": {}}))])),
        file(json!([by("Bob", json!({"tag": {}}))])),
    );
    let read = read_files(&[("a.json", &ann), ("b.json", &bob)], None).unwrap();
    assert_eq!((read.images.len(), read.readings.len()), (1, 2));
    let message = read_files(&[("a.json", &ann), ("b.json", &ann)], None).unwrap_err();
    assert!(message.contains("found the image `cat/1.jpg` by `Ann`"), "{message}");
}

#[test]
fn what_is_not_read_is_counted() {
    let annotations = json!([
        {"name": "a", "keypoint": {"x": 1, "y": 1}},
        {"name": "b", "ellipse": {"angle": 0, "center": {"x": 1, "y": 1}, "radius": {"x": 1, "y": 1}}},
        {"name": "b", "keypoint": {"x": 1, "y": 2}},
        {"name": "c", "frames": {"0": {"polygon": {"paths": []}}}},
    ]);
    let read = read_one(annotations, Some("Ann")).unwrap();
    assert_eq!(
        read.skipped,
        [
            "1 annotation of type `ellipse`",
            "2 annotations of type `keypoint`",
            "1 annotation of type `video`"
        ]
    );
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    let mut no_layer = layer(json!([]));
    no_layer.as_array_mut().unwrap().pop();
    let mut two_layers = layer(json!([0, 20]));
    let second = two_layers[2].clone();
    two_layers.as_array_mut().unwrap().push(second);
    for (annotations, expected) in [
        (layer(json!([0, 20, 1])), "annotations[2].raster_layer: `dense_rle`: found 3 numbers"),
        (layer(json!([0, 19])), "found 19 pixels; expected the 20 of 4x5"),
        (layer(json!([0, 21])), "found 21 pixels; expected the 20 of 4x5"),
        (layer(json!([0, 4_294_967_295_u32, 2, 4_294_967_295_u32])), "found 8589934590 pixels"),
        (layer(json!([0, 19, 3, 1])), "found the value 3, which `mask_annotation_ids_mapping`"),
        (
            layer(json!([0, -1])),
            "annotations[2].raster_layer.dense_rle[1]: found the number `-1`; expected a whole number",
        ),
        (no_layer, "annotations[0]: `Beak`: found no raster layer with the mask `m`"),
        (two_layers, "annotations[3].raster_layer: found a second raster layer"),
        (json!([{"name": "A", "polygon": {}}]), "annotations[0]: `A`: found no `paths`"),
        (json!([{"name": "A", "polygon": {"paths": [[]]}}]), "an outline without a vertex"),
    ] {
        let message = read_one(annotations, Some("Ann")).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
    let message = read_one(json!([{"name": "A", "tag": {}}]), None).unwrap_err();
    assert!(message.contains("annotations[0]: `A`: found no name in `annotators`"), "{message}");
    let changed = |pointer: &str, value: Value| {
        let mut changed = file(json!([]));
        *changed.pointer_mut(pointer).unwrap() = value;
        read_files(&[("1.json", &changed)], Some("Ann")).unwrap_err()
    };
    for (message, expected) in [
        (changed("/version", json!("1.0")), "version: is Darwin JSON 1.0; expected 2.0"),
        (changed("/item", Value::Null), "item: found no `item`; expected Darwin JSON 2.0"),
        (changed("/item/name", json!("")), "item.name: found no name"),
        (changed("/item/slots", json!([{}, {}])), "item.slots: found 2 slots"),
        (changed("/item/slots/0/width", json!(70_000)), "item.slots: found a width of 70000"),
        (changed("/annotations", json!(1)), "annotations: found the number `1`; expected a list"),
    ] {
        assert!(message.contains(expected), "{message}");
    }
}
