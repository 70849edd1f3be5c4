//! How far all probabilities of a network are from what is true, as they are and with a temperature that was fitted on
//! other images.

use crate::calibration::{error_interval, weighted_error};
use crate::labels::times_of;
use crate::ranking::RankedImages;
use crate::temperature::log_likelihood_loss;
use crate::{
    ClassProbabilities, DiagnosisScores, EvalError, EvalRecord, RankingScores, Score, Temperature,
    brier_scores, mean, mean_auroc, one_hot, percentile_interval, softmax_at,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What validation images say of how sure a network should be; the shape of `temperature.json`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Number of validation images.
    pub num_images: usize,
    /// The temperature that fits them best; `None` where every temperature does.
    pub fitted: Option<Temperature>,
}

/// What all probabilities score together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Certainty {
    /// Scores of one order of all pairs of an image and a class; `n` counts images.
    pub micro: RankingScores<Score>,
    /// Brier score, a row for each image: `sum_k (p_k - y_k)^2`, from 0, which is good, to 2.
    pub brier: Score,
    /// Negative log-likelihood in nats, a row for each image: `-log p` of the gold class, from 0, which is good.
    pub nll: Score,
    /// With a temperature; absent where none was fitted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub calibrated: Option<Calibrated>,
}

/// What probabilities score once logits are divided by a temperature that was fitted on validation images. Which class
/// is the largest stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibrated {
    /// The temperature; its one row is the network.
    pub temperature: Score,
    /// As [`Certainty::nll`].
    pub nll: Score,
    /// As [`Certainty::brier`].
    pub brier: Score,
    /// Expected calibration error, see [`crate::calibration_error`].
    pub ece: Score,
}

/// What one network says of images.
#[derive(Debug, Clone)]
pub struct NetworkOutput<'a> {
    /// Index of the gold class of each image.
    pub gold: &'a [usize],
    /// Index of the predicted class of each image.
    pub predicted: &'a [usize],
    /// `[image][class]`.
    pub probabilities: Vec<&'a [f64]>,
    /// `[image][class]`, up to a constant for each image.
    pub logits: Vec<&'a [f64]>,
    /// The temperature that was fitted on other images; the inner `None` where every one fits.
    pub temperature: Option<Option<f64>>,
}

/// The scores of a network, image by image.
struct Images {
    pairs: RankedImages,
    brier: Vec<Option<f64>>,
    nll: Vec<Option<f64>>,
    calibrated: Option<CalibratedImages>,
}

struct CalibratedImages {
    temperature: Option<f64>,
    brier: Vec<Option<f64>>,
    nll: Vec<Option<f64>>,
    /// `None` without a temperature.
    probabilities: Option<ClassProbabilities>,
}

impl CalibratedImages {
    fn ece(&self, times: &[u32]) -> Option<f64> {
        let of = self.probabilities.as_ref()?;
        weighted_error(&of.top, &of.bins, times)
    }
}

