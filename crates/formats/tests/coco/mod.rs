//! COCO files: by hand, against pycocotools, written and read back, refused.

use dermx_data::{DataError, Fill, ImageSize, Mask, Region, Shape};
use dermx_formats::coco::{self, CocoOptions, Rater};
use dermx_formats::{AnnotatedImage, Annotations, RawReading};
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

fn by_key(key: &str) -> CocoOptions {
    CocoOptions { rater: Rater::Key(key.to_owned()), fill: Fill::Coco }
}

fn by_name(name: &str) -> CocoOptions {
    CocoOptions { rater: Rater::Named(name.to_owned()), fill: Fill::Coco }
}

fn read(text: &str, options: &CocoOptions) -> Result<Annotations, DataError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.json");
    std::fs::write(&path, text).unwrap();
    coco::read(&path, options)
}

/// A file of one image of 4x6 and two categories, with these annotations and keys of the file.
fn file(annotations: &str, more: &str) -> String {
    format!(
        r#"{{"annotations": [{annotations}], "images": [{{"id": 7, "file_name": "a.jpg", "height": 4, "width": 6}}],
            "categories": [{{"id": 1, "name": "beak"}}, {{"id": 2, "name": "tail"}}]{more}}}"#
    )
}

fn square(fill: Fill) -> Shape {
    let ring = vec![[1.0, 1.0], [3.0, 1.0], [3.0, 3.0], [1.0, 3.0]];
    Shape::Polygon { rings: vec![ring], fill }
}

const SQUARE: &str =
    r#"{"image_id": 7, "category_id": 1, "segmentation": [[1, 1, 3, 1, 3, 3.0, 1, 3]]}"#;

#[test]
fn all_images_are_listed_and_readings_are_those_of_annotations() {
    let found = read(
        r#"{"images": [{"id": 1, "file_name": "a.jpg"}, {"id": "b", "file_name": "x/b.jpg", "height": 3, "width": 2.0}],
            "annotations": [{"id": 1, "image_id": "b", "category_id": 9, "bbox": [0, 0, 1, 1]}],
            "categories": [{"name": "beak", "id": 9, "supercategory": "head"}], "licenses": []}"#,
        &by_name("alice"),
    )
    .unwrap();
    let size = Some(ImageSize::new(3, 2));
    let image = |name: &str, size| AnnotatedImage { name: name.to_owned(), size, gold: vec![] };
    assert_eq!(found.images, [image("a.jpg", None), image("x/b.jpg", size)]);
    let [reading] = &found.readings[..] else { panic!("{found:?}") };
    assert_eq!((reading.image.as_str(), reading.rater.as_str()), ("x/b.jpg", "alice"));
    assert_eq!((reading.size, reading.regions[0].concept.as_str()), (size, "beak"));
    // The box [0, 0, 1, 1] encloses the first pixel.
    assert_eq!(reading.regions[0].shape.mask(ImageSize::new(3, 2)).runs(), [[0, 1]]);
    assert!(found.skipped.is_empty() && reading.file.ends_with("all.json"));
}

#[test]
fn boxes_have_their_pixels_whatever_the_fill() {
    let text = file(
        r#"{"image_id": 7, "category_id": 1, "segmentation": null, "bbox": [1, 2, 3, 1]}"#,
        "",
    );
    let options = CocoOptions { rater: Rater::Named("a".to_owned()), fill: Fill::Pil };
    let found = read(&text, &options).unwrap();
    // Row 2, columns 1 to 3, of six columns.
    let mask = found.readings[0].regions[0].shape.mask(ImageSize::new(4, 6));
    assert_eq!(mask.runs(), [[13, 16]]);
}

