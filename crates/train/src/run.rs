//! A run under way.

use crate::adam::Adam;
use crate::chance::Chance;
use crate::checkpoint::{Checkpoint, CheckpointStore, EpochMetrics, TrainState};
use crate::error::TrainError;
use crate::fit::{FitConfig, Observer, Sets, StepReport};
use crate::loss::weighted_cross_entropy;
use crate::monitor::{Best, Select};
use crate::photos::images_to_tensor;
use crate::prefetch::prefetch;
use crate::validation::{ValidationMetrics, argmax, validate};
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use dermx_data::Random;
use dermx_model::{NamedTensor, Network, export_weights, import_weights, write_safetensors};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// What the names of the best weights start with in a checkpoint.
const BEST: &str = "best.";

/// A network on its way through the epochs.
pub(crate) struct Run<'a> {
    config: &'a FitConfig,
    sets: Sets<'a>,
    device: Device,
    network: Network,
    chance: Chance,
    adam: Adam,
    state: TrainState,
    /// The weights after the best epoch, where they are to be the result.
    best_weights: Option<BTreeMap<String, NamedTensor>>,
}

impl<'a> Run<'a> {
    /// The run as its newest checkpoint left it, or at its beginning.
    pub fn start(
        config: &'a FitConfig,
        sets: Sets<'a>,
        network: Network,
        device: &Device,
        store: &CheckpointStore,
    ) -> Result<Self, TrainError> {
        let mut run = Self {
            config,
            sets,
            device: device.clone().autodiff(),
            network: network.clone(),
            chance: Chance::new(&network, config.seed),
            adam: Adam::new(config.adam),
            state: TrainState { fingerprint: config.fingerprint.clone(), ..TrainState::default() },
            best_weights: None,
        };
        if let Some(checkpoint) = store.latest(&config.fingerprint)? {
            run.network = import_weights(network, &checkpoint.weights)?;
            let num_steps = checkpoint.state.optimizer_steps;
            run.adam = Adam::import(config.adam, num_steps, &checkpoint.optimizer)?;
            run.state = checkpoint.state;
            run.best_weights = unprefixed(&checkpoint.kept, BEST);
        }
        run.network = run.network.train();
        Ok(run)
    }

    /// Number of finished epochs.
    pub const fn epochs_done(&self) -> u32 {
        self.state.epochs_done
    }

    /// The finished epochs.
    pub fn history(&self) -> &[EpochMetrics] {
        &self.state.history
    }

    /// Whether there is nothing left to do.
    pub fn is_over(&self) -> bool {
        let epochs_done = self.state.epochs_done;
        let is_stopped = match (&self.config.early_stopping, &self.state.best) {
            (Some(stopping), Some(best)) => stopping.is_over(best, epochs_done),
            _ => false,
        };
        epochs_done >= self.config.epochs || is_stopped
    }

    /// The result, in inference mode.
    pub fn finish(self) -> Result<Network, TrainError> {
        match &self.best_weights {
            Some(weights) => Ok(import_weights(self.network.valid(), weights)?),
            None => Ok(self.network.valid()),
        }
    }

    /// Goes on to the end of the current epoch, or to where the observer stops it.
    pub fn epoch(&mut self, observer: &mut dyn Observer) -> Result<ControlFlow<()>, TrainError> {
        let epoch = self.state.epochs_done + 1;
        let order = self.order(epoch);
        let batches: Vec<&[usize]> = order.chunks(self.config.batch_size.max(1)).collect();
        let (photos, config) = (self.sets.training.photos, self.config);
        let mut flow = ControlFlow::Continue(());
        prefetch(
            &batches[self.state.steps_done..],
            |batch| {
                let planes = photos.augmented_batch(batch, &config.augment, config.seed, epoch);
                planes.map_err(TrainError::from)
            },
            |batch, planes| {
                let loss = self.step(batch, planes)?;
                observer.on_step(&StepReport {
                    epoch,
                    step: self.state.steps_done,
                    num_steps: batches.len(),
                    loss,
                    num_images: batch.len(),
                });
                // After the last step the epoch is finished first; the caller asks again then.
                if observer.should_stop() && self.state.steps_done < batches.len() {
                    flow = ControlFlow::Break(());
                }
                Ok(flow)
            },
        )?;
        if flow.is_continue() {
            self.finish_epoch(epoch)?;
        }
        Ok(flow)
    }

    /// One optimizer step; the loss of its batch.
    fn step(&mut self, batch: &[usize], planes: Vec<f32>) -> Result<f64, TrainError> {
        let classes: Vec<usize> =
            batch.iter().map(|&idx| self.sets.training.class_idx[idx]).collect();
        let images =
            images_to_tensor(planes, batch.len(), self.sets.training.photos.size(), &self.device);
        let epoch = self.state.epochs_done + 1;
        let ids: Vec<&str> = batch.iter().map(|&idx| self.sets.training.photos.id(idx)).collect();
        let logits = self
            .network
            .forward_tapped(images, &mut |name, x| self.chance.apply(name, x, epoch, &ids));
        let targets: Vec<i32> = classes.iter().map(|&class| class as i32).collect();
        let weights: Vec<f32> =
            classes.iter().map(|&class| self.config.class_weights[class]).collect();
        let loss = weighted_cross_entropy(
            logits.clone(),
            Tensor::<1, Int>::from_data(TensorData::new(targets, [batch.len()]), &self.device),
            Tensor::<1>::from_data(TensorData::new(weights, [batch.len()]), &self.device),
        );
        let value = f64::from(first_value(loss.clone()));
        if !value.is_finite() {
            return Err(self.non_finite(value, batch));
        }
        let gradients = loss.backward();
        let network = self.network.clone();
        self.network = self.adam.step(network, &gradients, self.learning_rate());
        self.state.steps_done += 1;
        self.state.optimizer_steps = self.adam.num_steps();
        let sums = &mut self.state.sums;
        sums.loss += value * batch.len() as f64;
        sums.num_correct += num_correct(logits, &classes);
        sums.num_images += batch.len();
        Ok(value)
    }

