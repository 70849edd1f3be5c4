//! Scoring one network, or one folder of heat maps, against the experts.

use crate::choices::{Choices, ScoredRows};
use crate::error::{CliError, CliResult, ExitKind};
use crate::heatmaps;
use crate::predictions::Prediction;
use crate::text_table;
use dermx_agreement::Bootstrap;
use dermx_data::{Cohort, DermxDataset, Evaluation, ImageSize, Mask, Random, Selection};
use dermx_eval::{
    Averaging, Comparands, ConfusionMatrix, EvalRecord, HeatmapScoring, MapRow, NOTICE, Normalize,
    PreparedMap, UNION, binary_scores, centre_gaussian, diagnosis_table, prepare, relative_scores,
    uniform_ones,
};
use rayon::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the baseline of uniform noise.
const RANDOM: &str = "random";

/// Name of the baseline that always looks at the middle.
const CENTRE_GAUSSIAN: &str = "centre_gaussian";

/// Name of the baseline that looks everywhere.
const UNIFORM_ONES: &str = "uniform_ones";

/// Resamples of the images for intervals.
const BOOTSTRAP: Bootstrap = Bootstrap { num_resamples: 1000, seed: 0 };

/// The experts' masks of a data set, ready to be compared with one set of maps after another.
///
/// Diagnoses are scored on kept images: those with at least one evaluation that was kept and names a
/// single diagnosis. Which masks count, [`Choices`] say; by default every outline on those images,
/// also those of other evaluations.
///
/// # Source
/// Jalaboi et al., 2021, Table 6; which rows count was found on the data.
#[derive(Debug)]
pub struct Scorer<'a> {
    dataset: &'a DermxDataset,
    scoring: HeatmapScoring,
    choices: Choices,
    images: Vec<ImageMasks>,
    /// Gold class of each image.
    gold: BTreeMap<String, String>,
}

/// Reads the evaluations that are scored: first rounds, of images with a gold class. Warns of the
/// others.
///
/// # Errors
/// A data set that cannot be read.
pub fn read_annotations(root: &Path) -> CliResult<DermxDataset> {
    let dataset = DermxDataset::read(root)?;
    let unknown = dataset.images_without_metadata();
    if let Some(first) = unknown.first() {
        tracing::warn!(
            "{} images have annotations but no row in metadata.csv, so no gold class; they are \
             not scored: `{first}`{}",
            unknown.len(),
            if unknown.len() > 1 { ", ..." } else { "" }
        );
    }
    let num_repeated = dataset.evaluations().iter().filter(|one| one.round() > 1).count();
    if num_repeated > 0 {
        tracing::warn!("{num_repeated} evaluations of repeated rounds are not scored");
    }
    Ok(dataset.select(Selection::default()))
}

/// The masks of one image at scoring size.
#[derive(Debug)]
struct ImageMasks {
    image_id: String,
    gold: String,
    is_kept: bool,
    masks: Vec<RaterMask>,
}

#[derive(Debug)]
struct RaterMask {
    rater: String,
    characteristic: String,
    mask: Mask,
}

/// A score of every mask, and their means.
#[derive(Debug)]
pub struct Scored {
    /// One row for each (image, rater, characteristic or union).
    pub rows: Vec<MapRow>,
    /// The shape of `eval.json`.
    pub record: EvalRecord,
}

impl<'a> Scorer<'a> {
    /// Rasterizes and resizes the masks of `dataset` that `choices` take.
    pub fn new(dataset: &'a DermxDataset, scoring: HeatmapScoring, choices: Choices) -> Self {
        let size = [scoring.size[0] as u32, scoring.size[1] as u32].into();
        let kept = dataset.cohort_images(Cohort::Single);
        let image_ids: Vec<&str> = dataset.cohort_images(Cohort::All).into_iter().collect();
        let images: Vec<ImageMasks> = image_ids
            .par_iter()
            .filter_map(|&image_id| {
                let gold = dataset.image(image_id)?.diagnosis.clone();
                let is_kept = kept.contains(image_id);
                let evaluations = dataset.evaluations_of(image_id).iter();
                let masks: Vec<RaterMask> =
                    evaluations.flat_map(|one| masks_of(one, is_kept, &choices, size)).collect();
                let image = ImageMasks { image_id: image_id.to_string(), gold, is_kept, masks };
                (is_kept || !image.masks.is_empty()).then_some(image)
            })
            .collect();
        let gold = images.iter().map(|image| (image.image_id.clone(), image.gold.clone()));
        Self { dataset, scoring, choices, gold: gold.collect(), images }
    }