impl NetworkOutput<'_> {
    fn num_classes(&self) -> usize {
        self.probabilities.first().map_or(0, |row| row.len())
    }

    fn images(&self) -> Result<Images, EvalError> {
        Ok(Images {
            pairs: RankedImages::new(&self.probabilities.concat())?,
            brier: self.brier(&self.probabilities)?,
            nll: self.nll(1.0)?,
            calibrated: self.temperature.map(|one| self.calibrated(one)).transpose()?,
        })
    }

    fn calibrated(&self, temperature: Option<f64>) -> Result<CalibratedImages, EvalError> {
        let undefined = || vec![None; self.gold.len()];
        let Some(degrees) = temperature else {
            let (brier, nll) = (undefined(), undefined());
            return Ok(CalibratedImages { temperature, brier, nll, probabilities: None });
        };
        let rows = self.logits.iter().map(|row| softmax_at(row, degrees));
        let rows: Vec<Vec<f64>> = rows.collect::<Result<_, _>>()?;
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let (gold, predicted) = (self.gold, self.predicted);
        let probabilities = ClassProbabilities::new(self.num_classes(), gold, predicted, &rows)?;
        Ok(CalibratedImages {
            temperature,
            brier: self.brier(&rows)?,
            nll: self.nll(degrees)?,
            probabilities: Some(probabilities),
        })
    }

    fn brier(&self, probabilities: &[&[f64]]) -> Result<Vec<Option<f64>>, EvalError> {
        let labels = one_hot(self.num_classes(), self.gold)?;
        let labels: Vec<&[bool]> = labels.iter().map(Vec::as_slice).collect();
        Ok(brier_scores(probabilities, &labels)?.into_iter().map(Some).collect())
    }

    fn nll(&self, temperature: f64) -> Result<Vec<Option<f64>>, EvalError> {
        let losses = log_likelihood_loss(&self.logits, self.gold, temperature)?;
        Ok(losses.into_iter().map(Some).collect())
    }

    /// The scores of all pairs of image and class where image `i` is there `times[i]` times.
    fn micro(&self, images: &Images, times: &[u32]) -> RankingScores<Option<f64>> {
        let num_classes = self.num_classes();
        let of_pairs: Vec<u32> =
            times.iter().flat_map(|&times| std::iter::repeat_n(times, num_classes)).collect();
        let is_gold = |pair: usize| self.gold[pair / num_classes] == pair % num_classes;
        images.pairs.scores(is_gold, &of_pairs)
    }

    /// Adds what all probabilities of this one network score to `diagnosis`, without intervals.
    ///
    /// # Errors
    /// Other numbers of images or classes, a probability that is not from 0 to 1, logits that are not finite.
    pub fn add_certainty(&self, diagnosis: &mut DiagnosisScores) -> Result<(), EvalError> {
        let num_images = self.gold.len();
        let images = self.images()?;
        let once = vec![1; num_images];
        let micro = self.micro(&images, &once);
        let calibrated = images.calibrated.as_ref().map(|of| Calibrated {
            temperature: Score::over(&[of.temperature]),
            nll: Score::over(&of.nll),
            brier: Score::over(&of.brier),
            ece: Score::over_images(of.ece(&once), num_images),
        });
        diagnosis.certainty = Some(Certainty {
            micro: micro.each().map(|score| Score::over_images(*score, num_images)).into(),
            brier: Score::over(&images.brier),
            nll: Score::over(&images.nll),
            calibrated,
        });
        Ok(())
    }
}

