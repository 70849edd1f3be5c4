//! Labels, masks and maps in which there is nothing, or nothing else: every score has a value by its
//! definition, or none, and is never 0 for want of one.

use dermx_eval::{
    ConfusionMatrix, FuzzyScores, LocalizationScores, RankedMap, Score, cohen_kappa, fleiss_kappa,
    fuzzy_scores, krippendorff_alpha, mask_runs,
};

const ZERO: [f64; 4] = [0.0; 4];
const HALF: [f64; 4] = [0.5; 4];
const ONE: [f64; 4] = [1.0; 4];
const POINT: [f64; 4] = [1.0, 0.0, 0.0, 0.0];

const EMPTY: [u8; 4] = [0; 4];
const FULL: [u8; 4] = [1; 4];
const LEFT: [u8; 4] = [1, 1, 0, 0];
const PIXEL: [u8; 4] = [0, 0, 0, 1];

/// F1, sensitivity, specificity, mass, IoU and negative predictive value.
type Fuzzy = [Option<f64>; 6];

/// A map, a mask, and their fuzzy scores: sums of four pixels, by hand.
const FUZZY: [(&str, [f64; 4], [u8; 4], Fuzzy); 16] = [
    ("zero, empty", ZERO, EMPTY, [None, None, Some(1.0), None, None, Some(1.0)]),
    ("zero, full", ZERO, FULL, [Some(0.0), Some(0.0), None, None, Some(0.0), Some(0.0)]),
    ("zero, left", ZERO, LEFT, [Some(0.0), Some(0.0), Some(1.0), None, Some(0.0), Some(0.5)]),
    ("zero, pixel", ZERO, PIXEL, [Some(0.0), Some(0.0), Some(1.0), None, Some(0.0), Some(0.75)]),
    ("half, empty", HALF, EMPTY, [Some(0.0), None, Some(0.5), Some(0.0), Some(0.0), Some(1.0)]),
    // 2 * 2 / (2 + 4), 2 / 4, -, 2 / 2, 2 / 4, 0 / 2
    ("half, full", HALF, FULL, [Some(2.0 / 3.0), Some(0.5), None, Some(1.0), Some(0.5), Some(0.0)]),
    // 2 * 1 / (2 + 2), 1 / 2, 1 / 2, 1 / 2, 1 / 3, 1 / 2
    (
        "half, left",
        HALF,
        LEFT,
        [Some(0.5), Some(0.5), Some(0.5), Some(0.5), Some(1.0 / 3.0), Some(0.5)],
    ),
    // 2 * 0.5 / (2 + 1), 0.5 / 1, 1.5 / 3, 0.5 / 2, 0.5 / 2.5, 1.5 / 2
    (
        "half, pixel",
        HALF,
        PIXEL,
        [Some(1.0 / 3.0), Some(0.5), Some(0.5), Some(0.25), Some(0.2), Some(0.75)],
    ),
    ("one, empty", ONE, EMPTY, [Some(0.0), None, Some(0.0), Some(0.0), Some(0.0), None]),
    ("one, full", ONE, FULL, [Some(1.0), Some(1.0), None, Some(1.0), Some(1.0), None]),
    ("one, left", ONE, LEFT, [Some(2.0 / 3.0), Some(1.0), Some(0.0), Some(0.5), Some(0.5), None]),
    ("one, pixel", ONE, PIXEL, [Some(0.4), Some(1.0), Some(0.0), Some(0.25), Some(0.25), None]),
    ("point, empty", POINT, EMPTY, [Some(0.0), None, Some(0.75), Some(0.0), Some(0.0), Some(1.0)]),
    ("point, full", POINT, FULL, [Some(0.4), Some(0.25), None, Some(1.0), Some(0.25), Some(0.0)]),
    // 2 * 1 / (1 + 2), 1 / 2, 2 / 2, 1 / 1, 1 / 2, 2 / 3
    (
        "point, left",
        POINT,
        LEFT,
        [Some(2.0 / 3.0), Some(0.5), Some(1.0), Some(1.0), Some(0.5), Some(2.0 / 3.0)],
    ),
    (
        "point, pixel",
        POINT,
        PIXEL,
        [Some(0.0), Some(0.0), Some(2.0 / 3.0), Some(0.0), Some(0.0), Some(2.0 / 3.0)],
    ),
];

/// The same of the pixels' order: pointing game, rank accuracy, top-k IoU, AUC.
type Ranked = [Option<f64>; 4];

const NONE: Ranked = [None; 4];
const RANKED: [(&str, [f64; 4], [u8; 4], Ranked); 12] = [
    // A map of zeros points nowhere.
    ("zero, empty", ZERO, EMPTY, NONE),
    ("zero, full", ZERO, FULL, NONE),
    ("zero, left", ZERO, LEFT, NONE),
    ("half, empty", HALF, EMPTY, NONE),
    // Of a full mask nothing lies outside.
    ("half, full", HALF, FULL, [Some(1.0), Some(1.0), Some(1.0), None]),
    // All tie: the share of the mask, of the highest pixel and of the n highest; IoU of their mean number
    // in the mask, 1 / (4 - 1) and 0.25 / (2 - 0.25).
    ("half, left", HALF, LEFT, [Some(0.5), Some(0.5), Some(1.0 / 3.0), Some(0.5)]),
    ("half, pixel", HALF, PIXEL, [Some(0.25), Some(0.25), Some(1.0 / 7.0), Some(0.5)]),
    ("one, empty", ONE, EMPTY, NONE),
    ("one, full", ONE, FULL, [Some(1.0), Some(1.0), Some(1.0), None]),
    ("point, empty", POINT, EMPTY, NONE),
    ("point, full", POINT, FULL, [Some(1.0), Some(1.0), Some(1.0), None]),
    // The highest misses; AUC: one of the three others lies above, two tie.
    ("point, pixel", POINT, PIXEL, [Some(0.0), Some(0.0), Some(0.0), Some(1.0 / 3.0)]),
];

