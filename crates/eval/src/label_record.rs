//! What an evaluation says of several labels an image.

use crate::{
    ClassScores, EvalError, MultilabelScores, RankingScores, Score, label_rankings,
    multilabel_scores,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How well several labels an image were predicted: the part `labels` of `eval.json`.
///
/// Over several seeds intervals are those of [`crate::add_label_intervals`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelRecord {
    /// Number of images.
    pub images: usize,
    /// See [`MultilabelScores::micro_f1`].
    pub micro_f1: Score,
    /// See [`MultilabelScores::macro_f1`].
    pub macro_f1: Score,
    /// See [`MultilabelScores::sample_f1`].
    pub sample_f1: Score,
    /// See [`MultilabelScores::hamming_loss`].
    pub hamming_loss: Score,
    /// See [`MultilabelScores::subset_accuracy`].
    pub subset_accuracy: Score,
    /// Scores of the order by probability, of all pairs of image and label.
    pub micro_ranking: RankingScores<Score>,
    /// Means over the labels of the scores of the order by probability.
    pub macro_ranking: RankingScores<Score>,
    /// By label.
    pub labels: BTreeMap<String, LabelRow>,
}

/// How well one label was predicted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelRow {
    /// Number of images that have it.
    pub positives: usize,
    /// In JSON these stand beside the number.
    #[serde(flatten)]
    pub scores: ClassScores,
}

impl LabelRecord {
    /// The scores of one network.
    ///
    /// # Shapes
    /// `probabilities[image][label]` from 0 to 1, `predicted[image][label]`, `gold[image][label]`,
    /// `resamples[resample][image]` are indices of images; `labels` are names.
    ///
    /// # Errors
    /// Rows of other numbers, a value that is not finite, two labels of one name.
    pub fn new(
        labels: &[String],
        probabilities: &[&[f64]],
        predicted: &[&[bool]],
        gold: &[&[bool]],
        resamples: &[Vec<u32>],
    ) -> Result<Self, EvalError> {
        let given = multilabel_scores(predicted, gold, resamples)?;
        let rankings = label_rankings(probabilities, gold, resamples)?;
        let MultilabelScores {
            micro_f1, macro_f1, sample_f1, hamming_loss, subset_accuracy, ..
        } = given;
        let positives =
            |label: usize| gold.iter().filter(|row| row.get(label) == Some(&true)).count();
        let num_labels = given.labels.len();
        let rows = given.labels.into_iter().zip(rankings.labels).enumerate();
        let rows = rows.map(|(label, (scores, ranking))| LabelRow {
            positives: positives(label),
            scores: ClassScores { ranking: Some(ranking), ..scores },
        });
        let rows: BTreeMap<String, LabelRow> = labels.iter().cloned().zip(rows).collect();
        if rows.len() != labels.len() || rows.len() != num_labels {
            let message = format!("found {labels:?}, expected as many distinct names as columns");
            return Err(EvalError::new("labels", message));
        }
        Ok(Self {
            images: gold.len(),
            micro_f1,
            macro_f1,
            sample_f1,
            hamming_loss,
            subset_accuracy,
            micro_ranking: rankings.micro,
            macro_ranking: rankings.macro_mean,
            labels: rows,
        })
    }

    /// The scores of networks that differ in nothing but the seed, of several without intervals; `None` of none, and
    /// of records without labels.
    ///
    /// # Errors
    /// Records of other images or labels.
    pub fn over_seeds(records: &[Option<&Self>]) -> Result<Option<Self>, EvalError> {
        let found: Vec<&Self> = records.iter().copied().flatten().collect();
        let Some(first) = found.first() else { return Ok(None) };
        let rows = |one: &Self| -> Vec<(String, usize)> {
            one.labels.iter().map(|(name, row)| (name.clone(), row.positives)).collect()
        };
        let is_same = |one: &&Self| one.images == first.images && rows(one) == rows(first);
        if found.len() != records.len() || !found.iter().all(is_same) {
            let message = "found other images or labels for some seeds, expected the same for all";
            return Err(EvalError::new("labels", message));
        }
        let over = |pick: &dyn Fn(&Self) -> &Score| over_seeds(found.iter().map(|one| pick(one)));
        let ranking = |pick: &dyn Fn(&Self) -> &RankingScores<Score>| {
            RankingScores::from([0, 1, 2, 3].map(|idx| over(&|one| pick(one).each()[idx])))
        };
        let row = |name: &String| {
            let score = |pick: &dyn Fn(&ClassScores) -> &Score| {
                over_seeds(found.iter().filter_map(|one| Some(pick(&one.labels.get(name)?.scores))))
            };
            let rankings =
                || found.iter().filter_map(|one| one.labels.get(name)?.scores.ranking.as_ref());
            let ranking = RankingScores::from(
                [0, 1, 2, 3].map(|idx| over_seeds(rankings().map(|one| one.each()[idx]))),
            );
            let scores = ClassScores {
                f1: score(&|one| &one.f1),
                sensitivity: score(&|one| &one.sensitivity),
                specificity: score(&|one| &one.specificity),
                ranking: Some(ranking),
                auroc_delong: None,
            };
            let positives = first.labels.get(name).map_or(0, |row| row.positives);
            (name.clone(), LabelRow { positives, scores })
        };
        Ok(Some(Self {
            images: first.images,
            micro_f1: over(&|one| &one.micro_f1),
            macro_f1: over(&|one| &one.macro_f1),
            sample_f1: over(&|one| &one.sample_f1),
            hamming_loss: over(&|one| &one.hamming_loss),
            subset_accuracy: over(&|one| &one.subset_accuracy),
            micro_ranking: ranking(&|one| &one.micro_ranking),
            macro_ranking: ranking(&|one| &one.macro_ranking),
            labels: first.labels.keys().map(row).collect(),
        }))
    }
}

