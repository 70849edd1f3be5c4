//! `maps.csv`: how concentrated the map of each image is, and what its score may go along with.

use crate::diagnoses::Diagnosis;
use crate::error::ScoreResult;
use crate::image_masks::ImageMasks;
use dermx_eval::{
    ComplexityScores, EvalRecord, MapRow, PREDICTORS, ScoredMap, UNION, complexity_means,
    f1_regression, mean, mean_over_networks,
};
use dermx_table::csv;
use std::collections::BTreeMap;

/// The name of the file.
pub const MAPS: &str = "maps.csv";

/// The text of the file: `image_id`, the complexity scores, the fuzzy F1 of the union, and [`PREDICTORS`]; what is
/// undefined is empty.
pub fn maps_csv(maps: &[ScoredMap]) -> Vec<u8> {
    let names = ["image_id", "sparseness", "complexity", "effective_complexity", "f1"];
    let names = names.into_iter().chain(PREDICTORS.map(|(name, _)| name));
    let header: Vec<String> = names.map(str::to_string).collect();
    let record = |map: &ScoredMap| {
        let ComplexityScores { sparseness, complexity, effective_complexity } = map.complexity;
        let scores = [sparseness, complexity, effective_complexity, map.f1].into_iter();
        let scores = scores.chain(PREDICTORS.map(|(_, value)| value(map)));
        let text = |score: Option<f64>| score.map_or(String::new(), |score| score.to_string());
        std::iter::once(map.image_id.clone()).chain(scores.map(text)).collect::<Vec<String>>()
    };
    csv(std::iter::once(header).chain(maps.iter().map(record)))
}

/// The maps whose complexity is known, with the scores of their `rows` and the confidence of `diagnoses`.
pub(crate) fn scored_maps(
    complexities: Vec<(String, ComplexityScores)>,
    images: &[ImageMasks],
    rows: &[MapRow],
    diagnoses: Option<&[Diagnosis]>,
) -> Vec<ScoredMap> {
    let outlines: BTreeMap<&str, _> =
        images.iter().map(|image| (image.image_id.as_str(), image.outline_means)).collect();
    let mut f1: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.characteristic == UNION) {
        f1.entry(&row.image_id).or_default().extend(row.scores.f1);
    }
    let diagnoses = diagnoses.unwrap_or_default().iter();
    let confidence: BTreeMap<&str, f64> = diagnoses
        .filter_map(|one| Some((one.image_id.as_str(), *one.probabilities.get(one.predicted_idx)?)))
        .collect();
    let map = |(image_id, complexity): (String, ComplexityScores)| ScoredMap {
        complexity,
        f1: f1.get(image_id.as_str()).and_then(|scores| mean(scores)),
        outlines: outlines.get(image_id.as_str()).copied().unwrap_or_default(),
        confidence: confidence.get(image_id.as_str()).copied(),
        image_id,
    };
    complexities.into_iter().map(map).collect()
}

/// Adds to `record`, which is of these networks, how concentrated their maps are, and what their score goes along
/// with. `resamples` draws from so many images.
///
/// # Errors
/// None for resamples of that number of images.
pub(crate) fn add_map_scores(
    record: &mut EvalRecord,
    networks: &[&[ScoredMap]],
    resamples: &dyn Fn(usize) -> Vec<Vec<u32>>,
) -> ScoreResult<()> {
    let maps = mean_over_networks(networks);
    if maps.is_empty() {
        return Ok(());
    }
    let found = complexity_means(&maps, &resamples(maps.len()))?;
    match &mut record.complexity {
        None => record.complexity = Some(found),
        // Over seeds the means are those of the seeds.
        Some(means) => {
            let mut found = found;
            for (score, found) in means.each_mut().into_iter().zip(found.each_mut()) {
                score.interval = found.interval;
            }
        }
    }
    record.regression = f1_regression(&maps);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dermx_eval::FuzzyScores;

    #[test]
    fn what_is_undefined_is_empty() {
        let complexity =
            ComplexityScores { effective_complexity: Some(0.0), ..ComplexityScores::default() };
        let row = |rater: &str, f1: Option<f64>| MapRow {
            image_id: "a".into(),
            rater: rater.into(),
            characteristic: UNION.into(),
            scores: FuzzyScores { f1, ..FuzzyScores::default() },
            localization: None,
        };
        let diagnosis = Diagnosis {
            image_id: "a".into(),
            gold_idx: 0,
            predicted_idx: 1,
            probabilities: vec![0.25, 0.75],
            logits: Vec::new(),
        };
        let rows = [row("r", Some(0.5)), row("s", Some(0.25)), row("t", None)];
        let maps = scored_maps(vec![("a".into(), complexity)], &[], &rows, Some(&[diagnosis]));
        let text = String::from_utf8(maps_csv(&maps)).unwrap();
        assert_eq!(
            text,
            "image_id,sparseness,complexity,effective_complexity,f1,num_parts,area_share,elongation,\
             irrectangularity,confidence\na,,,0,0.375,,,,,0.75\n"
        );
    }
}
