//! The check of annotations in the layout of the 2021 release.

mod fixture;

use dermx_data::{
    DermxDataset, ErrorKind, Finding, FindingKind, MaskLayout, MaskSource, check_annotations,
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
    assert_eq!(found[1].message, "line 1 column 0: EOF while parsing a value");
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
        let mask = |dataset: &DermxDataset| dataset.mask(&dataset.evaluations()[0], class).unwrap();
        assert_eq!(mask(&files), mask(&outlines_read), "{class}");
        assert_eq!(mask(&files).is_some(), class != "Plaque");
    }
    let path = outlines.path("masks/masks/derm1_a_00000.png");
    fs::write(&path, "").unwrap();
    let error = files.mask(&files.evaluations()[0], "Papule").unwrap_err();
    assert_eq!(error.path, path);
    assert_contains(&error.message, "expected an 8-bit gray PNG");
}
