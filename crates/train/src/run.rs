//! The state of a run between two steps.

use crate::batch::{Batch, BatchImages, batches};
use crate::checkpoint::{Checkpoint, CheckpointStore, EpochMetrics, TrainState};
use crate::config::FitConfig;
use crate::dropout_rng::DropoutRng;
use crate::ema::{Ema, Swa};
use crate::error::TrainError;
use crate::finite::NonFinite;
use crate::labelled::Sets;
use crate::metrics::ValidationMetrics;
use crate::monitor::{Best, Select};
use crate::observer::{Observer, StepReport};
use crate::optimizer::{NamedGradients, Optimizer};
use crate::parameters::{PREFIX, Parameters};
use crate::prefetch::prefetch;
use crate::schedule::Schedule;
use crate::train_step::{StepResult, TrainStep};
use crate::validation::validate;
use burn::module::Module;
use burn::tensor::Device;
use dermx_model::{NamedTensor, Network, export_weights, import_weights, write_safetensors};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

type Weights = BTreeMap<String, NamedTensor>;

/// Prefixes of names in a checkpoint: the weights of the best epoch, the moving average, and the mean of
/// epochs.
const BEST: &str = "best.";
const EMA: &str = "ema.";
const SWA: &str = "swa.";

/// A network in training, with everything that belongs to its run.
pub(crate) struct Run<'a> {
    config: &'a FitConfig,
    sets: Sets<'a>,
    device: Device,
    /// `None` only while the optimizer updates it, so that the weights have one owner and are not
    /// copied.
    network: Option<Network>,
    dropout: DropoutRng,
    optimizer: Optimizer,
    /// What the objective learns beside the network.
    parameters: Parameters,
    /// What a checkpoint's weights are put into, if steps may be skipped.
    template: Option<Network>,
    state: TrainState,
    ema: Option<Ema>,
    swa: Swa,
    /// The weights of the best epoch, if they are to be the result.
    best_weights: Option<Weights>,
}

impl<'a> Run<'a> {
    /// Continues from `checkpoint`, or starts at the beginning.
    pub fn start(
        config: &'a FitConfig,
        sets: Sets<'a>,
        network: Network,
        device: &Device,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Self, TrainError> {
        let weights = export_weights(&network);
        if let Some(found) = NonFinite::in_tensors(&weights) {
            return Err(TrainError::NonFiniteWeights { what: "the starting weights", found });
        }
        let num_images = sets.training.photos.len();
        let mut run = Self {
            config,
            sets,
            device: device.clone().autodiff(),
            dropout: DropoutRng::new(&network, config.seed),
            optimizer: Optimizer::new(config.optimizer)
                .with_groups(&config.parameter_groups, &network)?,
            parameters: Parameters::new(
                &config.objective.parameters(config.seed),
                &device.clone().autodiff(),
            )?,
            state: TrainState { fingerprint: config.fingerprint.clone(), ..TrainState::default() },
            ema: config.ema_decay.map(|decay| Ema::new(decay, weights)),
            swa: Swa::new(None),
            best_weights: None,
            network: None,
            template: (config.max_skipped_steps > 0).then(|| network.clone()),
        };
        let network = match checkpoint {
            None => network.train(),
            Some(checkpoint) => {
                checkpoint.check_finite("the checkpoint")?;
                run.restore(checkpoint, network)?
            }
        };
        let size = sets.training.photos.size();
        let size = [size.height as usize, size.width as usize];
        if config.has_batch_of_one(num_images) && network.normalizes_one_value(size) {
            return Err(TrainError::OneValue { num_images, batch_size: config.batch_size });
        }
        run.network = Some(network);
        Ok(run)
    }

    /// Takes over all but the network from `checkpoint`, and returns `network` with its weights, in
    /// training mode.
    fn restore(
        &mut self,
        checkpoint: &Checkpoint,
        network: Network,
    ) -> Result<Network, TrainError> {
        let Checkpoint { state, weights, optimizer, kept } = checkpoint;
        let config = self.config;
        self.optimizer = Optimizer::import(config.optimizer, state.optimizer_steps, optimizer)?
            .with_groups(&config.parameter_groups, &network)?;
        self.state = state.clone();
        self.ema = self.config.ema_decay.map(|decay| Ema::new(decay, unprefixed(kept, EMA)));
        self.parameters = Parameters::new(&unprefixed(kept, PREFIX), &self.device)?;
        self.swa = Swa::new(Some(unprefixed(kept, SWA)).filter(|weights| !weights.is_empty()));
        self.best_weights = Some(unprefixed(kept, BEST)).filter(|weights| !weights.is_empty());
        Ok(import_weights(network, weights)?.train())
    }

    #[expect(clippy::expect_used, reason = "`step` alone takes it; it ends or restores the run")]
    fn network(&self) -> &Network {
        self.network.as_ref().expect("a network")
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
            Some(weights) => Ok(import_weights(self.network().valid(), weights)?),
            None => self.averaged(),
        }
    }