    /// Ids of the scored images, in order.
    pub fn image_ids(&self) -> impl Iterator<Item = &str> {
        self.images.iter().map(|image| image.image_id.as_str())
    }

    /// Scores the heat maps in `folder` and, if given, `predictions` over `classes`.
    ///
    /// With `partial`, images without a map or prediction are left out; else they are errors.
    ///
    /// # Errors
    /// A missing or damaged map, a class that does not exist, a gold class that differs.
    pub fn score(
        &self,
        folder: &Path,
        predictions: Option<(&Path, &[Prediction])>,
        classes: &[String],
        partial: bool,
    ) -> CliResult<Scored> {
        let files = heatmaps::list(folder)?;
        let missing: Vec<&str> = self.image_ids().filter(|id| !files.contains_key(*id)).collect();
        if let (Some(first), false) = (missing.first(), partial) {
            let num_missing = missing.len();
            let message = format!(
                "there is no heat map of image `{first}` ({first}.npy) and {} others of {}; \
                 --partial scores the rest",
                num_missing - 1,
                self.images.len()
            );
            return Err(CliError::new(
                ExitKind::MissingInput,
                format!("{}: {message}", folder.display()),
            ));
        }
        let rows = self.rows(|image_id| match files.get(image_id) {
            None => Ok(None),
            Some(path) => {
                let map = heatmaps::read(path)?.prepare(&self.scoring);
                map.map(Some).map_err(|error| CliError::bad_data(path, error))
            }
        })?;
        if rows.is_empty() {
            let message = "none of the heat maps is of an image with masks; maps are named \
                           <image_id>.npy";
            return Err(CliError::bad_data(folder, message));
        }
        let scored_ids: Vec<&str> = self.image_ids().filter(|id| files.contains_key(*id)).collect();
        let mut record = self.record_of(&rows, &scored_ids, classes)?;
        if let Some((path, predictions)) = predictions {
            let matrix = self.confusion(path, predictions, classes, partial)?;
            let table = diagnosis_table(&matrix, classes)?;
            record.accuracy = Some(table.accuracy);
            record.macro_f1 = Some(table.macro_f1);
            record.table_5 = table.table_5;
            record.confusion_matrices = vec![matrix.rows().to_vec()];
        }
        Ok(Scored { rows, record })
    }

    /// What maps score that never saw a network, and raters among themselves, on all images.
    ///
    /// # Errors
    /// None that a user can cause.
    pub fn score_baselines(&self) -> CliResult<EvalRecord> {
        let image_ids: Vec<&str> = self.image_ids().collect();
        self.record_of(&[], &image_ids, &[])
    }

    /// The record of `rows`, with what they have to be compared with on the same images.
    fn record_of(
        &self,
        rows: &[MapRow],
        image_ids: &[&str],
        classes: &[String],
    ) -> CliResult<EvalRecord> {
        let baselines = self.baselines(image_ids)?;
        let is_scored = |image: &&ImageMasks| image_ids.binary_search(&&*image.image_id).is_ok();
        let experts: Vec<MapRow> =
            self.images.iter().filter(is_scored).flat_map(ImageMasks::expert_rows).collect();
        let every_image: Vec<u32> = (0..image_ids.len() as u32).collect();
        let resamples = BOOTSTRAP.resamples(&every_image);
        let comparands = Comparands { network: rows, experts: &experts, baselines: &baselines };
        Ok(EvalRecord {
            notice: NOTICE.to_string(),
            classes: classes.to_vec(),
            table_6: self.averaging().table(rows),
            relative: relative_scores(comparands, image_ids, &resamples),
            baselines: baselines
                .iter()
                .map(|(name, rows)| (name.clone(), self.averaging().table(rows)))
                .collect(),
            ceiling: self.averaging().table(&experts),
            scoring: self.description(image_ids),
            ..EvalRecord::default()
        })
    }

