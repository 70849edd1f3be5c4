//! Scoring one network, or one folder of heat maps, against the experts.

use crate::choices::{ScoredRows, ScoringChoices, Unmarked};
use crate::comparands::{DatasetRows, HOW_TO_GO_ON, rows_of};
use crate::diagnoses::Diagnosis;
use crate::error::{ScoreError, ScoreResult};
use crate::image_masks::{ImageMasks, RaterMask, masks_of, outline_means, outlines};
use crate::join::JoinedMaps;
use crate::left_out::{more, warn_of_left_out};
use crate::map_source::MapSource;
use crate::predictions::{Prediction, Predictions};
use crate::probabilities::{DiagnosedNetwork, add_diagnosis_intervals, logits, probabilities};
use crate::sanity::score_sanity;
use crate::score_parts::{ScoredImages, Variable};
use crate::scorecard::Scorecard;
use crate::scored_maps::{add_map_scores, scored_maps};
use crate::typical::typical;
use dermx_agreement::Bootstrap;
use dermx_data::text::and_others;
use dermx_data::{Cohort, Dataset, Image, Reading, Selection};
use dermx_eval::{
    Averaging, Comparands, ComplexityScores, ConfusionMatrix, EvalRecord, HeatmapScoring,
    Identification, Lead, MapRow, NOTICE, Normalize, OutlineMeans, RankedMap, ScoredDataset,
    ScoredMap, UNION, UNIT, add_relative_intervals, aggregate, complexity_scores, diagnosis_scores,
    drop_intervals_of_few, lead, mass_shares, relative_scores,
};
use dermx_work::Watch;
use rayon::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What the scored maps are called beside others.
const NETWORK: &str = "network";

/// Keys of [`EvalRecord::scoring`]: scored images that nobody outlined anything on,
pub const NUM_WITHOUT_MASK: &str = "num_images_without_mask";
/// images without a heat map, which are left out,
pub const NUM_WITHOUT_MAP: &str = "num_images_without_map";
/// images without a prediction, which are left out of the diagnosis,
pub const NUM_WITHOUT_PREDICTION: &str = "num_images_without_prediction";
/// readings of the scored images,
pub const NUM_READINGS: &str = "num_readings";
/// those in which nothing is marked,
pub const NUM_READINGS_WITHOUT_MASK: &str = "num_readings_without_mask";
/// images without evaluations that count,
pub const NUM_NOT_SCORED: &str = "num_images_not_scored";
/// images whose diagnosis is scored,
pub const NUM_DIAGNOSES: &str = "num_diagnoses";
/// images with no gold class or several,
pub const NUM_WITHOUT_GOLD: &str = "num_images_without_gold";
/// those of them that are left out of a run's test,
pub const NUM_UNTESTED: &str = "num_images_untested";
/// and by variable, images that are in no part, since they have no value of it.
pub const NUM_WITHOUT_VALUE: &str = "num_images_without_value";

/// Resamples of the images for intervals.
pub const BOOTSTRAP: Bootstrap = Bootstrap { num_resamples: 1000, seed: 0 };

/// The experts' masks of a data set, ready to be compared with one set of maps after another; the entry to
/// scoring.
///
/// Diagnoses are scored on kept images: those with at least one evaluation that was kept and names a
/// single diagnosis. Which masks count, [`ScoringChoices`] say; by default every outline on those images,
/// also those of other evaluations.
///
/// # Source
/// Jalaboi et al., 2021, Table 6; which rows count was found on the data.
///
/// What does not depend on the maps is computed once, in [`new`](Self::new): masks at scoring size, maps that
/// never saw a network, raters among themselves, and which images each resample draws.
///
/// ```
/// use dermx_data::Dataset;
/// use dermx_score::{Benchmark, RawMap, ScoringChoices};
/// use std::collections::BTreeMap;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let config = dermx_data::SynthConfig { num_images: 6, num_train_images: 6, seed: 0 };
/// # dermx_data::write_synthetic(folder.path(), &config, &|_, _| ())?;
/// # let root = folder.path().join("dermx");
/// let dataset = dermx_data::dermx::read(&root)?;
/// let benchmark = Benchmark::new(&dataset, ScoringChoices::default())?;
/// // Maps of two rows and three columns that look at the middle.
/// let mut maps = BTreeMap::new();
/// for image in dataset.images() {
///     let map = RawMap::single([2, 3], vec![0.0, 1.0, 0.0, 0.0, 1.0, 0.0])?;
///     maps.insert(image.image_id.clone(), map);
/// }
/// let scorecard = benchmark.score(&maps, None)?;
/// assert!(scorecard.record.explanation["Union"].f1.mean > Some(0.0));
/// scorecard.write(&folder.path().join("scores"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Benchmark<'a> {
    dataset: &'a Dataset,
    choices: ScoringChoices,
    /// Names of the classes, in the order of confusion matrices.
    classes: Vec<String>,
    images: Vec<ImageMasks>,
    /// Gold class of each image.
    gold: BTreeMap<String, String>,
    scored_dataset: ScoredDataset,
    dataset_rows: DatasetRows,
    /// `[resample][image]`: places in `images`.
    resamples: Vec<Vec<u32>>,
    watch: Watch<'a>,
}