/// Adds to `record`, which is of these networks on the same images, the intervals of what all their probabilities
/// score, and DeLong's of the AUROC of each class.
///
/// Intervals are over images, of the mean over the networks where all have the same images resampled.
///
/// # Shapes
/// `resamples[resample][image]` are indices of images.
///
/// # Errors
/// As [`NetworkOutput::add_certainty`]; an index that is not of an image.
pub fn add_certainty_intervals(
    record: &mut EvalRecord,
    networks: &[NetworkOutput<'_>],
    resamples: &[Vec<u32>],
) -> Result<(), EvalError> {
    let (Some(diagnosis), Some(first)) = (&mut record.diagnosis, networks.first()) else {
        return Ok(());
    };
    for (idx, class) in record.classes.iter().enumerate() {
        if let Some(scores) = diagnosis.classes.get_mut(class) {
            scores.auroc_delong = delong_interval(networks, idx)?;
        }
    }
    let Some(certainty) = &mut diagnosis.certainty else { return Ok(()) };
    let images: Vec<Images> =
        networks.iter().map(NetworkOutput::images).collect::<Result<_, _>>()?;
    let times = times_of(resamples, first.gold.len())?;
    let over_images = |values: fn(&Images) -> Option<&Vec<Option<f64>>>| {
        let of_networks: Option<Vec<_>> = images.iter().map(values).collect();
        let means = means_over_networks(&of_networks.unwrap_or_default());
        Ok::<_, EvalError>(Score::over_resampled(&means, resamples)?.interval)
    };
    certainty.brier.interval = over_images(|one| Some(&one.brier))?;
    certainty.nll.interval = over_images(|one| Some(&one.nll))?;
    let micro = |times: &Vec<u32>| {
        let of_networks = networks.iter().zip(&images).map(|(one, of)| one.micro(of, times));
        RankingScores::macro_means(&of_networks.collect::<Vec<_>>())
    };
    let micro: Vec<RankingScores<Option<f64>>> = times.par_iter().map(micro).collect();
    for (idx, score) in certainty.micro.each_mut().into_iter().enumerate() {
        let values: Vec<Option<f64>> = micro.iter().map(|one| *one.each()[idx]).collect();
        score.interval = percentile_interval(&values);
    }
    let Some(calibrated) = &mut certainty.calibrated else { return Ok(()) };
    calibrated.brier.interval = over_images(|one| Some(&one.calibrated.as_ref()?.brier))?;
    calibrated.nll.interval = over_images(|one| Some(&one.calibrated.as_ref()?.nll))?;
    let ece = |times: &Vec<u32>| {
        let of_networks = images.iter().filter_map(|one| one.calibrated.as_ref()?.ece(times));
        mean(&of_networks.collect::<Vec<f64>>())
    };
    let ece_values: Vec<Option<f64>> = times.par_iter().map(ece).collect();
    let estimate = calibrated.ece.mean;
    calibrated.ece.interval = estimate.and_then(|estimate| error_interval(estimate, &ece_values));
    Ok(())
}

/// The mean of each image over the networks where it is defined.
fn means_over_networks(networks: &[&Vec<Option<f64>>]) -> Vec<Option<f64>> {
    let num_images = networks.first().map_or(0, |one| one.len());
    let of_image = |image: usize| {
        let defined = networks.iter().filter_map(|one| one.get(image).copied().flatten());
        mean(&defined.collect::<Vec<f64>>())
    };
    (0..num_images).map(of_image).collect()
}

fn delong_interval(
    networks: &[NetworkOutput<'_>],
    class: usize,
) -> Result<Option<[f64; 2]>, EvalError> {
    let column = |network: &NetworkOutput<'_>| -> Vec<f64> {
        network.probabilities.iter().filter_map(|row| row.get(class).copied()).collect()
    };
    let columns: Vec<Vec<f64>> = networks.iter().map(column).collect();
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let gold = networks.first().map_or(&[][..], |network| network.gold);
    let is_of_class: Vec<bool> = gold.iter().map(|&one| one == class).collect();
    Ok(mean_auroc(&columns, &is_of_class)?.and_then(|auroc| auroc.interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLD: [usize; 2] = [0, 1];

    fn output<'a>(rows: &'a [[f64; 2]], logits: &'a [[f64; 2]]) -> NetworkOutput<'a> {
        NetworkOutput {
            gold: &GOLD,
            predicted: &[0, 0],
            probabilities: rows.iter().map(<[f64; 2]>::as_slice).collect(),
            logits: logits.iter().map(<[f64; 2]>::as_slice).collect(),
            temperature: Some(Some(2.0)),
        }
    }

    #[test]
    fn scores_by_hand() {
        // Of the first image 0.8 is right, of the second 0.2: squares 2 * .04 and 2 * .64, losses -log .8, -log .2.
        // Logits log 16 and 0 are 16/17 as they are; with temperature 2 they are log 4 and 0: 0.8 and 0.2.
        let rows = [[0.8, 0.2], [0.8, 0.2]];
        let logits = [[16f64.ln(), 0.0], [16f64.ln(), 0.0]];
        let mut diagnosis = DiagnosisScores::default();
        output(&rows, &logits).add_certainty(&mut diagnosis).unwrap();
        let found = diagnosis.certainty.unwrap();
        let close = |score: &Score, value: f64| (score.mean.unwrap() - value).abs() < 1e-12;
        assert!(close(&found.brier, 0.68), "{found:?}");
        assert!(close(&found.nll, (-(16f64 / 17.0).ln() - (1f64 / 17.0).ln()) / 2.0), "{found:?}");
        // Pairs .8 (gold), .2, .8, .2 (gold): of 4 pairs of a gold one and another 1 wins, 2 tie, 1 loses.
        assert_eq!(found.micro.auroc.mean, Some(0.5));
        let calibrated = found.calibrated.unwrap();
        assert_eq!((calibrated.temperature.mean, calibrated.temperature.n), (Some(2.0), 1));
        assert!(close(&calibrated.brier, 0.68) && close(&calibrated.ece, 0.3), "{calibrated:?}");
        assert!(close(&calibrated.nll, -(0.16f64.ln()) / 2.0), "{calibrated:?}");
    }

    #[test]
    fn intervals_are_of_the_mean_over_networks() {
        let rows = [[0.8, 0.2], [0.8, 0.2]];
        let one = NetworkOutput { temperature: Some(None), ..output(&rows, &rows) };
        let mut record =
            EvalRecord { diagnosis: Some(DiagnosisScores::default()), ..EvalRecord::default() };
        one.add_certainty(record.diagnosis.as_mut().unwrap()).unwrap();
        let resamples = [vec![0, 0], vec![1, 1], vec![0, 1]];
        add_certainty_intervals(&mut record, &[one.clone(), one], &resamples).unwrap();
        let found = record.diagnosis.unwrap().certainty.unwrap();
        // Means 0.08, 1.28, 0.68: a twentieth of the way between two.
        let [low, high] = found.brier.interval.unwrap();
        assert!((low - 0.11).abs() < 1e-12 && (high - 1.25).abs() < 1e-12, "{low} {high}");
        let calibrated = found.calibrated.unwrap();
        assert_eq!((calibrated.ece.mean, calibrated.ece.undefined, calibrated.nll.n), (None, 2, 0));
        assert_eq!((calibrated.nll.interval, calibrated.temperature.undefined), (None, 1));
    }
}