    fn averaging(&self) -> Averaging<'_> {
        let Choices { average, union_average, .. } = self.choices;
        Averaging { average, union_average, gold: &self.gold }
    }

    /// Rows of all images whose map `map_of` gives, in the order of the images.
    fn rows(
        &self,
        map_of: impl Fn(&str) -> CliResult<Option<PreparedMap>> + Sync,
    ) -> CliResult<Vec<MapRow>> {
        let rows: Vec<CliResult<Vec<MapRow>>> = self
            .images
            .par_iter()
            .map(|image| match map_of(&image.image_id)? {
                Some(map) => image.rows(&map),
                None => Ok(Vec::new()),
            })
            .collect();
        let rows: CliResult<Vec<Vec<MapRow>>> = rows.into_iter().collect();
        Ok(rows?.into_iter().flatten().collect())
    }

    /// Rows of maps that never saw a network, on the same images.
    fn baselines(&self, image_ids: &[&str]) -> CliResult<BTreeMap<String, Vec<MapRow>>> {
        let size = self.scoring.size;
        let as_is = HeatmapScoring { normalize: Normalize::None, quantize: false, ..self.scoring };
        let constant = |map: Vec<f32>| -> CliResult<Vec<MapRow>> {
            let map = prepare(&map, size, &as_is)?;
            self.rows(|id| Ok(image_ids.binary_search(&id).is_ok().then(|| map.clone())))
        };
        let random = self.rows(|image_id| {
            if image_ids.binary_search(&image_id).is_err() {
                return Ok(None);
            }
            let mut random = Random::new(0, "random map", 0, image_id);
            let noise: Vec<f64> = (0..size[0] * size[1]).map(|_| random.unit()).collect();
            Ok(Some(prepare(&noise, size, &as_is)?))
        })?;
        Ok(BTreeMap::from([
            (RANDOM.to_string(), random),
            (CENTRE_GAUSSIAN.to_string(), constant(centre_gaussian(size))?),
            (UNIFORM_ONES.to_string(), constant(uniform_ones(size))?),
        ]))
    }

    fn confusion(
        &self,
        path: &Path,
        predictions: &[Prediction],
        classes: &[String],
        partial: bool,
    ) -> CliResult<ConfusionMatrix> {
        let class_idx = |class: &str, image_id: &str| {
            classes.iter().position(|known| known == class).ok_or_else(|| {
                let message = format!(
                    "image `{image_id}`: `{class}` is not a class; there are: {}",
                    classes.join(", ")
                );
                CliError::bad_data(path, message)
            })
        };
        let mut by_image = BTreeMap::new();
        for prediction in predictions {
            let Prediction { image_id, gold, predicted, .. } = prediction;
            let predicted_idx = class_idx(self.choices.exchanged(predicted), image_id)?;
            let in_metadata = self.dataset.image(image_id).map(|image| &image.diagnosis);
            if let (Some(gold), Some(expected)) = (gold, in_metadata)
                && gold != expected
            {
                let message = format!(
                    "image `{image_id}`: gold class is `{gold}`, metadata.csv says `{expected}`"
                );
                return Err(CliError::bad_data(path, message));
            }
            by_image.insert(image_id.as_str(), predicted_idx);
        }
        let mut matrix = ConfusionMatrix::new(classes.len());
        for image in self.images.iter().filter(|image| image.is_kept) {
            match by_image.get(image.image_id.as_str()) {
                Some(&predicted_idx) => {
                    matrix.add(class_idx(&image.gold, &image.image_id)?, predicted_idx)?;
                }
                None if partial => {}
                None => {
                    let message = format!("there is no prediction for image `{}`", image.image_id);
                    return Err(CliError::bad_data(path, message));
                }
            }
        }
        Ok(matrix)
    }

    fn description(&self, image_ids: &[&str]) -> BTreeMap<String, serde_json::Value> {
        let is_scored = |image: &&ImageMasks| image_ids.binary_search(&&*image.image_id).is_ok();
        let masks = || self.images.iter().filter(is_scored).flat_map(|image| &image.masks);
        let num_unions = masks().filter(|mask| mask.characteristic == UNION).count();
        let HeatmapScoring { size, normalize, quantize, border } = self.scoring;
        let Choices { rows, union_rows, average, union_average, class_exchange } = &self.choices;
        [
            ("rows", json!(rows)),
            ("union_rows", json!(union_rows)),
            ("average", json!(average)),
            ("union_average", json!(union_average)),
            ("class_exchange", json!(class_exchange)),
            ("size", json!(size)),
            ("normalize", json!(normalize)),
            ("quantize", json!(quantize)),
            ("border", json!(border)),
            ("images", json!("those with at least one evaluation of a single diagnosis")),
            ("num_images", json!(image_ids.len())),
            ("num_mask_rows", json!(masks().count() - num_unions)),
            ("num_union_rows", json!(num_unions)),
            ("bootstrap", json!(BOOTSTRAP)),
        ]
        .map(|(key, value)| (key.to_string(), value))
        .into()
    }
}

