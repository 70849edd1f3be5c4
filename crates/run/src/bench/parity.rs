//! Whether two backends compute the same, and how far apart they may be.

use super::subject::{Place, Subject};
use super::workload::{Learner, explainer};
use crate::error::RunResult;
use crate::network::finite_logits;
use dermx_eval::ConfusionMatrix;
use dermx_model::{BatchNormMode, export_weights};
use dermx_score::argmax;
use serde::Serialize;

/// Training steps after which losses are compared once more.
pub const NUM_STEPS: usize = 20;

/// Differences of up to so many times the control's say nothing about a backend.
const CONTROL_FACTOR: f64 = 3.0;

/// What is compared, and the difference that is taken for rounding.
///
/// A loss is compared by `|a - b| / |a|`; everything else by `||a - b|| / ||a||` over all its values,
/// of all images or all parameters.
const TOLERANCES: [(&str, f64); 6] = [
    ("logits", 1e-5),
    ("heat maps", 1e-4),
    ("loss of step 1", 1e-5),
    ("gradients of step 1", 1e-4),
    ("weights after step 1", 1e-4),
    ("loss of step 20", 1e-2),
];

/// What a backend computed.
#[derive(Debug)]
pub struct Outputs {
    /// `[num_images * num_classes]`, in inference mode.
    logits: Vec<f32>,
    /// One after the other.
    heatmaps: Vec<f32>,
    /// Of each training step.
    losses: Vec<f64>,
    /// Of the first step, all parameters.
    gradients: Vec<f32>,
    /// After the first step, with running statistics.
    weights: Vec<f32>,
}

impl Outputs {
    /// Predicts and explains all images of `subject`, and learns the first batch.
    ///
    /// # Errors
    /// A photo that cannot be read, or a request to stop.
    pub fn compute(subject: &Subject, place: Place<'_>) -> RunResult<Self> {
        let network = subject.network(place.context.device())?;
        let explainer = explainer(&network)?;
        let (mut logits, mut heatmaps) = (Vec::new(), Vec::new());
        for range in subject.images.batches(place.batch_size) {
            place.context.check("nothing was written")?;
            let batch = subject.batch(range.clone(), place)?;
            let ids = &subject.images.ids()[range.clone()];
            logits.extend(finite_logits(network.forward(batch.clone()), ids)?.concat());
            let explanation = explainer.explain(batch, &subject.class_idx[range], &mut |_| 0.0)?;
            heatmaps.extend(explanation.heatmaps.into_iter().flat_map(|map| map.values));
        }
        let (images, classes) = subject.first_batch(place)?;
        let images = images.autodiff();
        let mut learner = Learner::new(network, "*", BatchNormMode::Train)?;
        let (mut losses, mut gradients, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for step_idx in 0..NUM_STEPS {
            place.context.check("nothing was written")?;
            let Some(step) = learner.learn(&images, &classes)? else { break };
            losses.push(step.loss);
            if step_idx == 0 {
                gradients = step.gradients.iter().flat_map(|(_, values)| values.to_vec()).collect();
                let exported = learner.network().map(export_weights).unwrap_or_default();
                weights = exported.into_values().flat_map(|tensor| tensor.values).collect();
            }
        }
        Ok(Self { logits, heatmaps, losses, gradients, weights })
    }

    /// How far `other` is, in the order of [`TOLERANCES`].
    fn differences(&self, other: &Self) -> [f64; 6] {
        let loss = |idx: usize| {
            let pick = |losses: &[f64]| losses.get(idx).copied().unwrap_or(f64::NAN);
            let (one, other) = (pick(&self.losses), pick(&other.losses));
            (one - other).abs() / one.abs()
        };
        [
            distance(&self.logits, &other.logits),
            distance(&self.heatmaps, &other.heatmaps),
            loss(0),
            distance(&self.gradients, &other.gradients),
            distance(&self.weights, &other.weights),
            loss(NUM_STEPS - 1),
        ]
    }

    fn predicted(&self, num_classes: usize) -> Vec<usize> {
        self.logits.chunks(num_classes.max(1)).map(argmax).collect()
    }
}

/// `||a - b|| / ||a||`, not a number where they have different lengths.
fn distance(one: &[f32], other: &[f32]) -> f64 {
    if one.len() != other.len() || one.is_empty() {
        return f64::NAN;
    }
    let square = |value: f64| value * value;
    let apart = one.iter().zip(other).map(|(a, b)| square(f64::from(*a) - f64::from(*b)));
    let (apart, length) =
        (apart.sum::<f64>(), one.iter().map(|a| square(f64::from(*a))).sum::<f64>());
    // Maps may be zero everywhere.
    if apart == 0.0 { 0.0 } else { (apart / length).sqrt() }
}

/// How a difference is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is within the tolerance.
    Within,
    /// It is larger, but so is what the smallest change of the images does on the first backend.
    AsControl,
    /// It is larger than rounding explains.
    Beyond,
}

