//! Reading and writing the files of a data set: cohorts, round trips, and broken input.

use crate::fixture;

use dermx_data::{
    Cohort, ErrorKind, Image, ImageSize, MaskSource, Reading, Region, check_annotations, darwin,
    describe, mask_files, ontology,
};
use fixture::{Fixture, TRIANGLE, assert_contains, evaluation, image, instance, strings};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

/// Place and message of the error for one annotation file; `ANNOTATIONS` stands for its list.
#[track_caller]
fn json_error(annotations: &str) -> (String, String) {
    let json = format!(r#"{{"image":{{"width":10,"height":8}},"annotations":{annotations}}}"#);
    let error = Fixture::small().error_with("annotations/derm1_a.json", json);
    (error.place, error.message)
}

#[test]
fn cohorts_follow_diagnoses_and_discard_tags() {
    let evaluations = [
        evaluation("derm1", "a", &["Acne"], &[]),
        evaluation("derm2", "a", &["Acne", "Psoriasis"], &[]),
        evaluation("derm3", "a", &[], &[]),
        evaluation("derm1", "b", &["Vitiligo"], &["Low-quality"]),
        evaluation("derm2", "b", &[], &["Low-quality", "Other-disease"]),
        evaluation("derm1", "c", &["Acne", "Psoriasis"], &[]),
    ];
    let images = ["a", "b", "c"].map(|image_id| image(image_id, "Acne"));
    let dataset = Fixture::new(&evaluations, &images).read().unwrap();
    let stems = |cohort| dataset.cohort(cohort).map(Reading::stem).collect::<Vec<_>>();
    let all = ["derm1_a", "derm2_a", "derm3_a", "derm1_b", "derm2_b", "derm1_c"];
    assert_eq!(stems(Cohort::All), all);
    assert_eq!(stems(Cohort::Discarded), ["derm3_a", "derm1_b", "derm2_b"]);
    assert_eq!(stems(Cohort::Accepted), ["derm1_a", "derm2_a", "derm1_c"]);
    assert_eq!(stems(Cohort::Single), ["derm1_a"]);
    let images = |cohort| dataset.cohort_images(cohort).into_iter().collect::<Vec<_>>();
    assert_eq!(images(Cohort::Accepted), ["a", "c"]);
    assert_eq!(images(Cohort::Single), ["a"]);
    assert_eq!(dataset.readings_of("b").len(), 2);
    assert_eq!(dataset.readings_of("d").len(), 0);
}

#[test]
fn description_counts_a_small_set() {
    let evaluations = [
        evaluation("derm1", "a", &["Acne"], &[]),
        evaluation("derm2", "a", &["Acne", "Psoriasis"], &[]), // settled by derm1
        evaluation("derm3", "a", &[], &[]),
        evaluation("derm1", "b", &["Vitiligo"], &["Low-quality"]),
        evaluation("derm2", "b", &["Acne", "Psoriasis"], &[]), // nobody else to settle it
    ];
    let images = [image("a", "Acne"), image("b", "Psoriasis")];
    let found = describe(&Fixture::new(&evaluations, &images).read().unwrap());
    let counts = &found.counts;
    assert_eq!(counts.evaluations_per_image, [(2, 1), (3, 1)].into());
    assert_eq!((counts.with_discard_tag, counts.without_any_diagnosis_tag), (1, 1));
    assert_eq!((counts.multi_diagnosis_evaluations, counts.multi_diagnosis_unresolved), (2, 1));
    assert_eq!(counts.accepted_minus_unresolved_evaluations, 2);
    assert_eq!(counts.accepted_minus_unresolved_images, 1);
    // Accepted: derm1 {a}, derm2 {a, b}, derm3 {}; the pairs share 1, 0 and 0 images.
    let shared = &counts.shared_images_per_rater_pair;
    assert_eq!((shared.pairs, shared.min, shared.median), (3, Some(0), Some(0.0)));
    assert_eq!((shared.max, shared.zero), (Some(1), 2));
    // `single` images: only a.
    let study = found.study.unwrap();
    assert_eq!((study.table_1["source"]["Acne"], study.table_1["source"]["Psoriasis"]), (1, 0));
    assert_eq!(study.table_4_dermx["Acne"], 1);
    assert_eq!(study.skin_tone, [("dark".to_owned(), 2)].into());
    assert_eq!(found.attributes["skin_tone"], study.skin_tone);
}

#[test]
fn mask_is_the_union_of_the_instances() {
    let size = ImageSize::new(8, 10);
    let mut one = evaluation("derm1", "a", &["Acne"], &[]);
    let square = [[5.0, 5.0], [9.0, 5.0], [9.0, 7.0], [5.0, 7.0]];
    let (first, second) = (instance("Papule", &TRIANGLE), instance("Papule", &square));
    let union = first.mask(size).union(&second.mask(size));
    assert!(union.area() > first.mask(size).area());
    one.regions = vec![first, instance("Scar", &[[0.0, 0.0]]), second];
    assert_eq!(one.mask("Papule"), Some(union.clone()));
    assert_eq!(one.mask("Plaque"), None);
    assert_eq!(one.union_mask().unwrap().area(), union.area() + 1);
    assert_eq!(one.concepts().into_iter().collect::<Vec<_>>(), ["Papule", "Scar"]);
    one.tags = strings(&["Young"]);
    assert!(one.has("Young") && one.has("Scar") && !one.has("Plaque"));
}

#[test]
fn unknown_labels_are_kept_and_counted() {
    let fixture = Fixture::small();
    let json = r#"{"image": {"width": 10, "height": 8}, "annotations": [
        {"name": "Acnee", "tag": {}}, {"name": "Acne", "tag": {}},
        {"name": "Bubble", "polygon": {"path": [{"x": 1, "y": 1}]}, "attributes": ["Pink"]},
        {"name": "Scar", "polygon": {"path": [{"x": 1, "y": 1}]}, "attributes": ["Red"]}]}"#;
    fs::write(fixture.path("annotations/derm1_a.json"), json).unwrap();
    let dataset = fixture.read().unwrap();
    let one = &dataset.readings()[0];
    assert_eq!(one.unknown, ["Acnee"]);
    assert_eq!(one.regions[0].concept, "Bubble");
    assert_eq!(
        one.unknown_labels(dataset.schema()).into_iter().collect::<Vec<_>>(),
        ["Acnee", "Bubble", "Pink"]
    );
    let ontology = describe(&dataset).ontology;
    let unknown: Vec<_> =
        ontology["unknown"].iter().map(|(label, &n)| (label.as_str(), n)).collect();
    assert_eq!(unknown, [("Acnee", 1), ("Bubble", 1), ("Pink", 1)]);
    assert_eq!(ontology["attributes"]["Red"], 1);
}