    /// Learning rate of the next step.
    fn learning_rate(&self) -> f64 {
        let steps_per_epoch =
            self.sets.training.photos.len().div_ceil(self.config.batch_size.max(1));
        let num_steps = self.config.epochs * steps_per_epoch as u32;
        let factor = self.config.schedule.factor(self.adam.num_steps(), num_steps);
        self.config.learning_rate * factor
    }

    fn finish_epoch(&mut self, epoch: u32) -> Result<(), TrainError> {
        let sums = std::mem::take(&mut self.state.sums);
        let weights = export_weights(&self.network);
        let validation = self.validate(epoch)?;
        if let Some(metrics) = &validation {
            self.compare(epoch, metrics, &weights);
        }
        self.state.history.push(EpochMetrics {
            epoch,
            train_loss: sums.loss / sums.num_images as f64,
            train_accuracy: sums.num_correct as f64 / sums.num_images as f64,
            learning_rate: self.learning_rate(),
            num_images: sums.num_images,
            weights_hash: blake3::hash(&write_safetensors(&weights)?).to_string(),
            validation,
        });
        self.state.epochs_done = epoch;
        self.state.steps_done = 0;
        Ok(())
    }

    fn validate(&self, epoch: u32) -> Result<Option<ValidationMetrics>, TrainError> {
        let Some(set) = self.sets.validation else { return Ok(None) };
        let FitConfig { batch_size, class_weights, .. } = self.config;
        let device = self.device.clone().without_autodiff();
        let network = self.network.valid();
        let metrics = validate(&network, set, *batch_size, class_weights.len(), &device)?;
        match metrics.loss {
            loss if loss.is_finite() => Ok(Some(metrics)),
            loss => Err(TrainError::NonFiniteValidation { loss, epoch }),
        }
    }

    /// Keeps the epoch in mind if it is the best so far.
    fn compare(
        &mut self,
        epoch: u32,
        metrics: &ValidationMetrics,
        weights: &BTreeMap<String, NamedTensor>,
    ) {
        let Some(monitor) = self.config.monitor else { return };
        let min_delta = self.config.early_stopping.map_or(0.0, |stopping| stopping.min_delta);
        let value = monitor.value(metrics);
        if self.state.best.is_none_or(|best| monitor.is_better(value, best.value, min_delta)) {
            self.state.best = Some(Best { epoch, value });
            self.best_weights = (self.config.select == Select::Best).then(|| weights.clone());
        }
    }

    /// Everything that the run needs to go on.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            state: self.state.clone(),
            weights: export_weights(&self.network),
            optimizer: self.adam.export(),
            kept: self.best_weights.iter().flat_map(|weights| prefixed(weights, BEST)).collect(),
        }
    }

    /// The order of the images in `epoch`, a function of (seed, epoch).
    fn order(&self, epoch: u32) -> Vec<usize> {
        let mut order = self.sets.training.photos.indices();
        Random::new(self.config.seed, "order", u64::from(epoch), "").shuffle(&mut order);
        order
    }

    fn non_finite(&self, loss: f64, batch: &[usize]) -> TrainError {
        let ids: Vec<&str> = batch.iter().map(|&idx| self.sets.training.photos.id(idx)).collect();
        TrainError::NonFinite {
            loss,
            epoch: self.state.epochs_done + 1,
            step: self.state.steps_done + 1,
            images: ids.join(", "),
        }
    }
}

fn first_value(tensor: Tensor<1>) -> f32 {
    tensor.into_data().iter::<f32>().next().unwrap_or(f32::NAN)
}

fn num_correct(logits: Tensor<2>, classes: &[usize]) -> usize {
    let num_classes = logits.dims()[1];
    let values: Vec<f32> = logits.into_data().iter::<f32>().collect();
    let rows = values.chunks(num_classes.max(1));
    rows.zip(classes).filter(|(row, class)| argmax(row) == **class).count()
}

fn prefixed<'a>(
    tensors: &'a BTreeMap<String, NamedTensor>,
    prefix: &'a str,
) -> impl Iterator<Item = (String, NamedTensor)> + 'a {
    tensors.iter().map(move |(name, tensor)| (format!("{prefix}{name}"), tensor.clone()))
}

/// Those of `tensors` whose names start with `prefix`, without it; `None` if there are none.
fn unprefixed(
    tensors: &BTreeMap<String, NamedTensor>,
    prefix: &str,
) -> Option<BTreeMap<String, NamedTensor>> {
    let named = tensors
        .iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?.to_string(), tensor.clone())))
        .collect::<BTreeMap<_, _>>();
    (!named.is_empty()).then_some(named)
}