/// What maps score on each mask.
pub(crate) struct MapScores<'a> {
    /// A row for each mask.
    pub rows: Vec<MapRow>,
    /// Two rows for each image with outlines, see [`mass_shares`].
    outline_rows: Vec<MapRow>,
    /// How concentrated the map of each image is, in order; none without localization.
    complexities: Vec<(String, ComplexityScores)>,
    /// The images that have a map, in order.
    pub image_ids: Vec<&'a str>,
}

/// The images with masks that count or with a diagnosis, sorted.
///
/// # Errors
/// Somebody asked to stop.
fn image_masks(
    dataset: &Dataset,
    choices: &ScoringChoices,
    watch: Watch<'_>,
) -> ScoreResult<Vec<ImageMasks>> {
    let size = [choices.maps.size[0] as u32, choices.maps.size[1] as u32].into();
    let typical = if choices.localization { typical(dataset) } else { BTreeMap::new() };
    let kept = kept_images(dataset);
    let concepts = dermx_agreement::localisable(dataset);
    let masks_of_image = |image: &Image| {
        watch.check(HOW_TO_GO_ON)?;
        let image_id = image.image_id.as_str();
        let gold = image.gold_class().unwrap_or_default().to_string();
        let is_kept = kept.contains(image_id);
        let readings = dataset.readings_of(image_id).iter();
        let masks: Vec<RaterMask> =
            readings.flat_map(|one| masks_of(one, is_kept, choices, size, &concepts)).collect();
        let outlines = match choices.localization {
            true => outlines(&masks, typical.get(gold.as_str())),
            false => Vec::new(),
        };
        let outline_means = match choices.localization {
            true => outline_means(&masks)?,
            false => OutlineMeans::default(),
        };
        let image_id = image_id.to_string();
        let image = ImageMasks { image_id, gold, is_kept, masks, outlines, outline_means };
        // Else there is neither a diagnosis nor a mask to score.
        let is_diagnosed = is_kept && !image.gold.is_empty();
        Ok((is_diagnosed || !image.masks.is_empty()).then_some(image))
    };
    let images: Vec<ScoreResult<Option<ImageMasks>>> =
        dataset.images().par_iter().map(masks_of_image).collect();
    images.into_iter().filter_map(Result::transpose).collect()
}

/// The images of which a reading counts. One that nobody read counts by its gold class alone, unless the study
/// wants a reading.
fn kept_images(dataset: &Dataset) -> BTreeSet<&str> {
    let mut kept = dataset.cohort_images(Cohort::Single);
    if !dataset.schema().raters_name_classes {
        let ids = dataset.images().iter().map(|image| image.image_id.as_str());
        kept.extend(ids.filter(|id| dataset.readings_of(id).is_empty()));
    }
    kept
}

/// The temperature that the scores in the record of one network are calibrated with.
fn temperature_of(record: &EvalRecord) -> Option<Option<f64>> {
    let certainty = record.diagnosis.as_ref()?.certainty.as_ref()?;
    Some(certainty.calibrated.as_ref()?.temperature.mean)
}

/// Which of so many images each resample draws.
fn resamples(num_images: usize) -> Vec<Vec<u32>> {
    let every_image: Vec<u32> = (0..num_images as u32).collect();
    BOOTSTRAP.resamples(&every_image)
}

