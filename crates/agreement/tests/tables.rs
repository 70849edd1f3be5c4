//! Tables of a tiny data set, traced by hand.

use dermx_agreement::{Bootstrap, DatasetTables, OneEmpty, Options, Overrides, SeveralDiagnoses};
use dermx_data::{Dataset, Image, ImageSize, Reading, Region, darwin, metadata};
use dermx_eval::{Pairs, Score, ZeroDivision};

/// An evaluation of an image of 8x10 pixels. `left` is the left edge of a square of 4x4 pixels that
/// is outlined as a papule.
fn evaluation(rater: &str, image: &str, diagnoses: &[&str], left: Option<f64>) -> Reading {
    let square = |left: f64| vec![[left, 1.0], [left + 3.0, 1.0], [left + 3.0, 4.0], [left, 4.0]];
    let papule = |left: f64| Region::outlined("Papule", vec![square(left)]);
    Reading {
        classes: diagnoses.iter().map(ToString::to_string).collect(),
        regions: left.map(papule).into_iter().collect(),
        ..Reading::new(image, rater, ImageSize::new(8, 10))
    }
}

fn image(image_id: &str, diagnosis: &str, skin_tone: &str) -> Image {
    let attributes = [
        ("original_filename", format!("{image_id}.jpg")),
        ("dataset", "source".to_owned()),
        ("skin_tone", skin_tone.to_owned()),
        ("age", "adult".to_owned()),
    ];
    Image {
        image_id: image_id.to_owned(),
        file_name: format!("{image_id}.jpg"),
        gold: vec![diagnosis.to_owned()],
        attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
        ..Image::default()
    }
}

/// Two raters outline image `a`, shifted by half a square; the third does not.
fn dataset() -> Dataset {
    let folder = tempfile::tempdir().unwrap();
    let evaluations = [
        evaluation("r1", "a", &["Acne"], Some(1.0)),
        evaluation("r2", "a", &["Acne"], Some(3.0)),
        evaluation("r3", "a", &["Psoriasis"], None),
        evaluation("r1", "b", &["Acne", "Psoriasis"], None),
        evaluation("r2", "b", &["Psoriasis"], None),
    ];
    let images = [image("a", "Acne", "dark"), image("b", "Psoriasis", "light")];
    darwin::write_annotations(folder.path(), &evaluations).unwrap();
    metadata::write(&folder.path().join("metadata.csv"), &images).unwrap();
    dermx_data::dermx::read(folder.path()).unwrap()
}

fn tables(overrides: Overrides) -> DatasetTables {
    let bootstrap = Bootstrap { num_resamples: 0, seed: 0 };
    let options = Options { overrides, by: vec!["skin_tone".to_owned()], min_images: 1, bootstrap };
    DatasetTables::new(&dataset(), &options).unwrap()
}

#[track_caller]
fn assert_mean(score: &Score, mean: f64, n: usize, undefined: usize) {
    assert!(score.mean.is_some_and(|found| (found - mean).abs() < 1e-12), "{score:?}");
    assert_eq!((score.n, score.undefined), (n, undefined), "{score:?}");
}

#[test]
fn outlines_are_compared_pair_by_pair() {
    // Squares of 16 pixels that share 8. r1, r2: Dice 16/32, sensitivity 8/16, specificity 56/64,
    // in both orders. Reference outlined, other not: 0, 0, 64/64. The other way: 0, 0/0, 64/80.
    let found = tables(Overrides::default());
    let row = &found.agreement.outlines["Papule"];
    let scores = row.scores.as_ref().unwrap();
    assert_mean(&scores.f1, 1.0 / 6.0, 6, 0);
    assert_mean(&scores.sensitivity, 0.25, 4, 2);
    assert_mean(&scores.specificity, (2.0 * 0.875 + 2.0 + 2.0 * 0.8) / 6.0, 6, 0);
    assert_eq!((row.ordered_pairs, row.evaluations, row.images), (Some(6), 2, 1));
    // Each pair once: (r1, r2), (r1, r3), (r2, r3).
    let found = tables(Overrides { pairs: Some(Pairs::Unordered), ..Overrides::default() });
    let row = &found.agreement.outlines["Papule"];
    assert_mean(&row.scores.as_ref().unwrap().f1, 0.5 / 3.0, 3, 0);
    assert_eq!((row.ordered_pairs, row.units), (None, 3));
    let found = tables(Overrides { one_empty: Some(OneEmpty::Exclude), ..Overrides::default() });
    let scores = found.agreement.outlines["Papule"].scores.clone().unwrap();
    assert_mean(&scores.f1, 0.5, 2, 0);
}

#[test]
fn outlines_are_brought_to_the_resolution_first() {
    // On a grid of 4x5, pixel (row, column) is that of (2 row + 1, 2 column + 1): r1 (columns 1 to
    // 4) has columns 0, 1, r2 (3 to 6) columns 1, 2; both have rows 0 and 1 (1 and 3).
    let resolution = Some(ImageSize::new(4, 5));
    let found =
        tables(Overrides { resolution, pairs: Some(Pairs::Unordered), ..Overrides::default() });
    let scores = found.agreement.outlines["Papule"].scores.clone().unwrap();
    // (r1, r2): Dice 4/8, specificity (20 - 6)/16; then 0 and 1 twice.
    assert_mean(&scores.f1, 0.5 / 3.0, 3, 0);
    assert_mean(&scores.specificity, (14.0 / 16.0 + 2.0) / 3.0, 3, 0);
}

