//! How the scores of many masks become those of a characteristic.

use crate::table::{by_characteristic, localization_means};
use crate::{FuzzyScores, MapRow, MapScores, MapTable, Score, UNION, mean};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the scores of several rows become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// The mean, with the sample standard deviation.
    #[default]
    Mean,
    /// The median, with the mean absolute deviation from the mean, as a version of the study's
    /// notebook has it.
    Median,
}

/// Over what the scores of [`UNION`] are averaged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnionAverage {
    /// Every union of a rater's masks counts alike.
    #[default]
    Rows,
    /// Every class counts alike: the mean of the classes' averages.
    Classes,
}

/// How scores of maps are averaged.
#[derive(Debug, Clone, Copy)]
pub struct Averaging<'a> {
    /// Of the rows of a characteristic, or of a class.
    pub average: Average,
    /// Of the unions.
    pub union_average: UnionAverage,
    /// Gold class of each image.
    pub gold: &'a BTreeMap<String, String>,
}

impl Averaging<'_> {
    /// Averages rows by characteristic.
    ///
    /// An image counts once for each rater who outlined the characteristic. Sums run in the order of
    /// image and rater, whatever the order of the rows. For [`UNION`] over classes, `n` and
    /// `undefined` count classes, and `std` is the sample standard deviation over them; rows of
    /// images without gold class make one class. Localization scores are always means over rows.
    ///
    /// # Source
    /// Jalaboi et al., 2021, Table 6; which average is behind its last row is not said.
    pub fn table(&self, rows: &[MapRow]) -> MapTable {
        by_characteristic(rows, |rows| self.scores(rows))
    }

    fn scores(&self, rows: &[&MapRow]) -> MapScores {
        let over = |score: fn(&FuzzyScores) -> Option<f64>| self.score(rows, score);
        MapScores {
            f1: over(|scores| scores.f1),
            sensitivity: over(|scores| scores.sensitivity),
            specificity: over(|scores| scores.specificity),
            mass: over(|scores| scores.mass),
            localization: localization_means(rows),
        }
    }

    fn score(&self, rows: &[&MapRow], score: fn(&FuzzyScores) -> Option<f64>) -> Score {
        let is_by_class =
            rows[0].characteristic == UNION && self.union_average == UnionAverage::Classes;
        if !is_by_class {
            return self.average.over(rows.iter().map(|row| score(&row.scores)).collect());
        }
        let mut classes: BTreeMap<Option<&String>, Vec<Option<f64>>> = BTreeMap::new();
        for row in rows {
            let class = self.gold.get(&row.image_id);
            classes.entry(class).or_default().push(score(&row.scores));
        }
        let averages: Vec<_> =
            classes.into_values().map(|values| self.average.over(values).mean).collect();
        Score::over(&averages)
    }
}

impl Average {
    fn over(self, values: Vec<Option<f64>>) -> Score {
        let score = Score::over(&values);
        let Self::Median = self else { return score };
        let mut defined: Vec<f64> =
            values.into_iter().flatten().filter(|value| value.is_finite()).collect();
        defined.sort_by(f64::total_cmp);
        let deviations: Option<Vec<f64>> =
            score.mean.map(|mean| defined.iter().map(|value| (value - mean).abs()).collect());
        Score { mean: median(&defined), std: deviations.and_then(|all| mean(&all)), ..score }
    }
}

/// The middle value of sorted ones, or the mean of the two; `None` of nothing.
fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let high = *sorted.get(middle)?;
    match sorted.len() % 2 {
        1 => Some(high),
        _ => Some((sorted[middle - 1] + high) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(image_id: &str, characteristic: &str, f1: Option<f64>) -> MapRow {
        MapRow {
            image_id: image_id.into(),
            rater: "derm1".into(),
            characteristic: characteristic.into(),
            scores: FuzzyScores { f1, ..FuzzyScores::default() },
            localization: None,
        }
    }

    fn f1(average: Average, union_average: UnionAverage, rows: &[MapRow], name: &str) -> Score {
        let gold = [("a", "Acne"), ("b", "Acne"), ("c", "Acne"), ("d", "Vitiligo")];
        let gold = gold.map(|(image, class)| (image.to_string(), class.to_string())).into();
        Averaging { average, union_average, gold: &gold }.table(rows)[name].f1.clone()
    }

    #[test]
    fn the_median_is_the_middle() {
        let rows =
            [row("a", "Scar", Some(0.9)), row("b", "Scar", Some(0.1)), row("c", "Scar", None)];
        // (0.1 + 0.9) / 2; deviations 0.4 and 0.4
        let score = f1(Average::Median, UnionAverage::Rows, &rows, "Scar");
        assert_eq!((score.mean, score.std), (Some(0.5), Some(0.4)));
        assert_eq!((score.n, score.undefined), (2, 1));
        // middle 0.2; mean 0.4; deviations 0.3, 0.2, 0.5: a third of 1
        let rows =
            [row("a", "Scar", Some(0.1)), row("b", "Scar", Some(0.9)), row("c", "Scar", Some(0.2))];
        let score = f1(Average::Median, UnionAverage::Rows, &rows, "Scar");
        assert_eq!(score.mean, Some(0.2));
        assert!((score.std.unwrap() - 1.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn over_classes_a_rare_one_counts_as_much() {
        let rows = [
            row("a", UNION, Some(0.25)),
            row("b", UNION, Some(0.5)),
            row("c", UNION, Some(0.75)),
            row("d", UNION, Some(1.0)),
        ];
        // rows: 2.5 / 4; classes: (0.5 + 1) / 2, std sqrt(2 * 0.0625 / 1)
        let by_row = f1(Average::Mean, UnionAverage::Rows, &rows, UNION);
        assert_eq!((by_row.mean, by_row.n), (Some(0.625), 4));
        let by_class = f1(Average::Mean, UnionAverage::Classes, &rows, UNION);
        assert_eq!((by_class.mean, by_class.n), (Some(0.75), 2));
        assert_eq!(by_class.std, Some(0.125_f64.sqrt()));
        // A characteristic is averaged over its rows all the same.
        let rows = rows.map(|union| MapRow { characteristic: "Scar".into(), ..union });
        assert_eq!(f1(Average::Mean, UnionAverage::Classes, &rows, "Scar").mean, Some(0.625));
    }
}
