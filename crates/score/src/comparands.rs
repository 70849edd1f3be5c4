//! What maps of a network are compared with: maps that never saw one, and raters among themselves.

use crate::error::ScoreResult;
use crate::image_masks::{ImageMasks, Runs};
use dermx_data::Random;
use dermx_eval::{
    HeatmapScoring, MapRow, Normalize, PreparedMap, RankedMap, centre_gaussian,
    fuzzy_scores_by_sums, prepare, uniform_ones,
};
use dermx_work::Watch;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Name of the baseline of uniform noise.
const RANDOM: &str = "random";

/// Name of the baseline that always looks at the middle.
const CENTRE_GAUSSIAN: &str = "centre_gaussian";

/// Name of the baseline that looks everywhere.
const UNIFORM_ONES: &str = "uniform_ones";

/// Rows of all images of a data set, in the order of the images; the same for every network.
#[derive(Debug, Clone, Default)]
pub struct DatasetRows {
    /// Of maps that never saw a network, by name.
    pub baselines: BTreeMap<String, Vec<MapRow>>,
    /// Of each rater's mask against the masks of the others.
    pub experts: Vec<MapRow>,
    /// On [outlines](ImageMasks::outlines) of maps that are the same for each image, by name; none
    /// without localization.
    pub outlines: BTreeMap<String, Vec<MapRow>>,
}

impl DatasetRows {
    /// Scores everything on all `images`, whose `outlines` are in the same order.
    ///
    /// # Errors
    /// None for masks of the size of `scoring`, unless somebody asked to stop.
    pub fn new(
        images: &[ImageMasks],
        scoring: &HeatmapScoring,
        localization: bool,
        watch: Watch<'_>,
    ) -> ScoreResult<Self> {
        let size = scoring.size;
        let as_is = HeatmapScoring { normalize: Normalize::None, quantize: false, ..*scoring };
        let constant = BTreeMap::from([
            (CENTRE_GAUSSIAN, prepare(&centre_gaussian(size), size, &as_is)?),
            (UNIFORM_ONES, prepare(&uniform_ones(size), size, &as_is)?),
        ]);
        let mut rows = Self::default();
        for (name, map) in &constant {
            let ranked = localization.then(|| RankedMap::new(&map.values()));
            let of_masks = rows_of(images, watch, |image, _| {
                image.rows(&image.masks, |runs| map.scores(runs), ranked.as_ref())
            })?;
            rows.baselines.insert((*name).to_string(), of_masks);
            if localization {
                rows.outlines.insert((*name).to_string(), outline_rows(images, map, watch)?);
            }
        }
        let random =
            |image: &ImageMasks, sums: &mut Vec<u64>| random_rows(image, size, localization, sums);
        let random = rows_of(images, watch, random)?;
        rows.baselines.insert(RANDOM.to_string(), random);
        let experts = images.par_iter().flat_map_iter(|image| image.expert_rows(localization));
        rows.experts = experts.collect();
        Ok(rows)
    }

    /// The rows of `image_ids` alone, which are sorted.
    pub fn of_images(&self, image_ids: &[&str]) -> Self {
        let pick = |rows: &[MapRow]| -> Vec<MapRow> {
            let is_in = |row: &&MapRow| image_ids.binary_search(&row.image_id.as_str()).is_ok();
            rows.iter().filter(is_in).cloned().collect()
        };
        let pick_each = |tables: &BTreeMap<String, Vec<MapRow>>| {
            tables.iter().map(|(name, rows)| (name.clone(), pick(rows))).collect()
        };
        Self {
            baselines: pick_each(&self.baselines),
            experts: pick(&self.experts),
            outlines: pick_each(&self.outlines),
        }
    }
}

fn outline_rows(
    images: &[ImageMasks],
    map: &PreparedMap,
    watch: Watch<'_>,
) -> ScoreResult<Vec<MapRow>> {
    rows_of(images, watch, |image, _| image.rows(&image.outlines, |runs| map.scores(runs), None))
}

/// What to do after a request to stop.
pub const HOW_TO_GO_ON: &str = "nothing was written; score again";

/// Rows of all images, in their order; `rows_of` may use the numbers it is lent as it likes.
///
/// # Errors
/// Those of `rows_of`, or somebody asked to stop.
pub fn rows_of<T: Send>(
    images: &[ImageMasks],
    watch: Watch<'_>,
    rows_of: impl Fn(&ImageMasks, &mut Vec<u64>) -> ScoreResult<Vec<T>> + Sync,
) -> ScoreResult<Vec<T>> {
    let of_image = |lent: &mut Vec<u64>, image: &ImageMasks| {
        watch.check(HOW_TO_GO_ON)?;
        rows_of(image, lent)
    };
    let rows: Vec<ScoreResult<Vec<T>>> =
        images.par_iter().map_init(Vec::new, |lent, image| of_image(lent, image)).collect();
    let rows: ScoreResult<Vec<Vec<T>>> = rows.into_iter().collect();
    Ok(rows?.into_iter().flatten().collect())
}

/// Rows of uniform noise in steps of 2^-32, so that sums are whole numbers and exact. They go into
/// `sums`: memory that is used again costs less than the noise itself.
fn random_rows(
    image: &ImageMasks,
    [height, width]: [usize; 2],
    localization: bool,
    sums: &mut Vec<u64>,
) -> ScoreResult<Vec<MapRow>> {
    const STEP: f64 = 1.0 / 4_294_967_296.0;
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
    let ranked = localization.then(|| RankedMap::new(&noise().collect::<Vec<_>>()));
    let sum_before = |pixel: usize| sums[pixel] as f64 * STEP;
    let fuzzy = |runs: Runs<'_>| fuzzy_scores_by_sums(height * width, sum_before, runs);
    image.rows(&image.masks, fuzzy, ranked.as_ref())
}
