//! CheXlocalize's files: by hand, outlines against segmentations of Pillow and pycocotools, refused, broken.

use dermx_data::{DataError, Fill, ImageSize, Mask, Shape};
use dermx_formats::{Annotations, chexlocalize};

const SEGMENTATIONS: &str = include_str!("segmentations.json");
const OUTLINES: &str = include_str!("outlines.json");

fn read(text: &str) -> Result<Annotations, DataError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.json");
    std::fs::write(&path, text).unwrap();
    chexlocalize::read(&path, "gt")
}

#[test]
fn masks_without_pixels_are_no_region_but_the_image_is_read() {
    // 2 x 3, column by column: 2 without, 1 with, 3 without, so row 0, column 1; "06": all; "6": none.
    let found = read(
        r#"{"p1": {"Edema": {"size": [2, 3], "counts": "213"}, "Lung Lesion": {"size": [2, 3], "counts": "6"},
                   "Atelectasis": {"size": [2, 3], "counts": "06"}},
            "p0": {"Edema": {"counts": "9", "size": [3, 3]}}, "p2": {}}"#,
    )
    .unwrap();
    let names: Vec<_> =
        found.images.iter().map(|image| (image.name.as_str(), image.size)).collect();
    let size = ImageSize::new(2, 3);
    assert_eq!(names, [("p1", Some(size)), ("p0", Some(ImageSize::new(3, 3))), ("p2", None)]);
    let regions: Vec<_> =
        found.readings[0].regions.iter().map(|one| (one.concept.as_str(), &one.shape)).collect();
    let [one, all] =
        [vec![[1, 2]], vec![[0, 6]]].map(|runs| Shape::Mask(Mask::from_sorted_runs(size, runs)));
    assert_eq!(regions, [("Edema", &one), ("Atelectasis", &all)]);
    assert!(found.readings[1].regions.is_empty() && found.readings[2].regions.is_empty());
    assert!(found.readings.iter().all(|one| one.rater == "gt" && one.file.ends_with("all.json")));
}

#[test]
fn outlines_keep_their_rings_and_are_filled_as_by_pillow() {
    let found = read(
        r#"{"p1": {"Edema": [[[1, 1], [2.9, 1], [2.9, 2]], [[0, 0], [0, 0]]], "Atelectasis": [], "img_size": [4, 5]}}"#,
    )
    .unwrap();
    let [region] = &found.readings[0].regions[..] else { panic!("{found:?}") };
    let rings = vec![vec![[1.0, 1.0], [2.9, 1.0], [2.9, 2.0]], vec![[0.0, 0.0], [0.0, 0.0]]];
    assert_eq!(region.shape, Shape::Polygon { rings, fill: Fill::Pil });
    // (1, 1), (2, 1), (2, 2) and (0, 0) of five columns.
    assert_eq!(region.shape.mask(ImageSize::new(4, 5)).runs(), [[0, 1], [6, 8], [12, 13]]);
}

#[test]
fn outlines_have_the_pixels_of_the_segmentations() {
    let (outlines, segmentations) = (read(OUTLINES).unwrap(), read(SEGMENTATIONS).unwrap());
    assert_eq!(outlines.images, segmentations.images);
    let mut num_regions = 0;
    for (outlined, segmented) in outlines.readings.iter().zip(&segmentations.readings) {
        let size = outlined.size.unwrap();
        let masks = |reading: &dermx_formats::RawReading| {
            let mask =
                |region: &dermx_data::Region| (region.concept.clone(), region.shape.mask(size));
            reading
                .regions
                .iter()
                .map(mask)
                .filter(|(_, mask)| !mask.is_empty())
                .collect::<Vec<_>>()
        };
        let (mut from_outlines, from_runs) = (masks(outlined), masks(segmented));
        let order = |concept: &str| from_runs.iter().position(|(one, _)| one == concept);
        from_outlines.sort_by_key(|(concept, _)| order(concept));
        assert_eq!(from_outlines, from_runs, "{}", outlined.image);
        num_regions += from_runs.len();
    }
    assert!(num_regions > 15);
}

#[track_caller]
fn assert_refused(text: &str, place: &str, message: &str) {
    let error = read(text).unwrap_err();
    assert_eq!(error.place, place, "{error}");
    assert!(error.message.contains(message), "{error}");
}

#[test]
fn errors_say_where_and_what() {
    let entry = |entry: &str| format!(r#"{{"p0": {{}}, "p1": {entry}}}"#);
    assert_refused("[]", "line 1 column 1", "expected an object with an entry for each image");
    assert_refused(r#"{"p1": {}, "p1": {}}"#, "line 1 column 16", "found the image `p1` twice");
    assert_refused(&entry("3"), "p1", "expected an object with an entry for each pathology");
    assert_refused(
        &entry(r#"{"Edema": 3}"#),
        "p1.Edema",
        "expected an object with `size` and `counts`, or a list",
    );
    assert_refused(&entry(r#"{"Edema": [], "Edema": []}"#), "p1", "found `Edema` twice");
    assert_refused(&entry(r#"{"Edema": [[[1, 2], [3, 4]]]}"#), "p1.Edema", "no `img_size`");
    assert_refused(
        &entry(r#"{"Edema": [[[1, 2], [3]]]}"#),
        "p1.Edema[0][1]",
        "a list of the length 2",
    );
    assert_refused(&entry(r#"{"Edema": [[[1, "2"]]]}"#), "p1.Edema[0][0][1]", "expected a number");
    assert_refused(&entry(r#"{"Edema": [[]]}"#), "p1.Edema", "found a ring without a vertex");
    assert_refused(&entry(r#"{"img_size": [0, 2]}"#), "p1.img_size", "found a side of 0 pixels");
    assert_refused(
        &entry(r#"{"img_size": [1.5, 2]}"#),
        "p1.img_size[0]",
        "expected a whole number of pixels",
    );
    assert_refused(
        &entry(r#"{"Edema": {"size": [2, 3], "counts": "5"}}"#),
        "p1.Edema",
        "the counts add up to 5 pixels; expected 6",
    );
    assert_refused(
        &entry(
            r#"{"Edema": {"size": [2, 3], "counts": "6"}, "A": {"size": [3, 2], "counts": "6"}}"#,
        ),
        "p1.A",
        "found a mask of 3x2; expected 2x3",
    );
    let ring = ["[0,0]", "[0,65534]"].repeat(150).join(",");
    let costly = format!(r#"{{"Edema": [[{ring}]], "img_size": [65535, 9]}}"#);
    assert_refused(&entry(&costly), "p1.Edema", "cross 19660200 rows");
}
