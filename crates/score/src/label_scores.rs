//! Scoring the predictions of several labels an image.

use crate::error::{ScoreError, ScoreResult};
use crate::label_predictions::{LabelPrediction, LabelPredictions};
use crate::score::{BOOTSTRAP, NUM_UNTESTED, scored_dataset};
use dermx_data::{Dataset, Image};
use dermx_eval::{EvalRecord, LabelNetwork, LabelRecord, NOTICE, add_label_intervals, aggregate};
use serde_json::json;

/// Scores `predictions` of the images of `dataset` whose gold labels are known, [`Dataset::labelled`]; `labels` are in
/// the order of the predictions.
///
/// # Errors
/// No image, one without a prediction, a gold label that is not among `labels`.
pub fn score_labels(
    dataset: &Dataset,
    predictions: &LabelPredictions,
    labels: &[String],
) -> ScoreResult<EvalRecord> {
    let gold = gold_of(dataset, labels)?;
    let gold: Vec<&[bool]> = gold.iter().map(Vec::as_slice).collect();
    let (probabilities, predicted) = columns(dataset, predictions)?;
    let scores =
        LabelRecord::new(labels, &probabilities, &predicted, &gold, &resamples(gold.len()))?;
    let scoring = [
        ("num_images".to_string(), json!(gold.len())),
        (NUM_UNTESTED.to_string(), json!(dataset.num_untested())),
    ];
    Ok(EvalRecord {
        notice: NOTICE.to_string(),
        dataset: scored_dataset(dataset),
        classes: labels.to_vec(),
        labels: Some(scores),
        scoring: scoring.into(),
        ..EvalRecord::default()
    })
}

/// One record of networks that differ in nothing but the seed: `records` are those of `predictions`, each with its own
/// seed ([`EvalRecord::set_seed`]).
///
/// # Errors
/// No network, a seed that is there twice, networks that were scored on different images; as [`score_labels`].
pub fn label_scores_over_seeds(
    dataset: &Dataset,
    predictions: &[LabelPredictions],
    labels: &[String],
    records: &[EvalRecord],
) -> ScoreResult<EvalRecord> {
    let mut record = aggregate(records)?;
    // A single network has its intervals.
    if let (Some(scores), true) = (&mut record.labels, records.len() > 1) {
        let gold = gold_of(dataset, labels)?;
        let gold: Vec<&[bool]> = gold.iter().map(Vec::as_slice).collect();
        let rows: Vec<Columns<'_>> =
            predictions.iter().map(|one| columns(dataset, one)).collect::<ScoreResult<_>>()?;
        let networks: Vec<LabelNetwork<'_>> = rows
            .iter()
            .map(|(probabilities, predicted)| LabelNetwork { probabilities, predicted })
            .collect();
        add_label_intervals(scores, labels, &networks, &gold, &resamples(gold.len()))?;
    }
    Ok(record)
}

fn resamples(num_images: usize) -> Vec<Vec<u32>> {
    BOOTSTRAP.resamples(&(0..num_images as u32).collect::<Vec<_>>())
}

/// Probabilities and predicted labels of each image.
type Columns<'a> = (Vec<&'a [f64]>, Vec<&'a [bool]>);

/// Those of the images whose gold labels are known.
fn columns<'a>(dataset: &Dataset, predictions: &'a LabelPredictions) -> ScoreResult<Columns<'a>> {
    let known = dataset.images().iter().filter(|image| image.known_classes().is_some());
    let pair = |image: &Image| {
        let found = prediction(predictions, image)?;
        Ok((found.probabilities.as_slice(), found.predicted.as_slice()))
    };
    let pairs: Vec<(&[f64], &[bool])> = known.map(pair).collect::<ScoreResult<_>>()?;
    Ok(pairs.into_iter().unzip())
}

/// The gold labels of the images where they are known.
fn gold_of(dataset: &Dataset, labels: &[String]) -> ScoreResult<Vec<Vec<bool>>> {
    let known = dataset.images().iter().filter_map(|image| Some((image, image.known_classes()?)));
    let gold: Vec<Vec<bool>> = known
        .map(|(image, classes)| gold_row(dataset, image, classes, labels))
        .collect::<ScoreResult<_>>()?;
    match gold.is_empty() {
        false => Ok(gold),
        true => {
            let message = "there is no image whose labels are known";
            Err(ScoreError::in_file(dataset.root(), message))
        }
    }
}

fn prediction<'a>(
    predictions: &'a LabelPredictions,
    image: &Image,
) -> ScoreResult<&'a LabelPrediction> {
    predictions.rows.get(&image.image_id).ok_or_else(|| {
        let message = format!("there is no prediction for image `{}`", image.image_id);
        ScoreError::in_file(&predictions.path, message)
    })
}

fn gold_row(
    dataset: &Dataset,
    image: &Image,
    classes: &[String],
    labels: &[String],
) -> ScoreResult<Vec<bool>> {
    if let Some(unknown) = classes.iter().find(|class| !labels.contains(class)) {
        let (id, known) = (&image.image_id, labels.join(", "));
        let message = format!("image `{id}` has the label `{unknown}`; there are: {known}");
        return Err(ScoreError::in_file(dataset.root(), message));
    }
    Ok(labels.iter().map(|label| classes.contains(label)).collect())
}
