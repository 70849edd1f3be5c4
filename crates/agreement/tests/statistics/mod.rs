//! Agreement statistics against scikit-learn, krippendorff, NumPy and Pillow; `generate.py` beside
//! this file made the golden values and says what they are.

use dermx_agreement::{Bootstrap, DatasetTables, Options, Overrides, Row};
use dermx_data::{
    Dataset, Image, ImageSize, Mask, MaskSource, Reading, Region, darwin, mask_files, metadata,
};
use dermx_eval::{
    AgreementCounts, ClassScores, Evidence, Judgement, Pairs, Score, Spread, ZeroDivision,
    krippendorff_alpha, percentile_interval,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

type Scores = [Option<f64>; 3];

/// `n`, undefined, mean, population and sample standard deviation.
type Summary = (usize, usize, Option<f64>, Option<f64>, Option<f64>);

type Summaries = BTreeMap<String, Summary>;

#[derive(Deserialize)]
struct Golden {
    labels: Vec<LabelSet>,
    masks: Vec<MaskSet>,
}

#[derive(Deserialize)]
struct LabelSet {
    name: String,
    images: usize,
    raters: Vec<String>,
    classes: Vec<String>,
    judgements: BTreeMap<String, String>,
    one_vs_rest: Vec<OneVsRestCase>,
    alpha: Option<f64>,
    bootstrap: Option<Resampled>,
}

#[derive(Deserialize)]
struct OneVsRestCase {
    positive: String,
    #[serde(default)]
    pairs: Vec<(String, String, [u64; 4], Scores, Scores)>,
    ordered: Rules<Summaries>,
    unordered: Rules<Summaries>,
    consensus_of_labels: Consensus,
    consensus_of_yes_no: Option<Consensus>,
}

#[derive(Deserialize)]
struct Rules<T> {
    zero: T,
    nan: T,
}

#[derive(Deserialize)]
struct Consensus {
    raters: Vec<RaterConsensus>,
    summary: Rules<Summaries>,
}

/// The rater, images used, ties, images without another rater, scores under both rules.
type RaterConsensus = (String, usize, usize, usize, Option<Scores>, Option<Scores>);

#[derive(Deserialize)]
struct Resampled {
    resamples: Vec<Vec<u32>>,
    f1: BTreeMap<String, Values>,
    alpha: Values,
}

#[derive(Deserialize)]
struct Values {
    values: Vec<Option<f64>>,
    interval: [f64; 2],
}

#[derive(Deserialize)]
struct MaskSet {
    raters: Vec<String>,
    sizes: Vec<[u32; 2]>,
    masks: BTreeMap<String, Vec<String>>,
    full: MaskScores,
    resized: MaskScores,
}

#[derive(Deserialize)]
struct MaskScores {
    summary: Summaries,
    consensus_summary: Summaries,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden.json")).expect("the golden file")
}

#[track_caller]
fn assert_close(found: Option<f64>, expected: Option<f64>, what: &str) {
    match (found, expected) {
        (Some(found), Some(expected)) => {
            assert!((found - expected).abs() < 1e-12, "{what}: {found}, expected {expected}");
        }
        _ => assert_eq!(found, expected, "{what}"),
    }
}

#[track_caller]
fn assert_summary(population: &Score, sample: &Score, expected: &Summary, what: &str) {
    let (n, undefined, mean, population_std, sample_std) = expected;
    assert_eq!((population.n, population.undefined), (*n, *undefined), "{what}");
    assert_close(population.mean, *mean, what);
    assert_close(population.std, *population_std, what);
    assert_close(sample.std, *sample_std, what);
}

/// Expects the golden summaries of F1, sensitivity and specificity under both rules for 0/0.
///
/// scikit-learn's rule of zeros also covers a specificity of 0/0, ours does not.
#[track_caller]
fn assert_summaries(evidence: &Evidence, expected: &Rules<Summaries>, what: &str) {
    let every_image: Vec<u32> = (0..evidence.num_images() as u32).collect();
    for (rule, expected) in
        [(ZeroDivision::Zero, &expected.zero), (ZeroDivision::Undefined, &expected.nan)]
    {
        let over = |spread| evidence.scores(&every_image, rule, spread);
        let (population, sample) = (over(Spread::Population), over(Spread::Sample));
        let what = format!("{what}, {rule:?}");
        assert_summary(&population.f1, &sample.f1, &expected["f1"], &what);
        let sensitivity = &expected["sensitivity"];
        assert_summary(&population.sensitivity, &sample.sensitivity, sensitivity, &what);
        if rule == ZeroDivision::Undefined {
            let specificity = &expected["specificity"];
            assert_summary(&population.specificity, &sample.specificity, specificity, &what);
        }
    }
}

impl LabelSet {
    /// The raters as they sort; a rater's number is the place here.
    fn sorted_raters(&self) -> Vec<&str> {
        let mut raters: Vec<&str> = self.raters.iter().map(String::as_str).collect();
        raters.sort_unstable();
        raters
    }

    /// What `rater` said of an image; `None` where they did not see it.
    fn said(&self, rater: &str, image: usize) -> Option<&str> {
        self.judgements[rater].get(image..image + 1).filter(|said| *said != "-")
    }

    fn judgements(&self, positive: &str) -> Vec<Vec<Judgement>> {
        let of_image = |image: usize| {
            let raters = self.sorted_raters();
            raters
                .iter()
                .enumerate()
                .filter_map(|(rater_idx, rater)| {
                    let is_positive = self.said(rater, image)? == positive;
                    Some(Judgement { rater_idx, is_positive })
                })
                .collect()
        };
        (0..self.images).map(of_image).collect()
    }

    /// How many raters gave each class to each of the images.
    fn class_counts(&self, images: impl IntoIterator<Item = usize>) -> Vec<Vec<u64>> {
        let counts = |image: usize| {
            let mut counts = vec![0; self.classes.len()];
            for said in self.raters.iter().filter_map(|rater| self.said(rater, image)) {
                let class = self.classes.iter().position(|class| class == said);
                counts[class.expect("a class")] += 1;
            }
            counts
        };
        images.into_iter().map(counts).collect()
    }
}

#[test]
fn pairs_of_raters_are_scored_as_by_scikit_learn() {
    let mut num_pairs = 0;
    for set in golden().labels {
        let raters = set.sorted_raters();
        for case in &set.one_vs_rest {
            let judgements = set.judgements(&case.positive);
            let what = format!("{} {}", set.name, case.positive);
            let ordered = Evidence::of_pairs(&judgements, Pairs::Ordered);
            let every_image: Vec<u32> = (0..set.images as u32).collect();
            let counts = ordered.unit_counts(&every_image);
            let mut expected: Vec<_> = case.pairs.iter().collect();
            let rater_idx = |name: &String| raters.iter().position(|rater| rater == name);
            expected.sort_by_key(|pair| (rater_idx(&pair.0), rater_idx(&pair.1)));
            assert!(expected.is_empty() || expected.len() == counts.len(), "{what}");
            for (found, (_, _, [tp, fp, fn_, tn], _, nan)) in counts.iter().zip(expected) {
                let expected = AgreementCounts {
                    both: *tp,
                    only_reference: *fn_,
                    only_other: *fp,
                    neither: *tn,
                };
                assert_eq!(*found, expected, "{what}");
                let scores = found.scores();
                assert_close(scores.f1, nan[0], &what);
                assert_close(scores.sensitivity, nan[1], &what);
                assert_close(scores.specificity, nan[2], &what);
                num_pairs += 1;
            }
            assert_summaries(&ordered, &case.ordered, &what);
            let unordered = Evidence::of_pairs(&judgements, Pairs::Unordered);
            assert_summaries(&unordered, &case.unordered, &what);
        }
    }
    assert!(num_pairs > 60, "{num_pairs}");
}

#[test]
fn the_others_consensus_is_that_of_numpy() {
    for set in golden().labels {
        for case in &set.one_vs_rest {
            let judgements = set.judgements(&case.positive);
            let (evidence, undecided) = Evidence::of_leave_one_out(&judgements);
            let expected = case.consensus_of_yes_no.as_ref().unwrap_or(&case.consensus_of_labels);
            let what = format!("{} {}", set.name, case.positive);
            let left_out: usize = expected.raters.iter().map(|rater| rater.2 + rater.3).sum();
            assert_eq!(undecided.iter().sum::<usize>(), left_out, "{what}");
            assert_summaries(&evidence, &expected.summary, &what);
        }
    }
}

#[test]
fn resampled_statistics_and_intervals_are_those_of_numpy() {
    let mut num_intervals = 0;
    for set in golden().labels {
        let Some(resampled) = &set.bootstrap else { continue };
        for (positive, expected) in &resampled.f1 {
            let evidence = Evidence::of_pairs(&set.judgements(positive), Pairs::Ordered);
            let f1 = |images: &Vec<u32>| -> ClassScores {
                evidence.scores(images, ZeroDivision::Zero, Spread::Population)
            };
            let found: Vec<Option<f64>> =
                resampled.resamples.iter().map(|images| f1(images).f1.mean).collect();
            assert_values(&found, expected, &format!("{} f1 {positive}", set.name));
            num_intervals += 1;
        }
        let alpha = |images: &Vec<u32>| {
            krippendorff_alpha(&set.class_counts(images.iter().map(|&image| image as usize)))
        };
        let found: Vec<Option<f64>> = resampled.resamples.iter().map(alpha).collect();
        assert_values(&found, &resampled.alpha, &format!("{} alpha", set.name));
        assert_close(krippendorff_alpha(&set.class_counts(0..set.images)), set.alpha, &set.name);
        num_intervals += 1;
    }
    assert!(num_intervals >= 8, "{num_intervals}");
}

#[track_caller]
fn assert_values(found: &[Option<f64>], expected: &Values, what: &str) {
    assert_eq!(found.len(), expected.values.len(), "{what}");
    for (found, expected) in found.iter().zip(&expected.values) {
        assert_close(*found, *expected, what);
    }
    let interval = percentile_interval(found).expect("most resamples have a value");
    for (found, expected) in interval.iter().zip(expected.interval) {
        assert_close(Some(*found), Some(expected), what);
    }
}

/// A data set in `root` whose masks are the golden ones, as PNG files.
fn dataset(set: &MaskSet, root: &Path) -> Dataset {
    let mut evaluations = Vec::new();
    let mut images = Vec::new();
    let mut masks = Vec::new();
    for (image_idx, &[height, width]) in set.sizes.iter().enumerate() {
        let image_id = format!("image{image_idx}");
        images.push(Image {
            image_id: image_id.clone(),
            file_name: format!("{image_id}.jpg"),
            gold: vec!["Acne".to_owned()],
            attributes: [("dataset", "source"), ("skin_tone", "light"), ("age", "adult")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..Image::default()
        });
        let size = ImageSize::new(height, width);
        for rater in &set.raters {
            let text = &set.masks[rater][image_idx];
            let dense: Vec<u8> = text.bytes().map(|byte| byte - b'0').collect();
            let mask = Mask::from_dense(&dense, size);
            // The outline does not matter: masks are taken from the files.
            let instance = Region::outlined("Plaque", vec![vec![[0.0, 0.0]]]);
            let evaluation = Reading {
                classes: vec!["Acne".to_owned()],
                regions: if mask.is_empty() { Vec::new() } else { vec![instance] },
                ..Reading::new(image_id.clone(), rater.clone(), size)
            };
            if !mask.is_empty() {
                masks.push((mask_files::name(&evaluation, 0), mask));
            }
            evaluations.push(evaluation);
        }
    }
    darwin::write_annotations(root, &evaluations).expect("annotations");
    mask_files::write_mask_files(root, &evaluations).expect("masks");
    metadata::write(&root.join("metadata.csv"), &images).expect("metadata");
    for (name, mask) in masks {
        mask.write_png(&root.join("masks/masks").join(name)).expect("a mask");
    }
    let dataset = dermx_data::dermx::read(root).expect("a data set");
    dataset.with_mask_source(MaskSource::Files).expect("mask files")
}

#[track_caller]
fn assert_row(row: &Row, expected: &Summaries, what: &str) {
    let scores = row.scores.as_ref().expect("scores");
    for (name, score) in [
        ("f1", &scores.f1),
        ("sensitivity", &scores.sensitivity),
        ("specificity", &scores.specificity),
    ] {
        let (n, undefined, mean, _, sample_std) = expected[name];
        let what = format!("{what} {name}");
        assert_eq!((score.n, score.undefined), (n, undefined), "{what}");
        assert_close(score.mean, mean, &what);
        assert_close(score.std, sample_std, &what);
    }
}

#[test]
fn outlines_are_scored_as_by_numpy_and_scikit_learn() {
    for set in golden().masks {
        let folder = tempfile::tempdir().expect("a folder");
        let dataset = dataset(&set, folder.path());
        for (resolution, expected) in
            [(None, &set.full), (Some(ImageSize::new(5, 7)), &set.resized)]
        {
            let options = Options {
                overrides: Overrides { resolution, ..Overrides::default() },
                by: Vec::new(),
                min_images: 0,
                bootstrap: Bootstrap { num_resamples: 0, seed: 0 },
            };
            let found = DatasetTables::new(&dataset, &options).expect("tables").agreement;
            let what = format!("{} raters, {resolution:?}", set.raters.len());
            assert_row(&found.outlines["Plaque"], &expected.summary, &what);
            let left_out = &found.leave_one_rater_out.outlines["Plaque"];
            assert_row(left_out, &expected.consensus_summary, &format!("{what}, consensus"));
        }
    }
}
