//! The probabilities of classes in predictions.

use crate::diagnoses::Diagnosis;
use crate::error::{ScoreError, ScoreResult};
use crate::predictions::{Prediction, Predictions};
use dermx_data::cell_place;
use dermx_eval::{
    ClassProbabilities, DiagnosisScores, EvalRecord, NetworkOutput, SeedPredictions,
    add_certainty_intervals, add_probability_intervals, softmax_at,
};

/// What is not scored without the probabilities of all classes.
const NEEDS_ALL: &str = "AUROC, AUPRC and calibration need the probability of every class for every image and \
                         are not scored";

/// Numbers of other programs are rounded, and so may be a little below 0 or above 1.
const ROUNDING: f64 = 1e-6;

/// For each of `rows`, which are of `predictions`, the probability of each class; `columns` are the names that
/// the classes have there, in order. Nothing where some are missing, of which it warns unless all are.
///
/// # Errors
/// A number that is no probability.
pub(crate) fn probabilities(
    predictions: &Predictions,
    rows: &[&Prediction],
    columns: &[&str],
) -> ScoreResult<Vec<Vec<f64>>> {
    let Predictions { path, classes, .. } = predictions;
    let place_of = |class: &&str| classes.iter().position(|known| known == class);
    let (found, missing): (Vec<&str>, Vec<&str>) =
        columns.iter().copied().partition(|class| place_of(class).is_some());
    if let (Some(found), Some(first)) = (found.first(), missing.first()) {
        tracing::warn!(
            "{}: there is a column `p_{found}`, but none `p_{first}`{}; {NEEDS_ALL}",
            path.display(),
            match missing.len() {
                1 => String::new(),
                num => format!(" (and {} other classes have none)", num - 1),
            }
        );
    }
    if !missing.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<usize> = columns.iter().filter_map(place_of).collect();
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let mut of_row = Vec::with_capacity(places.len());
        for (&place, class) in places.iter().zip(columns) {
            let cell = || cell_place(row.line, &format!("p_{class}"));
            match row.probabilities.get(place).copied().filter(|p| !p.is_nan()) {
                Some(p) if (-ROUNDING..=1.0 + ROUNDING).contains(&p) => {
                    of_row.push(p.clamp(0.0, 1.0));
                }
                Some(p) => {
                    let message =
                        format!("{}: found {p}; expected a probability from 0 to 1", cell());
                    return Err(ScoreError::in_file(path, message));
                }
                None => {
                    tracing::warn!("{}: {}: found no number; {NEEDS_ALL}", path.display(), cell());
                    return Ok(Vec::new());
                }
            }
        }
        all.push(of_row);
    }
    Ok(all)
}

/// A probability of less counts as this where its logarithm is taken, as in scikit-learn's `log_loss`.
const SMALLEST: f64 = f64::EPSILON;

/// How far the softmax of logits may be from the probabilities beside them, which may be rounded.
const SAME: f64 = 1e-4;

/// The logits of each of `rows`, whose `probabilities` these are: those of the table where their softmax is the
/// probabilities, else logarithms of these.
pub(crate) fn logits(
    predictions: &Predictions,
    rows: &[&Prediction],
    columns: &[&str],
    probabilities: &[Vec<f64>],
) -> Vec<Vec<f64>> {
    let place_of = |class: &&str| predictions.classes.iter().position(|known| known == class);
    let places: Vec<usize> = columns.iter().filter_map(place_of).collect();
    let of_table = |row: &Prediction| -> Option<Vec<f64>> {
        let logit = |&place: &usize| row.logits.get(place).copied().filter(|one| one.is_finite());
        places.iter().map(logit).collect()
    };
    let of_row = |(row, probabilities): (&&Prediction, &Vec<f64>)| {
        let is_same = |logits: &Vec<f64>| {
            let pairs = softmax_at(logits, 1.0).unwrap_or_default();
            pairs.iter().zip(probabilities).all(|(one, other)| (one - other).abs() <= SAME)
        };
        let logarithm = |p: &f64| p.max(SMALLEST).ln();
        let logarithms = || probabilities.iter().map(logarithm).collect();
        of_table(row).filter(is_same).unwrap_or_else(logarithms)
    };
    rows.iter().zip(probabilities).map(of_row).collect()
}