    /// Trains to the end of the current epoch, or until the observer stops it. With a `store`,
    /// checkpoints are saved within the epoch.
    pub fn epoch(
        &mut self,
        observer: &mut dyn Observer,
        store: Option<&CheckpointStore>,
    ) -> Result<ControlFlow<()>, TrainError> {
        let (config, set, epoch) = (self.config, self.sets.training, self.state.epochs_done + 1);
        let draws = config.sampling.draw_by(&*config.objective, set, config.seed, epoch);
        let num_steps = config.steps_per_epoch(draws.len());
        let mut flow = ControlFlow::Continue(());
        let mut result = StepResult::default();
        let mut before = self.before_step();
        let mut is_skipped = false;
        prefetch(
            &batches(&draws, config, self.state.steps_done),
            |batch| batch.images(set, config, epoch),
            |batch, images| {
                if !is_skipped {
                    let place = (epoch, num_steps);
                    match self.take_batch(batch, images, &mut result, place) {
                        Ok(None) => return Ok(flow),
                        Ok(Some(report)) => observer.on_step(&report),
                        Err(error) => {
                            let error = self.take_back(error, before.as_ref(), num_steps)?;
                            observer.on_skip(&error, self.state.skipped_steps + 1);
                            result = StepResult::default();
                            is_skipped = true;
                        }
                    }
                }
                if !batch.ends_step {
                    return Ok(flow);
                }
                if std::mem::take(&mut is_skipped) {
                    self.state.steps_done += 1;
                    self.state.skipped_steps += 1;
                }
                before = self.before_step();
                // After the last step the epoch is finished first; then the caller saves and asks the
                // observer.
                if self.state.steps_done == num_steps {
                    return Ok(flow);
                }
                if observer.should_stop() {
                    flow = ControlFlow::Break(());
                } else if self.is_checkpoint_due()
                    && let Some(store) = store
                {
                    store.save(&self.checkpoint())?;
                }
                Ok(flow)
            },
        )?;
        if flow.is_continue() {
            self.finish_epoch(epoch)?;
        }
        Ok(flow)
    }

    /// Adds a batch to the step `result`; the step's report, if the batch is its last. `place` is the
    /// epoch and its number of steps.
    fn take_batch(
        &mut self,
        batch: &Batch<'_>,
        images: BatchImages,
        result: &mut StepResult,
        (epoch, num_steps): (u32, usize),
    ) -> Result<Option<StepReport>, TrainError> {
        let Self { config, sets, dropout, parameters, device, .. } = &*self;
        let step = TrainStep { config, set: sets.training, dropout, parameters, device };
        let found = step.run(self.network(), batch, images, epoch)?;
        let loss = found.sums.loss / found.sums.num_images as f64;
        result.add(found);
        self.check_batch(loss, &result.gradients, batch)?;
        if !batch.ends_step {
            return Ok(None);
        }
        self.step(std::mem::take(result), epoch, num_steps).map(Some)
    }

    /// What a step that is skipped goes back to, if steps may be skipped.
    fn before_step(&self) -> Option<Checkpoint> {
        self.template.is_some().then(|| self.checkpoint())
    }

    /// Goes back to `before`, if the step that failed with `error` may be skipped; the error if not.
    fn take_back(
        &mut self,
        error: TrainError,
        before: Option<&Checkpoint>,
        num_steps: usize,
    ) -> Result<TrainError, TrainError> {
        let (Some(before), Some(template)) = (before, &self.template) else { return Err(error) };
        let state = &before.state;
        let may_skip = state.skipped_steps < self.config.max_skipped_steps;
        // An epoch in which nothing was learned has no loss.
        let is_empty = state.steps_done + 1 == num_steps && state.sums.num_images == 0;
        if !error.is_non_finite_step() || !may_skip || is_empty {
            return Err(error);
        }
        let template = template.clone();
        self.network = Some(self.restore(before, template)?);
        Ok(error)
    }

