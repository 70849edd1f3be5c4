//! How concentrated maps are, and what their scores go along with: a row for each image.

use crate::{
    CoefficientUnits, ComplexityScores, EvalError, OutlineShape, Predictor, Regression, Score,
    mean, regression,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The map of an image, with what its score may go along with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScoredMap {
    /// The image.
    pub image_id: String,
    /// How concentrated the map is.
    pub complexity: ComplexityScores,
    /// Fuzzy F1 against the union of all that a rater outlined, mean over the raters; `None` without any.
    pub f1: Option<f64>,
    /// The unions that it is scored against.
    pub outlines: OutlineMeans,
    /// The probability of the predicted class; `None` where it is not known.
    pub confidence: Option<f64>,
}

/// Number, size and form of what raters outlined in an image: means of [`OutlineShape`] over the raters where it is
/// defined.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OutlineMeans {
    /// Number of parts.
    pub num_parts: Option<f64>,
    /// Share of the pixels that is inside.
    pub area_share: Option<f64>,
    /// Longer by shorter side of the largest part.
    pub elongation: Option<f64>,
    /// What the largest part leaves empty of its rectangle.
    pub irrectangularity: Option<f64>,
}

impl OutlineMeans {
    /// Of the union of each rater.
    pub fn over(shapes: &[OutlineShape]) -> Self {
        let over = |pick: fn(&OutlineShape) -> Option<f64>| {
            mean(&shapes.iter().filter_map(pick).collect::<Vec<f64>>())
        };
        Self {
            num_parts: over(|one| Some(one.num_parts as f64)),
            area_share: over(|one| Some(one.area_share)),
            elongation: over(|one| one.elongation),
            irrectangularity: over(|one| one.irrectangularity),
        }
    }
}

/// Means of [`ComplexityScores`], a row for each image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComplexityMeans {
    /// Gini index.
    pub sparseness: Score,
    /// Entropy in nats.
    pub complexity: Score,
    /// Number of pixels that count.
    pub effective_complexity: Score,
}

impl ComplexityMeans {
    /// The scores in the order of their names, to be changed.
    pub fn each_mut(&mut self) -> [&mut Score; 3] {
        [&mut self.sparseness, &mut self.complexity, &mut self.effective_complexity]
    }
}

/// What the fuzzy F1 of the union goes along with, image by image: linear regressions on number, size and form of the
/// outlines and on how sure the network is, in [`CoefficientUnits::Range`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct F1Regression {
    /// On each of [`PREDICTORS`] alone; `None` where there are fewer than three images with it, or where it or the
    /// score is the same in all.
    pub alone: BTreeMap<String, Option<Regression>>,
    /// On those together that vary; `None` as above, and where one follows from others.
    pub together: Option<Regression>,
}

/// A number of a map; `None` where it is undefined.
pub type MapNumber = fn(&ScoredMap) -> Option<f64>;

/// What predicts the score, and how it is called.
pub const PREDICTORS: [(&str, MapNumber); 5] = [
    ("num_parts", |map| map.outlines.num_parts),
    ("area_share", |map| map.outlines.area_share),
    ("elongation", |map| map.outlines.elongation),
    ("irrectangularity", |map| map.outlines.irrectangularity),
    ("confidence", |map| map.confidence),
];

/// How concentrated `maps` are, with intervals over them; without `resamples` there are none.
///
/// # Shapes
/// `resamples[resample][map]` are indices of maps.
///
/// # Errors
/// An index that is not of a map.
pub fn complexity_means(
    maps: &[ScoredMap],
    resamples: &[Vec<u32>],
) -> Result<ComplexityMeans, EvalError> {
    let over = |pick: fn(&ComplexityScores) -> Option<f64>| {
        let values: Vec<Option<f64>> = maps.iter().map(|map| pick(&map.complexity)).collect();
        Score::over_resampled(&values, resamples)
    };
    Ok(ComplexityMeans {
        sparseness: over(|one| one.sparseness)?,
        complexity: over(|one| one.complexity)?,
        effective_complexity: over(|one| one.effective_complexity)?,
    })
}

/// What the fuzzy F1 of `maps` goes along with; `None` where no map has one. Confidence is left out where no map has
/// it.
///
/// # Source
/// Saporta et al., 2022, <https://doi.org/10.1038/s42256-022-00536-x> (CheXlocalize), who regress on each alone.
pub fn f1_regression(maps: &[ScoredMap]) -> Option<F1Regression> {
    let outcome: Vec<Option<f64>> = maps.iter().map(|map| map.f1).collect();
    if outcome.iter().all(Option::is_none) {
        return None;
    }
    let columns: Vec<(&str, Vec<Option<f64>>)> = PREDICTORS
        .iter()
        .map(|(name, pick)| (*name, maps.iter().map(pick).collect::<Vec<_>>()))
        .filter(|(_, values)| values.iter().any(Option::is_some))
        .collect();
    // What cannot be fitted is undefined; the values themselves are finite.
    let fit = |predictors: &[Predictor<'_>]| {
        regression(&outcome, predictors, CoefficientUnits::Range).ok()
    };
    let mut found = F1Regression::default();
    let mut varying = Vec::new();
    for (name, values) in &columns {
        let predictor = Predictor { name, values };
        let alone = fit(&[predictor]);
        varying.extend(alone.is_some().then_some(predictor));
        found.alone.insert((*name).to_string(), alone);
    }
    found.together = fit(&varying);
    Some(found)
}