/// The masks of an evaluation that count, at scoring size.
fn masks_of(
    evaluation: &Evaluation,
    is_kept_image: bool,
    choices: &Choices,
    size: ImageSize,
) -> Vec<RaterMask> {
    let is_taken = |rows: ScoredRows| rows.contains(is_kept_image, evaluation.is_single());
    let mut masks = Vec::new();
    let mut add = |characteristic: &str, mask: Option<Mask>| {
        masks.extend(mask.map(|mask| RaterMask {
            rater: evaluation.rater.clone(),
            characteristic: characteristic.to_string(),
            mask: mask.resize_nearest(size),
        }));
    };
    if is_taken(choices.rows) {
        for characteristic in evaluation.characteristics() {
            add(characteristic, evaluation.mask(characteristic));
        }
    }
    if is_taken(choices.union_rows) {
        add(UNION, evaluation.union_mask());
    }
    masks
}

impl ImageMasks {
    fn rows(&self, map: &PreparedMap) -> CliResult<Vec<MapRow>> {
        let score = |rater_mask: &RaterMask| {
            let runs = rater_mask.mask.runs().iter();
            let scores = map.scores(runs.map(|&[start, end]| start as usize..end as usize))?;
            Ok(MapRow {
                image_id: self.image_id.clone(),
                rater: rater_mask.rater.clone(),
                characteristic: rater_mask.characteristic.clone(),
                scores,
            })
        };
        self.masks.iter().map(score).collect()
    }

    /// Each rater's mask as the map against the mask of each other rater who outlined the same.
    fn expert_rows(&self) -> Vec<MapRow> {
        let mut rows = Vec::new();
        for reference in &self.masks {
            let same = |other: &&RaterMask| {
                other.rater != reference.rater && other.characteristic == reference.characteristic
            };
            for other in self.masks.iter().filter(same) {
                let (map, mask) = (&other.mask, &reference.mask);
                let both = map.intersection_area(mask);
                rows.push(MapRow {
                    image_id: self.image_id.clone(),
                    rater: reference.rater.clone(),
                    characteristic: reference.characteristic.clone(),
                    scores: binary_scores(both, map.area(), mask.area(), mask.size().num_pixels()),
                });
            }
        }
        rows
    }
}

/// The text of `per_image.csv`: one line for each scored mask; an undefined score is empty.
///
/// # Errors
/// None that a user can cause.
pub fn rows_to_csv(rows: &[MapRow]) -> CliResult<Vec<u8>> {
    let header =
        ["image_id", "rater", "characteristic", "f1", "sensitivity", "specificity", "mass"];
    let record = |row: &MapRow| {
        let text = |score: Option<f64>| score.map_or(String::new(), |score| score.to_string());
        let scores = &row.scores;
        vec![
            row.image_id.clone(),
            row.rater.clone(),
            row.characteristic.clone(),
            text(scores.f1),
            text(scores.sensitivity),
            text(scores.specificity),
            text(scores.mass),
        ]
    };
    let header = header.map(str::to_string).to_vec();
    let records: Vec<Vec<String>> =
        std::iter::once(header).chain(rows.iter().map(record)).collect();
    text_table::to_csv(&records)
}
