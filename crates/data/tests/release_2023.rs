//! A small data set in the layout of the 2023 release: it loads, is selected from and described,
//! and the check finds every fault put into it.

use crate::fixture;

use dermx_data::{
    DataError, Dataset, ErrorKind, Finding, FindingKind, FoldImage, ImageScope, ImageSize, Mask,
    MaskLayout, MaskSource, Reading, Region, Rounds, Selection, check_annotations, darwin,
    describe, metadata, read_folds,
};
use fixture::{TRIANGLE, assert_contains, evaluation, image, instance, strings};
use std::fs;
use std::path::{Path, PathBuf};

const SQUARE: [[f64; 2]; 4] = [[5.0, 4.0], [9.0, 4.0], [9.0, 7.0], [5.0, 7.0]];
const MASK_TABLE: &str = "masks/instance_mask_annotations.csv";

/// The data set in a temporary folder.
///
/// | evaluation | outlines | mask files |
/// |---|---|---|
/// | labeller1_a | 2 Papule, Hyperkeratosis | by class |
/// | labeller12_a | Closed comedo | by class, with `_` |
/// | labeller1_b_2 | Plaque, Scar | Plaque: left-over by number; Scar: none |
/// | labeller2_a, labeller2_b_2, labeller1_other | | |
///
/// `a` and `b_2` have metadata, `other` has none.
struct Release(tempfile::TempDir);

fn evaluations() -> Vec<Reading> {
    let with = |rater: &str, image_id: &str, instances: Vec<Region>| Reading {
        regions: instances,
        ..evaluation(rater, image_id, &["Psoriasis"], &[])
    };
    let attributes = strings(&["Red", "Hyperpigmented", "Hypopigmented"]);
    let papule = Region { attributes, ..instance("Papule", &TRIANGLE) };
    let hyperkeratosis = instance("Hyperkeratosis", &SQUARE);
    let mut evaluations = vec![
        with("labeller1", "a", vec![papule.clone(), hyperkeratosis, instance("Papule", &SQUARE)]),
        with("labeller12", "a", vec![instance("Closed comedo", &TRIANGLE)]),
        with("labeller1", "b_2", vec![instance("Plaque", &SQUARE), instance("Scar", &TRIANGLE)]),
        evaluation("labeller2", "a", &["Acne"], &[]),
        evaluation("labeller2", "b_2", &["Acne"], &[]),
        evaluation("labeller1", "other", &[], &["Other-disease"]),
    ];
    evaluations[3].unknown = strings(&["Hyperpigmented", "Ko\u{308}bnerization"]);
    evaluations
}

impl Release {
    fn new() -> Self {
        let release = Self(tempfile::tempdir().unwrap());
        let root = release.0.path();
        darwin::write_annotations(root, &evaluations()).unwrap();
        let images = ["a", "b_2"].map(|image_id| image(image_id, "Psoriasis"));
        metadata::write(&root.join("metadata.csv"), &images).unwrap();
        release.write_masks();
        let (a, b) = ("0,x,DermNetNZ,Psoriasis,a.jpeg,p1", "1,y,SD-260,Psoriasis,b_2.jpeg,p2");
        for (fold_idx, train, test) in [(0, a, b), (1, b, a)] {
            release.write_fold(fold_idx, "train", train);
            release.write_fold(fold_idx, "test", test);
        }
        release
    }

    fn write_masks(&self) {
        fs::create_dir_all(self.path("masks/masks")).unwrap();
        let evaluations = evaluations();
        let write = |evaluation_idx: usize, class: &str, file: &str| {
            let mask = Reading::mask(&evaluations[evaluation_idx], class).unwrap();
            mask.write_png(&self.path("masks/masks").join(file)).unwrap();
        };
        write(0, "Papule", "labeller1_a_Papule.png");
        write(0, "Hyperkeratosis", "labeller1_a_Hyperkeratosis.png");
        write(1, "Closed comedo", "labeller12_a_Closed_comedo.png");
        write(2, "Plaque", "labeller1_b_2_00000.png");
        let table = "image_id,mask_id,class_name\n\
                     labeller1_a,labeller1_a_00000,Papule\n\
                     labeller1_b_2,labeller1_b_2_00000,Plaque\n\
                     labeller12_a,labeller12_a_00007,Closed comedo\n";
        fs::write(self.path(MASK_TABLE), table).unwrap();
    }