/// [`Score::over_seeds`]; of one seed with its interval.
fn over_seeds<'a>(scores: impl Iterator<Item = &'a Score>) -> Score {
    let scores: Vec<Score> = scores.cloned().collect();
    let interval = match &scores[..] {
        [one] => one.interval,
        _ => None,
    };
    Score { interval, ..Score::over_seeds(&scores) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three images of two labels; the second label is right of all, the first of two.
    fn record(first: [bool; 3]) -> LabelRecord {
        let labels = ["crust", "scale"].map(str::to_string);
        let gold: [&[bool]; 3] = [&[true, false], &[false, true], &[true, true]];
        let predicted = first.map(|first| [first, false]);
        let mut predicted: Vec<[bool; 2]> = predicted.into();
        predicted.iter_mut().zip(gold).for_each(|(row, gold)| row[1] = gold[1]);
        let predicted: Vec<&[bool]> = predicted.iter().map(|row| row.as_slice()).collect();
        let probabilities: [&[f64]; 3] = [&[0.9, 0.1], &[0.2, 0.8], &[0.4, 0.7]];
        let resamples = [vec![0, 1, 2], vec![0, 2, 2]];
        LabelRecord::new(&labels, &probabilities, &predicted, &gold, &resamples).unwrap()
    }

    #[test]
    fn scores_of_a_network_by_hand() {
        // Label crust: TP 1, FN 1; scale: TP 2.
        let found = record([true, false, false]);
        assert_eq!(found.images, 3);
        assert_eq!(found.micro_f1.mean, Some(6.0 / 7.0));
        assert_eq!(found.subset_accuracy.mean, Some(2.0 / 3.0));
        assert_eq!(found.hamming_loss.mean, Some(1.0 / 6.0));
        let crust = &found.labels["crust"];
        assert_eq!((crust.positives, crust.scores.f1.mean), (2, Some(2.0 / 3.0)));
        assert!(crust.scores.f1.interval.is_some());
        assert_eq!(found.macro_ranking.auroc.mean, Some(1.0));
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!(json["labels"]["crust"]["auroc"]["mean"], 1.0);
        assert_eq!(serde_json::from_value::<LabelRecord>(json).unwrap(), found);
    }

    #[test]
    fn seeds_are_averaged_and_one_keeps_its_intervals() {
        let one = record([true, false, false]);
        let alone = LabelRecord::over_seeds(&[Some(&one)]).unwrap().unwrap();
        assert_eq!(alone.micro_f1.interval, one.micro_f1.interval);
        let other = record([true, false, true]);
        let both = LabelRecord::over_seeds(&[Some(&one), Some(&other)]).unwrap().unwrap();
        assert_eq!(both.subset_accuracy.mean, Some((2.0 / 3.0 + 1.0) / 2.0));
        assert_eq!(both.subset_accuracy.seeds.len(), 2);
        assert_eq!(both.micro_f1.interval, None);
        assert_eq!(both.labels["crust"].positives, 2);
        assert_eq!(LabelRecord::over_seeds(&[None, None]).unwrap(), None);
        assert!(LabelRecord::over_seeds(&[Some(&one), None]).is_err());
    }

    #[test]
    fn names_are_as_many_as_labels() {
        let gold: [&[bool]; 1] = [&[true, false]];
        let probabilities: [&[f64]; 1] = [&[0.5, 0.5]];
        for labels in [vec!["a"], vec!["a", "a"], vec!["a", "b", "c"]] {
            let labels: Vec<String> = labels.into_iter().map(String::from).collect();
            let found = LabelRecord::new(&labels, &probabilities, &gold, &gold, &[]);
            assert!(found.is_err(), "{labels:?}");
        }
    }
}
