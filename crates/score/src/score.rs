//! Scoring one network, or one folder of heat maps, against the experts.

use crate::choices::{ScoredRows, ScoringChoices};
use crate::diagnoses::Diagnosis;
use crate::error::{ScoreError, ScoreResult};
use crate::heatmaps::{self, MapFiles, RawMap};
use crate::image_masks::{ImageMasks, RaterMask, Runs, masks_of};
use crate::left_out::{more, warn_of_left_out};
use crate::predictions::Prediction;
use crate::score_parts::{ScoredImages, Variable};
use crate::typical::typical;
use dermx_agreement::Bootstrap;
use dermx_data::{
    Cohort, DermxDataset, Evaluation, ImageNames, Joined, Random, Selection, cell_place,
};
use dermx_eval::{
    Averaging, Comparands, ConfusionMatrix, EvalRecord, HeatmapScoring, Identification, Lead,
    MapRow, MassShares, NOTICE, Normalize, PreparedMap, RankedMap, ScoredDataset, UNION, UNIT,
    centre_gaussian, diagnosis_scores, fuzzy_scores_by_sums, lead, mass_shares, prepare,
    relative_scores, uniform_ones,
};
use rayon::prelude::*;
use serde_json::json;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Name of the baseline of uniform noise.
const RANDOM: &str = "random";

/// Name of the baseline that always looks at the middle.
const CENTRE_GAUSSIAN: &str = "centre_gaussian";

/// Name of the baseline that looks everywhere.
const UNIFORM_ONES: &str = "uniform_ones";

/// Keys of [`EvalRecord::scoring`]: scored images that nobody outlined anything on,
pub const NUM_WITHOUT_MASK: &str = "num_images_without_mask";
/// images without a heat map, which are left out,
pub const NUM_WITHOUT_MAP: &str = "num_images_without_map";
/// images without a prediction, which are left out of the diagnosis,
pub const NUM_WITHOUT_PREDICTION: &str = "num_images_without_prediction";
/// and images of the metadata without evaluations that count.
pub const NUM_NOT_SCORED: &str = "num_images_not_scored";

/// Resamples of the images for intervals.
pub const BOOTSTRAP: Bootstrap = Bootstrap { num_resamples: 1000, seed: 0 };

/// The experts' masks of a data set, ready to be compared with one set of maps after another.
///
/// Diagnoses are scored on kept images: those with at least one evaluation that was kept and names a
/// single diagnosis. Which masks count, [`ScoringChoices`] say; by default every outline on those images,
/// also those of other evaluations.
///
/// # Source
/// Jalaboi et al., 2021, Table 6; which rows count was found on the data.
#[derive(Debug)]
pub struct Scorer<'a> {
    dataset: &'a DermxDataset,
    scoring: HeatmapScoring,
    choices: ScoringChoices,
    extras: Extras,
    images: Vec<ImageMasks>,
    /// Gold class of each image.
    gold: BTreeMap<String, String>,
    scored_dataset: ScoredDataset,
}

/// What is scored beyond fuzzy F1, sensitivity, specificity and mass.
#[derive(Debug, Clone, Default)]
pub struct Extras {
    /// Whether the scores of where maps are highest are wanted; they take sorting every map.
    pub localization: bool,
    /// By what the images are parted.
    pub by: Vec<Variable>,
    /// In a part, rows of fewer images have no score.
    pub min_images: usize,
}

/// Reads the evaluations that are scored: first rounds, of images with a gold class. Warns of the
/// others.
///
/// # Errors
/// A data set that cannot be read.
pub fn read_annotations(root: &Path) -> ScoreResult<DermxDataset> {
    let dataset = DermxDataset::read(root)?;
    let unknown = dataset.images_without_metadata();
    if let Some(first) = unknown.first() {
        tracing::warn!(
            "{} images have annotations but no row in metadata.csv, so no gold class; they are \
             not scored: `{first}`{}",
            unknown.len(),
            more(unknown.len())
        );
    }
    warn_of_left_out(&dataset);
    let num_repeated = dataset.evaluations().iter().filter(|one| one.round() > 1).count();
    if num_repeated > 0 {
        tracing::warn!("{num_repeated} evaluations of repeated rounds are not scored");
    }
    Ok(dataset.select(Selection::default()))
}

