//! The tables of one network: diagnosis by class, explanation by characteristic.

use crate::{
    Average, Averaging, ClassScores, ConfusionMatrix, CountedConfusions, DiagnosisScores,
    EvalError, FuzzyScores, LocalizationScores, MapTable, OneVsRest, Score, UnionAverage,
};
use std::collections::BTreeMap;

/// One map against one mask.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MapRow {
    /// The image that both belong to.
    pub image_id: String,
    /// Who outlined the mask.
    pub rater: String,
    /// What is outlined, or [`crate::UNION`].
    pub characteristic: String,
    /// How well they agree.
    pub scores: FuzzyScores,
    /// How well the order of the map's pixels agrees with the mask, where that was asked for.
    pub localization: Option<LocalizationScores>,
}

impl MapRow {
    /// The scores beyond [`FuzzyScores`]' four, by name; none where they were not asked for.
    pub fn localization(&self) -> Option<[(&'static str, Option<f64>); 6]> {
        let FuzzyScores { iou, negative_predictive_value, .. } = self.scores;
        let LocalizationScores { pointing, rank_accuracy, top_k_iou, auc } = self.localization?;
        Some([
            ("iou", iou),
            ("negative_predictive_value", negative_predictive_value),
            ("pointing", pointing),
            ("rank_accuracy", rank_accuracy),
            ("top_k_iou", top_k_iou),
            ("auc", auc),
        ])
    }
}

/// The means over rows of each characteristic, see [`Averaging::table`].
pub fn map_table(rows: &[MapRow]) -> MapTable {
    let (average, union_average) = (Average::Mean, UnionAverage::Rows);
    Averaging { average, union_average, gold: &BTreeMap::new() }.table(rows)
}

/// The means of the scores of [`MapRow::localization`] by name; none where no row has them.
pub(crate) fn localization_means(rows: &[&MapRow]) -> BTreeMap<String, Score> {
    let mut values: BTreeMap<String, Vec<Option<f64>>> = BTreeMap::new();
    for (name, value) in rows.iter().filter_map(|row| row.localization()).flatten() {
        values.entry(name.to_string()).or_default().push(value);
    }
    values.into_iter().map(|(name, values)| (name, Score::over(&values))).collect()
}

/// What `average` makes of the rows of each characteristic, in the order of image and rater.
pub(crate) fn by_characteristic<T>(
    rows: &[MapRow],
    average: impl Fn(&[&MapRow]) -> T,
) -> BTreeMap<String, T> {
    let mut ordered: Vec<&MapRow> = rows.iter().collect();
    ordered.sort_by_key(|row| (&row.characteristic, &row.image_id, &row.rater));
    ordered
        .chunk_by(|a, b| a.characteristic == b.characteristic)
        .map(|rows| (rows[0].characteristic.clone(), average(rows)))
        .collect()
}

/// Scores one network's diagnoses; its seed is left open.
///
/// `n` counts images, and for the means of the classes the classes that went into them; one network's
/// scores have no spread. Accuracy, sensitivity and specificity are shares of images, and have Wilson's
/// interval. `classes` names the matrix's indices in order.
///
/// # Errors
/// When there are not as many distinct names as classes.
///
/// # Source
/// Jalaboi et al., 2021, Table 5; Brodersen et al., 2010, <https://doi.org/10.1109/ICPR.2010.764>
/// (balanced accuracy).
pub fn diagnosis_scores(
    matrix: &ConfusionMatrix,
    classes: &[String],
) -> Result<DiagnosisScores, EvalError> {
    let num_images = matrix.num_images() as usize;
    let by_class: BTreeMap<String, ClassScores> = classes
        .iter()
        .enumerate()
        .map(|(idx, class)| (class.clone(), class_scores(matrix, idx)))
        .collect();
    if classes.len() != matrix.num_classes() || by_class.len() != classes.len() {
        let message =
            format!("found {classes:?}, expected {} distinct names", matrix.num_classes());
        return Err(EvalError::new("classes", message));
    }
    let over_classes = |mean: Option<f64>, pick: fn(&ClassScores) -> &Score| {
        let n = by_class.values().filter(|scores| pick(scores).mean.is_some()).count();
        Score { mean, n, undefined: classes.len() - n, ..Score::default() }
    };
    Ok(DiagnosisScores {
        accuracy: Score::over_images(matrix.accuracy(), num_images).with_share_interval(num_images),
        balanced_accuracy: over_classes(matrix.balanced_accuracy(), |scores| &scores.sensitivity),
        macro_f1: over_classes(matrix.macro_f1(), |scores| &scores.f1),
        classes: by_class,
        confusion_matrices: vec![CountedConfusions {
            seed: None,
            classes: classes.to_vec(),
            counts: matrix.rows().to_vec(),
        }],
        ..DiagnosisScores::default()
    })
}

fn class_scores(matrix: &ConfusionMatrix, class_idx: usize) -> ClassScores {
    let OneVsRest { f1, sensitivity, specificity } = matrix.class_scores(class_idx);
    let num_images = matrix.num_images() as usize;
    let num_gold = matrix.num_gold(class_idx) as usize;
    ClassScores {
        f1: Score::over_images(f1, num_images),
        sensitivity: Score::over_images(sensitivity, num_images).with_share_interval(num_gold),
        specificity: Score::over_images(specificity, num_images)
            .with_share_interval(num_images - num_gold),
        ..ClassScores::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UNION;

    fn row(image_id: &str, rater: &str, characteristic: &str, f1: Option<f64>) -> MapRow {
        let scores = FuzzyScores { f1, mass: Some(0.5), ..FuzzyScores::default() };
        MapRow {
            image_id: image_id.into(),
            rater: rater.into(),
            characteristic: characteristic.into(),
            scores,
            ..MapRow::default()
        }
    }

    #[test]
    fn each_rater_of_an_image_counts() {
        // Plaque: (.2 + .4 + .9) / 3 = .5 of three rows, one more undefined
        let table = map_table(&[
            row("a", "derm1", "Plaque", Some(0.2)),
            row("a", "derm2", "Plaque", Some(0.4)),
            row("b", "derm1", "Plaque", Some(0.9)),
            row("b", "derm1", UNION, Some(0.75)),
            row("c", "derm1", "Plaque", None),
        ]);
        assert_eq!(table.keys().collect::<Vec<_>>(), ["Plaque", UNION]);
        assert!((table["Plaque"].f1.mean.unwrap() - 0.5).abs() < 1e-15);
        assert_eq!((table["Plaque"].f1.n, table["Plaque"].f1.undefined), (3, 1));
        assert_eq!((table["Plaque"].mass.n, table["Plaque"].mass.mean), (4, Some(0.5)));
        assert_eq!((table["Plaque"].sensitivity.n, table["Plaque"].sensitivity.undefined), (0, 4));
        assert_eq!((table[UNION].f1.mean, table[UNION].f1.std), (Some(0.75), None));
    }

    #[test]
    fn localization_scores_are_averaged_where_there_are_some() {
        let mut rows = [row("a", "derm1", "Plaque", None), row("b", "derm1", "Plaque", None)];
        assert!(map_table(&rows)["Plaque"].localization.is_empty());
        for (row, auc) in rows.iter_mut().zip([Some(0.5), None]) {
            row.localization = Some(LocalizationScores { auc, ..LocalizationScores::default() });
            row.scores.iou = Some(0.25);
        }
        let scores = &map_table(&rows)["Plaque"].localization;
        let (auc, iou) = (&scores["auc"], &scores["iou"]);
        assert_eq!((auc.mean, auc.n, auc.undefined), (Some(0.5), 1, 1));
        assert_eq!((iou.mean, iou.n, scores["pointing"].undefined), (Some(0.25), 2, 2));
    }

    #[test]
    fn diagnosis_scores_count_images_and_classes() {
        // A: TP 3, FN 1, FP 2: 6/9; B: TP 4, FN 2, FP 1: 8/11; C never occurs
        let rows = vec![vec![3, 1, 0], vec![2, 4, 0], vec![0, 0, 0]];
        let matrix = ConfusionMatrix::from_rows(rows).unwrap();
        let classes = ["A", "B", "C"].map(String::from);
        let table = diagnosis_scores(&matrix, &classes).unwrap();
        assert_eq!((table.accuracy.mean, table.accuracy.n), (Some(0.7), 10));
        assert_eq!(table.macro_f1.mean, Some((6.0 / 9.0 + 8.0 / 11.0) / 2.0));
        assert_eq!((table.macro_f1.n, table.macro_f1.undefined), (2, 1));
        // Sensitivities 3/4 and 4/6; class C has no gold image.
        assert_eq!(table.balanced_accuracy.mean, Some((3.0 / 4.0 + 4.0 / 6.0) / 2.0));
        assert_eq!((table.balanced_accuracy.n, table.balanced_accuracy.undefined), (2, 1));
        assert_eq!(table.confusion_matrices[0].counts, matrix.rows());
        assert_eq!((table.classes["A"].f1.mean, table.classes["A"].f1.n), (Some(6.0 / 9.0), 10));
        let absent = &table.classes["C"];
        assert_eq!((absent.f1.mean, absent.f1.n, absent.f1.undefined), (None, 0, 10));
        assert_eq!((absent.specificity.mean, absent.specificity.std), (Some(1.0), None));
    }

    #[test]
    fn class_names_must_be_as_many_as_classes() {
        let matrix = ConfusionMatrix::new(2);
        for classes in [vec!["A"], vec!["A", "A"], vec!["A", "B", "C"]] {
            let classes: Vec<String> = classes.into_iter().map(String::from).collect();
            let error = diagnosis_scores(&matrix, &classes).unwrap_err();
            assert!(error.message.contains("expected 2 distinct names"), "{error}");
        }
    }
}
