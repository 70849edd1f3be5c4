//! The check of annotations in the layout of the 2021 release.

use crate::fixture;

use dermx_data::{
    Dataset, ErrorKind, Finding, FindingKind, ImageSize, MaskLayout, MaskSource, check_annotations,
    darwin, mask_files, polygon,
};
use fixture::{Fixture, assert_contains};
use std::fs;

const TABLE: &str = "masks/instance_mask_annotations.csv";

/// What the check says after `change`: kind and file, which have to be `expected`.
#[track_caller]
fn findings<const N: usize>(
    change: impl Fn(&Fixture),
    expected: [(FindingKind, &str); N],
) -> Vec<Finding> {
    let fixture = Fixture::small();
    change(&fixture);
    let findings = check_annotations(fixture.0.path()).unwrap().findings;
    let found: Vec<_> = findings.iter().map(|one| (one.kind, one.path.clone())).collect();
    assert_eq!(found, expected.map(|(kind, name)| (kind, fixture.path(name))), "{findings:#?}");
    findings
}

/// Writes the table of masks with other rows.
fn write_table(fixture: &Fixture, rows: &str) {
    fs::write(fixture.path(TABLE), format!("image_id,mask_id,class_name\n{rows}\n")).unwrap();
}

#[test]
fn nothing_is_found_in_a_right_data_set() {
    findings(|_| (), []);
    let fixture = Fixture::small();
    let check = check_annotations(fixture.0.path()).unwrap();
    assert_eq!((check.masks_compared, check.masks_equal, check.num_mask_rows), (2, 2, 2));
    assert_eq!((check.mask_layout, check.num_folds), (Some(MaskLayout::ByInstance), 0));
    let without_masks = findings(|fixture| fs::remove_dir_all(fixture.path("masks")).unwrap(), []);
    assert_eq!(without_masks, []);
}

#[test]
fn each_instance_needs_its_file() {
    let missing = "masks/masks/derm1_a_00001.png";
    let remove = |fixture: &Fixture| fs::remove_file(fixture.path(missing)).unwrap();
    findings(remove, [(FindingKind::Missing, missing), (FindingKind::StaleRow, TABLE)]);
}

#[test]
fn each_row_needs_the_class_of_its_instance() {
    let rows = "derm1_a,derm1_a_00000,Scar\nderm1_a,derm1_a_00001,Scar";
    let found = findings(|fixture| write_table(fixture, rows), [(FindingKind::WrongRow, TABLE)]);
    let message = "line 2, column `class_name`: found `Scar`; expected `Papule` as in derm1_a.json";
    assert_eq!(found[0].message, message);
}

#[test]
fn each_instance_needs_its_row() {
    let row = "derm1_a,derm1_a_00000,Papule";
    let found = findings(|fixture| write_table(fixture, row), [(FindingKind::Missing, TABLE)]);
    assert_eq!(found[0].message, "found no row for the mask `derm1_a_00001`");
    let remove = |fixture: &Fixture| fs::remove_file(fixture.path(TABLE)).unwrap();
    findings(remove, [(FindingKind::Missing, TABLE)]);
}

#[test]
fn a_stray_file_does_not_change_the_layout() {
    let stray = ["masks/masks/derm1_a_copy.png", "masks/masks/notes.txt"];
    let write = |fixture: &Fixture| {
        stray.iter().for_each(|name| fs::write(fixture.path(name), "").unwrap());
        assert!(fixture.read().is_ok());
    };
    findings(write, stray.map(|name| (FindingKind::Extra, name)));
}

#[test]
fn what_is_not_read_is_found() {
    let names = [
        ("annotations/derm4_a.JSON", FindingKind::Unreadable),
        ("annotations/more", FindingKind::Unreadable),
        ("annotations/notes.txt", FindingKind::Extra),
        ("folds/metadata_fold_0_valid.csv", FindingKind::Extra),
        ("masks/derm1_a_00000.png", FindingKind::Extra),
    ];
    let write = |fixture: &Fixture| {
        for folder in ["annotations/more", "folds"] {
            fs::create_dir(fixture.path(folder)).unwrap();
        }
        fs::write(fixture.path("annotations/more/derm4_a.json"), "").unwrap();
        for (name, _) in names.iter().filter(|(name, _)| !name.ends_with("more")) {
            fs::write(fixture.path(name), "").unwrap();
        }
    };
    let found = findings(write, names.map(|(name, kind)| (kind, name)));
    assert_contains(&found[1].message, "a folder with 1 JSON files, which are not read");
}