/// The diagnoses of one network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DiagnosedNetwork<'a> {
    /// One for each scored image.
    pub diagnoses: &'a [Diagnosis],
    /// See [`NetworkOutput::temperature`].
    pub temperature: Option<Option<f64>>,
}

impl DiagnosedNetwork<'_> {
    /// Adds to `scores`, which are of this network, what its probabilities say, without intervals.
    ///
    /// # Errors
    /// None that predictions can cause that were read.
    pub fn add_scores(&self, scores: &mut DiagnosisScores, classes: &[String]) -> ScoreResult<()> {
        for network in networks(classes.len(), &[self.diagnoses])? {
            network.add_scores(scores, classes);
        }
        if let Some(output) = self.output(&self.classes()) {
            output.add_certainty(scores)?;
        }
        Ok(())
    }

    /// Gold and predicted class of each image.
    fn classes(&self) -> (Vec<usize>, Vec<usize>) {
        self.diagnoses.iter().map(|one| (one.gold_idx, one.predicted_idx)).unzip()
    }

    /// What the network says of images, whose classes are [`Self::classes`]; `None` without probabilities.
    fn output<'a>(
        &'a self,
        (gold, predicted): &'a (Vec<usize>, Vec<usize>),
    ) -> Option<NetworkOutput<'a>> {
        let diagnoses = self.diagnoses.iter();
        let has_all = diagnoses.clone().all(|one| !one.probabilities.is_empty());
        (has_all && !gold.is_empty()).then(|| NetworkOutput {
            gold,
            predicted,
            probabilities: diagnoses.clone().map(|one| one.probabilities.as_slice()).collect(),
            logits: diagnoses.map(|one| one.logits.as_slice()).collect(),
            temperature: self.temperature,
        })
    }
}