#[test]
fn the_nearest_fill_is_taken() {
    let fills = |annotation: &str, more: &str| {
        let options = CocoOptions { rater: Rater::Named("a".to_owned()), fill: Fill::Pil };
        let found = read(&file(annotation, more), &options).unwrap();
        found.readings[0].regions.iter().map(|region| region.shape.clone()).collect::<Vec<_>>()
    };
    let own = SQUARE.replace("{\"image_id", "{\"fill\": \"coco\", \"image_id");
    assert_eq!(fills(SQUARE, ""), [square(Fill::Pil)]);
    assert_eq!(
        fills(&format!("{SQUARE}, {own}"), r#", "fill": "darwin""#),
        [square(Fill::Darwin), square(Fill::Coco)]
    );
}

#[test]
fn raters_are_found_at_a_dotted_key_else_at_ours() {
    let with = |keys: &str| SQUARE.replace("{\"image_id", &format!("{{{keys}, \"image_id"));
    let annotations = [
        with(r#""attributes": {"occluded": false, "by": {"name": "alice"}}"#),
        with(r#""attributes": {"by": {"id": 3, "name": 7}}"#),
        with(r#""rater": "bob", "attributes": ["red", "dry"]"#),
        with(r#""attributes": {"by": {"name": "alice"}}"#),
        with(r#""attributes": {"by": {"name": 3.0}}, "keypoints": [1, 2, 2], "rater": "bob""#),
    ];
    let text = file(&annotations.join(","), "");
    let found = read(&text, &by_key("attributes.by.name")).unwrap();
    let raters: Vec<_> =
        found.readings.iter().map(|one| (one.rater.as_str(), one.regions.len())).collect();
    assert_eq!(raters, [("alice", 2), ("7", 1), ("bob", 1), ("3", 1)]);
    assert_eq!(found.readings[2].regions[0].attributes, ["red", "dry"]);
    assert_eq!(
        found.skipped,
        ["key points of 1 annotation", "attributes that are no list of 1 annotation"]
    );
    let flat = read(&file(&with(r#""who": "eve""#), ""), &by_key("who")).unwrap();
    assert_eq!(flat.readings[0].rater, "eve");
}

#[test]
fn readings_without_regions_are_read() {
    let more = r#", "readings": [{"image_id": 7, "rater": "eve", "labels": ["cat", "dog"]}, {"image_id": 7, "rater": 2}]"#;
    let found = read(&file("", more), &by_key("rater")).unwrap();
    let readings: Vec<_> =
        found.readings.iter().map(|one| (one.rater.as_str(), one.labels.len())).collect();
    assert_eq!(readings, [("eve", 2), ("2", 0)]);
}

#[track_caller]
fn assert_refused(text: &str, options: &CocoOptions, place: &str, message: &str) {
    let error = read(text, options).unwrap_err();
    assert_eq!(error.place, place, "{error}");
    assert!(error.message.contains(message), "{error}");
    assert!(error.path.ends_with("all.json"));
}

#[test]
fn errors_say_where_and_what() {
    let alice = by_name("alice");
    let refused = |annotation: &str, place: &str, message: &str| {
        assert_refused(&file(&format!("{SQUARE}, {annotation}"), ""), &alice, place, message);
    };
    let with = |keys: &str| format!(r#"{{"image_id": 7, "category_id": 1, {keys}}}"#);
    refused(
        r#"{"image_id": 8, "category_id": 1, "bbox": [0, 0, 1, 1]}"#,
        "annotations[1].image_id",
        "found `8`; expected the `id` of one of `images`",
    );
    refused(
        r#"{"image_id": 7, "category_id": 3, "bbox": [0, 0, 1, 1]}"#,
        "annotations[1].category_id",
        "found `3`",
    );
    refused(
        r#"{"image_id": 7, "bbox": [0, 0, 1, 1]}"#,
        "annotations[1]",
        "missing field `category_id`",
    );
    refused(&with(r#""id": 3"#), "annotations[1]", "found neither `segmentation` nor `bbox`");
    refused(
        &with(r#""segmentation": [[1, 2, 3, 4], [1, 2, 3]]"#),
        "annotations[1].segmentation[1]",
        "odd number of coordinates",
    );
    refused(
        &with(r#""segmentation": [[1, 2, "3", 4]]"#),
        "annotations[1].segmentation[0][2]",
        "expected a number",
    );
    refused(
        &with(r#""segmentation": [[1, 2, 1e999, 4]]"#),
        "annotations[1].segmentation[0][2]",
        "number out of range",
    );
    refused(
        &with(r#""segmentation": [[1, 2, 1, 4], []]"#),
        "annotations[1].segmentation[1]",
        "a ring without a vertex",
    );
    refused(
        &with(r#""segmentation": [1, 2, 1, 4]"#),
        "annotations[1].segmentation[0]",
        "expected a ring",
    );
    refused(
        &with(r#""segmentation": "x""#),
        "annotations[1].segmentation",
        "expected a list of rings, or an object",
    );
    refused(
        &with(r#""segmentation": {"size": [4, 6], "counts": [20, 3]}"#),
        "annotations[1].segmentation",
        "the counts add up to 23 pixels; expected 24",
    );
    refused(
        &with(r#""segmentation": {"size": [4, 6], "counts": [25, -1]}"#),
        "annotations[1].segmentation.counts[1]",
        "expected a whole number of pixels",
    );
    refused(
        &with(r#""segmentation": {"size": [4, 6], "counts": "d"}"#),
        "annotations[1].segmentation",
        "the text is cut off",
    );
    refused(
        &with(r#""segmentation": {"size": [6, 4], "counts": [24]}"#),
        "annotations[1].segmentation",
        "found a mask of 6x4; expected 4x6",
    );
    refused(
        &with(r#""segmentation": {"size": [4], "counts": [24]}"#),
        "annotations[1].segmentation.size",
        "found the length 1",
    );
    refused(
        &with(r#""segmentation": {"size": [4, 6]}"#),
        "annotations[1].segmentation",
        "missing field `counts`",
    );
    refused(&with(r#""bbox": [1, 2, -3, 1]"#), "annotations[1].bbox", "found a width of -3");
    refused(&with(r#""bbox": [1e308, 2, 1e308, 1]"#), "annotations[1].bbox", "found a width of");
    refused(&with(r#""bbox": [1, 2, 3]"#), "annotations[1].bbox", "found the length 3");
    refused(
        &with(r#""bbox": [1, 2, 3, 4], "attributes": [1]"#),
        "annotations[1].attributes[0]",
        "expected a text",
    );
    refused(
        &with(r#""bbox": [1, 2, 3, 4], "fill": "even-odd""#),
        "annotations[1].fill",
        "found `even-odd`",
    );
    refused(
        "3",
        "annotations[1]",
        "expected an object with `image_id`, `category_id` and `segmentation`",
    );
}

#[test]
fn ids_that_are_listed_twice_are_refused() {
    let alice = by_name("alice");
    let images = |images: &str| format!(r#"{{"images": [{images}], "annotations": []}}"#);
    let twice = r#"{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}"#;
    assert_refused(&images(twice), &alice, "images[1].id", "`1` is listed twice");
    let twice = r#"{"id": 1, "file_name": "a"}, {"id": 2, "file_name": "a"}"#;
    assert_refused(&images(twice), &alice, "images[1].file_name", "`a` is listed twice");
    let half = r#"{"id": 1, "file_name": "a", "height": 3}"#;
    assert_refused(&images(half), &alice, "images[0]", "found one of `height` and `width`");
    let none = r#"{"id": 1, "file_name": "a", "height": 3, "width": 0}"#;
    assert_refused(&images(none), &alice, "images[0]", "found a side of 0 pixels");
    let twice =
        file("", r#", "readings": [{"image_id": 7, "rater": "a"}, {"image_id": 7, "rater": "a"}]"#);
    assert_refused(&twice, &by_key("rater"), "readings[1]", "`a` reads `a.jpg` a second time");
    let twice = file("", r#", "annotations": []"#);
    assert_refused(&twice, &alice, "line 2 column 100", "duplicate field `annotations`");
    let twice = r#"{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}"#;
    assert_refused(twice, &alice, "categories[1].id", "`1` is listed twice");
}

#[test]
fn raters_that_are_not_one_are_refused() {
    let with =
        |rater: &str| SQUARE.replace("{\"image_id", &format!("{{\"rater\": {rater}, \"image_id"));
    let two = file(&format!("{}, {}", with("\"a\""), with("\"b\"")), "");
    assert_refused(
        &two,
        &by_name("eve"),
        "annotations[1].rater",
        "found `b` after `a` in a file that is to be `eve`'s alone",
    );
    let one = file(&format!("{}, {SQUARE}", with("\"a\"")), "");
    assert_eq!(read(&one, &by_name("eve")).unwrap().readings[0].rater, "eve");
    assert_refused(
        &one,
        &by_key("attributes.by"),
        "annotations[1].attributes.by",
        "found no rater; expected a name or a number",
    );
    assert_refused(
        &file(&with("[1]"), ""),
        &by_key("rater"),
        "annotations[0].rater",
        "expected a rater's name or number",
    );
    assert_refused(
        &file(&with("\"a\""), ""),
        &by_key("rater.name"),
        "annotations[0].rater",
        "expected an object with `name`",
    );
    assert_refused(&one, &by_key("bbox"), "", "`bbox` cannot name the rater");
}

#[test]
fn what_is_no_coco_file_is_refused_with_its_place() {
    let alice = by_name("alice");
    let error = coco::read(Path::new("nowhere.json"), &alice).unwrap_err();
    assert_eq!(error.kind, dermx_data::ErrorKind::Missing);
    assert_refused("", &alice, "line 1 column 0", "the file ends");
    assert_refused(
        "[]",
        &alice,
        "line 1 column 1",
        "expected an object with `images`, `categories` and `annotations`",
    );
    assert_refused(r#"{"images": []}"#, &alice, "line 1 column 14", "missing field `annotations`");
    assert_refused(
        r#"{"images": [], "annotations": []} 3"#,
        &alice,
        "line 1 column 35",
        "found more after the end",
    );
    assert_refused(r#"{"images": [{"id": 1, "file_na"#, &alice, "images[0]", "the file ends");
}

#[test]
fn outlines_that_are_too_costly_are_refused() {
    // Each of 300 edges crosses 65534 rows of pixels.
    let ring = ["0,0", "0,65534"].repeat(150).join(",");
    let annotation = format!(r#"{{"image_id": 7, "category_id": 1, "segmentation": [[{ring}]]}}"#);
    let text = file(&annotation, "").replace("\"height\": 4", "\"height\": 65535");
    assert_refused(&text, &by_name("a"), "annotations[0].segmentation", "cross 19660200 rows");
}

#[derive(Deserialize)]
struct Pixels {
    image: String,
    rater: String,
    concept: String,
    borders: Vec<u32>,
}

#[test]
fn all_kinds_of_annotations_have_the_pixels_of_pycocotools() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/coco/instances.json");
    let found = coco::read(&path, &by_key("attributes.annotator")).unwrap();
    let golden: Vec<Pixels> = serde_json::from_str(include_str!("golden.json")).unwrap();
    assert_eq!((found.images.len(), found.readings.len(), golden.len()), (2, 4, 40));
    let mut regions: BTreeMap<(&str, &str), _> = BTreeMap::new();
    for reading in &found.readings {
        let of_reading = reading.regions.iter().map(move |region| (region, reading.size.unwrap()));
        regions.insert((&reading.image, &reading.rater), of_reading);
    }
    for (idx, pixels) in golden.iter().enumerate() {
        let of_reading = regions.get_mut(&(pixels.image.as_str(), pixels.rater.as_str())).unwrap();
        let (region, size) = of_reading.next().unwrap();
        assert_eq!(region.concept, pixels.concept);
        assert_eq!(
            region.shape.mask(size).runs().as_flattened(),
            pixels.borders,
            "annotation {idx}"
        );
    }
    assert!(regions.values_mut().all(|rest| rest.next().is_none()));
}

fn reading(image: &str, rater: &str, shape: Shape) -> RawReading {
    let region = Region { concept: "beak".to_owned(), attributes: vec![], shape };
    RawReading {
        image: image.to_owned(),
        rater: rater.to_owned(),
        size: Some(ImageSize::new(4, 6)),
        labels: vec![],
        regions: vec![region],
        file: "x.json".into(),
    }
}

#[test]
fn written_files_have_what_other_programs_expect() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.json");
    let size = ImageSize::new(4, 6);
    let mask = Mask::from_sorted_runs(size, [[8, 10], [15, 16]]); // (1, 2), (1, 3), (2, 3)
    let annotations = Annotations {
        images: vec![AnnotatedImage {
            name: "a.jpg".to_owned(),
            size: Some(size),
            gold: vec!["cat".to_owned()],
        }],
        readings: vec![
            reading("a.jpg", "eve", square(Fill::Pil)),
            reading("a.jpg", "bob", Shape::Mask(mask)),
        ],
        skipped: vec![],
    };
    coco::write(&path, &annotations).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    // The square has 3 x 3 pixels by Pillow. Columns of the mask: 2 has row 1, 3 has rows 1 and 2: runs of 9,
    // 1, 3, 2 and 9 pixels; 2 - 1 = 1 and 9 - 3 = 6.
    let expected = concat!(
        r#"{"fill":"pil","images":[{"id":1,"file_name":"a.jpg","height":4,"width":6,"gold":["cat"]}],"#,
        r#""categories":[{"id":1,"name":"beak"}],"annotations":["#,
        r#"{"id":1,"image_id":1,"category_id":1,"rater":"eve","segmentation":[[1.0,1.0,3.0,1.0,3.0,3.0,1.0,3.0]],"#,
        r#""bbox":[1.0,1.0,2.0,2.0],"area":9,"iscrowd":0},"#,
        r#"{"id":2,"image_id":1,"category_id":1,"rater":"bob","segmentation":{"size":[4,6],"counts":"91316"},"#,
        r#""bbox":[2.0,1.0,2.0,2.0],"area":3,"iscrowd":0}],"#,
        r#""readings":[{"image_id":1,"rater":"eve"},{"image_id":1,"rater":"bob"}]}"#,
        "\n"
    );
    assert_eq!(text, expected);
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.json");
    let size = Some(ImageSize::new(4, 6));
    let image = |name: &str| AnnotatedImage { name: name.to_owned(), size, gold: vec![] };
    let refused = |images: Vec<AnnotatedImage>, readings: Vec<RawReading>, message: &str| {
        let error =
            coco::write(&path, &Annotations { images, readings, skipped: vec![] }).unwrap_err();
        assert!(error.message.contains(message), "{error}");
        assert!(!path.exists());
    };
    let polygon = |rings| Shape::Polygon { rings, fill: Fill::Coco };
    let ok = || reading("a", "eve", square(Fill::Coco));
    refused(vec![image("a"), image("a")], vec![], "is listed twice");
    refused(vec![image("a")], vec![ok(), ok()], "is the second reading of the image by the rater");
    refused(vec![image("b")], vec![ok()], "the image is not listed");
    refused(
        vec![image("a")],
        vec![RawReading { size: None, ..ok() }],
        "the size is unknown; expected 4x6",
    );
    refused(
        vec![image("a")],
        vec![RawReading { rater: String::new(), ..ok() }],
        "a rater without a name",
    );
    refused(vec![image("a")], vec![reading("a", "eve", polygon(vec![]))], "`beak`: found no ring");
    refused(
        vec![image("a")],
        vec![reading("a", "eve", polygon(vec![vec![]]))],
        "one without a vertex",
    );
    refused(
        vec![image("a")],
        vec![reading("a", "eve", polygon(vec![vec![[0.0, f64::NAN]]]))],
        "the coordinate NaN",
    );
    let mask = Shape::Mask(Mask::empty(ImageSize::new(3, 3)));
    refused(vec![image("a")], vec![reading("a", "eve", mask)], "found a mask of 3x3; expected 4x6");
}

fn shape(size: ImageSize) -> impl Strategy<Value = Shape> {
    let coordinate =
        prop_oneof![-20f64..60.0, (-8i32..40).prop_map(f64::from), prop::num::f64::NORMAL];
    let ring = prop::collection::vec([coordinate.clone(), coordinate], 1..6);
    let fill = prop_oneof![Just(Fill::Coco), Just(Fill::Pil), Just(Fill::Darwin)];
    prop_oneof![
        (prop::collection::vec(ring, 1..4), fill)
            .prop_map(|(rings, fill)| Shape::Polygon { rings, fill }),
        prop::collection::vec(0u8..2, size.num_pixels())
            .prop_map(move |dense| Shape::Mask(Mask::from_dense(&dense, size))),
    ]
}

/// Readings of one image by some of four raters.
fn image_and_readings() -> impl Strategy<Value = (AnnotatedImage, Vec<RawReading>)> {
    let names = || prop::collection::vec(".{1,5}", 0..3);
    (1u32..9, 1u32..9, any::<bool>(), names()).prop_flat_map(
        move |(height, width, has_size, gold)| {
            let shown = ImageSize::new(height, width);
            let size = has_size.then_some(shown);
            let region = ("[a-c]|.{1,4}", names(), shape(shown))
                .prop_map(|(concept, attributes, shape)| Region { concept, attributes, shape });
            let reading = (any::<bool>(), names(), prop::collection::vec(region, 0..4));
            prop::collection::vec(reading, 4).prop_map(move |readings| {
                let raters = ["alice", "bob", "7", "\"Ö\u{1}"].into_iter().zip(readings);
                let readings = raters.filter(|(_, (is_there, ..))| *is_there);
                let reading =
                    |(rater, (_, labels, regions)): (&str, (bool, Vec<String>, Vec<Region>))| {
                        RawReading {
                            image: String::new(),
                            rater: rater.to_owned(),
                            size,
                            labels,
                            regions,
                            file: "all.json".into(),
                        }
                    };
                let image = AnnotatedImage { name: String::new(), size, gold: gold.clone() };
                (image, readings.map(reading).collect())
            })
        },
    )
}

fn annotations() -> impl Strategy<Value = Annotations> {
    prop::collection::vec(image_and_readings(), 0..4).prop_flat_map(|all| {
        let (mut images, mut readings) = (Vec::new(), Vec::new());
        for (idx, (mut image, of_image)) in all.into_iter().enumerate() {
            image.name = format!("x/{idx} \\ \u{1F426}.jpg");
            let named =
                of_image.into_iter().map(|one| RawReading { image: image.name.clone(), ..one });
            readings.extend(named);
            images.push(image);
        }
        (Just(images), Just(readings).prop_shuffle()).prop_map(|(images, readings)| Annotations {
            images,
            readings,
            skipped: vec![],
        })
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_equal(annotations in annotations()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.json");
        coco::write(&path, &annotations).unwrap();
        let mut found = coco::read(&path, &by_key("rater")).unwrap();
        for reading in &mut found.readings {
            prop_assert_eq!(&reading.file, &path);
            reading.file = "all.json".into();
        }
        prop_assert_eq!(&found, &annotations);
        // By itself a file of one rater is that rater's.
        let bytes = std::fs::read(&path).unwrap();
        coco::write(&path, &found).unwrap();
        prop_assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}
