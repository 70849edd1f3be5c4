//! The pictures of a run of several labels an image: a photo for each map, which explains one label.

use crate::config::{Config, Target};
use crate::error::RunResult;
use crate::gallery::{Gallery, GalleryPhoto, GallerySource};
use crate::label_targets::set_name;
use crate::run_folder::SeedFolder;
use crate::test_set::TestSet;
use dermx_data::Dataset;
use dermx_score::{LABEL_SEPARATOR, LabelPrediction, LabelPredictions, npy_file};
use std::collections::BTreeMap;

/// In place of the labels of an image that has none.
const NO_LABEL: &str = "none of the labels";

/// Pictures of the network in `folder`, that of `seed`. Outlines of the photos are not shown: maps are not compared with
/// them.
///
/// # Errors
/// Photos or heat maps that are missing or damaged.
pub fn label_gallery(
    config: &Config,
    folder: &SeedFolder,
    seed: u64,
    test: &TestSet,
) -> RunResult<Gallery> {
    let labels = &config.data.classes;
    let predictions = LabelPredictions::read(&folder.predictions(), labels)?;
    let schema = test.dataset.schema().clone();
    let without_outlines = Dataset::new(test.dataset.root(), schema, Vec::new(), Vec::new())?;
    let mut source = GallerySource {
        dataset: &without_outlines,
        photos: Vec::new(),
        num_classes: labels.len(),
        maps: BTreeMap::new(),
        others: Vec::new(),
        f1: BTreeMap::new(),
        predicted: BTreeMap::new(),
        explained: BTreeMap::new(),
        scoring: config.scoring_choices().maps,
        seed: Some(seed),
    };
    for ((image_id, file), gold) in test.photos.iter().zip(&test.gold) {
        let Some(prediction) = predictions.rows.get(image_id) else { continue };
        let given = given(prediction);
        let explained = match config.explain.target {
            Target::Gold => gold,
            Target::Predicted => &given,
        };
        for &label in explained {
            let id = format!("{}/{image_id}", labels[label]);
            let probability = prediction.probabilities.get(label).copied();
            source.maps.insert(id.clone(), npy_file(&folder.heatmaps(), &id)?);
            source.predicted.insert(id.clone(), (in_words(labels, &given), None));
            source.explained.insert(id.clone(), (labels[label].clone(), probability));
            source.photos.push(GalleryPhoto {
                image_id: id,
                file: file.clone(),
                gold: in_words(labels, gold),
            });
        }
    }
    source.gallery(config.report.num_gallery_images)
}

/// Places of the labels that an image is given.
fn given(prediction: &LabelPrediction) -> Vec<usize> {
    let labels = prediction.predicted.iter().enumerate();
    labels.filter(|(_, is_given)| **is_given).map(|(label, _)| label).collect()
}

fn in_words(labels: &[String], set: &[usize]) -> String {
    match set {
        [] => NO_LABEL.to_string(),
        _ => set_name(labels, set).replace(LABEL_SEPARATOR, ", "),
    }
}