/// The mean of several networks' maps of each image, over those where a value is defined; images that a network lacks
/// are left out.
///
/// # Shapes
/// `networks[network]`, each in the order of its images.
pub fn mean_over_networks(networks: &[&[ScoredMap]]) -> Vec<ScoredMap> {
    let mut by_image: BTreeMap<&str, Vec<&ScoredMap>> = BTreeMap::new();
    for map in networks.iter().copied().flatten() {
        by_image.entry(&map.image_id).or_default().push(map);
    }
    let whole = by_image.into_values().filter(|maps| maps.len() == networks.len());
    whole.filter_map(|maps| mean_of(&maps)).collect()
}

fn mean_of(maps: &[&ScoredMap]) -> Option<ScoredMap> {
    let over = |pick: fn(&ScoredMap) -> Option<f64>| {
        mean(&maps.iter().filter_map(|map| pick(map)).collect::<Vec<f64>>())
    };
    let first = maps.first()?;
    Some(ScoredMap {
        image_id: first.image_id.clone(),
        complexity: ComplexityScores {
            sparseness: over(|map| map.complexity.sparseness),
            complexity: over(|map| map.complexity.complexity),
            effective_complexity: over(|map| map.complexity.effective_complexity),
        },
        f1: over(|map| map.f1),
        outlines: first.outlines,
        confidence: over(|map| map.confidence),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(image_id: &str, f1: Option<f64>, num_parts: f64, confidence: Option<f64>) -> ScoredMap {
        ScoredMap {
            image_id: image_id.into(),
            complexity: ComplexityScores { sparseness: f1, ..ComplexityScores::default() },
            f1,
            outlines: OutlineMeans {
                num_parts: Some(num_parts),
                area_share: Some(0.25),
                ..OutlineMeans::default()
            },
            confidence,
        }
    }

    #[test]
    fn raters_outlines_are_averaged_where_they_are_defined() {
        let shape = |num_parts, elongation| OutlineShape {
            num_parts,
            elongation,
            ..OutlineShape::default()
        };
        let found = OutlineMeans::over(&[shape(1, Some(3.0)), shape(0, None)]);
        assert_eq!((found.num_parts, found.elongation), (Some(0.5), Some(3.0)));
        assert_eq!(OutlineMeans::over(&[]), OutlineMeans::default());
    }

    #[test]
    fn the_score_goes_along_with_what_varies() {
        // On 1, 2, 3 parts .1, .5, .6: slope .25 a part, .5 over the range; the fourth image has no score.
        let f1 = [Some(0.1), Some(0.5), Some(0.6), None];
        let maps: Vec<ScoredMap> =
            f1.iter().zip(1..).map(|(f1, parts)| map("a", *f1, f64::from(parts), None)).collect();
        let found = f1_regression(&maps).unwrap();
        let alone = found.alone["num_parts"].as_ref().unwrap();
        assert!((alone.coefficients[0].estimate - 0.5).abs() < 1e-12, "{alone:?}");
        assert_eq!((alone.n, alone.undefined), (3, 1));
        assert_eq!(found.alone["area_share"], None);
        assert!(!found.alone.contains_key("confidence") && !found.alone.contains_key("elongation"));
        assert_eq!(found.together.as_ref(), Some(alone));
        assert_eq!(f1_regression(&maps[3..]), None);
        // Two images are too few for a line with an error.
        let few = f1_regression(&maps[..2]).unwrap();
        assert_eq!((few.alone["num_parts"].clone(), few.together), (None, None));
    }

    #[test]
    fn networks_are_averaged_by_image() {
        let one = [map("a", Some(0.5), 1.0, Some(0.9)), map("b", None, 2.0, None)];
        let other = [map("b", Some(0.25), 2.0, Some(0.5)), map("c", Some(1.0), 1.0, None)];
        let found = mean_over_networks(&[&one, &other]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].f1, found[0].confidence), (Some(0.25), Some(0.5)));
        let means = complexity_means(&one, &[vec![0, 0], vec![1, 1]]).unwrap();
        assert_eq!(
            (means.sparseness.mean, means.sparseness.n, means.sparseness.undefined),
            (Some(0.5), 1, 1)
        );
        assert_eq!(means.sparseness.interval, Some([0.5, 0.5]));
        assert_eq!(means.effective_complexity.undefined, 2);
    }
}