/// Reads the evaluations that are scored: first rounds, of images with a gold class. Warns of the
/// others.
///
/// # Errors
/// A data set that cannot be read.
pub fn read_annotations(root: &Path) -> ScoreResult<Dataset> {
    let dataset = dermx_formats::open(root)?;
    let unknown = dataset.images_without_metadata();
    if let Some(first) = unknown.first() {
        tracing::warn!(
            "{} images have annotations but no row in the table of images, so no gold class; they are \
             not scored: `{first}`{}",
            unknown.len(),
            more(unknown.len())
        );
    }
    warn_of_left_out(&dataset);
    let num_repeated = dataset.readings().iter().filter(|one| one.round > 1).count();
    if num_repeated > 0 {
        tracing::warn!("{num_repeated} evaluations of repeated rounds are not scored");
    }
    Ok(dataset.select(Selection::default()))
}

/// The name and the hash of a data set. A release of a study is called as its folder is, `.` included: there are
/// several of them.
pub(crate) fn scored_dataset(dataset: &Dataset) -> ScoredDataset {
    let root = dataset.root();
    let absolute = || root.canonicalize().ok()?.file_name().map(ToOwned::to_owned);
    let of_folder =
        || root.file_name().map(ToOwned::to_owned).or_else(absolute).unwrap_or_default();
    let schema = dataset.schema();
    ScoredDataset {
        name: match schema.study {
            Some(_) => of_folder().to_string_lossy().into_owned(),
            None => schema.name.clone(),
        },
        hash: dataset.content_hash().to_hex().to_string(),
    }
}

/// Warns of maps whose values are cut to 1, by file the number of values.
fn warn_of_values_above_one(above_one: &BTreeMap<PathBuf, usize>) {
    if let Some((first, _)) = above_one.first_key_value() {
        tracing::warn!(
            "{} values in {} heat maps are above 1 and count as 1, because maps are not normalized: \
             {}{}",
            above_one.values().sum::<usize>(),
            above_one.len(),
            first.display(),
            more(above_one.len())
        );
    }
}

/// Warns of masks without a pixel at scoring size; masks of raters, not their unions.
fn warn_of_empty_masks(images: &[ImageMasks], size: [usize; 2]) {
    let empty = images.iter().flat_map(|image| {
        let masks = image.masks.iter().filter(|one| one.characteristic != UNION);
        masks.filter(|one| one.mask.is_empty()).map(|one| (&image.image_id, one))
    });
    let empty: Vec<_> = empty.collect();
    if let Some((image_id, first)) = empty.first() {
        tracing::warn!(
            "{} outlined characteristics have no pixel at {}x{} and count as outlined nowhere, with a \
             fuzzy F1 of 0: `{}` of `{}` for `{image_id}`{}",
            empty.len(),
            size[0],
            size[1],
            first.characteristic,
            first.rater,
            more(empty.len())
        );
    }
}

/// Checks before any work is done that there is something to score heat maps with; `advice` ends the error.
///
/// # Errors
/// No image has an outline that counts.
pub fn check_outlines(
    root: &Path,
    dataset: &Dataset,
    choices: &ScoringChoices,
    advice: &str,
) -> ScoreResult<()> {
    let kept = kept_images(dataset);
    let is_outlined = |one: &Reading| one.inside().next().is_some();
    let counts = |one: &Reading| {
        let is_taken =
            |rows: ScoredRows| rows.contains(kept.contains(one.image_id.as_str()), one.is_single());
        is_outlined(one) && (is_taken(choices.rows) || is_taken(choices.union_rows))
    };
    if dataset.readings().iter().any(counts) {
        return Ok(());
    }
    let num_outlined = dataset.readings().iter().filter(|one| is_outlined(one)).count();
    let message = format!(
        "there is nothing to score heat maps with: {} evaluations of {} images, {num_outlined} of them \
         with outlines, none with outlines that count (evaluate.rows); {advice}",
        dataset.readings().len(),
        dataset.images().len()
    );
    Err(ScoreError::in_file(root, message))
}

impl<'a> Benchmark<'a> {
    /// Rasterizes and resizes the masks of `dataset` that `choices` take, and scores what maps are compared
    /// with. Warns of masks without a pixel.
    ///
    /// # Errors
    /// A class to be exchanged that does not exist.
    pub fn new(dataset: &'a Dataset, choices: ScoringChoices) -> ScoreResult<Self> {
        Self::watched(dataset, choices, Watch::SILENT)
    }