    /// Whether a checkpoint inside the epoch is due after the step just made.
    fn is_checkpoint_due(&self) -> bool {
        let every = self.config.checkpoint_every;
        every.is_some_and(|every| self.state.steps_done.is_multiple_of(every.max(1)))
    }

    /// Checks that the loss of a batch, the gradients summed so far and the running statistics are
    /// finite.
    fn check_batch(
        &self,
        loss: f64,
        gradients: &NamedGradients,
        batch: &Batch<'_>,
    ) -> Result<(), TrainError> {
        if !loss.is_finite() {
            return Err(self.non_finite("the loss".to_string(), loss, batch));
        }
        if let Some(NonFinite { name, value }) = gradients.non_finite() {
            let what = format!("the loss is {loss}, and the gradient of `{name}`");
            return Err(self.non_finite(what, f64::from(value), batch));
        }
        if let Some(NonFinite { name, value }) = NonFinite::in_statistics(self.network()) {
            return Err(self.non_finite(format!("`{name}`"), f64::from(value), batch));
        }
        Ok(())
    }

    /// One step of the optimizer.
    fn step(
        &mut self,
        mut result: StepResult,
        epoch: u32,
        num_steps: usize,
    ) -> Result<StepReport, TrainError> {
        let norm = self.config.clip_norm.map(|max_norm| result.gradients.clip(max_norm));
        let learning_rate = self.learning_rate();
        let step = self.state.steps_done + 1;
        let non_finite = |found| {
            let norm = norm.unwrap_or_else(|| result.gradients.norm());
            TrainError::NonFiniteStep { found, epoch, step, norm, learning_rate }
        };
        // No other owner holds the network, so that its weights are updated in place.
        let (optimizer, parameters) = (&mut self.optimizer, &mut self.parameters);
        let moved = self.network.take().map(|network| {
            optimizer.step_with(network, parameters, &result.gradients, learning_rate)
        });
        self.network = moved.transpose().map_err(non_finite)?;
        if let (Some(ema), Some(network)) = (&mut self.ema, &self.network) {
            ema.update(network).map_err(non_finite)?;
        }
        self.state.steps_done += 1;
        self.state.optimizer_steps = self.optimizer.num_steps();
        self.state.sums.add(&result.sums);
        let num_images = result.sums.num_images;
        let loss = result.sums.loss / num_images as f64;
        Ok(StepReport { epoch, step, num_steps, loss, num_images })
    }

    /// Learning rate of the next step.
    fn learning_rate(&self) -> f64 {
        let FitConfig { learning_rate, schedule, .. } = self.config;
        let span = self.config.span(self.sets.training.photos.len());
        let factor = schedule.factor(self.optimizer.num_steps(), span);
        learning_rate * factor * self.state.plateau.map_or(1.0, |plateau| plateau.factor)
    }

    fn finish_epoch(&mut self, epoch: u32) -> Result<(), TrainError> {
        let sums = std::mem::take(&mut self.state.sums);
        self.average_epoch(epoch)?;
        let validation = self.validate(epoch)?;
        if let Some(metrics) = &validation {
            self.compare(epoch, metrics);
        }
        let weights = write_safetensors(&export_weights(self.network()))?;
        let skipped_before: usize =
            self.state.history.iter().map(|metrics| metrics.skipped_steps).sum();
        self.state.history.push(EpochMetrics {
            epoch,
            train_loss: sums.loss / sums.num_images as f64,
            train_accuracy: sums.num_correct as f64 / sums.num_images as f64,
            learning_rate: self.learning_rate(),
            num_images: sums.num_images,
            weights_hash: blake3::hash(&weights).to_string(),
            skipped_steps: self.state.skipped_steps - skipped_before,
            train_loss_parts: means(&sums.parts, sums.num_images),
            validation,
        });
        self.state.epochs_done = epoch;
        self.state.steps_done = 0;
        Ok(())
    }