#[test]
fn the_others_outlines_are_the_reference() {
    // r1 and r2: no pixel is in more than half of the two others: F1 0, sensitivity 0/0,
    // specificity 64/80. r3: the 8 shared pixels, none found: 0, 0, 1.
    let found = tables(Overrides::default());
    let row = &found.agreement.leave_one_rater_out.outlines["Papule"];
    let scores = row.scores.as_ref().unwrap();
    assert_mean(&scores.f1, 0.0, 3, 0);
    assert_mean(&scores.sensitivity, 0.0, 1, 2);
    assert_mean(&scores.specificity, (0.8 + 0.8 + 1.0) / 3.0, 3, 0);
    // Diagnosis of `a`, acne: for r1 and r2 the others disagree, for r3 they say acne. `b`: one
    // other each.
    let row = &found.agreement.leave_one_rater_out.diagnosis["Acne"];
    assert_eq!((row.units, row.undecided), (3, Some(2)));
}

#[test]
fn several_diagnoses_say_what_the_rule_says() {
    let psoriasis = |rule| {
        let overrides = Overrides { several_diagnoses: Some(rule), ..Overrides::default() };
        tables(overrides).agreement.gold["Psoriasis"].clone()
    };
    // Gold: no for `a`, yes for `b`. r2 is right on both: F1 1. r3 says yes to `a`: F1 0, and its
    // sensitivity 0/0 counts as 0. r1 says no to `a`, and to `b` no (Acne comes first): F1 0.
    let row = psoriasis(SeveralDiagnoses::First);
    assert_mean(&row.scores.as_ref().unwrap().f1, 1.0 / 3.0, 3, 0);
    assert_eq!((row.evaluations, row.images), (2, 2));
    let row = psoriasis(SeveralDiagnoses::Any);
    assert_mean(&row.scores.as_ref().unwrap().f1, 2.0 / 3.0, 3, 0);
    assert_eq!(row.evaluations, 3);
    // r1 keeps only `a`, to which gold and r1 say no: 0/0.
    let row = psoriasis(SeveralDiagnoses::Drop);
    assert_mean(&row.scores.as_ref().unwrap().f1, 1.0 / 3.0, 3, 0);
    let overrides = Overrides {
        several_diagnoses: Some(SeveralDiagnoses::Drop),
        zero_division: Some(ZeroDivision::Undefined),
        ..Overrides::default()
    };
    let row = tables(overrides).agreement.gold["Psoriasis"].clone();
    assert_mean(&row.scores.as_ref().unwrap().f1, 0.5, 2, 1);
}

#[test]
fn accuracy_is_the_share_of_right_diagnoses() {
    let found = tables(Overrides::default()).agreement;
    let expected = [("r1", 0.5), ("r2", 1.0), ("r3", 0.0)];
    assert_eq!(
        found.accuracy_per_rater,
        expected.map(|(rater, accuracy)| (rater.to_string(), Some(accuracy))).into()
    );
    assert_eq!(found.accuracy_pooled, Some(0.6));
}

#[test]
fn parts_of_the_data_set_have_tables_of_their_own() {
    let found = tables(Overrides::default());
    let by = &found.by["skin_tone"];
    assert_eq!(by.keys().collect::<Vec<_>>(), ["dark", "light"]);
    let (dark, light) = (&by["dark"], &by["light"]);
    assert_eq!((dark.num_images, light.num_images), (1, 1));
    assert_eq!(dark.outlines["Papule"], found.agreement.outlines["Papule"]);
    let row = &light.outlines["Papule"];
    assert_eq!((row.too_few, row.scores.clone(), row.images), (true, None, 0));
    // In `b`, r1 says acne and r2 does not.
    assert_mean(&light.diagnosis["Acne"].scores.as_ref().unwrap().f1, 0.0, 2, 0);
    assert!(!light.diagnosis["Acne"].too_few && light.diagnosis["Vitiligo"].too_few);
}

#[test]
fn intervals_hold_the_mean_and_are_the_same_again() {
    let bootstrap = Bootstrap { num_resamples: 200, seed: 7 };
    let overrides = Overrides::default();
    let options = Options { overrides, by: vec![], min_images: 0, bootstrap };
    let found = DatasetTables::new(&dataset(), &options).unwrap();
    assert_eq!(found, DatasetTables::new(&dataset(), &options).unwrap());
    let f1 = &found.agreement.gold["Acne"].scores.as_ref().unwrap().f1;
    let ([low, high], mean) = (f1.interval.unwrap(), f1.mean.unwrap());
    assert!(low <= mean && mean <= high && low < high, "{f1:?}");
    // The outlines stand in one image: wherever it is drawn the mean is the same.
    let f1 = &found.agreement.outlines["Papule"].scores.as_ref().unwrap().f1;
    let [low, high] = f1.interval.unwrap();
    assert!((low - 1.0 / 6.0).abs() < 1e-12 && (high - 1.0 / 6.0).abs() < 1e-12, "{f1:?}");
}