    /// The same for somebody who may stop it, and later the scoring: both look at `watch` before each image.
    ///
    /// # Errors
    /// As [`Self::new`], or a request to stop.
    pub fn watched(
        dataset: &'a Dataset,
        choices: ScoringChoices,
        watch: Watch<'a>,
    ) -> ScoreResult<Self> {
        let classes = match choices.classes.is_empty() {
            true => dataset.schema().classes.clone(),
            false => choices.classes.clone(),
        };
        let mut exchanged = choices.class_exchange.iter().flatten();
        if let Some(unknown) = exchanged.find(|class| !classes.contains(class)) {
            let message = format!("`{unknown}` is not a class; there are: {}", classes.join(", "));
            return Err(ScoreError::usage(message));
        }
        choices.check(dataset)?;
        let scoring = choices.maps;
        let images = image_masks(dataset, &choices, watch)?;
        // Else empty masks are what was asked for.
        if choices.unmarked == Unmarked::LeftOut {
            warn_of_empty_masks(&images, scoring.size);
        }
        let gold = images.iter().map(|image| (image.image_id.clone(), image.gold.clone()));
        let (dataset_rows, scored_dataset) = rayon::join(
            || DatasetRows::new(&images, &scoring, choices.localization, watch),
            || scored_dataset(dataset),
        );
        Ok(Self {
            dataset,
            classes,
            gold: gold.collect(),
            scored_dataset,
            dataset_rows: dataset_rows?,
            resamples: resamples(images.len()),
            images,
            choices,
            watch,
        })
    }

    /// Ids of the scored images, in order.
    pub fn image_ids(&self) -> impl Iterator<Item = &str> {
        self.images.iter().map(|image| image.image_id.as_str())
    }

    /// Scores `maps` and, if given, `predictions`. Warns of maps and predictions of other images.
    ///
    /// With [`ScoringChoices::partial`], images without a map or prediction are left out; else they are
    /// errors.
    ///
    /// # Errors
    /// A missing or damaged map, a class that does not exist, a gold class that differs, two maps or
    /// predictions of one image, predictions of other images only, parts by right and wrong diagnoses
    /// without predictions.
    pub fn score(
        &self,
        maps: &dyn MapSource,
        predictions: Option<&Predictions>,
    ) -> ScoreResult<Scorecard> {
        if self.choices.by.contains(&Variable::Correct) && predictions.is_none() {
            return Err(ScoreError::usage("parts by right and wrong diagnoses need predictions"));
        }
        let predictions = predictions.map(|all| self.of_known_images(all)).transpose()?;
        let joined = self.join(maps)?;
        let MapScores { rows, outline_rows, complexities, image_ids } =
            self.map_scores(maps, &joined, self.choices.localization)?;
        joined.warn();
        let record = self.record_of(&rows, &outline_rows, &image_ids);
        let mut scorecard = self.scorecard(rows, record, &image_ids, predictions.as_ref())?;
        let Scorecard { rows, diagnoses, record, maps: scored } = &mut scorecard;
        *scored = scored_maps(complexities, &self.images, rows, diagnoses.as_deref());
        add_map_scores(record, &[scored], &|num| self.resamples_of(num))?;
        score_sanity(self, maps, &mut scorecard.record)?;
        Ok(scorecard)
    }

    /// Scores the diagnoses of `predictions` alone: all there is to score of a data set without masks.
    ///
    /// # Errors
    /// As [`Self::score`] of predictions.
    pub fn score_diagnoses(&self, predictions: &Predictions) -> ScoreResult<Scorecard> {
        let predictions = self.of_known_images(predictions)?;
        let image_ids: Vec<&str> = self.image_ids().collect();
        let record = self.blank_record(&image_ids);
        self.scorecard(Vec::new(), record, &image_ids, Some(&predictions))
    }

    /// Whether there is a mask to score maps with.
    pub fn has_masks(&self) -> bool {
        self.images.iter().any(|image| !image.masks.is_empty())
    }

