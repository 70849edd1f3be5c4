//! Scores of the probabilities that networks give the classes of the same images.

use crate::calibration::{bin_of, error_interval, reliability_bins, weighted_error};
use crate::ranking::RankedImages;
use crate::{
    DiagnosisScores, EvalError, EvalRecord, RankingScores, Score, TopProbability, mean,
    percentile_interval,
};
use rayon::prelude::*;

/// The probabilities that one network gives each class, ready to be scored on one resample after another.
#[derive(Debug, Clone)]
pub struct ClassProbabilities {
    /// The gold class of each image.
    gold: Vec<usize>,
    /// By class.
    ranked: Vec<RankedImages>,
    pub(crate) top: Vec<TopProbability>,
    /// The bin of each image's largest probability.
    pub(crate) bins: Vec<usize>,
}

/// What a network scores on some images.
struct Values {
    /// By class.
    classes: Vec<RankingScores<Option<f64>>>,
    ece: Option<f64>,
}

impl Values {
    /// The means over the classes where the score is defined.
    fn macro_means(&self) -> RankingScores<Option<f64>> {
        RankingScores::macro_means(&self.classes)
    }

    /// Every score: those of the classes, their means, the calibration error.
    fn all(&self) -> Vec<Option<f64>> {
        let macro_means = self.macro_means();
        let ranking = self.classes.iter().chain([&macro_means]);
        ranking.flat_map(|scores| scores.each().map(|one| *one)).chain([self.ece]).collect()
    }
}

impl ClassProbabilities {
    /// Takes the probabilities of one network.
    ///
    /// What it says of an image is the class with the largest probability; of several the predicted one.
    ///
    /// # Shapes
    /// `gold[image]` and `predicted[image]` are indices of classes, `probabilities[image][class]`.
    ///
    /// # Errors
    /// Other numbers of images or classes, a probability that is not from 0 to 1.
    pub fn new(
        num_classes: usize,
        gold: &[usize],
        predicted: &[usize],
        probabilities: &[&[f64]],
    ) -> Result<Self, EvalError> {
        let num_images = gold.len();
        if predicted.len() != num_images || probabilities.len() != num_images {
            let message = format!(
                "found {} predictions and {} rows of probabilities for {num_images} images",
                predicted.len(),
                probabilities.len()
            );
            return Err(EvalError::new("probabilities", message));
        }
        let mut top = Vec::with_capacity(num_images);
        for (image, row) in probabilities.iter().enumerate() {
            let is_probability = |p: &f64| (0.0..=1.0).contains(p);
            if row.len() != num_classes || !row.iter().all(is_probability) {
                let message = format!("found {row:?}, expected {num_classes} numbers from 0 to 1");
                return Err(EvalError::new(format!("probabilities of image {image}"), message));
            }
            let probability = row.iter().copied().fold(0.0, f64::max);
            let is_largest = |class: usize| row.get(class) == Some(&probability);
            let first = || row.iter().position(|&p| p == probability);
            let class = Some(predicted[image]).filter(|&class| is_largest(class)).or_else(first);
            top.push(TopProbability { probability, is_right: class == Some(gold[image]) });
        }
        let of_class = |class: usize| {
            RankedImages::new(&probabilities.iter().map(|row| row[class]).collect::<Vec<f64>>())
        };
        Ok(Self {
            gold: gold.to_vec(),
            ranked: (0..num_classes).map(of_class).collect::<Result<_, _>>()?,
            bins: top.iter().map(|image| bin_of(image.probability)).collect(),
            top,
        })
    }

    /// What the network scores where image `i` is there `times[i]` times.
    fn values(&self, times: &[u32]) -> Values {
        let of_class = |(class, ranked): (usize, &RankedImages)| {
            ranked.scores(|image| self.gold[image] == class, times)
        };
        Values {
            classes: self.ranked.iter().enumerate().map(of_class).collect(),
            ece: weighted_error(&self.top, &self.bins, times),
        }
    }

    /// Adds to the scores of this one network what its probabilities say. `n` counts images, and for the means
    /// of the classes the classes that went into them.
    ///
    /// # Shapes
    /// `classes` names the classes in the order of the probabilities.
    pub fn add_scores(&self, diagnosis: &mut DiagnosisScores, classes: &[String]) {
        let num_images = self.gold.len();
        let over_images = |value| Score::over_images(value, num_images);
        let values = self.values(&vec![1; num_images]);
        for (class, scores) in classes.iter().zip(&values.classes) {
            if let Some(row) = diagnosis.classes.get_mut(class) {
                row.ranking = Some(scores.each().map(|score| over_images(*score)).into());
            }
        }
        let macro_means = values.macro_means();
        let mut ranking = RankingScores::<Score>::default();
        for (idx, score) in ranking.each_mut().into_iter().enumerate() {
            let n = values.classes.iter().filter(|class| class.each()[idx].is_some()).count();
            let undefined = values.classes.len() - n;
            *score = Score { mean: *macro_means.each()[idx], n, undefined, ..Score::default() };
        }
        diagnosis.ranking = Some(ranking);
        diagnosis.ece = Some(over_images(values.ece));
        diagnosis.reliability = reliability_bins(&[&self.top]);
    }
}