#[test]
fn missing_parts_are_named() {
    let fixture = Fixture::small();
    let error = dermx_data::dermx::read(&fixture.path("elsewhere")).unwrap_err();
    assert_eq!((error.kind, error.path), (ErrorKind::Missing, fixture.path("elsewhere")));
    assert_contains(&error.message, "expected the layout of DermX");
    assert_contains(&error.message, "CC0");
    fs::rename(fixture.path("metadata.csv"), fixture.path("meta.csv")).unwrap();
    let error = fixture.read().unwrap_err();
    assert_eq!((error.kind, error.path), (ErrorKind::Missing, fixture.path("metadata.csv")));
    fs::rename(fixture.path("annotations"), fixture.path("annotation")).unwrap();
    let error = fixture.read().unwrap_err();
    assert_eq!((error.kind, error.path), (ErrorKind::Missing, fixture.path("annotations")));
}

#[test]
fn folder_without_annotations_is_refused() {
    let fixture = Fixture::small();
    for rater in ["derm1", "derm2", "derm3"] {
        let from = fixture.path(&format!("annotations/{rater}_a.json"));
        fs::rename(&from, from.with_extension("txt")).unwrap();
    }
    let error = fixture.read().unwrap_err();
    assert_eq!((error.kind, error.path), (ErrorKind::Missing, fixture.path("annotations")));
}

#[test]
fn missing_mask_file_is_named() {
    let fixture = Fixture::small();
    assert!(fixture.read().unwrap().has_mask_files());
    let missing = fixture.path("masks/masks/derm1_a_00001.png");
    fs::remove_file(&missing).unwrap();
    let error = fixture.read().unwrap_err();
    assert_eq!((error.kind, error.path), (ErrorKind::Missing, missing));
    fs::remove_dir_all(fixture.path("masks")).unwrap();
    assert!(!fixture.read().unwrap().has_mask_files());
}