/// The name and the hash of a data set; `.` is called as its folder is.
fn scored_dataset(dataset: &DermxDataset) -> ScoredDataset {
    let root = dataset.root();
    let absolute = || root.canonicalize().ok()?.file_name().map(ToOwned::to_owned);
    let name = root.file_name().map(ToOwned::to_owned).or_else(absolute).unwrap_or_default();
    ScoredDataset {
        name: name.to_string_lossy().into_owned(),
        hash: dataset.content_hash().to_hex().to_string(),
    }
}

/// Warns of maps whose values are cut to 1, by file the number of values.
fn warn_of_values_above_one(above_one: &BTreeMap<&PathBuf, usize>) {
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

/// Checks before any work is done that there is something to score heat maps with.
///
/// # Errors
/// No image has an outline that counts.
pub fn check_outlines(
    root: &Path,
    dataset: &DermxDataset,
    choices: &ScoringChoices,
) -> ScoreResult<()> {
    let kept = dataset.cohort_images(Cohort::Single);
    let is_outlined = |one: &Evaluation| one.inside().next().is_some();
    let counts = |one: &Evaluation| {
        let is_taken =
            |rows: ScoredRows| rows.contains(kept.contains(one.image_id.as_str()), one.is_single());
        is_outlined(one) && (is_taken(choices.rows) || is_taken(choices.union_rows))
    };
    if dataset.evaluations().iter().any(counts) {
        return Ok(());
    }
    let num_outlined = dataset.evaluations().iter().filter(|one| is_outlined(one)).count();
    let message = format!(
        "there is nothing to score heat maps with: {} evaluations of {} images, {num_outlined} of them \
         with outlines, none with outlines that count (evaluate.rows); outline characteristics in \
         annotations/, or train without scoring: --no-eval",
        dataset.evaluations().len(),
        dataset.images().len()
    );
    Err(ScoreError::in_file(root, message))
}

/// A score of every mask, and their means.
#[derive(Debug)]
pub struct Scored {
    /// One row for each (image, rater, characteristic or union).
    pub rows: Vec<MapRow>,
    /// The shape of `eval.json`.
    pub record: EvalRecord,
    /// The diagnosis of each scored image, in order; none without predictions.
    pub diagnoses: Option<Vec<Diagnosis>>,
}

impl<'a> Scorer<'a> {
    /// Rasterizes and resizes the masks of `dataset` that `choices` take.
    pub fn new(
        dataset: &'a DermxDataset,
        scoring: HeatmapScoring,
        choices: ScoringChoices,
        extras: Extras,
    ) -> Self {
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
        warn_of_empty_masks(&images, scoring.size);
        let gold = images.iter().map(|image| (image.image_id.clone(), image.gold.clone()));
        let gold = gold.collect();
        let scored_dataset = scored_dataset(dataset);
        Self { dataset, scoring, choices, extras, images, gold, scored_dataset }
    }

    /// Ids of the scored images, in order.
    pub fn image_ids(&self) -> impl Iterator<Item = &str> {
        self.images.iter().map(|image| image.image_id.as_str())
    }

    /// Scores the heat maps in `folder` and, if given, `predictions` over `classes`. Warns of maps and
    /// predictions of other images.
    ///
    /// With `partial`, images without a map or prediction are left out; else they are errors.
    ///
    /// # Errors
    /// A missing or damaged map, a class that does not exist, a gold class that differs, two maps or
    /// predictions of one image, predictions of other images only.
    pub fn score(
        &self,
        folder: &Path,
        predictions: Option<(&Path, &[Prediction])>,
        classes: &[String],
        partial: bool,
    ) -> ScoreResult<Scored> {
        let known = predictions.map(|(path, all)| self.of_known_images(path, all)).transpose()?;
        let predictions = predictions.map(|(path, _)| path).zip(known.as_deref());
        let (maps, joined) = self.list_maps(folder)?;
        let (rows, scored_ids) = self.map_rows(folder, &maps, partial, self.extras.localization)?;
        if let Some((first, _)) = joined.unmatched.first() {
            tracing::warn!(
                "{} of {} heat maps are of no image in metadata.csv and are not scored: {first}{}",
                joined.unmatched.len(),
                joined.num_rows(),
                more(joined.unmatched.len())
            );
        }
        let mut record = self.record_of(&rows, &scored_ids, classes)?;
        let diagnoses = match predictions {
            None => None,
            Some((path, rows)) => Some(self.diagnoses(path, rows, classes, partial)?),
        };
        if let Some(diagnoses) = &diagnoses {
            let num_kept = self.images.iter().filter(|image| image.is_kept).count();
            let num_missing = num_kept - diagnoses.len();
            record.scoring.insert(NUM_WITHOUT_PREDICTION.to_string(), json!(num_missing));
            let mut matrix = ConfusionMatrix::new(classes.len());
            for one in diagnoses {
                matrix.add(one.gold_idx, one.predicted_idx)?;
            }
            record.diagnosis = Some(diagnosis_scores(&matrix, classes)?);
        }
        let correct = predictions.map(|(_, predictions)| self.correct(predictions));
        let images = ScoredImages {
            dataset: self.dataset,
            image_ids: &scored_ids,
            rows: &rows,
            correct: correct.as_ref(),
        };
        record.by = images.parts(&self.extras.by, self.extras.min_images);
        if self.extras.localization {
            record.identification = self.identification(&maps)?;
        }
        Ok(Scored { rows, record, diagnoses })
    }

    /// The heat map in `folder` of each image of the data set that has one. A map is named as a table
    /// may name its image: in any folder, with or without the photo's extension before `.npy`.
    ///
    /// # Errors
    /// No such folder, or an image with two maps.
    pub fn maps(&self, folder: &Path) -> ScoreResult<MapFiles> {
        Ok(self.list_maps(folder)?.0)
    }

    /// The same, and what joined files and images.
    fn list_maps(&self, folder: &Path) -> ScoreResult<(MapFiles, Joined)> {
        let files = heatmaps::list(folder)?;
        let rows = files.iter().map(|(id, path)| (path.display().to_string(), id.as_str()));
        let joined = self.image_names().join(folder, rows);
        if let Some(problem) = joined.problems.first() {
            return Err(problem.clone().into());
        }
        let files: Vec<PathBuf> = files.into_values().collect();
        let images = self.dataset.images().iter().zip(&joined.row_of);
        let found = images.filter_map(|(image, row)| Some((image.image_id.clone(), (*row)?)));
        let maps = found.map(|(image_id, row)| (image_id, files[row].clone())).collect();
        Ok((maps, joined))
    }

    /// What tables may call the images of the metadata, in their order.
    fn image_names(&self) -> ImageNames {
        ImageNames::of_ids(self.dataset.images().iter().map(|image| image.image_id.as_str()))
    }

    /// The predictions of images of the metadata, with their ids. Warns of the others.
    fn of_known_images(
        &self,
        path: &Path,
        predictions: &[Prediction],
    ) -> ScoreResult<Vec<Prediction>> {
        let rows = predictions.iter().map(|one| (cell_place(one.line, "image_id"), &*one.image_id));
        let joined = self.image_names().join(path, rows).checked()?;
        if let Some(warning) = joined.warning() {
            tracing::warn!("{warning}");
        }
        let images = self.dataset.images().iter().zip(&joined.row_of);
        let known = images.filter_map(|(image, row)| {
            let image_id = image.image_id.clone();
            Some(Prediction { image_id, ..predictions[(*row)?].clone() })
        });
        Ok(known.collect())
    }

    /// A row for each mask of the images that have one of the `files`, which lie in `folder`, and these
    /// images' ids; with `localization` also the scores that take sorting every map.
    ///
    /// # Errors
    /// As [`Self::score`].
    pub fn map_rows(
        &self,
        folder: &Path,
        files: &MapFiles,
        partial: bool,
        localization: bool,
    ) -> ScoreResult<(Vec<MapRow>, Vec<&str>)> {
        let missing: Vec<&str> = self.image_ids().filter(|id| !files.contains_key(*id)).collect();
        if let (Some(first), false) = (missing.first(), partial) {
            let num_missing = missing.len();
            let message = format!(
                "there is no heat map of image `{first}` ({first}.npy) and {} others of {}; \
                 --partial scores the rest",
                num_missing - 1,
                self.images.len()
            );
            return Err(ScoreError::missing_input(format!("{}: {message}", folder.display())));
        }
        let above_one = Mutex::new(BTreeMap::new());
        let blank = Mutex::new(BTreeSet::new());
        let rows = self.rows(|image, _| match files.get(&image.image_id) {
            None => Ok(Vec::new()),
            Some(path) => {
                let raw = heatmaps::read_map(path)?;
                let num = raw.num_above_one();
                // A poisoned lock would only cost a warning.
                if let (true, Ok(mut above_one)) = (num > 0, above_one.lock()) {
                    above_one.insert(path, num);
                }
                if let (true, Ok(mut blank)) = (raw.is_blank(), blank.lock()) {
                    blank.insert(path);
                }
                let map = self.prepare(path, &raw)?;
                let ranked = localization.then(|| RankedMap::new(&map.values()));
                image.rows(&image.masks, |runs| map.scores(runs), ranked.as_ref())
            }
        })?;
        if self.scoring.normalize == Normalize::None {
            warn_of_values_above_one(&above_one.into_inner().unwrap_or_default());
        }
        let blank = blank.into_inner().unwrap_or_default();
        if let Some(first) = blank.first() {
            let num = blank.len();
            tracing::warn!(
                "{num} of {} heat maps have no value above 0: their fuzzy F1 is 0, and their mass is \
                 undefined: {}{}",
                files.len(),
                first.display(),
                more(num)
            );
        }
        if rows.is_empty() {
            let message = "none of the heat maps is of an image with masks; maps are named \
                           <image_id>.npy";
            return Err(ScoreError::in_file(folder, message));
        }
        let scored_ids = self.image_ids().filter(|id| files.contains_key(*id)).collect();
        Ok((rows, scored_ids))
    }

    /// What maps score that never saw a network, and raters among themselves, on all images.
    ///
    /// # Errors
    /// None that a user can cause.
    pub fn score_baselines(&self) -> ScoreResult<EvalRecord> {
        let image_ids: Vec<&str> = self.image_ids().collect();
        self.record_of(&[], &image_ids, &[])
    }

    /// The record of `rows`, with what they have to be compared with on the same images.
    fn record_of(
        &self,
        rows: &[MapRow],
        image_ids: &[&str],
        classes: &[String],
    ) -> ScoreResult<EvalRecord> {
        let baselines = self.baselines(image_ids)?;
        let is_scored = |image: &&ImageMasks| image_ids.binary_search(&&*image.image_id).is_ok();
        let scored = self.images.par_iter().filter(is_scored);
        let experts: Vec<MapRow> =
            scored.flat_map_iter(|image| image.expert_rows(self.extras.localization)).collect();
        let every_image: Vec<u32> = (0..image_ids.len() as u32).collect();
        let resamples = BOOTSTRAP.resamples(&every_image);
        let comparands = Comparands { network: rows, experts: &experts, baselines: &baselines };
        Ok(EvalRecord {
            notice: NOTICE.to_string(),
            dataset: self.scored_dataset.clone(),
            classes: classes.to_vec(),
            explanation: self.averaging().table(rows),
            skill: relative_scores(comparands, image_ids, &resamples),
            leads: leads(&[rows], &baselines, image_ids, &resamples),
            baselines: baselines
                .iter()
                .map(|(name, rows)| (name.clone(), self.averaging().table(rows)))
                .collect(),
            ceiling: self.averaging().table(&experts),
            scoring: self.description(image_ids),
            ..EvalRecord::default()
        })
    }

    /// How far the maps of several seeds, whose rows are `seeds`, are ahead of maps that never saw a
    /// network, on all images.
    ///
    /// # Errors
    /// None that a user can cause.
    pub fn leads(&self, seeds: &[&[MapRow]]) -> ScoreResult<BTreeMap<String, Lead>> {
        let image_ids: Vec<&str> = self.image_ids().collect();
        let every_image: Vec<u32> = (0..image_ids.len() as u32).collect();
        let resamples = BOOTSTRAP.resamples(&every_image);
        Ok(leads(seeds, &self.baselines(&image_ids)?, &image_ids, &resamples))
    }

    /// How rows are averaged.
    pub fn averaging(&self) -> Averaging<'_> {
        let ScoringChoices { average, union_average, .. } = self.choices;
        Averaging { average, union_average, gold: &self.gold }
    }

    /// Rows of all images, in their order; `rows_of` may use the numbers it is lent as it likes.
    fn rows(
        &self,
        rows_of: impl Fn(&ImageMasks, &mut Vec<u64>) -> ScoreResult<Vec<MapRow>> + Sync,
    ) -> ScoreResult<Vec<MapRow>> {
        let rows: Vec<ScoreResult<Vec<MapRow>>> =
            self.images.par_iter().map_init(Vec::new, |lent, image| rows_of(image, lent)).collect();
        let rows: ScoreResult<Vec<Vec<MapRow>>> = rows.into_iter().collect();
        Ok(rows?.into_iter().flatten().collect())
    }

    fn read_map(&self, path: &Path) -> ScoreResult<PreparedMap> {
        self.prepare(path, &heatmaps::read_map(path)?)
    }

    fn prepare(&self, path: &Path, map: &RawMap) -> ScoreResult<PreparedMap> {
        map.prepare(&self.scoring).map_err(|error| ScoreError::in_file(path, error))
    }

    /// On what the maps in `files` lie, and on what baselines do on the same images.
    fn identification(&self, files: &MapFiles) -> ScoreResult<Identification> {
        let typical = typical(self.dataset);
        let size = self.scoring.size;
        let as_is = HeatmapScoring { normalize: Normalize::None, quantize: false, ..self.scoring };
        let [gaussian, ones] = [centre_gaussian(size), uniform_ones(size)];
        let [gaussian, ones] = [prepare(&gaussian, size, &as_is)?, prepare(&ones, size, &as_is)?];
        let shares = |baseline: Option<&PreparedMap>| -> ScoreResult<MassShares> {
            let rows = self.rows(|image, _| {
                let Some(path) = files.get(&image.image_id) else { return Ok(Vec::new()) };
                let outlines = image.outlines(typical.get(image.gold.as_str()));
                let map = match baseline {
                    Some(map) => Cow::Borrowed(map),
                    None => Cow::Owned(self.read_map(path)?),
                };
                image.rows(&outlines, |runs| map.scores(runs), None)
            })?;
            Ok(mass_shares(&rows))
        };
        Ok(BTreeMap::from([
            ("network".to_string(), shares(None)?),
            (CENTRE_GAUSSIAN.to_string(), shares(Some(&gaussian))?),
            (UNIFORM_ONES.to_string(), shares(Some(&ones))?),
        ]))
    }

    /// Rows of maps that never saw a network, on the same images.
    fn baselines(&self, image_ids: &[&str]) -> ScoreResult<BTreeMap<String, Vec<MapRow>>> {
        let size = self.scoring.size;
        let as_is = HeatmapScoring { normalize: Normalize::None, quantize: false, ..self.scoring };
        let is_scored = |image: &ImageMasks| image_ids.binary_search(&&*image.image_id).is_ok();
        let constant = |map: Vec<f32>| -> ScoreResult<Vec<MapRow>> {
            let map = prepare(&map, size, &as_is)?;
            let ranked = self.extras.localization.then(|| RankedMap::new(&map.values()));
            self.rows(|image, _| match is_scored(image) {
                true => image.rows(&image.masks, |runs| map.scores(runs), ranked.as_ref()),
                false => Ok(Vec::new()),
            })
        };
        let random = self.rows(|image, sums| match is_scored(image) {
            true => self.random_rows(image, sums),
            false => Ok(Vec::new()),
        })?;
        Ok(BTreeMap::from([
            (RANDOM.to_string(), random),
            (CENTRE_GAUSSIAN.to_string(), constant(centre_gaussian(size))?),
            (UNIFORM_ONES.to_string(), constant(uniform_ones(size))?),
        ]))
    }

    /// Rows of uniform noise in steps of 2^-32, so that sums are whole numbers and exact. They go into
    /// `sums`: memory that is used again costs less than the noise itself.
    fn random_rows(&self, image: &ImageMasks, sums: &mut Vec<u64>) -> ScoreResult<Vec<MapRow>> {
        const STEP: f64 = 1.0 / 4_294_967_296.0;
        let [height, width] = self.scoring.size;
        let mut random = Random::new(0, "random map", 0, &image.image_id);
        let mut sum = 0;
        sums.clear();
        sums.push(sum);
        let mut row = vec![0; width];
        for _ in 0..height {
            random.fill(&mut row);
            sums.extend(row.iter().map(|&bits| {
                sum += u64::from(bits);
                sum
            }));
        }
        let noise = || sums.windows(2).map(|pair| (pair[1] - pair[0]) as f64 * STEP);
        let ranked = self.extras.localization.then(|| RankedMap::new(&noise().collect::<Vec<_>>()));
        let sum_before = |pixel: usize| sums[pixel] as f64 * STEP;
        let fuzzy = |runs: Runs<'_>| fuzzy_scores_by_sums(height * width, sum_before, runs);
        image.rows(&image.masks, fuzzy, ranked.as_ref())
    }

    /// Whether the predicted class of each image is its gold class.
    fn correct<'p>(&self, predictions: &'p [Prediction]) -> BTreeMap<&'p str, bool> {
        let is_correct = |one: &'p Prediction| {
            let gold = &self.dataset.image(&one.image_id)?.diagnosis;
            Some((one.image_id.as_str(), self.choices.exchanged(&one.predicted) == gold))
        };
        predictions.iter().filter_map(is_correct).collect()
    }

    /// The diagnosis of each image that has a prediction.
    fn diagnoses(
        &self,
        path: &Path,
        predictions: &[Prediction],
        classes: &[String],
        partial: bool,
    ) -> ScoreResult<Vec<Diagnosis>> {
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
                return Err(ScoreError::in_file(path, message));
            }
            by_image.insert(image_id.as_str(), predicted_idx);
        }
        let mut diagnoses = Vec::new();
        for image in self.images.iter().filter(|image| image.is_kept) {
            match by_image.get(image.image_id.as_str()) {
                Some(&predicted_idx) => diagnoses.push(Diagnosis {
                    image_id: image.image_id.clone(),
                    gold_idx: class_idx(&image.gold, &image.image_id)?,
                    predicted_idx,
                }),
                None if partial => {}
                None => {
                    let message = format!("there is no prediction for image `{}`", image.image_id);
                    return Err(ScoreError::in_file(path, message));
                }
            }
        }
        if diagnoses.is_empty() && self.images.iter().any(|image| image.is_kept) {
            let message = "none of the predictions is of an image that is scored: one that somebody \
                           gave a single diagnosis";
            return Err(ScoreError::in_file(path, message));
        }
        Ok(diagnoses)
    }

    fn description(&self, image_ids: &[&str]) -> BTreeMap<String, serde_json::Value> {
        let is_scored = |image: &&ImageMasks| image_ids.binary_search(&&*image.image_id).is_ok();
        let masks = || self.images.iter().filter(is_scored).flat_map(|image| &image.masks);
        let has_no_mask = |image: &&ImageMasks| is_scored(image) && image.masks.is_empty();
        let num_unions = masks().filter(|mask| mask.characteristic == UNION).count();
        let HeatmapScoring { size, normalize, quantize, border } = self.scoring;
        let ScoringChoices { rows, union_rows, average, union_average, class_exchange } =
            &self.choices;
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
            (NUM_WITHOUT_MASK, json!(self.images.iter().filter(has_no_mask).count())),
            (NUM_WITHOUT_MAP, json!(self.images.len() - image_ids.len())),
            (NUM_NOT_SCORED, json!(self.dataset.images().len() - self.images.len())),
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
    let baselines = baselines.iter().filter(|_| seeds.iter().any(|rows| !rows.is_empty()));
    baselines.map(|(name, rows)| (name.clone(), lead(seeds, rows, image_ids, resamples))).collect()
}
