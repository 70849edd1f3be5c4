//! Raters who each saw some of the images, and need not name a class; traced by hand.

use dermx_agreement::{AgreementTables, Bootstrap, DIAGNOSIS, DatasetTables, Options, Overrides};
use dermx_data::{Concept, Dataset, Image, ImageSize, Reading, Region, Schema};
use dermx_eval::Score;
use std::path::Path;

/// Concepts of the image, marked and not.
fn schema() -> Schema {
    let concept = |name: &str, is_localisable| Concept {
        name: name.to_owned(),
        group: String::new(),
        is_localisable,
        is_optional: false,
    };
    Schema {
        classes: ["Cat", "Dog"].map(str::to_owned).to_vec(),
        concepts: vec![concept("Ear", true), concept("Outdoors", false)],
        ..Schema::default()
    }
}

/// A reading of an image of 8x10 pixels. `left` is the left edge of a square of 4x4 pixels that is marked as
/// an ear.
fn reading(rater: &str, image_id: &str, left: Option<f64>) -> Reading {
    let square = |left: f64| vec![[left, 1.0], [left + 3.0, 1.0], [left + 3.0, 4.0], [left, 4.0]];
    let ear = |left: f64| Region::outlined("Ear", vec![square(left)]);
    Reading {
        regions: left.map(ear).into_iter().collect(),
        ..Reading::new(image_id, rater, ImageSize::new(8, 10))
    }
}

fn image(image_id: &str, gold: &str) -> Image {
    Image { image_id: image_id.to_owned(), gold: vec![gold.to_owned()], ..Image::default() }
}

/// Three raters, two for each image; `r1` found nothing in `b`, and nobody read `c`.
///
/// | | r1 | r2 | r3 |
/// |---|---|---|---|
/// | a | ear at 1 | ear at 3 | |
/// | b | nothing | | ear at 1 |
fn readings() -> [Reading; 4] {
    [
        reading("r1", "a", Some(1.0)),
        reading("r2", "a", Some(3.0)),
        reading("r1", "b", None),
        reading("r3", "b", Some(1.0)),
    ]
}

fn tables(readings: &[Reading]) -> DatasetTables {
    let images = vec![image("a", "Cat"), image("b", "Dog"), image("c", "Cat")];
    let dataset = Dataset::new(Path::new(""), schema(), images, readings.to_vec()).unwrap();
    let bootstrap = Bootstrap { num_resamples: 0, seed: 0 };
    let overrides = Overrides::default();
    let options = Options { overrides, by: Vec::new(), min_images: 0, bootstrap };
    DatasetTables::new(&dataset, &options).unwrap()
}

#[track_caller]
fn assert_mean(score: &Score, mean: f64, n: usize, undefined: usize) {
    assert!(score.mean.is_some_and(|found| (found - mean).abs() < 1e-12), "{score:?}");
    assert_eq!((score.n, score.undefined), (n, undefined), "{score:?}");
}

#[test]
fn raters_who_name_no_class_have_no_rows_for_it() {
    let found = tables(&readings());
    assert!(found.study.is_none());
    assert_eq!(found.raters, ["r1", "r2", "r3"]);
    let AgreementTables { gold, diagnosis, leave_one_rater_out, .. } = &found.agreement;
    assert!(gold.is_empty() && diagnosis.is_empty() && leave_one_rater_out.diagnosis.is_empty());
    assert_eq!(found.agreement.accuracy_pooled, None);
    assert!(found.agreement.accuracy_per_rater.values().all(Option::is_none));
    let chance: Vec<&String> = found.agreement.chance_corrected.keys().collect();
    assert_eq!(chance, ["Ear", "Outdoors"]);
    let rows: Vec<&String> = found.agreement.presence.keys().collect();
    assert_eq!(rows, ["Ear", "Outdoors"]);
    let rows: Vec<&String> = found.agreement.outlines.keys().collect();
    assert_eq!(rows, ["Ear"]);
}

