//! The forward and backward pass of one batch.

use crate::batch::{Batch, BatchImages};
use crate::checkpoint::EpochSums;
use crate::config::FitConfig;
use crate::dropout_rng::DropoutRng;
use crate::error::TrainError;
use crate::labelled::LabelledPhotos;
use crate::objective::{Loss, Pass, PassRandom};
use crate::optimizer::NamedGradients;
use crate::parameters::Parameters;
use crate::photos::images_to_tensor;
use burn::tensor::{Device, Tensor};
use dermx_kernels::with_precision;
use dermx_model::{Network, host_values};

/// Sums and gradients of a batch, or of several of one optimizer step.
#[derive(Debug, Default)]
pub(crate) struct StepResult {
    pub sums: EpochSums,
    pub gradients: NamedGradients,
}

impl StepResult {
    /// Adds those of another batch of the same optimizer step.
    pub fn add(&mut self, other: Self) {
        self.sums.add(&other.sums);
        self.gradients.add(other.gradients);
    }
}

/// The forward and the backward pass of a batch.
pub(crate) struct TrainStep<'a> {
    pub config: &'a FitConfig,
    pub set: LabelledPhotos<'a>,
    pub dropout: &'a DropoutRng,
    pub parameters: &'a Parameters,
    pub device: &'a Device,
}

impl TrainStep<'_> {
    /// Loss and gradients of one batch in `epoch`; the loss is not checked.
    ///
    /// The gradients are this batch's share of those of the mean loss over all images of the
    /// optimizer step.
    ///
    /// # Errors
    /// Something that the objective needs is missing.
    pub fn run(
        &self,
        network: &Network,
        batch: &Batch<'_>,
        images: BatchImages,
        epoch: u32,
    ) -> Result<StepResult, TrainError> {
        let Self { config, parameters, device, .. } = *self;
        let num_images = batch.draws.len();
        let names = batch.names();
        let planes = images_to_tensor(images.planes, num_images, self.set.photos.size(), device);
        let (logits, activations) = self.forward(network, planes, epoch, &names)?;
        let pass = Pass {
            network,
            logits: logits.clone(),
            activations,
            parameters,
            targets: &images.targets,
            random: PassRandom { seed: config.seed, epoch, names: &names },
        };
        let Loss { value: loss, parts } = config.objective.loss(&pass)?;
        drop(pass);
        let value = loss_value(loss.clone());
        let loss = match num_images == batch.num_step_images {
            true => loss,
            false => loss * (num_images as f64 / batch.num_step_images as f64),
        };
        let sums = EpochSums {
            loss: value * num_images as f64,
            num_correct: config.objective.num_correct(&host_values(logits), &images.targets),
            num_images,
            parts: parts.into_iter().map(|(name, part)| (name, part * num_images as f64)).collect(),
        };
        let mut gradients = loss.backward();
        let mut taken = NamedGradients::of_parameters(parameters, &mut gradients);
        taken.add(NamedGradients::take(network, gradients));
        Ok(StepResult { sums, gradients: taken })
    }

    /// Logits, and the activations that the objective reads, in its order.
    fn forward(
        &self,
        network: &Network,
        images: Tensor<4>,
        epoch: u32,
        names: &[&str],
    ) -> Result<(Tensor<2>, Vec<Tensor<4>>), TrainError> {
        let wanted = self.config.objective.taps(network);
        let mut taps = self.dropout.taps();
        taps.extend(wanted.iter().map(String::as_str));
        let mut found = vec![None; wanted.len()];
        let logits = with_precision(self.config.precision, || {
            network.forward_tapped_at(images, &taps, &mut |name, x| {
                let x = self.dropout.apply(name, x, epoch, names);
                let places = wanted.iter().zip(&mut found).filter(|(wanted, _)| *wanted == name);
                places.for_each(|(_, place)| *place = Some(x.clone()));
                x
            })
        });
        let found = wanted.iter().zip(found).map(|(name, found)| {
            found.ok_or_else(|| TrainError::Objective(format!("the network has no tap `{name}`")))
        });
        Ok((logits, found.collect::<Result<_, _>>()?))
    }
}

/// The number in `loss`, `[1]`.
pub(crate) fn loss_value(loss: Tensor<1>) -> f64 {
    f64::from(loss.into_data().iter::<f32>().next().unwrap_or(f32::NAN))
}