    /// The scores of a network: `record` with what `predictions` and parts of the images add.
    fn scorecard(
        &self,
        rows: Vec<MapRow>,
        mut record: EvalRecord,
        image_ids: &[&str],
        predictions: Option<&Predictions>,
    ) -> ScoreResult<Scorecard> {
        let diagnoses = predictions.map(|all| self.diagnoses(all)).transpose()?;
        if let Some(diagnoses) = &diagnoses {
            let num_missing = self.diagnosed().count() - diagnoses.len();
            record.scoring.insert(NUM_WITHOUT_PREDICTION.to_string(), json!(num_missing));
            record.scoring.insert(NUM_DIAGNOSES.to_string(), json!(diagnoses.len()));
            let mut matrix = ConfusionMatrix::new(self.classes.len());
            for one in diagnoses {
                matrix.add(one.gold_idx, one.predicted_idx)?;
            }
            let mut scores = diagnosis_scores(&matrix, &self.classes)?;
            let calibration = predictions.and_then(|all| all.calibration);
            let temperature = calibration.map(|one| one.fitted.map(|fitted| fitted.temperature));
            let network = DiagnosedNetwork { diagnoses, temperature };
            network.add_scores(&mut scores, &self.classes)?;
            record.diagnosis = Some(scores);
            add_diagnosis_intervals(&mut record, &[network], &resamples)?;
        }
        let correct = predictions.map(|all| self.correct(&all.rows));
        let images = ScoredImages {
            dataset: self.dataset,
            image_ids,
            rows: &rows,
            correct: correct.as_ref(),
        };
        record.by = images.parts(&self.choices.by, self.choices.min_images);
        let without_value = images.num_without_value(&self.choices.by);
        if !without_value.is_empty() {
            record.scoring.insert(NUM_WITHOUT_VALUE.to_string(), json!(without_value));
        }
        Ok(Scorecard { rows, record, diagnoses, maps: Vec::new() })
    }

    /// The images whose diagnosis is scored.
    fn diagnosed(&self) -> impl Iterator<Item = &ImageMasks> {
        self.images.iter().filter(|image| image.is_kept && !image.gold.is_empty())
    }

    /// What maps score that never saw a network, and raters among themselves, on all images.
    pub fn baselines(&self) -> EvalRecord {
        let image_ids: Vec<&str> = self.image_ids().collect();
        self.record_of(&[], &[], &image_ids)
    }

    /// One record of networks that differ in nothing but the seed, each with its own
    /// ([`EvalRecord::set_seed`]).
    ///
    /// # Errors
    /// No network, a seed that is there twice, networks that were scored on different images.
    pub fn over_seeds(&self, seeds: &[Scorecard]) -> ScoreResult<EvalRecord> {
        let records: Vec<EvalRecord> = seeds.iter().map(|one| one.record.clone()).collect();
        let mut record = aggregate(&records)?;
        let rows: Vec<&[MapRow]> = seeds.iter().map(|one| one.rows.as_slice()).collect();
        let image_ids: Vec<&str> = self.image_ids().collect();
        let DatasetRows { baselines, experts, .. } = &self.dataset_rows;
        record.leads = leads(&rows, baselines, &image_ids, &self.resamples);
        let comparands = Comparands { network: &[], experts, baselines };
        let resampled = &self.resamples;
        add_relative_intervals(&mut record.skill, &rows, comparands, &image_ids, resampled);
        drop_intervals_of_few(&mut record.skill);
        let network = |one| {
            let Scorecard { diagnoses, record, .. }: &Scorecard = one;
            let diagnoses = diagnoses.as_deref().unwrap_or_default();
            DiagnosedNetwork { diagnoses, temperature: temperature_of(record) }
        };
        let networks: Vec<DiagnosedNetwork<'_>> = seeds.iter().map(network).collect();
        add_diagnosis_intervals(&mut record, &networks, &resamples)?;
        let maps: Vec<&[ScoredMap]> = seeds.iter().map(|one| one.maps.as_slice()).collect();
        add_map_scores(&mut record, &maps, &|num| self.resamples_of(num))?;
        Ok(record)
    }

    /// Which of so many images each resample draws.
    fn resamples_of(&self, num_images: usize) -> Vec<Vec<u32>> {
        match num_images == self.images.len() {
            true => self.resamples.clone(),
            false => resamples(num_images),
        }
    }

    /// The map of each image of the data set that has one.
    ///
    /// # Errors
    /// An image with two maps.
    pub(crate) fn join(&self, maps: &dyn MapSource) -> ScoreResult<JoinedMaps> {
        JoinedMaps::new(self.dataset, maps)
    }