#[test]
fn presence_counts_who_found_nothing_and_not_who_did_not_look() {
    let found = tables(&readings()).agreement;
    assert_eq!(found.num_images, 2);
    // r1 and r2 share `a`: F1 1 and specificity 0/0 in both orders. r1 and r3 share `b`: r1 says no, so F1 0;
    // with r1 as the reference sensitivity is 0/0, which counts as 0, and specificity 0/1; the other way 0/1
    // and 0/0. r2 and r3 share no image: no pair.
    let row = &found.presence["Ear"];
    let scores = row.scores.as_ref().unwrap();
    assert_mean(&scores.f1, 0.5, 4, 0);
    assert_mean(&scores.sensitivity, 0.5, 4, 0);
    assert_mean(&scores.specificity, 0.0, 1, 3);
    assert_eq!((row.units, row.evaluations, row.images), (4, 3, 2));
    // Against the one other: r1 is right in `a` and misses `b`, 2/3; r2 is right, 1; r3 is alone in `b`, 0.
    let row = &found.leave_one_rater_out.presence["Ear"];
    assert_mean(&row.scores.as_ref().unwrap().f1, 5.0 / 9.0, 3, 0);
    assert_eq!((row.units, row.undecided), (3, Some(0)));
}

#[test]
fn outlines_of_who_found_nothing_are_empty_and_of_who_did_not_look_are_none() {
    // `a`: squares of 16 pixels that share 8: Dice and sensitivity 1/2, specificity 56/64, in both orders.
    // `b`: Dice 0; r1 as the reference: 0/0 and 64/80; r3: 0 and 64/64.
    let found = tables(&readings()).agreement;
    let row = &found.outlines["Ear"];
    let scores = row.scores.as_ref().unwrap();
    assert_mean(&scores.f1, 0.25, 4, 0);
    assert_mean(&scores.sensitivity, 1.0 / 3.0, 3, 1);
    assert_mean(&scores.specificity, (2.0 * 0.875 + 0.8 + 1.0) / 4.0, 4, 0);
    assert_eq!((row.ordered_pairs, row.evaluations, row.images), (Some(4), 3, 2));
}

#[test]
fn agreement_beyond_chance_is_over_the_raters_of_each_image() {
    let found = tables(&readings()).agreement;
    let row = &found.chance_corrected["Ear"];
    // Of one image each: r1 and r2 both yes, 0/0; r1 no and r3 yes, (0 - 0) / (1 - 0).
    assert_mean(&row.cohen_kappa, 0.0, 1, 1);
    // Two raters in both images; yes 3/4, no 1/4: (1/2 - 10/16) / (1 - 10/16).
    assert_eq!((row.fleiss_images, row.images), (2, 2));
    assert!((row.fleiss_kappa.unwrap() + 1.0 / 3.0).abs() < 1e-12, "{row:?}");
    // Observed 2/4, expected 2 * 3 * 1 / (4 * 3).
    assert!(row.krippendorff_alpha.unwrap().abs() < 1e-12, "{row:?}");
}

#[test]
fn readings_without_a_class_say_nothing_of_it_where_others_name_one() {
    let mut readings = readings();
    // r2 names none.
    for (idx, class) in [(0, "Cat"), (2, "Dog"), (3, "Cat")] {
        readings[idx].classes = vec![class.to_owned()];
    }
    let found = tables(&readings).agreement;
    // Gold: cat, dog. r1 is right twice, r3 takes a dog for a cat.
    let accuracies = [("r1", Some(1.0)), ("r2", None), ("r3", Some(0.0))];
    let accuracies = accuracies.map(|(rater, accuracy)| (rater.to_owned(), accuracy));
    assert_eq!(found.accuracy_per_rater, accuracies.into());
    assert_eq!(found.accuracy_pooled, Some(2.0 / 3.0));
    let row = &found.gold["Cat"];
    assert_mean(&row.scores.as_ref().unwrap().f1, 0.5, 2, 0);
    assert_eq!((row.units, row.evaluations, row.images), (2, 2, 2));
    // r1 and r3 share `b`, in both orders.
    assert_eq!(found.diagnosis["Cat"].units, 2);
    assert_eq!(found.chance_corrected[DIAGNOSIS].images, 2);
    // Of the concepts r2 says what it said before.
    assert_eq!(found.presence, tables(&self::readings()).agreement.presence);
}
