use super::*;
use serde_json::{Value, json};
use std::fs;
use std::io::Cursor;

/// A file of an image of 8 columns and 6 rows.
fn file(image_path: &str, shapes: Value) -> Value {
    json!({
        "version": "5.5.0", "flags": {"old": true, "new": false}, "shapes": shapes,
        "imagePath": image_path, "imageData": "QUJD", "imageHeight": 6, "imageWidth": 8
    })
}

fn shape(kind: Value, points: Value) -> Value {
    json!({
        "label": "Beak", "points": points, "group_id": 1, "description": "", "shape_type": kind,
        "flags": {"red": true, "dry": false}, "mask": null
    })
}

/// What a folder of files says.
fn read_files(files: &[(&str, &Value)]) -> Result<Annotations, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, file) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.to_string()).unwrap();
    }
    read(folder.path(), "Ann", Fill::Darwin).map_err(|error| {
        let file = error.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!("{file}: {}: {}", error.place, error.message)
    })
}

fn region(shape: Value) -> Result<Region, String> {
    let mut read = read_files(&[("a.json", &file("a.jpg", json!([shape])))])?;
    Ok(read.readings.remove(0).regions.remove(0))
}

/// A gray PNG of `width` columns in base64.
fn png(values: &[u8], width: u32) -> String {
    let mut bytes = Cursor::new(Vec::new());
    let image = image::GrayImage::from_raw(width, values.len() as u32 / width, values.to_vec());
    image.unwrap().write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    STANDARD.encode(bytes.into_inner())
}

fn mask_shape(png: &str, points: Value) -> Value {
    let mut shape = shape(json!("mask"), points);
    shape["mask"] = json!(png);
    shape
}

#[test]
fn a_mask_has_both_its_corners() {
    // Corners (2, 1) and (4, 2): 3 columns and 2 rows.
    //   0 1 1
    //   1 0 1
    let png = png(&[0, 255, 255, 1, 0, 255], 3);
    let points = json!([[2, 1], [4.9, 2.5]]);
    let region = region(mask_shape(&png, points)).unwrap();
    let expected = Mask::from_sorted_runs(ImageSize::new(6, 8), [[11, 13], [18, 19], [20, 21]]);
    assert_eq!(region.shape, Shape::Mask(expected));
}

#[test]
fn polygons_are_filled_as_asked_and_rectangles_as_labelme_does() {
    let points = json!([[1.5, 2], [3, 2.25], [3, 4]]);
    for kind in [json!("polygon"), Value::Null] {
        let region = region(shape(kind, points.clone())).unwrap();
        let rings = vec![vec![[1.5, 2.0], [3.0, 2.25], [3.0, 4.0]]];
        assert_eq!(region.shape, Shape::Polygon { rings, fill: Fill::Darwin });
    }
    // Any two corners; 5.9 is cut off to 5, -0.9 to 0.
    let region = region(shape(json!("rectangle"), json!([[5.9, -0.9], [2.2, 3.5]]))).unwrap();
    let rings = vec![vec![[2.0, 0.0], [5.0, 0.0], [5.0, 3.0], [2.0, 3.0]]];
    assert_eq!(region.shape, Shape::Polygon { rings, fill: Fill::Pil });
}

#[test]
fn a_circle_has_its_center_and_a_point_on_its_rim() {
    let region = region(shape(json!("circle"), json!([[3, 3], [3, 5]]))).unwrap();
    // Five rows of 3, 5, 5, 5, 3 pixels around (3, 3), in an image of 8 columns and 6 rows.
    let runs = [[10, 13], [17, 22], [25, 30], [33, 38], [42, 45]];
    assert_eq!(region.shape, Shape::Mask(Mask::from_sorted_runs(ImageSize::new(6, 8), runs)));
}