impl Verdict {
    fn of(difference: f64, tolerance: f64, control: f64) -> Self {
        if difference <= tolerance {
            Self::Within
        } else if difference <= CONTROL_FACTOR * control {
            Self::AsControl
        } else {
            Self::Beyond
        }
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::AsControl => "as control",
            Self::Beyond => "BEYOND",
        }
    }
}

/// One line of the comparison.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// What is compared.
    pub what: &'static str,
    /// Relative difference from the first backend.
    pub difference: f64,
    /// The difference that is taken for rounding.
    pub tolerance: f64,
    /// The difference on the first backend when pixels are perturbed.
    pub control: f64,
    /// What to make of it.
    pub verdict: Verdict,
}

/// A backend beside the first one.
#[derive(Debug, Serialize)]
pub struct Parity {
    /// The first backend.
    pub reference: String,
    /// The other.
    pub backend: String,
    /// How far its numbers are.
    pub differences: Vec<Difference>,
    /// Images, all of which were predicted.
    pub num_images: usize,
    /// Share of images with the same predicted class.
    pub agreement: f64,
    /// The other images.
    pub disagreements: Vec<Disagreement>,
    /// Share of images predicted right: the first backend's, the other's.
    pub accuracy: [Option<f64>; 2],
    /// Mean F1 over the classes: the first backend's, the other's.
    pub macro_f1: [Option<f64>; 2],
}

/// An image for which two backends predict different classes.
#[derive(Debug, Serialize)]
pub struct Disagreement {
    /// The image.
    pub image_id: String,
    /// Its class.
    pub gold: String,
    /// What the first backend predicts.
    pub reference: String,
    /// What the other predicts.
    pub other: String,
}

impl Parity {
    /// `other` beside `reference`, given what a perturbation does to the latter.
    ///
    /// # Errors
    /// A class that the subject does not have.
    pub fn new(
        subject: &Subject,
        names: [&str; 2],
        reference: &Outputs,
        control: &Outputs,
        other: &Outputs,
    ) -> RunResult<Self> {
        let pairs = reference.differences(other).into_iter().zip(reference.differences(control));
        let differences = TOLERANCES.into_iter().zip(pairs);
        let differences = differences.map(|((what, tolerance), (difference, control))| {
            let verdict = Verdict::of(difference, tolerance, control);
            Difference { what, difference, tolerance, control, verdict }
        });
        let num_classes = subject.classes.len();
        let predicted = [reference, other].map(|outputs| outputs.predicted(num_classes));
        let class = |idx: usize| subject.classes[idx].clone();
        let rows = predicted[0].iter().zip(&predicted[1]).enumerate();
        let disagreements: Vec<Disagreement> = rows
            .filter(|(_, (one, other))| one != other)
            .map(|(idx, (&one, &other))| Disagreement {
                image_id: subject.images.ids()[idx].clone(),
                gold: class(subject.class_idx[idx]),
                reference: class(one),
                other: class(other),
            })
            .collect();
        let num_images = subject.class_idx.len();
        let mut matrices = [ConfusionMatrix::new(num_classes), ConfusionMatrix::new(num_classes)];
        for (matrix, predicted) in matrices.iter_mut().zip(&predicted) {
            for (&gold, &predicted) in subject.class_idx.iter().zip(predicted) {
                matrix.add(gold, predicted)?;
            }
        }
        Ok(Self {
            reference: names[0].to_string(),
            backend: names[1].to_string(),
            differences: differences.collect(),
            num_images,
            agreement: 1.0 - disagreements.len() as f64 / num_images.max(1) as f64,
            disagreements,
            accuracy: [0, 1].map(|idx: usize| matrices[idx].accuracy()),
            macro_f1: [0, 1].map(|idx: usize| matrices[idx].macro_f1()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Verdict, distance};

    #[test]
    fn the_distance_is_relative_to_the_first() {
        // sqrt((0.3^2 + 0.4^2) / (3^2 + 4^2)) = 0.5 / 5
        assert!((distance(&[3.0, 4.0], &[3.3, 4.4]) - 0.1).abs() < 1e-6);
        assert_eq!(distance(&[0.0], &[0.0]), 0.0);
        assert!(distance(&[1.0], &[1.0, 2.0]).is_nan());
    }

    #[test]
    fn what_is_not_a_number_is_beyond() {
        assert_eq!(Verdict::of(1e-6, 1e-5, 0.0), Verdict::Within);
        assert_eq!(Verdict::of(1e-2, 1e-5, 1e-2), Verdict::AsControl);
        assert_eq!(Verdict::of(1e-2, 1e-5, 1e-3), Verdict::Beyond);
        assert_eq!(Verdict::of(f64::NAN, 1e-5, 1e-3), Verdict::Beyond);
        assert_eq!(Verdict::of(1e-2, 1e-5, f64::NAN), Verdict::Beyond);
    }
}