fn is_close(found: &[Option<f64>], expected: &[Option<f64>]) -> bool {
    found.len() == expected.len()
        && found.iter().zip(expected).all(|pair| match pair {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-12,
            (found, expected) => found == expected,
        })
}

fn fuzzy(map: &[f64], mask: &[u8]) -> Vec<Option<f64>> {
    let FuzzyScores { f1, sensitivity, specificity, mass, iou, negative_predictive_value } =
        fuzzy_scores(map, mask).unwrap();
    vec![f1, sensitivity, specificity, mass, iou, negative_predictive_value]
}

fn ranked(map: &[f64], mask: &[u8]) -> Vec<Option<f64>> {
    let LocalizationScores { pointing, rank_accuracy, top_k_iou, auc } =
        RankedMap::new(map).scores(mask_runs(mask)).unwrap();
    vec![pointing, rank_accuracy, top_k_iou, auc]
}

/// Accuracy, balanced accuracy and macro F1, then sensitivity and F1 of the last class.
fn diagnosis(rows: &[[u64; 2]; 2]) -> Vec<Option<f64>> {
    let matrix = ConfusionMatrix::from_rows(rows.iter().map(|row| row.to_vec()).collect()).unwrap();
    let last = matrix.class_scores(1);
    vec![
        matrix.accuracy(),
        matrix.balanced_accuracy(),
        matrix.macro_f1(),
        last.sensitivity,
        last.f1,
    ]
}

/// What it is, the scores found, and those that there have to be.
type Case = (String, Vec<Option<f64>>, Vec<Option<f64>>);

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, map, mask, expected) in FUZZY {
        cases.push((format!("fuzzy: {name}"), fuzzy(&map, &mask), expected.to_vec()));
    }
    for (name, map, mask, expected) in RANKED {
        cases.push((format!("ranked: {name}"), ranked(&map, &mask), expected.to_vec()));
    }
    let mut add = |name: &str, found: Vec<Option<f64>>, expected: &[Option<f64>]| {
        cases.push((name.to_string(), found, expected.to_vec()));
    };
    let none = [None; 5];
    add("no image", diagnosis(&[[0, 0], [0, 0]]), &none);
    // Means are over the classes that have a value; of the second there is neither image nor prediction.
    let one_class = [Some(1.0), Some(1.0), Some(1.0), None, None];
    add("all one class", diagnosis(&[[5, 0], [0, 0]]), &one_class);
    // F1 of the second class is 0 by its definition: it was named, and never right.
    let mut never = [Some(0.8), Some(0.8), None, None, Some(0.0)];
    never[2] = Some((8.0 / 9.0) / 2.0);
    add("a class without images that was named", diagnosis(&[[4, 1], [0, 0]]), &never);
    let one = [Some(1.0); 5];
    add("a class of one image", diagnosis(&[[4, 0], [0, 1]]), &one);
    let missed = [Some(0.8), Some(0.5), Some((8.0 / 9.0) / 2.0), Some(0.0), Some(0.0)];
    add("a class of one image, missed", diagnosis(&[[4, 0], [1, 0]]), &missed);

    add("Cohen: no pair", vec![cohen_kappa(&[])], &[None]);
    add("Cohen: one class", vec![cohen_kappa(&[(1, 1), (1, 1)])], &[None]);
    add("Fleiss: no image", vec![fleiss_kappa(&[]).unwrap()], &[None]);
    add("Fleiss: one class", vec![fleiss_kappa(&[vec![3, 0]]).unwrap()], &[None]);
    add("Krippendorff: no expert", vec![krippendorff_alpha(&[vec![0, 0]])], &[None]);
    add("Krippendorff: one expert", vec![krippendorff_alpha(&[vec![1, 0], vec![0, 1]])], &[None]);

    // A score without a value is counted, and no part of the mean.
    let score = Score::over(&[Some(0.5), None, None]);
    let counts = vec![score.mean, Some(score.n as f64), Some(score.undefined as f64)];
    add("a mean of one value", counts, &[Some(0.5), Some(1.0), Some(2.0)]);
    let score = Score::over(&[None, None]);
    let counts = vec![score.mean, Some(score.n as f64), Some(score.undefined as f64)];
    add("a mean of no value", counts, &[None, Some(0.0), Some(2.0)]);
    cases
}

#[test]
fn what_is_empty_or_all_one_has_the_value_of_its_definition_or_none() {
    let cases = cases();
    let problems: Vec<String> = cases
        .iter()
        .filter(|(_, found, expected)| !is_close(found, expected))
        .map(|(name, found, expected)| format!("{name}: {found:?}, expected {expected:?}"))
        .collect();
    eprintln!("{} of {} as expected", cases.len() - problems.len(), cases.len());
    assert!(cases.len() >= 40, "{} cases", cases.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