#[test]
fn an_outline_outside_of_the_image_is_found_and_has_no_pixel() {
    let name = "annotations/derm2_a.json";
    // To the right of the image of 8 x 10; the second one reaches into it.
    let outline = |left: f64| {
        let right = left + 3.0;
        format!(
            r#"{{"name":"Cyst","polygon":{{"path":[{{"x":{left},"y":1}},{{"x":{right},"y":1}},{{"x":{right},"y":6}}]}}}}"#
        )
    };
    let file = |outlines: &[String]| {
        let outlines = outlines.join(",");
        format!(
            r#"{{"image":{{"width":10,"height":8}},"annotations":[{{"name":"Acne","tag":{{}}}},{outlines}]}}"#
        )
    };
    let table = "image_id,mask_id,class_name\nderm1_a,derm1_a_00000,Papule\n\
                 derm1_a,derm1_a_00001,Scar\nderm2_a,derm2_a_00000,Cyst\nderm2_a,derm2_a_00001,Cyst\n";
    let write = |fixture: &Fixture| {
        fs::write(fixture.path(name), file(&[outline(20.0), outline(7.0)])).unwrap();
        fs::write(fixture.path(TABLE), table).unwrap();
        // A mask without a pixel and one as Darwin draws it, on the rim, are both right.
        let evaluations = [darwin::read_evaluation(&fixture.path(name)).unwrap()];
        mask_files::write_mask_files(&fixture.path("more"), &evaluations).unwrap();
        for idx in 0..2 {
            let mask = format!("masks/masks/derm2_a_{idx:05}.png");
            fs::copy(fixture.path("more").join(&mask), fixture.path(&mask)).unwrap();
        }
    };
    let found = findings(write, [(FindingKind::OutsideImage, name)]);
    assert_eq!(
        found[0].message,
        "outline 1 of `Cyst` lies outside of the image of 8x10 (height x width); it has no pixel and \
         is not scored"
    );
    assert!(!found[0].kind.is_error());

    let fixture = Fixture::small();
    write(&fixture);
    let drawn =
        polygon::rasterize(&[vec![[20.0, 1.0], [23.0, 1.0], [23.0, 6.0]]], ImageSize::new(8, 10));
    assert!(!drawn.is_empty());
    drawn.write_png(&fixture.path("masks/masks/derm2_a_00000.png")).unwrap();
    let check = check_annotations(fixture.0.path()).unwrap();
    assert_eq!((check.masks_compared, check.masks_equal), (4, 4));

    // Of both sources only the outline that reaches into the image has pixels.
    let [outlines, files] = [MaskSource::Outlines, MaskSource::Files]
        .map(|source| fixture.read().unwrap().with_mask_source(source).unwrap());
    let evaluation = &outlines.readings()[1];
    let expected = evaluation.regions[1].mask(evaluation.size);
    assert!(!expected.is_empty() && evaluation.regions[0].mask(evaluation.size).is_empty());
    for dataset in [&outlines, &files] {
        assert_eq!(dataset.mask(evaluation, "Cyst").unwrap(), Some(expected.clone()));
    }

    // Outlined outside only: nothing to compare a map with.
    fs::write(fixture.path(name), file(&[outline(20.0)])).unwrap();
    fs::remove_dir_all(fixture.path("masks")).unwrap();
    let dataset = fixture.read().unwrap();
    let evaluation = &dataset.readings()[1];
    assert_eq!(dataset.mask(evaluation, "Cyst").unwrap(), None);
    assert_eq!(evaluation.mask_nearest("Cyst", evaluation.size), None);
    assert_eq!(evaluation.union_mask(), None);
    assert!(evaluation.has("Cyst"));
}

#[test]
fn the_check_goes_on_without_metadata() {
    let change = |fixture: &Fixture| {
        fs::remove_file(fixture.path("metadata.csv")).unwrap();
        fs::write(fixture.path("annotations/derm2_a.json"), "").unwrap();
    };
    let expected = [
        (FindingKind::Missing, "metadata.csv"),
        (FindingKind::Unreadable, "annotations/derm2_a.json"),
    ];
    let found = findings(change, expected);
    assert_eq!(found[1].message, "line 1 column 0: the file ends inside of a value");
}

#[test]
fn without_annotations_there_is_nothing_to_check() {
    let fixture = Fixture::small();
    let error = check_annotations(&fixture.path("elsewhere")).unwrap_err();
    assert_eq!((error.kind, error.path), (ErrorKind::Missing, fixture.path("elsewhere")));
}

#[test]
fn mask_files_by_instance_give_the_masks_of_the_outlines() {
    let outlines = Fixture::small();
    let outlines_read = outlines.read().unwrap();
    let files = outlines.read().unwrap().with_mask_source(MaskSource::Files).unwrap();
    for class in ["Papule", "Scar", "Plaque"] {
        let mask = |dataset: &Dataset| dataset.mask(&dataset.readings()[0], class).unwrap();
        assert_eq!(mask(&files), mask(&outlines_read), "{class}");
        assert_eq!(mask(&files).is_some(), class != "Plaque");
    }
    let path = outlines.path("masks/masks/derm1_a_00000.png");
    fs::write(&path, "").unwrap();
    let error = files.mask(&files.readings()[0], "Papule").unwrap_err();
    assert_eq!(error.path, path);
    assert_contains(&error.message, "expected an 8-bit gray PNG");
}
