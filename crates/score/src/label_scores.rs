//! Scoring the predictions of several labels an image.

use crate::error::{ScoreError, ScoreResult};
use crate::label_predictions::{LabelPrediction, LabelPredictions};
use crate::score::{BOOTSTRAP, NUM_UNTESTED, scored_dataset};
use dermx_data::{Dataset, Image};
use dermx_eval::{EvalRecord, LabelRecord, NOTICE};
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
    let (mut found, mut gold) = (Vec::new(), Vec::new());
    for image in dataset.images() {
        let Some(classes) = image.known_classes() else { continue };
        found.push(prediction(predictions, image)?);
        gold.push(gold_row(dataset, image, classes, labels)?);
    }
    if found.is_empty() {
        let message = "there is no image whose labels are known";
        return Err(ScoreError::in_file(dataset.root(), message));
    }
    let images: Vec<u32> = (0..found.len() as u32).collect();
    let scores = LabelRecord::new(
        labels,
        &found.iter().map(|one| one.probabilities.as_slice()).collect::<Vec<_>>(),
        &found.iter().map(|one| one.predicted.as_slice()).collect::<Vec<_>>(),
        &gold.iter().map(Vec::as_slice).collect::<Vec<_>>(),
        &BOOTSTRAP.resamples(&images),
    )?;
    let scoring = [
        ("num_images".to_string(), json!(found.len())),
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
