//! Networks that differ in nothing but the seed, image by image.

use crate::wilson::mean_share_interval;
use crate::{
    ConfusionMatrix, EvalError, EvalRecord, fleiss_kappa, mean, percentile_interval,
    wilson_interval,
};
use serde::{Deserialize, Serialize};

/// What each network said of the same images.
#[derive(Debug, Clone, Copy)]
pub struct SeedPredictions<'a> {
    /// Number of classes.
    pub num_classes: usize,
    /// The gold class of each image.
    pub gold: &'a [usize],
    /// `[seed][image]`: the predicted class.
    pub predicted: &'a [Vec<usize>],
}

/// How far networks of different seeds say the same of each image, right or wrong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SeedAgreement {
    /// Number of images.
    pub num_images: usize,
    /// Share of the images of which all networks say the same; `None` without images.
    pub unanimous: Option<f64>,
    /// Wilson's interval of that share.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unanimous_interval: Option<[f64; 2]>,
    /// Fleiss' kappa with the networks as raters; `None` where all always name one class.
    pub fleiss_kappa: Option<f64>,
}

impl SeedPredictions<'_> {
    /// Agreement of the networks; `None` below two of them.
    ///
    /// # Errors
    /// When a network has not one prediction for each image, or a class is out of range.
    pub fn agreement(&self) -> Result<Option<SeedAgreement>, EvalError> {
        self.check()?;
        if self.predicted.len() < 2 {
            return Ok(None);
        }
        let counts: Vec<Vec<u64>> = (0..self.gold.len()).map(|image| self.counts(image)).collect();
        let num_seeds = self.predicted.len() as u64;
        let num_unanimous = counts.iter().filter(|image| image.contains(&num_seeds)).count();
        let unanimous = (!counts.is_empty()).then(|| num_unanimous as f64 / counts.len() as f64);
        Ok(Some(SeedAgreement {
            num_images: counts.len(),
            unanimous,
            unanimous_interval: unanimous
                .and_then(|share| wilson_interval(share, counts.len() as f64)),
            fleiss_kappa: fleiss_kappa(&counts)?,
        }))
    }

    /// Fills in what `record`, which is over the seeds of these predictions, says of single images: the
    /// agreement, and the intervals of accuracies, macro-F1 and each class's scores; nothing of a record
    /// without diagnosis.
    ///
    /// An interval says what other images would have changed, not what other seeds would have. That of
    /// an F1 and of the balanced accuracy is the mean's over the seeds when the test images are resampled,
    /// the same for all seeds;
    /// shares of images (accuracy, sensitivity, specificity) have Wilson's.
    ///
    /// # Shapes
    /// `resamples[resample][image]` are indices of images.
    ///
    /// # Errors
    /// As [`Self::agreement`]; an index that is not of an image.
    pub fn describe(
        &self,
        record: &mut EvalRecord,
        resamples: &[Vec<u32>],
    ) -> Result<(), EvalError> {
        let agreement = self.agreement()?;
        let Some(diagnosis) = &mut record.diagnosis else { return Ok(()) };
        diagnosis.seed_agreement = agreement;
        let resampled: Result<Vec<Vec<ConfusionMatrix>>, EvalError> =
            resamples.iter().map(|images| self.matrices(images)).collect();
        let resampled = resampled?;
        let interval = |score: &dyn Fn(&ConfusionMatrix) -> Option<f64>| {
            let over_seeds = |matrices: &Vec<ConfusionMatrix>| {
                mean(&matrices.iter().filter_map(score).collect::<Vec<f64>>())
            };
            percentile_interval(&resampled.iter().map(over_seeds).collect::<Vec<_>>())
        };
        diagnosis.accuracy.interval =
            self.share_interval(|_| true, |gold, predicted| gold == predicted);
        diagnosis.balanced_accuracy.interval = interval(&ConfusionMatrix::balanced_accuracy);
        diagnosis.macro_f1.interval = interval(&ConfusionMatrix::macro_f1);
        for (class_idx, class) in record.classes.iter().enumerate() {
            if let Some(scores) = diagnosis.classes.get_mut(class) {
                scores.f1.interval = interval(&|matrix| matrix.class_scores(class_idx).f1);
                scores.sensitivity.interval = self.share_interval(
                    |gold| gold == class_idx,
                    |_, predicted| predicted == class_idx,
                );
                scores.specificity.interval = self.share_interval(
                    |gold| gold != class_idx,
                    |_, predicted| predicted != class_idx,
                );
            }
        }
        Ok(())
    }

    /// The interval of the mean share of right images among those whose gold class `is_counted`; of
    /// gold and predicted class `is_right` tells.
    fn share_interval(
        &self,
        is_counted: impl Fn(usize) -> bool,
        is_right: impl Fn(usize, usize) -> bool,
    ) -> Option<[f64; 2]> {
        let images = self.gold.iter().enumerate().filter(|(_, gold)| is_counted(**gold));
        let share = |(image, &gold): (usize, &usize)| {
            let num_right =
                self.predicted.iter().filter(|seed| is_right(gold, seed[image])).count();
            num_right as f64 / self.predicted.len() as f64
        };
        mean_share_interval(&images.map(share).collect::<Vec<_>>(), self.predicted.len())
    }

    fn check(&self) -> Result<(), EvalError> {
        let num_images = self.gold.len();
        if let Some(seed_idx) = self.predicted.iter().position(|one| one.len() != num_images) {
            let found = self.predicted[seed_idx].len();
            let message =
                format!("found {found} predictions, expected one for each of {num_images} images");
            return Err(EvalError::new(format!("network {seed_idx}"), message));
        }
        let num_classes = self.num_classes;
        let mut classes = self.predicted.iter().flatten().chain(self.gold);
        match classes.find(|&&class| class >= num_classes) {
            Some(class) => {
                let message = format!("found class {class}, expected indices below {num_classes}");
                Err(EvalError::new("predictions", message))
            }
            None => Ok(()),
        }
    }

    /// How many networks name each class for an image.
    fn counts(&self, image_idx: usize) -> Vec<u64> {
        let mut counts = vec![0; self.num_classes];
        self.predicted.iter().for_each(|predicted| counts[predicted[image_idx]] += 1);
        counts
    }

    /// The matrix of each network over `images`.
    fn matrices(&self, images: &[u32]) -> Result<Vec<ConfusionMatrix>, EvalError> {
        let matrix = |predicted: &Vec<usize>| {
            let mut matrix = ConfusionMatrix::new(self.num_classes);
            for &image in images {
                let pair = self.gold.get(image as usize).zip(predicted.get(image as usize));
                let Some((&gold, &predicted)) = pair else {
                    let message =
                        format!("found {image}, expected indices below {}", self.gold.len());
                    return Err(EvalError::new("resample", message));
                };
                matrix.add(gold, predicted)?;
            }
            Ok(matrix)
        };
        self.predicted.iter().map(matrix).collect()
    }
}