/// Adds to `record`, which is of these networks on the same images, the intervals of what their probabilities
/// score, and over several of them the bins of the reliability diagram.
///
/// Intervals are over images, for the networks at hand: of the mean over the networks where all have the same
/// images resampled.
///
/// # Shapes
/// `resamples[resample][image]` are indices of images.
///
/// # Errors
/// Networks on other numbers of images or classes; an index that is not of an image.
pub fn add_probability_intervals(
    record: &mut EvalRecord,
    networks: &[ClassProbabilities],
    resamples: &[Vec<u32>],
) -> Result<(), EvalError> {
    let (Some(diagnosis), Some(first)) = (&mut record.diagnosis, networks.first()) else {
        return Ok(());
    };
    let shape = |network: &ClassProbabilities| [network.gold.len(), network.ranked.len()];
    if let Some(other) = networks.iter().find(|network| shape(network) != shape(first)) {
        let message = format!(
            "found {:?} images and classes, expected {:?} as of the first network",
            shape(other),
            shape(first)
        );
        return Err(EvalError::new("probabilities", message));
    }
    let times = resamples
        .iter()
        .map(|images| multiplicities(images, first.gold.len()))
        .collect::<Result<Vec<_>, _>>()?;
    let over_networks = |times: &Vec<u32>| -> Vec<Option<f64>> {
        let all: Vec<Vec<Option<f64>>> =
            networks.iter().map(|network| network.values(times).all()).collect();
        let of_score =
            |idx: usize| mean(&all.iter().filter_map(|one| one[idx]).collect::<Vec<_>>());
        (0..all[0].len()).map(of_score).collect()
    };
    let resampled: Vec<Vec<Option<f64>>> = times.par_iter().map(over_networks).collect();
    let of_score = |idx: usize| resampled.iter().map(|one| one[idx]).collect::<Vec<_>>();
    let num_scores = RankingScores::<Score>::NAMES.len();
    let set = |ranking: &mut Option<RankingScores<Score>>, row: usize| {
        for (idx, score) in ranking.iter_mut().flat_map(RankingScores::each_mut).enumerate() {
            score.interval = percentile_interval(&of_score(row * num_scores + idx));
        }
    };
    for (class_idx, class) in record.classes.iter().enumerate() {
        if let Some(scores) = diagnosis.classes.get_mut(class) {
            set(&mut scores.ranking, class_idx);
        }
    }
    let num_classes = first.ranked.len();
    set(&mut diagnosis.ranking, num_classes);
    if let Some(ece) = &mut diagnosis.ece {
        let values = of_score((num_classes + 1) * num_scores);
        ece.interval = ece.mean.and_then(|estimate| error_interval(estimate, &values));
    }
    let tops: Vec<&[TopProbability]> = networks.iter().map(|one| one.top.as_slice()).collect();
    diagnosis.reliability = reliability_bins(&tops);
    Ok(())
}

/// How often each image is in a resample.
pub(crate) fn multiplicities(images: &[u32], num_images: usize) -> Result<Vec<u32>, EvalError> {
    let mut times = vec![0; num_images];
    for &image in images {
        let Some(times) = times.get_mut(image as usize) else {
            let message = format!("found {image}, expected indices below {num_images}");
            return Err(EvalError::new("resample", message));
        };
        *times += 1;
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_probabilities_the_predicted_class_counts() {
        let rows: [&[f64]; 3] = [&[0.5, 0.5], &[0.5, 0.5], &[0.2, 0.8]];
        // The third was predicted otherwise than its probabilities say: they count.
        let network = ClassProbabilities::new(2, &[0, 0, 1], &[0, 1, 0], &rows).unwrap();
        let right: Vec<bool> = network.top.iter().map(|image| image.is_right).collect();
        assert_eq!(right, [true, false, true]);
        assert_eq!(network.bins, [7, 7, 11]);
    }

    #[test]
    fn wrong_input_is_named() {
        let error = |gold: &[usize], rows: &[&[f64]]| {
            ClassProbabilities::new(2, gold, &vec![0; gold.len()], rows).unwrap_err().to_string()
        };
        assert!(error(&[0], &[]).contains("0 rows of probabilities for 1 images"));
        for row in [&[1.0][..], &[0.5, 1.5], &[f64::NAN, 0.5], &[-0.1, 0.5]] {
            let message = error(&[0], &[row]);
            assert!(message.contains("image 0: found ["), "{message}");
            assert!(message.contains("expected 2 numbers from 0 to 1"), "{message}");
        }
        let network = |num: usize| {
            let rows = vec![&[0.5, 0.5][..]; num];
            ClassProbabilities::new(2, &vec![0; num], &vec![0; num], &rows).unwrap()
        };
        let mut record =
            EvalRecord { diagnosis: Some(DiagnosisScores::default()), ..EvalRecord::default() };
        let error = add_probability_intervals(&mut record, &[network(2), network(3)], &[]);
        assert!(error.unwrap_err().message.contains("expected [2, 2]"));
        let error = add_probability_intervals(&mut record, &[network(2)], &[vec![2]]);
        assert_eq!(error.unwrap_err().to_string(), "resample: found 2, expected indices below 2");
    }
}