#[test]
fn flags_of_the_file_are_labels_and_those_of_a_shape_attributes() {
    let triangle = shape(json!("polygon"), json!([[1, 2], [3, 2], [3, 4]]));
    let read = read_files(&[
        ("a.json", &file("a.jpg", json!([triangle, triangle]))),
        ("b.json", &file("b.jpg", json!([]))),
    ])
    .unwrap();
    let [a, b] = &read.readings[..] else { panic!() };
    assert_eq!((a.rater.as_str(), &a.labels[..]), ("Ann", &["old".to_owned()][..]));
    // One group, and still two regions.
    assert_eq!(a.regions.len(), 2);
    assert_eq!(a.regions[0].attributes, ["red"]);
    assert_eq!((b.image.as_str(), b.regions.len()), ("b.jpg", 0));
    assert_eq!(b.size, Some(ImageSize::new(6, 8)));
}

#[test]
fn images_lie_beside_their_files_whatever_the_separator() {
    let files: Vec<Value> =
        [r"sub\1.jpg", "./2.jpg", r"..\photos\3.jpg", "/home/x/4.jpg", r"C:\5.jpg"]
            .iter()
            .map(|image_path| file(image_path, json!([])))
            .collect();
    let names = ["cat/1.json", "cat/2.json", "cat/3.json", "4.json", "5.JSON"];
    let files: Vec<(&str, &Value)> = names.into_iter().zip(&files).collect();
    let read = read_files(&files).unwrap();
    let names: Vec<_> = read.images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["4.jpg", "5.jpg", "cat/sub/1.jpg", "cat/2.jpg", "cat/3.jpg"]);
}

#[test]
fn other_shapes_are_counted() {
    let shapes = json!([
        shape(json!("point"), json!([[1, 1]])),
        shape(json!("line"), json!([[1, 1], [2, 2]])),
        shape(json!("point"), json!([[2, 1]])),
    ]);
    let read = read_files(&[("a.json", &file("a.jpg", shapes))]).unwrap();
    assert_eq!(read.skipped, ["1 shape of type `line`", "2 shapes of type `point`"]);
}

#[test]
fn what_cannot_be_read_is_refused_with_its_file_and_place() {
    let points = json!([[2, 1], [4, 2]]);
    let gray = png(&[1; 6], 3);
    let colour = {
        let mut bytes = Cursor::new(Vec::new());
        let image = image::RgbImage::new(3, 2);
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        STANDARD.encode(bytes.into_inner())
    };
    for (shape, expected) in [
        (shape(json!("polygon"), json!([[1, 1], [2, 2]])), "found 2 points; expected 3 or more"),
        (shape(json!("rectangle"), json!([[1, 1]])), "found 1 points; expected 2 of a rectangle"),
        (shape(json!("circle"), json!([[1, 1]])), "found 1 points; expected 2 of a circle"),
        (shape(json!("mask"), points.clone()), "found no `mask`"),
        (mask_shape("?", points.clone()), "`mask`: is no base64"),
        (mask_shape("QUJD", points.clone()), "`mask`: found "),
        (mask_shape(&colour, points.clone()), "`mask`: found colours"),
        (mask_shape(&gray, json!([[2, 1], [5, 3]])), "a PNG of 2x3; expected 3x4"),
        (mask_shape(&gray, json!([[4, 2], [2, 1]])), "a PNG of 2x3; expected 0x0"),
        (mask_shape(&gray, json!([[6, 1], [8, 2]])), "2x3 at row 1, column 6"),
        (mask_shape(&gray, json!([[-1, 1], [1, 2]])), "found a corner at -1"),
    ] {
        let message = region(shape).unwrap_err();
        assert!(message.starts_with("a.json: shapes[0]: `Beak`: "), "{message}");
        assert!(message.contains(expected), "{message}");
    }
    let mut no_size = file("a.jpg", json!([shape(json!("circle"), points)]));
    no_size["imageWidth"] = Value::Null;
    for (files, expected) in [
        (vec![("a.json", &no_size)], "a.json: shapes[0]: `Beak`: found no `imageHeight`"),
        (vec![("a.json", &json!([]))], "a.json: line 1 column"),
        (vec![("a.json", &file("..", json!([])))], "a.json: imagePath: found `..`"),
        (
            vec![("a.json", &file("a.jpg", json!([]))), ("b.json", &file("a.jpg", json!([])))],
            "b.json: : found the image `a.jpg` by `Ann`, of whom another file",
        ),
        (vec![("a.txt", &json!(1))], "found no JSON file"),
    ] {
        let message = read_files(&files).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
}
