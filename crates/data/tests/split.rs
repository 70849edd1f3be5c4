//! Splits of training photos: by fraction, into folds, and by lists.

use dermx_data::{
    Fold, FoldImage, LabelledFolder, LabelledImage, Patients, Split, split_by_list, split_fold,
    split_fraction,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// Photos `0`, `1`, ... of these classes.
fn folder(class_idx: &[usize], num_classes: usize) -> LabelledFolder {
    let image = |(idx, &class_idx): (usize, &usize)| LabelledImage {
        id: format!("class_{class_idx}/{idx}"),
        path: format!("class_{class_idx}/{idx}.jpg").into(),
        class_idx,
    };
    LabelledFolder {
        classes: (0..num_classes).map(|idx| format!("class {idx}")).collect(),
        images: class_idx.iter().enumerate().map(image).collect(),
    }
}

/// Each photo's number on its own.
fn numbers(part: &LabelledFolder) -> Vec<usize> {
    part.images.iter().map(|image| number(&image.id)).collect()
}

fn number(id: &str) -> usize {
    id.rsplit_once('/').and_then(|(_, name)| name.parse().ok()).unwrap()
}

/// These patients of the photos with these numbers.
fn patients_of(folder: &LabelledFolder, named: &BTreeMap<usize, String>) -> Patients {
    let known = folder
        .images
        .iter()
        .filter_map(|image| Some((image.path.clone(), named.get(&number(&image.id))?.clone())));
    Patients::new(Path::new("patients.csv"), known.collect())
}

/// As [`folder`], with the photos backwards.
fn reversed(folder: &LabelledFolder) -> LabelledFolder {
    let mut folder = folder.clone();
    folder.images.reverse();
    folder
}

fn is_partition(split: &Split, num_images: usize) -> bool {
    let mut all = [numbers(&split.training), numbers(&split.validation)].concat();
    all.sort_unstable();
    all == (0..num_images).collect::<Vec<_>>()
}

/// No patient is on both sides.
fn keeps_patients(split: &Split, patients: &Patients) -> bool {
    let of = |part: &LabelledFolder| -> Vec<String> {
        let known = part.images.iter().filter_map(|image| patients.of(&image.path));
        known.map(str::to_owned).collect()
    };
    let training = of(&split.training);
    of(&split.validation).iter().all(|patient| !training.contains(patient))
}

#[test]
fn a_fifth_of_each_class_is_put_aside() {
    // 10 of class 0: 2. 7 of class 1: 1.4, so 1. 3 of class 2: 0.6, so 1. 1 of class 3: 0.2, so 0.
    let classes: Vec<usize> = [(0, 10), (1, 7), (2, 3), (3, 1)]
        .iter()
        .flat_map(|&(class, num)| vec![class; num])
        .collect();
    let split = split_fraction(&folder(&classes, 4), &Patients::default(), 0.2, 0);
    assert_eq!(split.validation.num_per_class(), [2, 1, 1, 0]);
    assert_eq!(split.training.num_per_class(), [8, 6, 2, 1]);
}

#[test]
fn a_patient_with_too_many_photos_stays_in_training() {
    // The aim is 2 of 10. Patient `a` has 5 photos: (5 - 2)^2 > 2^2. `b` has 2: that is the aim.
    let classes = vec![0; 10];
    let patient = |idx: usize| if idx < 5 { "a" } else { "b" };
    let folder = folder(&classes, 1);
    let named = (0..7).map(|idx| (idx, patient(idx).to_owned())).collect();
    let split = split_fraction(&folder, &patients_of(&folder, &named), 0.2, 0);
    assert_eq!(numbers(&split.validation), [5, 6]);
}

#[test]
fn another_seed_is_another_split() {
    let folder = folder(&[0; 40], 1);
    let of = |seed| split_fraction(&folder, &Patients::default(), 0.5, seed);
    assert_eq!(of(3), of(3));
    assert_ne!(of(3), of(4));
    let fold = |seed| split_fold(&folder, &Patients::default(), 5, 0, seed);
    assert_ne!(fold(3), fold(4));
}

#[test]
fn lists_say_what_is_put_aside() {
    let image = |name: &str| FoldImage { image_id: name.into(), patient_id: String::new() };
    let fold = |train: &[&str], test: &[&str]| Fold {
        fold_idx: 3,
        train: train.iter().map(|name| image(name)).collect(),
        test: test.iter().map(|name| image(name)).collect(),
    };
    let folder = folder(&[0, 1, 0], 2);
    let path = Path::new("folds");
    let split = split_by_list(&folder, &fold(&["0", "2"], &["1"]), path).unwrap();
    assert_eq!((numbers(&split.training), numbers(&split.validation)), (vec![0, 2], vec![1]));
    let wrong = [
        (fold(&["0", "2"], &["1", "x"]), "found the image `x`, of which there is no photo"),
        (
            fold(&["y", "2"], &["x"]),
            "found the image `y`, of which there is no photo, and 1 more without a photo",
        ),
        (fold(&["0"], &["1"]), "the photo `class_0/2` is on neither side; list it on one"),
        (fold(&["0", "1", "2"], &["1"]), "the photo `class_1/1` is on both sides; list it on one"),
    ];
    for (fold, expected) in wrong {
        let error = split_by_list(&folder, &fold, path).unwrap_err().to_string();
        assert_eq!(error, format!("folds: fold 3: {expected}"));
    }
}

prop_compose! {
    /// Photos of up to 4 classes, some of them of one of few patients.
    fn photos()(classes in prop::collection::vec(0..4_usize, 1..60))
        (patients in prop::collection::vec(prop::option::of(0..12_usize), classes.len()),
         classes in Just(classes)) -> (LabelledFolder, Patients) {
        let named = patients.iter().enumerate().filter_map(|(idx, patient)| {
            Some((idx, format!("{}", (*patient)?)))
        });
        let folder = folder(&classes, 4);
        let patients = patients_of(&folder, &named.collect());
        (folder, patients)
    }
}

/// As [`photos`], each patient with one class only.
fn photos_with_one_class_a_patient() -> impl Strategy<Value = (LabelledFolder, Patients)> {
    photos().prop_map(|(folder, patients)| {
        let named = folder.images.iter().filter_map(|image| {
            let patient = patients.of(&image.path)?;
            Some((number(&image.id), format!("{patient} of {}", image.class_idx)))
        });
        let patients = patients_of(&folder, &named.collect());
        (folder, patients)
    })
}

/// Number of photos of each class's largest patient.
fn largest(folder: &LabelledFolder, patients: &Patients) -> Vec<usize> {
    let mut sizes: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    for image in &folder.images {
        if let Some(patient) = patients.of(&image.path) {
            *sizes.entry((image.class_idx, patient)).or_default() += 1;
        }
    }
    let of = |class| sizes.iter().filter(move |((of, _), _)| *of == class).map(|(_, size)| *size);
    (0..folder.classes.len()).map(|class| of(class).max().unwrap_or(1)).collect()
}

proptest! {
    #[test]
    fn a_fraction_is_a_partition_that_splits_no_patient(
        (folder, patients) in photos(), fraction in 0.01..0.99, seed: u64,
    ) {
        let split = split_fraction(&folder, &patients, fraction, seed);
        prop_assert!(is_partition(&split, folder.images.len()));
        prop_assert!(keeps_patients(&split, &patients));
        let training = split.training.num_per_class();
        for (class, total) in folder.num_per_class().into_iter().enumerate() {
            prop_assert!(total == 0 || training[class] > 0);
        }
        let backwards = split_fraction(&reversed(&folder), &patients, fraction, seed);
        prop_assert_eq!(reversed(&backwards.validation), split.validation);
    }

    #[test]
    fn a_class_is_within_one_photo_of_its_share(
        (folder, _) in photos(), fraction in 0.01..0.99, seed: u64,
    ) {
        let split = split_fraction(&folder, &Patients::default(), fraction, seed);
        let totals = folder.num_per_class();
        for (number, total) in split.validation.num_per_class().into_iter().zip(totals) {
            prop_assert!((number as f64 - fraction * total as f64).abs() < 1.0);
        }
    }

    #[test]
    fn a_class_is_within_its_largest_patient_of_its_share(
        (folder, patients) in photos_with_one_class_a_patient(), fraction in 0.01..0.99, seed: u64,
    ) {
        let split = split_fraction(&folder, &patients, fraction, seed);
        let (totals, largest) = (folder.num_per_class(), largest(&folder, &patients));
        for (class, number) in split.validation.num_per_class().into_iter().enumerate() {
            let share = fraction * totals[class] as f64;
            prop_assert!((number as f64 - share).abs() <= largest[class] as f64);
        }
    }

    #[test]
    fn folds_cover_every_photo_once_and_split_no_patient(
        (folder, patients) in photos(), num_folds in 2..7_usize, seed: u64,
    ) {
        let mut covered = Vec::new();
        for fold in 0..num_folds {
            let split = split_fold(&folder, &patients, num_folds, fold, seed);
            prop_assert!(is_partition(&split, folder.images.len()));
            prop_assert!(keeps_patients(&split, &patients));
            let backwards = split_fold(&reversed(&folder), &patients, num_folds, fold, seed);
            prop_assert_eq!(reversed(&backwards.validation), split.validation.clone());
            covered.extend(numbers(&split.validation));
        }
        covered.sort_unstable();
        prop_assert_eq!(covered, (0..folder.images.len()).collect::<Vec<_>>());
    }

    #[test]
    fn folds_share_every_class_evenly(
        (folder, patients) in photos_with_one_class_a_patient(), num_folds in 2..7_usize, seed: u64,
    ) {
        for (patients, allowed) in [
            (Patients::default(), vec![1; 4]),
            (patients.clone(), largest(&folder, &patients)),
        ] {
            let fold = |idx| split_fold(&folder, &patients, num_folds, idx, seed).validation;
            let numbers: Vec<_> = (0..num_folds).map(|idx| fold(idx).num_per_class()).collect();
            for class in 0..4 {
                let of_class = || numbers.iter().map(|fold| fold[class]);
                let spread = of_class().max().unwrap_or(0) - of_class().min().unwrap_or(0);
                prop_assert!(spread <= allowed[class], "{numbers:?}");
            }
        }
    }
}