/// Adds the intervals of the diagnosis in `record`, which is of these `networks`, and how far they agree.
///
/// # Shapes
/// `resamples` draws from so many images.
///
/// # Errors
/// None that predictions can cause that were read.
pub(crate) fn add_diagnosis_intervals(
    record: &mut EvalRecord,
    networks_of: &[DiagnosedNetwork<'_>],
    resamples: &dyn Fn(usize) -> Vec<Vec<u32>>,
) -> ScoreResult<()> {
    let num_classes = record.classes.len();
    let (gold, predicted): (Vec<Vec<usize>>, Vec<Vec<usize>>) =
        networks_of.iter().map(DiagnosedNetwork::classes).unzip();
    let first = gold.first().map_or(&[][..], Vec::as_slice);
    let resamples = resamples(first.len());
    let predictions = SeedPredictions { num_classes, gold: first, predicted: &predicted };
    predictions.describe(record, &resamples)?;
    let diagnoses: Vec<&[Diagnosis]> = networks_of.iter().map(|one| one.diagnoses).collect();
    add_probability_intervals(record, &networks(num_classes, &diagnoses)?, &resamples)?;
    let classes: Vec<_> = gold.into_iter().zip(predicted).collect();
    let outputs: Option<Vec<NetworkOutput<'_>>> =
        networks_of.iter().zip(&classes).map(|(one, classes)| one.output(classes)).collect();
    Ok(add_certainty_intervals(record, &outputs.unwrap_or_default(), &resamples)?)
}

/// The probabilities of each network; none unless all networks have them.
///
/// # Errors
/// None that predictions can cause that were read.
fn networks(num_classes: usize, seeds: &[&[Diagnosis]]) -> ScoreResult<Vec<ClassProbabilities>> {
    let has_all = |diagnoses: &&[Diagnosis]| {
        !diagnoses.is_empty() && diagnoses.iter().all(|one| !one.probabilities.is_empty())
    };
    if !seeds.iter().all(has_all) {
        return Ok(Vec::new());
    }
    let network = |diagnoses: &&[Diagnosis]| {
        let gold: Vec<usize> = diagnoses.iter().map(|one| one.gold_idx).collect();
        let predicted: Vec<usize> = diagnoses.iter().map(|one| one.predicted_idx).collect();
        let rows: Vec<&[f64]> = diagnoses.iter().map(|one| one.probabilities.as_slice()).collect();
        Ok(ClassProbabilities::new(num_classes, &gold, &predicted, &rows)?)
    };
    seeds.iter().map(network).collect()
}

#[cfg(test)]
mod tests {
    use super::{logits, probabilities};
    use crate::predictions::Predictions;

    /// What the rows of `csv` give the classes `cat` and `dog`.
    fn read(csv: &str) -> Result<Vec<Vec<f64>>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), csv).unwrap();
        let predictions = Predictions::read(file.path()).map_err(|error| error.to_string())?;
        let rows: Vec<_> = predictions.rows.iter().collect();
        probabilities(&predictions, &rows, &["cat", "dog"]).map_err(|error| error.to_string())
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let csv =
            "p_dog,image_id,predicted,p_note,p_cat,p_bird\n0.25,a,cat,clear,0.75,\n1,b,dog,,0,x\n";
        assert_eq!(read(csv).unwrap(), [[0.75, 0.25], [0.0, 1.0]]);
    }

    #[test]
    fn logits_are_those_of_the_table_where_they_fit() {
        let logits_of = |csv: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), csv).unwrap();
            let predictions = Predictions::read(file.path()).unwrap();
            let rows: Vec<_> = predictions.rows.iter().collect();
            let columns = ["cat", "dog"];
            let all = probabilities(&predictions, &rows, &columns).unwrap();
            logits(&predictions, &rows, &columns, &all).remove(0)
        };
        let header = "image_id,predicted,p_cat,p_dog,logit_cat,logit_dog\n";
        // Half and half are logits of one value, whatever it is; 7 against 5 is something else.
        assert_eq!(logits_of(&format!("{header}a,cat,0.5,0.5,7,7\n")), [7.0, 7.0]);
        let logarithms = [0.5f64.ln(); 2];
        assert_eq!(logits_of(&format!("{header}a,cat,0.5,0.5,7,5\n")), logarithms);
        assert_eq!(logits_of(&format!("{header}a,cat,0.5,0.5,7,\n")), logarithms);
        let certain = logits_of("image_id,predicted,p_cat,p_dog\na,cat,1,0\n");
        assert_eq!(certain, [0.0, f64::EPSILON.ln()]);
    }

    #[test]
    fn what_is_incomplete_is_left_out() {
        assert!(read("image_id,predicted\na,cat\n").unwrap().is_empty());
        assert!(read("image_id,predicted,p_cat\na,cat,1\n").unwrap().is_empty());
        assert!(read("image_id,predicted,p_cat,p_dog\na,cat,1,\nb,cat,1,0\n").unwrap().is_empty());
        assert!(read("image_id,predicted,p_cat,p_dog\na,cat,1,none\n").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_probability_is_named_and_rounding_is_not() {
        let error =
            read("image_id,predicted,p_cat,p_dog\na,cat,1,0\nb,cat,87.5,12.5\n").unwrap_err();
        assert!(
            error.contains("line 3, column `p_cat`: found 87.5; expected a probability"),
            "{error}"
        );
        let rounded = read("image_id,predicted,p_cat,p_dog\na,cat,1.0000001,-1e-9\n");
        assert_eq!(rounded.unwrap(), [[1.0, 0.0]]);
    }
}