#[test]
fn image_without_metadata_is_kept_and_listed() {
    let evaluations = ["a", "b"].map(|image_id| evaluation("derm1", image_id, &["Acne"], &[]));
    let dataset = Fixture::new(&evaluations, &[image("a", "Acne")]).read().unwrap();
    assert_eq!(dataset.readings().len(), 2);
    assert_eq!(dataset.images_without_metadata().into_iter().collect::<Vec<_>>(), ["b"]);
    assert_eq!(dataset.image("a").unwrap().file_name, "a.jpeg");
}

#[test]
fn raters_of_one_image_have_to_agree_on_its_size() {
    let mut evaluations = ["derm1", "derm2"].map(|rater| evaluation(rater, "a", &["Acne"], &[]));
    evaluations[1].size = ImageSize::new(8, 11);
    let fixture = Fixture::new(&evaluations, &[image("a", "Acne")]);
    let error = fixture.read().unwrap_err();
    assert_eq!(error.path, fixture.path("annotations/derm2_a.json"));
    assert_contains(&error.message, "found 8x11 (height x width), but 8x10 in derm1_a.json");
}

#[test]
fn wrong_json_type_is_located() {
    let (place, message) =
        json_error(r#"[{"name":"Scar","polygon":{"path":[{"x":1,"y":1},{"x":"2","y":1}]}}]"#);
    assert_eq!(place, "annotations[0].polygon.path[1].x");
    assert_contains(&message, "found the text \"2\"; expected a number");
    let (place, _) = json_error(
        r#"[{"name":"Acne","tag":{}},{"name":"Scar","complex_polygon":{"path":[[{"x":1}]]}}]"#,
    );
    assert_eq!(place, "annotations[1].complex_polygon.path[0][0]");
    let (place, message) = json_error(r#"[{"name":7,"tag":{}}]"#);
    assert_eq!(place, "annotations[0].name");
    assert_contains(&message, "found the number `7`; expected a text");
    assert_eq!(json_error(r#"{}"#).0, "annotations");
}

#[test]
fn missing_json_key_is_located() {
    let (place, message) = json_error(r#"[{"tag":{}}]"#);
    assert_eq!(place, "annotations[0]");
    assert_contains(&message, "missing field `name`");
    let fixture = Fixture::small();
    let json = r#"{"image":{"width":3},"annotations":[]}"#;
    let error = fixture.error_with("annotations/derm2_a.json", json);
    assert_eq!(error.place, "image");
    assert_contains(&error.message, "missing field `height`");
}

#[test]
fn coordinate_that_is_no_finite_number_is_located() {
    for found in ["NaN", "Infinity", "1e999"] {
        let json = format!(r#"[{{"name":"Scar","polygon":{{"path":[{{"x":1,"y":{found}}}]}}}}]"#);
        let (place, _) = json_error(&json);
        assert_eq!(place, "annotations[0].polygon.path[0].y", "{found}");
    }
    let (_, message) = json_error(r#"[{"name":"Scar","polygon":{"path":[{"x":1,"y":NaN}]}}]"#);
    assert_contains(&message, "found `NaN}]}}]}`");
}

#[test]
fn annotation_has_to_be_one_thing() {
    let (place, message) = json_error(r#"[{"name":"Acne","tag":{}},{"name":"Scar"}]"#);
    assert_eq!(place, "annotations[1]");
    assert_contains(&message, "`Scar`: found 0 of `tag`");
    let (_, message) = json_error(r#"[{"name":"Scar","tag":{},"polygon":{"path":[]}}]"#);
    assert_contains(&message, "found 2 of");
    let (_, message) = json_error(r#"[{"name":"Scar","polygon":{"path":[]}}]"#);
    assert_contains(&message, "`Scar`: found a ring without a vertex");
}

/// A square of 10 x 8 with the corners at the image's.
const SQUARE: &str = r#"[{"x":0,"y":0},{"x":9,"y":0},{"x":9,"y":7},{"x":0,"y":7}]"#;
/// A square inside of it, whose rim belongs to the mask.
const HOLE: &str = r#"[{"x":2,"y":2},{"x":6,"y":2},{"x":6,"y":5},{"x":2,"y":5}]"#;

/// The evaluation with one annotation, in an image of 8 x 10.
fn parse(annotation: &str) -> Reading {
    let json = format!(r#"{{"image":{{"width":10,"height":8}},"annotations":[{annotation}]}}"#);
    darwin::parse_evaluation(Path::new("derm1_a.json"), json.as_bytes()).unwrap()
}

#[test]
fn additional_paths_are_holes_and_islands() {
    // 80 pixels, without the inside of the hole: 3 columns (3 to 5) x 2 rows (3 and 4).
    let outline = format!(r#""path":{SQUARE},"additional_paths":[{HOLE}]"#);
    let holed = parse(&format!(r#"{{"name":"Scar","polygon":{{{outline}}}}}"#));
    assert_eq!(holed.mask("Scar").unwrap().area(), 80 - 6);
    let complex = r#"{"name":"Scar","complex_polygon":{"path":["#.to_owned();
    let complex = parse(&format!(r#"{complex}{SQUARE}],"additional_paths":[{HOLE}]}}}}"#));
    assert_eq!(complex.mask("Scar"), holed.mask("Scar"));
    assert_eq!(complex.regions[0].rings().len(), 2);
    // An island beside the outline: two pixels in one row.
    let outline = r#""path":[{"x":0,"y":0}],"additional_paths":[[{"x":4,"y":4},{"x":5,"y":4}]]"#;
    let island = parse(&format!(r#"{{"name":"Scar","polygon":{{{outline}}}}}"#));
    let rings = island.regions[0].rings();
    assert_eq!(rings[..], [vec![[0.0, 0.0]], vec![[4.0, 4.0], [5.0, 4.0]]]);
    let none =
        parse(&format!(r#"{{"name":"Scar","polygon":{{"path":{SQUARE},"additional_paths":[]}}}}"#));
    assert_eq!(none.mask("Scar").unwrap().area(), 80);
}

#[test]
fn unknown_keys_in_an_outline_are_refused_by_name() {
    for (polygon, place, key) in [
        (r#""polygon":{"path":[{"x":1,"y":1}],"holes":[]}"#, "annotations[0].polygon", "`holes`"),
        (r#""polygon":{"path":[{"x":1,"y":1,"z":2}]}"#, "annotations[0].polygon.path[0]", "`z`"),
        (
            r#""polygon":{"path":[{"x":1,"y":1}],"additional_paths":[[{"x":1,"y":1,"r":2}]]}"#,
            "annotations[0].polygon.additional_paths[0][0]",
            "`r`",
        ),
        (
            r#""complex_polygon":{"path":[[{"x":1,"y":1}]],"rule":"nonzero"}"#,
            "annotations[0].complex_polygon",
            "`rule`",
        ),
    ] {
        let (found, message) = json_error(&format!(r#"[{{"name":"Scar",{polygon}}}]"#));
        assert!(found.starts_with(place), "{found}");
        assert_contains(&message, &format!("unknown field {key}"));
    }
    let (place, message) =
        json_error(r#"[{"name":"Scar","polygon":{"path":[],"additional_paths":[[]]}}]"#);
    assert_eq!(place, "annotations[0]");
    assert_contains(&message, "`Scar`: found a ring without a vertex");
}

#[test]
fn an_outline_that_would_take_all_memory_is_refused() {
    // Up and down 1000 times over 65534 rows: 65.5 million.
    let vertex = |idx: u32| format!(r#"{{"x":{idx},"y":{}}}"#, 65534 * (idx % 2));
    let path = (0..1000).map(vertex).collect::<Vec<_>>().join(",");
    let annotation = format!(r#"{{"name":"Scar","polygon":{{"path":[{path}]}}}}"#);
    let image = r#"{"width":1500,"height":65535}"#;
    let json = format!(r#"{{"image":{image},"annotations":[{annotation}]}}"#);
    let error = Fixture::small().error_with("annotations/derm1_a.json", json);
    assert_eq!(error.place, "annotations[0]");
    assert_contains(&error.message, "`Scar`: the edges of the outline cross 65534000 rows");
}

#[test]
fn shapes_that_are_not_read_are_named() {
    for shape in ["ellipse", "mask", "line", "keypoint", "frames"] {
        let polygon = r#""polygon":{"path":[{"x":1,"y":1}]}"#;
        for other in ["", polygon] {
            let separator = if other.is_empty() { "" } else { "," };
            let annotation = format!(r#"[{{"name":"Scar","{shape}":{{}}{separator}{other}}}]"#);
            let (place, message) = json_error(&annotation);
            assert_eq!(place, "annotations[0]");
            assert_contains(&message, &format!("`Scar`: found `{shape}`; only `tag`"));
        }
    }
}

#[test]
fn other_versions_of_darwin_are_named() {
    let fixture = Fixture::small();
    let name = "annotations/derm1_a.json";
    let two = r#"{"version":"2.0","item":{"name":"a.jpg","slots":[{"width":10,"height":8}]},
        "annotations":[{"name":"Scar","polygon":{"paths":[[{"x":1,"y":1}]]}}]}"#;
    let expected = "is Darwin JSON 2.0; only 1.0 is read: export it as Darwin JSON 1.0";
    let error = fixture.error_with(name, two);
    assert_eq!((error.place.as_str(), error.message.as_str()), ("version", expected));
    let error = fixture.error_with(name, two.replace(r#""version":"2.0","#, ""));
    assert_eq!(error.message, expected);
    let one = r#"{"version":"1.0","image":{"width":10,"height":8},"annotations":[]}"#;
    fs::write(fixture.path(name), one).unwrap();
    fixture.read().unwrap();
    let error = fixture.error_with(name, one.replace("1.0", "3.0"));
    assert_contains(&error.message, "is Darwin JSON 3.0");
    // What is wrong for another reason is said as before.
    let error = fixture.error_with(name, one.replace("image", "images"));
    assert_contains(&error.message, "missing field `image`");
}

#[test]
fn annotations_under_another_name_or_in_a_folder_are_refused_by_name() {
    let fixture = Fixture::small();
    let file = fixture.path("annotations/derm1_a.json");
    fs::create_dir_all(fixture.path("annotations/more/deep")).unwrap();
    fixture.read().unwrap();
    fs::copy(&file, fixture.path("annotations/more/deep/derm4_a.json")).unwrap();
    let error = fixture.read().unwrap_err();
    assert_eq!((error.kind, error.path), (ErrorKind::Invalid, fixture.path("annotations/more")));
    assert_contains(&error.message, "a folder with 1 JSON files, which are not read; move them up");
    fs::copy(&file, fixture.path("annotations/derm5_a.JSON")).unwrap();
    let error = fixture.read().unwrap_err();
    assert_eq!(error.path, fixture.path("annotations/derm5_a.JSON"));
    assert_eq!(
        error.message,
        "is not read; end its name in `.json`, in small letters; the same goes for `more`"
    );
    // Alone they are no reason to say that there is no annotation.
    for rater in ["derm1", "derm2", "derm3"] {
        fs::remove_file(fixture.path(&format!("annotations/{rater}_a.json"))).unwrap();
    }
    assert_eq!(fixture.read().unwrap_err().kind, ErrorKind::Invalid);
}

#[test]
fn files_that_nothing_reads_are_listed() {
    let fixture = Fixture::small();
    let strays = [
        "annotations/derm1_a.json.bak",
        "annotations/notes.txt",
        "folds/metadata_fold_0_valid.csv",
        "masks/derm1_a_00000.png",
        "masks/other",
    ];
    fs::create_dir_all(fixture.path("folds")).unwrap();
    for name in &strays {
        fs::write(fixture.path(name), "").unwrap();
    }
    fs::write(fixture.path("annotations/.DS_Store"), "").unwrap();
    let dataset = fixture.read().unwrap();
    assert_eq!(dataset.not_read(), strays.map(|name| fixture.path(name)));
    assert_eq!(describe(&dataset).not_read, dataset.not_read());
    assert_eq!(Fixture::small().read().unwrap().not_read(), [] as [PathBuf; 0]);
}

#[test]
fn images_that_nobody_evaluated_are_counted() {
    let evaluations = [evaluation("derm1", "b", &["Acne"], &[])];
    let images = ["a", "b", "c"].map(|image_id| image(image_id, "Acne"));
    let dataset = Fixture::new(&evaluations, &images).read().unwrap();
    assert_eq!(dataset.images_without_evaluation(), ["a", "c"]);
    assert_eq!(describe(&dataset).images_without_evaluation, 2);
}

#[test]
fn absurd_image_size_is_refused() {
    let fixture = Fixture::small();
    for (width, expected) in [
        ("0", "found 0; expected 1 to 65535 pixels"),
        ("65536", "found 65536; expected 1 to 65535 pixels"),
        ("-5", "found the number `-5`; expected a whole number from 0 to 4294967295"),
        ("1e3", "found the number `1000.0`; expected a whole number"),
        ("99999999999", "found the number `99999999999`; expected a whole number"),
    ] {
        let json = format!(r#"{{"image":{{"width":{width},"height":8}},"annotations":[]}}"#);
        let error = fixture.error_with("annotations/derm1_a.json", json);
        assert_eq!(error.place, "image.width");
        assert_contains(&error.message, expected);
    }
}

#[test]
fn text_that_is_not_plain_json_is_refused() {
    let fixture = Fixture::small();
    let name = "annotations/derm1_a.json";
    let good = fs::read(fixture.path(name)).unwrap();
    let error = fixture.error_with(name, &good[..good.len() / 2]);
    assert_contains(&error.message, "the file ends inside of");
    let error = fixture.error_with(name, b"");
    assert_contains(&error.message, "the file ends inside of");
    let error = fixture.error_with(name, [b"\xef\xbb\xbf", good.as_slice()].concat());
    assert_contains(&error.message, "byte order mark");
    let error = fixture.error_with(name, b"{\"image\": \"\xff\"}");
    assert_eq!(error.place, "byte 11");
    let error = fixture.error_with(name, [good.as_slice(), b"{}"].concat());
    assert_contains(&error.message, "found more after the end");
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let deep = "[".repeat(1_000_000);
    let (place, _) = json_error(&deep);
    assert!(place.starts_with("annotations"), "{place}");
    let (_, message) = json_error(&format!(r#"[{{"name":"Acne","tag":{{}},"extra":{deep}"#));
    assert_contains(&message, "expected a value at line 1 column 1000081");
}

#[test]
fn file_name_needs_rater_and_image() {
    let fixture = Fixture::small();
    for name in ["derm1.json", "_a.json", "derm1_.json"] {
        let error = fixture.error_with(&format!("annotations/{name}"), "{}");
        assert_contains(&error.message, "expected RATER_IMAGE.json");
        fs::remove_file(error.path).unwrap();
    }
}

#[test]
fn image_id_may_contain_an_underscore() {
    let evaluations = [evaluation("derm1", "a_b", &["Acne"], &[])];
    let dataset = Fixture::new(&evaluations, &[image("a_b", "Acne")]).read().unwrap();
    assert_eq!(dataset.readings(), evaluations);
}

const HEADER: &str = "original_filename;dataset;diagnosis;current_filename;skin_tone;age\r\n";

/// Place and message of the error for a metadata file.
#[track_caller]
fn csv_error(csv: impl AsRef<[u8]>) -> (String, String) {
    let error = Fixture::small().error_with("metadata.csv", csv);
    (error.place, error.message)
}

#[test]
fn metadata_columns_may_stand_in_any_order() {
    let fixture = Fixture::small();
    let csv = "age;extra;current_filename;diagnosis;dataset;original_filename;skin_tone\n\
               adult;;a.jpeg;Acne;source;a_original.jpg;dark\n";
    fs::write(fixture.path("metadata.csv"), csv).unwrap();
    assert_eq!(fixture.read().unwrap().images(), [image("a", "Acne")]);
}

#[test]
fn metadata_may_be_separated_by_commas_and_name_folders() {
    let fixture = Fixture::small();
    let csv = format!("{HEADER}a_original.jpg;source;Acne;a.jpeg;dark;adult\r\n");
    let csv = csv.replace(';', ",").replace(",a.jpeg", ", photos/a.jpeg ");
    fs::write(fixture.path("metadata.csv"), csv).unwrap();
    let expected = Image { file_name: "photos/a.jpeg".to_owned(), ..image("a", "Acne") };
    assert_eq!(fixture.read().unwrap().images(), [expected]);
}

#[test]
fn files_and_metadata_meet_whatever_the_composition_of_their_letters() {
    // é as one character, and as e with an accent: one name, as macOS writes it.
    let (composed, decomposed) = ("caf\u{e9}.v1", "cafe\u{301}.v1");
    let mut first = evaluation("derm1", composed, &["Acne"], &[]);
    first.regions = vec![instance("Papule", &TRIANGLE)];
    let fixture = Fixture::new(&[first], &[image(composed, "Acne")]);
    for folder in ["annotations", "masks/masks"] {
        for entry in fs::read_dir(fixture.path(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().replace(composed, decomposed);
            fs::rename(&path, path.with_file_name(name)).unwrap();
        }
    }
    let dataset = fixture.read().unwrap().with_mask_source(MaskSource::Files).unwrap();
    assert!(dataset.image(composed).is_some() && dataset.images_without_metadata().is_empty());
    let [evaluation] = dataset.readings_of(composed) else { panic!("one evaluation") };
    assert!(dataset.mask(evaluation, "Papule").unwrap().is_some());
    assert_eq!(check_annotations(&fixture.path("")).unwrap().findings, []);

    // Two files of one name are one too many.
    let path = fixture.path("annotations").join(format!("derm1_{composed}.json"));
    fs::copy(path.with_file_name(format!("derm1_{decomposed}.json")), &path).unwrap();
    if fs::read_dir(fixture.path("annotations")).unwrap().count() == 2 {
        let message = fixture.read().unwrap_err().to_string();
        assert_contains(&message, "but for the composition of its letters");
        assert!(message.contains(composed) && message.contains(decomposed), "{message}");
    }
}

#[test]
fn metadata_may_start_with_a_byte_order_mark() {
    let fixture = Fixture::small();
    let csv = format!("\u{feff}{HEADER}a_original.jpg;source;Acne;a.jpeg;dark;adult\r\n");
    fs::write(fixture.path("metadata.csv"), csv).unwrap();
    assert_eq!(fixture.read().unwrap().images(), [image("a", "Acne")]);
}

#[test]
fn metadata_with_a_wrong_header_is_refused() {
    let (place, message) = csv_error(HEADER.replace(';', "\t"));
    assert_eq!(place, "line 1");
    assert_eq!(message, "found columns separated by '\\t'; expected `,` or `;`");
    let (_, message) = csv_error(HEADER.replace("diagnosis", "Diagnoses"));
    assert_contains(&message, "found no column `diagnosis` (is it `Diagnoses`?)");
    let (_, message) = csv_error("");
    assert_contains(&message, "found no column `original_filename`");
    let (_, message) = csv_error(HEADER);
    assert_contains(&message, "found no row");
}

#[test]
fn metadata_with_a_wrong_row_is_refused_with_line_and_column() {
    let row = |text: &str| csv_error(format!("{HEADER}x;s;Acne;x.jpg;dark;adult\r\n{text}\r\n"));
    let (place, message) = row("y;s;;y.jpg;dark;adult");
    assert_eq!(place, "line 3, column `diagnosis`");
    assert_contains(&message, "found ``; expected one of Acne, ");
    let (_, message) = row("y;s;acne;y.jpg;dark;adult");
    assert_contains(&message, "found `acne` (did you mean `Acne`?)");
    let (place, message) = row("y;s;Acne;x.png;dark;adult");
    assert_eq!(place, "line 3, column `current_filename`");
    assert_eq!(message, "found the image `x` again, after line 2");
    let (place, message) = row("y;s;Acne;.jpg;dark;adult");
    assert_eq!(place, "line 3, column `current_filename`");
    assert_eq!(message, "found `.jpg`; expected a file name");
    let (place, message) = row("y;s;Acne;y.jpg");
    assert_eq!((place.as_str(), message.as_str()), ("line 3", "found 4 cells; expected 6"));
    let (place, message) =
        csv_error([HEADER.as_bytes(), b"\xff;s;Acne;x.jpg;dark;adult\n"].concat());
    assert_eq!(place, "line 2, column 1");
    assert_eq!(message, "found bytes that are not UTF-8; expected text in UTF-8");
}

#[test]
fn written_files_have_the_format_of_the_release() {
    let fixture = Fixture::small();
    let read = |name: &str| fs::read_to_string(fixture.path(name)).unwrap();
    let row = "a_original.jpg;source;Acne;a.jpeg;dark;adult\r\n";
    assert_eq!(read("metadata.csv"), format!("{HEADER}{row}"));
    let table = "image_id,mask_id,class_name\nderm1_a,derm1_a_00000,Papule\n\
                 derm1_a,derm1_a_00001,Scar\n";
    assert_eq!(read("masks/instance_mask_annotations.csv"), table);
    let json = concat!(
        r#"{"dataset":"DermX","image":{"width":10,"height":8,"#,
        r#""original_filename":"derm2_a.jpg","filename":"derm2_a.jpg","path":"/"},"#,
        r#""annotations":[{"name":"Acne","tag":{}}]}"#,
        "\n"
    );
    assert_eq!(read("annotations/derm2_a.json"), json);
    // TRIANGLE reaches from 1 to 8.5 and from 1 to 7.25.
    let boxed = r#"{"bounding_box":{"h":6.25,"w":7.5,"x":1.0,"y":1.0},"name":"Papule","polygon":"#;
    assert_contains(&read("annotations/derm1_a.json"), boxed);
}

#[test]
fn writer_refuses_what_could_not_be_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut bad = vec![evaluation("derm_1", "a", &["Acne"], &[])];
    for ring in [vec![], vec![[f64::NAN, 0.0]]] {
        let mut one = evaluation("derm1", "a", &["Acne"], &[]);
        one.regions = vec![instance("Scar", &ring)];
        bad.push(one);
    }
    for one in bad {
        let written = darwin::write_annotations(folder.path(), std::slice::from_ref(&one));
        assert_eq!(written.unwrap_err().kind, ErrorKind::Invalid, "{one:?}");
        assert_eq!(fs::read_dir(folder.path().join("annotations")).unwrap().count(), 0);
    }
}

fn labels(all: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    // A subsequence keeps the order, and the labels are sorted.
    let max = all.len().min(3);
    prop::sample::subsequence(all, 0..=max).prop_map(|labels| strings(&labels))
}

fn instances() -> impl Strategy<Value = Vec<Region>> {
    let vertex = prop::array::uniform2(-1e4..1e4f64);
    let ring = prop::collection::vec(vertex, 1..6);
    let instance = (
        prop::sample::select(&["Plaque", "Scar", "Bubble \u{f6} \"\n"][..]),
        labels(&ontology::DESCRIPTIVE_ATTRIBUTES),
        prop::collection::vec(ring, 1..4),
    );
    let instance = instance.prop_map(|(characteristic, attributes, rings)| Region {
        attributes,
        ..Region::outlined(characteristic, rings)
    });
    prop::collection::vec(instance, 0..3)
}

#[test]
fn an_apostrophe_before_what_a_spreadsheet_computes_is_read_back() {
    for text in ["'@a", "''=1+1", "@a", "'a", "-1"] {
        let mut image = image("image--1 (2)", "Acne");
        image.attributes.insert("dataset".to_owned(), text.to_owned());
        let size = ImageSize::new(1, 1);
        let reading = Reading { needs_class: true, ..Reading::new("image--1 (2)", "derm1", size) };
        let fixture = Fixture::new(&[reading], std::slice::from_ref(&image));
        assert_eq!(fixture.read().unwrap().images(), [image], "{text}");
    }
}

fn evaluations() -> impl Strategy<Value = Reading> {
    (
        (1u32..60, 1u32..60),
        labels(&ontology::DIAGNOSES),
        labels(&ontology::DISCARD_TAGS),
        labels(&ontology::NON_LOCALISABLE),
        instances(),
        labels(&["A", "red", "z, \u{e9}"]),
    )
        .prop_map(|((height, width), diagnoses, discards, tags, instances, unknown)| Reading {
            classes: diagnoses,
            discards,
            tags,
            regions: instances,
            unknown,
            needs_class: true,
            ..Reading::new("image--1 (2)", "derm1", ImageSize::new(height, width))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn written_data_sets_are_read_back_equal(
        one in evaluations(),
        // Cells are trimmed.
        text in "([!-~ö]([ -~ö]{0,10}[!-~ö])?)?",
        diagnosis in prop::sample::select(&ontology::DIAGNOSES[..]),
    ) {
        let mut image = image("image--1 (2)", diagnosis);
        for name in ["dataset", "original_filename"] {
            image.attributes.insert(name.to_owned(), text.clone());
        }
        let fixture = Fixture::new(std::slice::from_ref(&one), std::slice::from_ref(&image));
        let dataset = fixture.read().unwrap();
        prop_assert_eq!(dataset.readings(), std::slice::from_ref(&one));
        prop_assert_eq!(dataset.images(), [image]);
        for (instance_idx, instance) in one.regions.iter().enumerate() {
            let path = fixture.path("masks/masks").join(mask_files::name(&one, instance_idx));
            prop_assert_eq!(dermx_data::Mask::read_png(&path).unwrap(), instance.mask(one.size));
        }
    }
}
