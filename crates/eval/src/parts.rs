//! The scores on parts of the images.

use crate::{MapRow, MapScores, PartRecord, PartRow, Score, map_table};
use std::collections::{BTreeMap, BTreeSet};

/// Scores a part of the images: `rows` are theirs, `correct` says of each whether its diagnosis is
/// right, where there are predictions.
///
/// Means over a handful of images say nothing: where fewer than `min_images` images have a mask of
/// a characteristic, or are in the part at all, there is no score.
pub fn part_record(
    num_images: usize,
    rows: &[MapRow],
    correct: Option<&[bool]>,
    min_images: usize,
) -> PartRecord {
    let row = |(characteristic, scores): (String, MapScores)| {
        let of_characteristic = rows.iter().filter(|row| row.characteristic == characteristic);
        let images: BTreeSet<&str> = of_characteristic.map(|row| row.image_id.as_str()).collect();
        let too_few = images.len() < min_images;
        let scores = (!too_few).then(|| MapScores { localization: BTreeMap::new(), ..scores });
        let part = PartRow { scores, too_few, images: images.len() };
        (characteristic, part)
    };
    let correct = correct.filter(|_| num_images >= min_images);
    PartRecord {
        images: num_images,
        accuracy: correct.map(|correct| {
            let num_correct = correct.iter().filter(|is_correct| **is_correct).count();
            let mean = (!correct.is_empty()).then(|| num_correct as f64 / correct.len() as f64);
            Score { mean, n: correct.len(), ..Score::default() }.with_share_interval(correct.len())
        }),
        explanation: map_table(rows).into_iter().map(row).collect(),
    }
}

/// Joins the parts of several seeds.
///
/// Which images a network diagnoses right differs between seeds, and so may the rows: a seed without
/// a row, or with too few images for it, counts as undefined.
pub(crate) fn join_parts(seeds: &[&BTreeMap<String, PartRecord>]) -> BTreeMap<String, PartRecord> {
    let values: BTreeSet<&String> = seeds.iter().flat_map(|seed| seed.keys()).collect();
    let join = |value: &String| {
        let parts: Vec<Option<&PartRecord>> = seeds.iter().map(|seed| seed.get(value)).collect();
        let accuracies: Vec<Option<&Score>> =
            parts.iter().map(|part| part.and_then(|part| part.accuracy.as_ref())).collect();
        let tables: Vec<_> = parts.iter().map(|part| part.map(|part| &part.explanation)).collect();
        let names: BTreeSet<&String> =
            tables.iter().flatten().flat_map(|table| table.keys()).collect();
        let rows = names.into_iter().map(|name| {
            let rows: Vec<Option<&PartRow>> =
                tables.iter().map(|table| table.and_then(|table| table.get(name))).collect();
            (name.clone(), join_rows(&rows))
        });
        let images = smallest(parts.iter().map(|part| part.map(|part| part.images)));
        let accuracy = accuracies.iter().any(Option::is_some).then(|| over_seeds(&accuracies));
        PartRecord {
            images,
            accuracy: accuracy.map(|score| score.with_share_interval(images)),
            explanation: rows.collect(),
        }
    };
    values.into_iter().map(|value| (value.clone(), join(value))).collect()
}

fn join_rows(rows: &[Option<&PartRow>]) -> PartRow {
    let scores: Vec<Option<&MapScores>> =
        rows.iter().map(|row| row.and_then(|row| row.scores.as_ref())).collect();
    let over = |pick: fn(&MapScores) -> &Score| {
        over_seeds(&scores.iter().map(|scores| scores.map(pick)).collect::<Vec<_>>())
    };
    let is_defined = scores.iter().any(Option::is_some);
    PartRow {
        scores: is_defined.then(|| MapScores {
            f1: over(|scores| &scores.f1),
            sensitivity: over(|scores| &scores.sensitivity),
            specificity: over(|scores| &scores.specificity),
            mass: over(|scores| &scores.mass),
            localization: BTreeMap::new(),
        }),
        too_few: !is_defined,
        images: smallest(rows.iter().map(|row| row.map(|row| row.images))),
    }
}

fn over_seeds(scores: &[Option<&Score>]) -> Score {
    let scores: Vec<Score> =
        scores.iter().map(|score| score.cloned().unwrap_or_default()).collect();
    Score::over_seeds(&scores)
}

fn smallest(counts: impl Iterator<Item = Option<usize>>) -> usize {
    counts.map(|count| count.unwrap_or(0)).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FuzzyScores, wilson_interval};

    fn row(image_id: &str, f1: f64) -> MapRow {
        let scores = FuzzyScores { f1: Some(f1), ..FuzzyScores::default() };
        let [image_id, characteristic] = [image_id, "Plaque"].map(String::from);
        MapRow { image_id, characteristic, scores, ..MapRow::default() }
    }

    #[test]
    fn a_row_of_too_few_images_has_no_score() {
        // Three rows, but two images.
        let rows = [row("a", 0.25), row("a", 0.75), row("b", 0.5)];
        let part = part_record(3, &rows, Some(&[true, false, true]), 3);
        let plaque = &part.explanation["Plaque"];
        assert_eq!((plaque.scores.as_ref(), plaque.too_few, plaque.images), (None, true, 2));
        let accuracy = part.accuracy.unwrap();
        assert_eq!(accuracy.mean, Some(2.0 / 3.0));
        assert_eq!(accuracy.interval, wilson_interval(2.0 / 3.0, 3.0));
        let part = part_record(3, &rows, None, 2);
        assert_eq!(part.explanation["Plaque"].scores.as_ref().unwrap().f1.mean, Some(0.5));
        assert_eq!((part.accuracy, part.images), (None, 3));
        assert_eq!(part_record(1, &rows, Some(&[true]), 2).accuracy, None);
        let json = serde_json::to_value(part_record(3, &rows, None, 3)).unwrap();
        let expected = serde_json::json!({"Plaque": {"too_few": true, "images": 2}});
        assert_eq!(json["explanation"], expected);
        let back: PartRecord = serde_json::from_value(json).unwrap();
        assert_eq!(back, part_record(3, &rows, None, 3));
    }

    #[test]
    fn seeds_may_have_other_rows() {
        // F1 .5 and .75 of two seeds, none of the third, which has the other value alone.
        let part = |f1| part_record(2, &[row("a", f1), row("b", f1)], Some(&[true; 2]), 2);
        let seed = |value: &str, f1| BTreeMap::from([(value.to_string(), part(f1))]);
        let [first, second, third] = [seed("right", 0.5), seed("right", 0.75), seed("wrong", 0.1)];
        let joined = join_parts(&[&first, &second, &third]);
        let f1 = &joined["right"].explanation["Plaque"].scores.as_ref().unwrap().f1;
        assert_eq!((f1.mean, f1.n, f1.undefined), (Some(0.625), 2, 1));
        assert_eq!(f1.seeds, [Some(0.5), Some(0.75), None]);
        assert_eq!((joined["right"].images, joined.len()), (0, 2));
    }
}