    /// The predictions of images of the metadata, with their ids. Warns of the others.
    fn of_known_images(&self, predictions: &Predictions) -> ScoreResult<Predictions> {
        let (known, warning) = predictions.of_images(self.dataset)?;
        if let Some(warning) = warning {
            tracing::warn!("{warning}");
        }
        Ok(known)
    }

    /// Scores the maps of `joined` on the masks of their images, with `localization` also with what takes
    /// sorting every map, and on their outlines.
    ///
    /// # Errors
    /// As [`Self::score`].
    pub(crate) fn map_scores(
        &self,
        maps: &dyn MapSource,
        joined: &JoinedMaps,
        localization: bool,
    ) -> ScoreResult<MapScores<'_>> {
        let has_map = |image_id: &str| joined.by_image.contains_key(image_id);
        // Where raters name no class, an image without a mask has nothing to score its map with.
        let is_needed = |image: &&ImageMasks| {
            self.dataset.schema().raters_name_classes || !image.masks.is_empty()
        };
        let needed = self.images.iter().filter(is_needed).map(|image| image.image_id.as_str());
        let missing: Vec<&str> = needed.filter(|id| !has_map(id)).collect();
        if let (Some(first), false) = (missing.first(), self.choices.partial) {
            let others = and_others(missing.len(), self.images.len());
            let message = format!(
                "there is no heat map of image `{first}` ({first}.npy){others}{}; --partial scores the rest",
                joined.unused()
            );
            let place = maps.all();
            return Err(ScoreError::missing_input(format!("{}: {message}", place.display())));
        }
        let above_one = Mutex::new(BTreeMap::new());
        let blank = Mutex::new(BTreeSet::new());
        let scored = rows_of(&self.images, self.watch, |image, _| {
            let Some(name) = joined.by_image.get(&image.image_id) else { return Ok(Vec::new()) };
            let raw = maps.view(name)?;
            let place = maps.place(name);
            let map = raw
                .prepare(&self.choices.maps)
                .map_err(|error| ScoreError::in_file(&place, error))?;
            let num = raw.num_above_one();
            // A poisoned lock would only cost a warning.
            if let (true, Ok(mut blank)) = (raw.is_blank(), blank.lock()) {
                blank.insert(place.clone());
            }
            if let (true, Ok(mut above_one)) = (num > 0, above_one.lock()) {
                above_one.insert(place, num);
            }
            let values = localization.then(|| map.values());
            let ranked = values.as_deref().map(RankedMap::new);
            let complexity = values.as_deref().map(complexity_scores).transpose()?;
            let complexity = complexity.map(|scores| (image.image_id.clone(), scores));
            let rows = image.rows(&image.masks, |runs| map.scores(runs), ranked.as_ref())?;
            let outlines = if localization { image.outlines.as_slice() } else { &[] };
            let outline_rows = image.rows(outlines, |runs| map.scores(runs), None)?;
            Ok(vec![(rows, (outline_rows, complexity))])
        })?;
        if self.choices.maps.normalize == Normalize::None {
            warn_of_values_above_one(&above_one.into_inner().unwrap_or_default());
        }
        let blank = blank.into_inner().unwrap_or_default();
        if let Some(first) = blank.first() {
            let num = blank.len();
            tracing::warn!(
                "{num} of {} heat maps have no value above 0: their fuzzy F1 is 0, and their mass is \
                 undefined: {}{}",
                joined.by_image.len(),
                first.display(),
                more(num)
            );
        }
        let (rows, others): (Vec<_>, Vec<_>) = scored.into_iter().unzip();
        let (outline_rows, complexities): (Vec<_>, Vec<_>) = others.into_iter().unzip();
        let rows: Vec<MapRow> = rows.into_iter().flatten().collect();
        if rows.is_empty() {
            let message = "none of the heat maps is of an image with masks; maps are named \
                           <image_id>.npy";
            return Err(ScoreError::in_file(&maps.all(), message));
        }
        let outline_rows = outline_rows.into_iter().flatten().collect();
        let image_ids = self.image_ids().filter(|id| has_map(id)).collect();
        let complexities = complexities.into_iter().flatten().collect();
        Ok(MapScores { rows, outline_rows, complexities, image_ids })
    }

    /// The record of `rows`, with what they have to be compared with on the same images.
    fn record_of(
        &self,
        rows: &[MapRow],
        outline_rows: &[MapRow],
        image_ids: &[&str],
    ) -> EvalRecord {
        let (others, drawn);
        let (of_dataset, resamples) = match image_ids.len() == self.images.len() {
            true => (&self.dataset_rows, &self.resamples),
            false => {
                (others, drawn) =
                    (self.dataset_rows.of_images(image_ids), resamples(image_ids.len()));
                (&others, &drawn)
            }
        };
        let DatasetRows { baselines, experts, outlines } = of_dataset;
        let comparands = Comparands { network: rows, experts, baselines };
        let table = |rows: &[MapRow]| self.averaging().table(rows);
        let ((mut skill, leads), ((explanation, ceiling), baselines)) = rayon::join(
            || {
                rayon::join(
                    || relative_scores(comparands, image_ids, resamples),
                    || leads(&[rows], baselines, image_ids, resamples),
                )
            },
            || {
                rayon::join(
                    || (table(rows), table(experts)),
                    || baselines.iter().map(|(name, rows)| (name.clone(), table(rows))).collect(),
                )
            },
        );
        drop_intervals_of_few(&mut skill);
        let mut identification = Identification::new();
        if self.choices.localization && !rows.is_empty() {
            identification.insert(NETWORK.to_string(), mass_shares(outline_rows));
            let shares = outlines.iter().map(|(name, rows)| (name.clone(), mass_shares(rows)));
            identification.extend(shares);
        }
        EvalRecord {
            explanation,
            skill,
            leads,
            baselines,
            ceiling,
            identification,
            ..self.blank_record(image_ids)
        }
    }

    /// A record without a score.
    fn blank_record(&self, image_ids: &[&str]) -> EvalRecord {
        EvalRecord {
            notice: NOTICE.to_string(),
            dataset: self.scored_dataset.clone(),
            classes: self.classes.clone(),
            scoring: self.description(image_ids),
            ..EvalRecord::default()
        }
    }

    /// How rows are averaged.
    pub fn averaging(&self) -> Averaging<'_> {
        let ScoringChoices { average, union_average, .. } = self.choices;
        Averaging { average, union_average, gold: &self.gold }
    }

    /// Whether the predicted class of each image is its gold class.
    fn correct<'p>(&self, predictions: &'p [Prediction]) -> BTreeMap<&'p str, bool> {
        let is_correct = |one: &'p Prediction| {
            let gold = self.dataset.image(&one.image_id)?.gold_class()?;
            Some((one.image_id.as_str(), self.choices.exchanged(&one.predicted) == gold))
        };
        predictions.iter().filter_map(is_correct).collect()
    }

    /// The diagnosis of each image that has a prediction.
    fn diagnoses(&self, predictions: &Predictions) -> ScoreResult<Vec<Diagnosis>> {
        let (classes, Predictions { path, rows, .. }) = (&self.classes, predictions);
        let class_idx = |class: &str, image_id: &str| {
            classes.iter().position(|known| known == class).ok_or_else(|| {
                let message = format!(
                    "image `{image_id}`: `{class}` is not a class; there are: {}",
                    classes.join(", ")
                );
                ScoreError::in_file(path, message)
            })
        };
        let mut by_image = BTreeMap::new();
        for row in rows {
            let Prediction { image_id, gold, predicted, .. } = row;
            let predicted_idx = class_idx(self.choices.exchanged(predicted), image_id)?;
            let in_dataset = self.dataset.image(image_id).and_then(Image::gold_class);
            if let (Some(gold), Some(expected)) = (gold, in_dataset)
                && gold != expected
            {
                let message = format!(
                    "image `{image_id}`: gold class is `{gold}`, the data set says `{expected}`"
                );
                return Err(ScoreError::in_file(path, message));
            }
            by_image.insert(image_id.as_str(), (predicted_idx, row));
        }
        let (mut diagnoses, mut scored) = (Vec::new(), Vec::new());
        for image in self.diagnosed() {
            match by_image.get(image.image_id.as_str()) {
                Some(&(predicted_idx, row)) => {
                    scored.push(row);
                    diagnoses.push(Diagnosis {
                        image_id: image.image_id.clone(),
                        gold_idx: class_idx(&image.gold, &image.image_id)?,
                        predicted_idx,
                        probabilities: Vec::new(),
                        logits: Vec::new(),
                    });
                }
                None if self.choices.partial => {}
                None => {
                    let message = format!("there is no prediction for image `{}`", image.image_id);
                    return Err(ScoreError::in_file(path, message));
                }
            }
        }
        if diagnoses.is_empty() && self.diagnosed().next().is_some() {
            let message = "none of the predictions is of an image that is scored: one with a gold class \
                           and a reading that counts";
            return Err(ScoreError::in_file(path, message));
        }
        let columns: Vec<&str> = classes.iter().map(|one| self.choices.exchanged(one)).collect();
        let all = probabilities(predictions, &scored, &columns)?;
        let logits = logits(predictions, &scored, &columns, &all);
        for (one, (of_image, logits)) in diagnoses.iter_mut().zip(all.into_iter().zip(logits)) {
            (one.probabilities, one.logits) = (of_image, logits);
        }
        Ok(diagnoses)
    }

    /// Which images are scored, in words.
    fn which_images(&self) -> &'static str {
        match self.dataset.schema().raters_name_classes {
            true => "those with at least one evaluation of a single diagnosis",
            false => "those with a reading that is not discarded, or without a reading",
        }
    }

    fn description(&self, image_ids: &[&str]) -> BTreeMap<String, serde_json::Value> {
        let is_scored = |image: &&ImageMasks| image_ids.binary_search(&&*image.image_id).is_ok();
        let masks = || self.images.iter().filter(is_scored).flat_map(|image| &image.masks);
        let has_no_mask = |image: &&ImageMasks| is_scored(image) && image.masks.is_empty();
        let readings = || {
            image_ids
                .iter()
                .flat_map(|id| self.dataset.readings_of(id))
                .filter(|one| one.is_accepted())
        };
        let without_mask = readings().filter(|one| one.inside().next().is_none());
        let without_gold = self.dataset.images().iter().filter(|one| one.gold_class().is_none());
        let num_unions = masks().filter(|mask| mask.characteristic == UNION).count();
        let HeatmapScoring { size, normalize, quantize, border } = self.choices.maps;
        let ScoringChoices { rows, union_rows, average, union_average, class_exchange, .. } =
            &self.choices;
        [
            ("rows", json!(rows)),
            ("union_rows", json!(union_rows)),
            ("unmarked", json!(self.choices.unmarked)),
            (NUM_READINGS, json!(readings().count())),
            (NUM_READINGS_WITHOUT_MASK, json!(without_mask.count())),
            ("average", json!(average)),
            ("union_average", json!(union_average)),
            ("class_exchange", json!(class_exchange)),
            ("size", json!(size)),
            ("normalize", json!(normalize)),
            ("quantize", json!(quantize)),
            ("border", json!(border)),
            ("images", json!(self.which_images())),
            ("num_images", json!(image_ids.len())),
            (NUM_WITHOUT_MASK, json!(self.images.iter().filter(has_no_mask).count())),
            (NUM_WITHOUT_MAP, json!(self.images.len() - image_ids.len())),
            (NUM_NOT_SCORED, json!(self.dataset.images().len() - self.images.len())),
            (NUM_WITHOUT_GOLD, json!(without_gold.count())),
            (NUM_UNTESTED, json!(self.dataset.num_untested())),
            ("num_mask_rows", json!(masks().count() - num_unions)),
            ("num_union_rows", json!(num_unions)),
            ("bootstrap", json!(BOOTSTRAP)),
            ("unit_of_intervals", json!(UNIT)),
        ]
        .map(|(key, value)| (key.to_string(), value))
        .into()
    }
}

/// Without rows there is nothing to be ahead.
fn leads(
    seeds: &[&[MapRow]],
    baselines: &BTreeMap<String, Vec<MapRow>>,
    image_ids: &[&str],
    resamples: &[Vec<u32>],
) -> BTreeMap<String, Lead> {
    if seeds.iter().all(|rows| rows.is_empty()) {
        return BTreeMap::new();
    }
    let of = |(name, rows): (&String, &Vec<MapRow>)| {
        (name.clone(), lead(seeds, rows, image_ids, resamples))
    };
    baselines.par_iter().map(of).collect()
}