    /// Adds the weights at the end of `epoch` to the mean of epochs, if it counts.
    fn average_epoch(&mut self, epoch: u32) -> Result<(), TrainError> {
        let start = self.config.swa_start.filter(|start| *start <= epoch);
        if let (Some(start), Some(network)) = (start, &self.network) {
            let what = "the mean of epochs";
            let error = |found| TrainError::NonFiniteWeights { what, found };
            self.swa.add(network, epoch - start).map_err(error)?;
        }
        Ok(())
    }

    /// The average of the weights that is the result, if there is one.
    fn average(&self) -> Option<&Weights> {
        self.swa.weights().or_else(|| self.ema.as_ref().map(Ema::weights))
    }

    /// The network in inference mode, with the average of the weights where there is one.
    fn averaged(&self) -> Result<Network, TrainError> {
        match self.average() {
            Some(weights) => Ok(import_weights(self.network().valid(), weights)?),
            None => Ok(self.network().valid()),
        }
    }

    fn validate(&self, epoch: u32) -> Result<Option<ValidationMetrics>, TrainError> {
        let Some(set) = self.sets.validation else { return Ok(None) };
        let (batch_size, objective) = (self.config.batch_size, &*self.config.objective);
        let device = self.device.clone().without_autodiff();
        let metrics = validate(&self.averaged()?, set, objective, batch_size, &device)?;
        match metrics.loss {
            loss if loss.is_finite() => Ok(Some(metrics)),
            loss => Err(TrainError::NonFiniteValidation { loss, epoch }),
        }
    }

    /// Records the epoch if it is the best so far, and lowers the learning rate on a plateau.
    fn compare(&mut self, epoch: u32, metrics: &ValidationMetrics) {
        let Some(monitor) = self.config.monitor else { return };
        let value = monitor.value(metrics);
        let min_delta = self.config.early_stopping.map_or(0.0, |stopping| stopping.min_delta);
        if self.state.best.is_none_or(|best| monitor.is_better(value, best.value, min_delta)) {
            self.state.best = Some(Best { epoch, value });
            self.best_weights = (self.config.select == Select::Best).then(|| self.result());
        }
        match self.config.schedule {
            Schedule::Plateau { factor, patience } if epoch > self.config.warmup_epochs => {
                let plateau = self.state.plateau.get_or_insert_default();
                plateau.update(value, monitor, factor, patience);
            }
            _ => {}
        }
    }

    /// The weights that the run would return now.
    fn result(&self) -> Weights {
        self.average().cloned().unwrap_or_else(|| export_weights(self.network()))
    }

    /// Everything that the run needs to continue.
    pub fn checkpoint(&self) -> Checkpoint {
        let best = self.best_weights.iter().flat_map(|weights| prefixed(weights, BEST));
        let ema = self.ema.iter().flat_map(|ema| prefixed(ema.weights(), EMA));
        let swa = self.swa.weights().into_iter().flat_map(|weights| prefixed(weights, SWA));
        Checkpoint {
            state: self.state.clone(),
            weights: export_weights(self.network()),
            optimizer: self.optimizer.export(),
            kept: best
                .chain(ema)
                .chain(swa)
                .chain(prefixed(&self.parameters.export(), PREFIX))
                .collect(),
        }
    }

    fn non_finite(&self, what: String, value: f64, batch: &Batch<'_>) -> TrainError {
        let photos = self.sets.training.photos;
        let ids: Vec<&str> = batch.draws.iter().map(|draw| photos.id(draw.idx)).collect();
        TrainError::NonFinite {
            what,
            value,
            epoch: self.state.epochs_done + 1,
            step: self.state.steps_done + 1,
            images: ids.join(", "),
        }
    }
}

fn means(sums: &BTreeMap<String, f64>, num_images: usize) -> BTreeMap<String, f64> {
    sums.iter().map(|(name, sum)| (name.clone(), sum / num_images as f64)).collect()
}

fn prefixed<'a>(
    tensors: &'a Weights,
    prefix: &'a str,
) -> impl Iterator<Item = (String, NamedTensor)> + 'a {
    tensors.iter().map(move |(name, tensor)| (format!("{prefix}{name}"), tensor.clone()))
}

/// Those of `tensors` whose names start with `prefix`, without it.
fn unprefixed(tensors: &Weights, prefix: &str) -> Weights {
    let named = tensors.iter().filter_map(|(name, tensor)| {
        Some((name.strip_prefix(prefix)?.to_string(), tensor.clone()))
    });
    named.collect()
}
