//! Where experts outlined concepts in the training photos.

use crate::config::{Config, LearningObjective};
use crate::error::{RunError, RunResult};
use dermx_data::{Dataset, LabelledFolder, Reading, did_you_mean};
use dermx_train::{ConceptMasks, Targets};
use std::collections::BTreeSet;

/// What `images` should yield beside their class; `None` if the class is all that is learned.
///
/// # Errors
/// Training images without outlines; raters or concepts that nobody is or outlined.
pub fn targets(
    config: &Config,
    images: &LabelledFolder,
    dataset: Option<&Dataset>,
) -> RunResult<Option<Targets>> {
    let LearningObjective::Guided { concepts, raters, consensus, .. } = &config.train.objective
    else {
        return Ok(None);
    };
    let train = &config.data.train;
    let dataset = dataset.filter(|dataset| !dataset.raters().is_empty()).ok_or_else(|| {
        let message = "has no outlines, which train.objective = \"guided\" learns: name a data set with annotations";
        RunError::in_file(train, message)
    })?;
    let known = dataset.raters();
    check("raters", raters, &known)?;
    let raters: BTreeSet<&str> = match raters.is_empty() {
        true => known,
        false => raters.iter().map(String::as_str).collect(),
    };
    let readings: Vec<Vec<&Reading>> = images
        .images
        .iter()
        .map(|image| {
            let of_image = dataset.readings_of(&image.id).iter();
            of_image.filter(|reading| raters.contains(reading.rater.as_str())).collect()
        })
        .collect();
    let kept = readings.iter().flatten().filter(|reading| reading.is_accepted());
    let outlined: BTreeSet<&str> =
        kept.flat_map(|reading| reading.inside()).map(|region| region.concept.as_str()).collect();
    check("concepts", concepts, &outlined)?;
    if outlined.is_empty() {
        let message = "none of these raters outlined anything in a training image";
        return Err(RunError::in_file(train, message));
    }
    let concepts = match concepts.is_empty() {
        true => outlined.into_iter().map(str::to_owned).collect(),
        false => concepts.clone(),
    };
    let masks = ConceptMasks::new(concepts, &readings, raters.len(), *consensus, config.input.size);
    Ok(Some(Targets { masks: Some(masks), ..Targets::default() }))
}

/// Refuses a name that is not `known`.
fn check(key: &str, names: &[String], known: &BTreeSet<&str>) -> RunResult<()> {
    let Some(name) = names.iter().find(|name| !known.contains(name.as_str())) else {
        return Ok(());
    };
    let all: Vec<&str> = known.iter().copied().collect();
    let hint = did_you_mean(name, &all);
    let message = format!(
        "train.objective.{key}: there is no `{name}` among the outlines of the training images{hint}; there are: {}",
        all.join(", ")
    );
    Err(RunError::bad_config(message))
}
