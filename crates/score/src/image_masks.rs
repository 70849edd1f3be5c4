//! The experts' masks of one image, and what maps score on them.

use crate::choices::{ScoredRows, ScoringChoices, Unmarked};
use crate::error::ScoreResult;
use dermx_data::{ImageSize, Mask, Reading};
use dermx_eval::{
    EvalError, FuzzyScores, MapRow, OUTLINED, OutlineMeans, OutlineShape, RankedMap, TYPICAL,
    UNION, binary_localization, binary_scores, outline_shape,
};
use std::collections::BTreeSet;
use std::ops::Range;

/// The masks of one image at scoring size.
#[derive(Debug)]
pub struct ImageMasks {
    /// The image.
    pub image_id: String,
    /// Its gold class; empty where it has none, or several.
    pub gold: String,
    /// Whether it has a reading that does not discard it.
    pub is_kept: bool,
    /// What counts, of all raters.
    pub masks: Vec<RaterMask>,
    /// The two [`outlines`] of `masks`; none where they are not asked for.
    pub outlines: Vec<RaterMask>,
    /// Number, size and form of the unions of `masks`; nothing where they are not asked for.
    pub outline_means: OutlineMeans,
}

/// Runs of flat indices.
pub type Runs<'a> = std::iter::Map<std::slice::Iter<'a, [u32; 2]>, fn(&[u32; 2]) -> Range<usize>>;

fn runs(mask: &Mask) -> Runs<'_> {
    mask.runs().iter().map(|&[start, end]| start as usize..end as usize)
}

/// What one rater outlined.
#[derive(Debug)]
pub struct RaterMask {
    /// The rater.
    pub rater: String,
    /// What is outlined, or [`UNION`].
    pub characteristic: String,
    /// Where.
    pub mask: Mask,
}

/// The masks of an evaluation that count, at scoring size; `concepts` are those that could be marked.
pub fn masks_of(
    evaluation: &Reading,
    is_kept_image: bool,
    choices: &ScoringChoices,
    size: ImageSize,
    concepts: &[&str],
) -> Vec<RaterMask> {
    let is_taken = |rows: ScoredRows| rows.contains(is_kept_image, evaluation.is_single());
    let named = |(characteristic, mask): (&str, Mask)| RaterMask {
        rater: evaluation.rater.clone(),
        characteristic: characteristic.to_string(),
        mask,
    };
    if !is_taken(choices.rows) && !is_taken(choices.union_rows) {
        return Vec::new();
    }
    let characteristics = evaluation.concepts().into_iter();
    let mut outlined: Vec<(&str, Mask)> = characteristics
        .filter_map(|name| Some((name, evaluation.mask_nearest(name, size)?)))
        .collect();
    if choices.unmarked == Unmarked::Empty {
        let is_marked = |name: &str| outlined.iter().any(|(marked, _)| *marked == name);
        let unmarked: Vec<&str> =
            concepts.iter().copied().filter(|name| !is_marked(name)).collect();
        outlined.extend(unmarked.into_iter().map(|name| (name, Mask::empty(size))));
        outlined.sort_by_key(|(name, _)| *name);
    }
    // To pick pixels and to join masks is the same in either order.
    let union = Mask::union_all(outlined.iter().map(|(_, mask)| mask.clone()));
    let union = union.filter(|_| is_taken(choices.union_rows)).map(|mask| (UNION, mask));
    let outlined = outlined.into_iter().filter(|_| is_taken(choices.rows));
    outlined.chain(union).map(named).collect()
}

/// What any rater outlined of the characteristics `typical`, and of all; none without outlines.
pub fn outlines(masks: &[RaterMask], typical: Option<&BTreeSet<&str>>) -> Vec<RaterMask> {
    let masks = masks.iter().filter(|mask| mask.characteristic != UNION);
    let is_typical = |one: &&RaterMask| {
        typical.is_some_and(|typical| typical.contains(one.characteristic.as_str()))
    };
    let typical = masks.clone().filter(is_typical).map(|one| one.mask.clone());
    let Some(all) = Mask::union_all(masks.map(|one| one.mask.clone())) else {
        return Vec::new();
    };
    let typical = Mask::union_all(typical).unwrap_or_else(|| Mask::empty(all.size()));
    let named = |name: &str, mask: Mask| RaterMask {
        rater: String::new(),
        characteristic: name.to_string(),
        mask,
    };
    vec![named(TYPICAL, typical), named(OUTLINED, all)]
}

/// Number, size and form of the unions among `masks`.
///
/// # Errors
/// None for masks with pixels.
pub fn outline_means(masks: &[RaterMask]) -> ScoreResult<OutlineMeans> {
    let shape = |one: &RaterMask| {
        let size = one.mask.size();
        let mut pixels = vec![0; size.num_pixels()];
        for run in runs(&one.mask) {
            pixels[run].fill(1);
        }
        Ok(outline_shape(&pixels, [size.height as usize, size.width as usize])?)
    };
    let unions = masks.iter().filter(|one| one.characteristic == UNION);
    let shapes: ScoreResult<Vec<OutlineShape>> = unions.map(shape).collect();
    Ok(OutlineMeans::over(&shapes?))
}

impl ImageMasks {
    /// A row for each of `masks`, by the map that `fuzzy` scores, and that `ranked` is if it is asked
    /// for.
    ///
    /// # Errors
    /// A map of another size.
    pub fn rows(
        &self,
        masks: &[RaterMask],
        fuzzy: impl Fn(Runs<'_>) -> Result<FuzzyScores, EvalError>,
        ranked: Option<&RankedMap>,
    ) -> ScoreResult<Vec<MapRow>> {
        let score = |RaterMask { rater, characteristic, mask }: &RaterMask| {
            Ok(MapRow {
                image_id: self.image_id.clone(),
                rater: rater.clone(),
                characteristic: characteristic.clone(),
                scores: fuzzy(runs(mask))?,
                localization: ranked.map(|ranked| ranked.scores(runs(mask))).transpose()?,
            })
        };
        masks.iter().map(score).collect()
    }

    /// Each rater's mask as the map against the mask of each other rater who outlined the same.
    pub fn expert_rows(&self, localization: bool) -> Vec<MapRow> {
        let mut rows = Vec::new();
        for reference in &self.masks {
            let same = |other: &&RaterMask| {
                other.rater != reference.rater && other.characteristic == reference.characteristic
            };
            for other in self.masks.iter().filter(same) {
                let (map, mask) = (&other.mask, &reference.mask);
                let num_pixels = mask.size().num_pixels();
                let (both, map, mask) = (map.intersection_area(mask), map.area(), mask.area());
                rows.push(MapRow {
                    image_id: self.image_id.clone(),
                    rater: reference.rater.clone(),
                    characteristic: reference.characteristic.clone(),
                    scores: binary_scores(both, map, mask, num_pixels),
                    localization: localization
                        .then(|| binary_localization(both, map, mask, num_pixels)),
                });
            }
        }
        rows
    }
}