    fn write_fold(&self, fold_idx: usize, side: &str, rows: &str) {
        let header = ",original_filename,dataset,diagnosis,current_filename,patient_id";
        fs::create_dir_all(self.path("folds")).unwrap();
        let path = self.path(&format!("folds/metadata_fold_{fold_idx}_{side}.csv"));
        fs::write(path, format!("{header}\n{rows}\n")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let before = fs::read_to_string(self.path(name)).unwrap();
        fs::write(self.path(name), before + text).unwrap();
    }

    fn read(&self) -> Dataset {
        dermx_data::dermx::read(self.0.path()).unwrap()
    }

    fn findings(&self) -> Vec<Finding> {
        check_annotations(self.0.path()).unwrap().findings
    }
}

fn stems(dataset: &Dataset) -> Vec<String> {
    dataset.readings().iter().map(Reading::stem).collect()
}

#[test]
fn a_release_by_class_loads_with_its_rounds_and_spellings() {
    let dataset = Release::new().read();
    let all = [
        "labeller1_a",
        "labeller12_a",
        "labeller2_a",
        "labeller1_b_2",
        "labeller2_b_2",
        "labeller1_other",
    ];
    assert_eq!(stems(&dataset), all);
    let repeated = &dataset.readings()[1];
    assert_eq!(
        (repeated.rater.as_str(), repeated.person.as_str(), repeated.round),
        ("labeller12", "labeller1", 2)
    );
    let first = &dataset.readings()[0];
    assert_eq!((first.person.as_str(), first.round), ("labeller1", 1));
    assert_eq!(first.respelled, ["Hyperpigmented", "Hypopigmented"]);
    assert_eq!(first.regions[0].attributes, ["Red", "Hyper-pigmented", "Hypo-pigmented"]);
    let tagged = &dataset.readings()[2];
    assert_eq!(tagged.respelled, ["Hyperpigmented", "Ko\u{308}bnerization"]);
    assert_eq!(tagged.tags, ["Hyper-pigmented", "Köbnerization"]);
    assert!(dataset.readings().iter().all(|one| one.unknown_labels(dataset.schema()).is_empty()));
}

#[test]
fn the_default_selection_is_the_first_round_of_images_with_metadata() {
    let dataset = Release::new().read();
    assert_eq!(dataset.num_left_out(), 0);
    let select = |images, rounds| dataset.clone().select(Selection { images, rounds });
    let default = dataset.clone().select(Selection::default());
    assert_eq!(stems(&default), ["labeller1_a", "labeller2_a", "labeller1_b_2", "labeller2_b_2"]);
    assert_eq!((default.num_left_out(), default.images().len()), (2, 2));
    let repeated = select(ImageScope::Metadata, Rounds::Repeated);
    assert_eq!((stems(&repeated), repeated.num_left_out()), (vec!["labeller12_a".to_owned()], 5));
    assert_eq!(select(ImageScope::All, Rounds::First).num_left_out(), 1);
    assert_eq!(select(ImageScope::All, Rounds::All), dataset);
    let twice = default.select(Selection { rounds: Rounds::Repeated, ..Selection::default() });
    assert_eq!(twice.num_left_out(), 6);
}

#[test]
fn the_description_counts_rounds_images_without_metadata_and_spellings() {
    let found = describe(&Release::new().read());
    assert_eq!(found.evaluations_per_round, [(1, 5), (2, 1)].into());
    assert_eq!((found.images_without_metadata, found.evaluations_without_metadata), (1, 1));
    let respelled = serde_json::to_value(&found.respelled).unwrap();
    let expected =
        serde_json::json!({"Hyperpigmented": 2, "Hypopigmented": 1, "Ko\u{308}bnerization": 1});
    assert_eq!(respelled, expected);
    assert_eq!(found.ontology["later"]["Hyperkeratosis"], 1);
    assert_eq!(found.ontology["attributes"]["Hyper-pigmented"], 2);
    assert!(found.ontology["unknown"].is_empty());
}

#[test]
fn mask_files_by_class_or_by_number_give_the_masks_of_the_outlines() {
    let release = Release::new();
    let outlines = release.read();
    let files = outlines.clone().with_mask_source(MaskSource::Files).unwrap();
    let mut num_masks = 0;
    for evaluation in outlines.readings() {
        for class in evaluation.concepts().into_iter().filter(|class| *class != "Scar") {
            let mask = files.mask(evaluation, class).unwrap();
            assert!(mask.is_some());
            assert_eq!(mask, outlines.mask(evaluation, class).unwrap(), "{class}");
            num_masks += 1;
        }
    }
    assert_eq!(num_masks, 4);
    let first = &outlines.readings()[0];
    assert_eq!(files.union_mask(first).unwrap(), first.union_mask());
    assert_eq!(files.mask(first, "Plaque").unwrap(), None);
    let scar = |dataset: &Dataset| dataset.mask(&dataset.readings()[3], "Scar");
    let error = scar(&files).unwrap_err();
    let path = release.path("masks/masks/labeller1_b_2_Scar.png");
    assert_eq!((error.kind, error.path), (ErrorKind::Missing, path));
    assert!(scar(&outlines).unwrap().is_some());
    Mask::empty(ImageSize::new(3, 3))
        .write_png(&release.path("masks/masks/labeller1_a_Papule.png"))
        .unwrap();
    let error = files.mask(first, "Papule").unwrap_err();
    assert_contains(&error.message, "found 3x3 (height x width); expected 8x10");
}

#[test]
fn files_of_one_class_in_two_spellings_are_all_read() {
    let release = Release::new();
    let size = ImageSize::new(8, 10);
    let other = Mask::from_dense(&[&[1; 10][..], &[0; 70]].concat(), size);
    let dataset = release.read();
    let of_round = |one: &&Reading| one.rater == "labeller12";
    let one = dataset.readings_of("a").iter().find(of_round).unwrap();
    let before = one.mask("Closed comedo").unwrap();
    // Beside `labeller12_a_Closed_comedo.png`.
    other.write_png(&release.path("masks/masks/labeller12_a_Closed comedo.png")).unwrap();
    let files = release.read().with_mask_source(MaskSource::Files).unwrap();
    let found = files.mask(one, "Closed comedo").unwrap().unwrap();
    assert_eq!(found, before.union(&other));
    assert_ne!(found, before);
}

#[test]
fn mask_files_that_are_not_there_cannot_be_the_source() {
    let release = Release::new();
    fs::remove_dir_all(release.path("masks")).unwrap();
    let error = release.read().with_mask_source(MaskSource::Files).unwrap_err();
    assert_eq!((error.kind, error.path), (ErrorKind::Missing, release.path("masks/masks")));
}

#[test]
fn folds_are_read_by_number() {
    let release = Release::new();
    let folds = read_folds(release.0.path()).unwrap();
    let image = |image_id: &str, patient_id: &str| FoldImage {
        image_id: image_id.to_owned(),
        patient_id: patient_id.to_owned(),
    };
    assert_eq!(folds.iter().map(|fold| fold.fold_idx).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(
        (&folds[0].train[..], &folds[0].test[..]),
        (&[image("a", "p1")][..], &[image("b_2", "p2")][..])
    );
    fs::remove_dir_all(release.path("folds")).unwrap();
    assert_eq!(read_folds(release.0.path()).unwrap(), []);
}

#[test]
fn a_broken_fold_is_refused_with_line_and_column() {
    let error = |change: &dyn Fn(&Release)| -> DataError {
        let release = Release::new();
        change(&release);
        let error = read_folds(release.0.path()).unwrap_err();
        assert_eq!(error.path, release.path("folds/metadata_fold_1_test.csv"));
        error
    };
    let rows = |rows: &'static str| error(&|release| release.write_fold(1, "test", rows));
    let twice = rows("0,x,s,Acne,a.jpeg,p1\n1,x,s,Acne,a.png,p1");
    assert_eq!(twice.place, "line 3, column `current_filename`");
    assert_contains(&twice.message, "found the image `a` again, after line 2");
    assert_eq!(rows("0,x,s,Acne").message, "found 4 cells; expected 6");
    assert_eq!(rows("").message, "found no row; expected one per image");
    let header = error(&|release| {
        let path = release.path("folds/metadata_fold_1_test.csv");
        fs::write(path, "current_filename,patient\na.jpeg,p1\n").unwrap();
    });
    assert_eq!(header.place, "line 1");
    assert_contains(&header.message, "found no column `patient_id`");
    let missing = error(&|release| {
        fs::remove_file(release.path("folds/metadata_fold_1_test.csv")).unwrap();
    });
    assert_eq!(missing.kind, ErrorKind::Missing);
}

#[test]
fn the_check_of_a_release_by_class_counts_and_informs() {
    let release = Release::new();
    let check = check_annotations(release.0.path()).unwrap();
    assert_eq!((check.num_annotation_files, check.num_evaluations), (6, 6));
    assert_eq!((check.num_evaluated_images, check.num_metadata_images), (3, 2));
    assert_eq!(check.mask_layout, Some(MaskLayout::ByClass));
    assert_eq!((check.num_mask_files, check.masks_compared, check.masks_equal), (4, 4, 4));
    assert_eq!((check.num_mask_rows, check.num_folds), (3, 2));
    assert_eq!(check.respelled_labels["Hyperpigmented"], 2);
    let found: Vec<_> = check.findings.iter().map(|one| (one.kind, one.path.clone())).collect();
    let expected = [
        (FindingKind::Missing, "masks/masks/labeller1_b_2_Scar.png"),
        (FindingKind::Extra, "annotations/labeller1_other.json"),
        (FindingKind::StaleRow, MASK_TABLE), // labeller12_a_00007
        (FindingKind::StaleRow, MASK_TABLE), // labeller1_a_00000
        (FindingKind::OtherSpelling, "annotations/labeller1_a.json"), // Hyperpigmented
        (FindingKind::OtherSpelling, "annotations/labeller1_a.json"), // Hypopigmented
        (FindingKind::OtherSpelling, "annotations/labeller2_a.json"), // Köbnerization
    ];
    assert_eq!(found, expected.map(|(kind, name)| (kind, release.path(name))));
    assert_eq!(check.num_errors(), 1);
    assert_contains(&check.findings[4].message, "found `Hyperpigmented` 2 times, first here");
}

/// One fault, and what the check has to find in addition: kind, file, part of the message.
struct Fault {
    change: fn(&Release),
    expected: &'static [(FindingKind, &'static str, &'static str)],
}

fn write_mask(release: &Release, name: &str, mask: &Mask) {
    mask.write_png(&release.path("masks/masks").join(name)).unwrap();
}

const ANNOTATION_FAULTS: [Fault; 6] = [
    Fault {
        change: |release| fs::write(release.path("annotations/labeller2_b_2.json"), "{").unwrap(),
        expected: &[(FindingKind::Unreadable, "annotations/labeller2_b_2.json", "line 1 column 1")],
    },
    Fault {
        change: |release| {
            // Nothing can be said about the masks of an evaluation that cannot be read.
            fs::write(release.path("annotations/labeller12_a.json"), "{}").unwrap();
            fs::write(release.path("annotations/labeller2_b_2.json"), "[]").unwrap();
        },
        expected: &[
            (FindingKind::Unreadable, "annotations/labeller12_a.json", "missing field `image`"),
            (FindingKind::Unreadable, "annotations/labeller2_b_2.json", "expected an object"),
        ],
    },
    Fault {
        change: |release| {
            let mut one = evaluation("labeller2", "b_2", &["Acne"], &[]);
            one.size = ImageSize::new(8, 11);
            darwin::write_annotations(release.0.path(), &[one]).unwrap();
        },
        expected: &[(
            FindingKind::SizeMismatch,
            "annotations/labeller2_b_2.json",
            "found 8x11 (height x width), but 8x10 in labeller1_b_2.json",
        )],
    },
    Fault {
        change: |release| {
            let mut one = evaluation("labeller2", "b_2", &["Acne"], &[]);
            one.unknown = strings(&["Papulle"]);
            darwin::write_annotations(release.0.path(), &[one]).unwrap();
        },
        expected: &[(
            FindingKind::UnknownLabel,
            "annotations/labeller2_b_2.json",
            "found `Papulle` (did you mean `Papule`?) 1 time, first here",
        )],
    },
    Fault {
        change: |release| {
            release.append("metadata.csv", "c.jpg;s;Acne;c.jpeg;dark;young\r\n");
            fs::remove_dir_all(release.path("folds")).unwrap();
        },
        expected: &[(FindingKind::Missing, "annotations", "no evaluation of the image `c`")],
    },
    Fault {
        change: |release| {
            release.append("metadata.csv", "c.jpg;s;Acnes;c.jpeg;dark;young\r\n");
        },
        expected: &[(FindingKind::Unreadable, "metadata.csv", "line 4, column `diagnosis`: found")],
    },
];

const MASK_FAULTS: [Fault; 10] = [
    Fault {
        change: |release| {
            let path = release.path("masks/masks/labeller1_a_Hyperkeratosis.png");
            fs::remove_file(path).unwrap();
        },
        expected: &[(
            FindingKind::Missing,
            "masks/masks/labeller1_a_Hyperkeratosis.png",
            "found no such mask",
        )],
    },
    Fault {
        change: |release| {
            fs::write(release.path("masks/masks/labeller1_a_Papule.png"), "no PNG").unwrap();
        },
        expected: &[(
            FindingKind::Unreadable,
            "masks/masks/labeller1_a_Papule.png",
            "expected an 8-bit gray PNG",
        )],
    },
    Fault {
        change: |release| {
            let mask = Mask::empty(ImageSize::new(10, 8));
            write_mask(release, "labeller1_b_2_00000.png", &mask);
        },
        expected: &[(
            FindingKind::SizeMismatch,
            "masks/masks/labeller1_b_2_00000.png",
            "found 10x8 (height x width); expected 8x10",
        )],
    },
    Fault {
        change: |release| {
            // One instance only instead of both: the square has 5 x 4 pixels.
            let mask = instance("Papule", &SQUARE).mask(ImageSize::new(8, 10));
            write_mask(release, "labeller1_a_Papule.png", &mask);
        },
        expected: &[(
            FindingKind::MaskDiffers,
            "masks/masks/labeller1_a_Papule.png",
            "found 20 pixels",
        )],
    },
    Fault {
        change: |release| {
            let mask = Mask::empty(ImageSize::new(8, 10));
            write_mask(release, "labeller1_a_Plaque.png", &mask);
            write_mask(release, "labeller1_a_00000.png", &mask);
            write_mask(release, "labeller9_a_Plaque.png", &mask);
        },
        expected: &[
            (FindingKind::Extra, "masks/masks/labeller1_a_00000.png", "no outline needs"),
            (FindingKind::Extra, "masks/masks/labeller1_a_Plaque.png", "no outline needs"),
            (FindingKind::Extra, "masks/masks/labeller9_a_Plaque.png", "no outline needs"),
        ],
    },
    Fault {
        change: |release| release.append(MASK_TABLE, "labeller9_a,labeller9_a_00000,Scar\n"),
        expected: &[(FindingKind::StaleRow, MASK_TABLE, "line 5, column `image_id`: found")],
    },
    Fault {
        change: |release| release.append(MASK_TABLE, "labeller1_a,labeller1_a_00001,Papule\n"),
        expected: &[(FindingKind::StaleRow, MASK_TABLE, "line 5, column `mask_id`: found")],
    },
    Fault {
        change: |release| release.append(MASK_TABLE, "labeller1_a,labeller1_a_Papule,Cyst\n"),
        expected: &[(
            FindingKind::WrongRow,
            MASK_TABLE,
            "line 5, column `class_name`: found `Cyst`; expected `Hyperkeratosis` or `Papule`",
        )],
    },
    Fault {
        change: |release| release.append(MASK_TABLE, "labeller1_b_2,labeller1_b_2_00000,Plaque\n"),
        expected: &[(FindingKind::WrongRow, MASK_TABLE, "again, after line 3")],
    },
    Fault {
        change: |release| release.append(MASK_TABLE, "labeller1_a\n"),
        expected: &[(FindingKind::Unreadable, MASK_TABLE, "line 5: found 1 cells; expected 3")],
    },
];

const TEST_1: &str = "folds/metadata_fold_1_test.csv";

const FOLD_FAULTS: [Fault; 6] = [
    Fault {
        change: |release| {
            release.append("folds/metadata_fold_1_train.csv", "2,x,s,Acne,a.png,p1\n")
        },
        expected: &[(
            FindingKind::Leakage,
            TEST_1,
            "found the image `a`, which is also in training",
        )],
    },
    Fault {
        change: |release| release.write_fold(1, "train", "0,y,s,Acne,b_2.jpeg,p1"),
        expected: &[(
            FindingKind::Leakage,
            TEST_1,
            "found the image `a` of the patient `p1`, who is also in training, with the image `b_2`",
        )],
    },
    Fault {
        change: |release| {
            release.append(TEST_1, "1,y,s,Acne,b_2.jpeg,p2\n");
            release.write_fold(1, "train", "0,x,s,Acne,x.jpeg,");
        },
        expected: &[
            (FindingKind::WrongRow, TEST_1, "`b_2`, which is also in metadata_fold_0_test.csv"),
            (FindingKind::StaleRow, "folds/metadata_fold_1_train.csv", "found the image `x`"),
        ],
    },
    Fault {
        change: |release| release.append("metadata.csv", "b.jpg;s;Acne;other.jpeg;dark;young\r\n"),
        expected: &[(FindingKind::Missing, "folds", "found the image `other` in no test fold")],
    },
    Fault {
        change: |release| fs::remove_file(release.path(TEST_1)).unwrap(),
        expected: &[(FindingKind::Missing, TEST_1, "a training and a test file for each fold")],
    },
    Fault {
        change: |release| release.write_fold(1, "test", "0,x,s,Acne"),
        expected: &[(FindingKind::Unreadable, TEST_1, "line 2: found 4 cells; expected 6")],
    },
];

#[test]
fn the_check_finds_every_fault_and_nothing_else() {
    for fault in ANNOTATION_FAULTS.iter().chain(&MASK_FAULTS).chain(&FOLD_FAULTS) {
        let release = Release::new();
        let before = release.findings();
        (fault.change)(&release);
        let mut found = release.findings();
        assert!(found.is_sorted());
        found.retain(|finding| !before.contains(finding));
        let summary: Vec<(FindingKind, &Path)> =
            found.iter().map(|finding| (finding.kind, finding.path.as_path())).collect();
        let expected: Vec<(FindingKind, PathBuf)> =
            fault.expected.iter().map(|&(kind, name, _)| (kind, release.path(name))).collect();
        let expected: Vec<_> =
            expected.iter().map(|(kind, path)| (*kind, path.as_path())).collect();
        assert_eq!(summary, expected, "{found:#?}");
        for (finding, (_, _, part)) in found.iter().zip(fault.expected) {
            assert_contains(&finding.message, part);
        }
    }
}
