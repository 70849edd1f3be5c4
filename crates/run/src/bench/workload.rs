//! What is done with a batch.

use super::BenchMode;
use super::subject::{Place, Subject};
use crate::error::{RunError, RunResult};
use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use dermx_data::Random;
use dermx_gradcam::{Explainer, Method, Settings};
use dermx_model::{Architecture, BatchNormMode, DropSite, Network, Preset, set_trainable};
use dermx_train::{AdamConfig, NamedGradients, Optimizer, OptimizerConfig, cross_entropy, targets};

/// Adam's step size; the study's is of this order.
const LEARNING_RATE: f64 = 1e-4;

/// Work on one batch, again and again.
pub struct Workload {
    images: Tensor<4>,
    classes: Vec<usize>,
    work: Work,
}

enum Work {
    Learn(Box<Learner>),
    Infer(Box<Network>),
    Explain(Box<Explainer>),
}

impl Workload {
    /// What `mode` does with the first batch of `subject`.
    ///
    /// # Errors
    /// The study trained no such network, or a photo cannot be read.
    pub fn new(subject: &Subject, mode: BenchMode, place: Place<'_>) -> RunResult<Self> {
        let network = subject.network(place.context.device())?;
        let (mut images, classes) = subject.first_batch(place)?;
        let work = match mode {
            BenchMode::Infer => Work::Infer(Box::new(network.valid())),
            BenchMode::Explain => Work::Explain(Box::new(explainer(&network)?)),
            BenchMode::Step | BenchMode::Recipe => {
                images = images.autodiff();
                let (pattern, batch_norm) = match mode {
                    BenchMode::Recipe => {
                        let recipe = recipe(subject.network.architecture)?;
                        (recipe.name, recipe.batch_norm)
                    }
                    _ => ("*", BatchNormMode::Train),
                };
                Work::Learn(Box::new(Learner::new(network, pattern, batch_norm)?))
            }
        };
        Ok(Self { images, classes, work })
    }

    /// One batch.
    ///
    /// # Errors
    /// Weights that are not finite after a step.
    pub fn batch(&mut self) -> RunResult<()> {
        let Self { images, classes, work } = self;
        match work {
            Work::Learn(learner) => drop(learner.learn(images, classes)?),
            Work::Infer(network) => drop(network.forward(images.clone()).into_data()),
            Work::Explain(explainer) => {
                explainer.explain(images.clone(), classes, &mut |_| 0.0)?;
            }
        }
        Ok(())
    }
}

/// Grad-CAM of the last feature maps.
///
/// # Errors
/// A network without a layer to explain.
pub fn explainer(network: &Network) -> RunResult<Explainer> {
    Ok(Explainer::new(network, Method::GradCam, Settings::default(), None)?)
}

/// What the study let learn.
fn recipe(architecture: Architecture) -> RunResult<&'static Preset> {
    architecture.recipe().ok_or_else(|| {
        RunError::usage(format!("the study has no recipe for {architecture}; use --mode step"))
    })
}

/// A network that learns one batch by heart.
pub struct Learner {
    /// `None` only while the optimizer moves it.
    network: Option<Network>,
    optimizer: Optimizer,
    sites: Vec<DropSite>,
    random: Random,
}

/// What one training step came to.
pub struct Step {
    /// The mean cross-entropy before the step.
    pub loss: f64,
    /// The gradients that made the step.
    pub gradients: NamedGradients,
}

impl Learner {
    /// Lets what `pattern` says of `network` learn, with Adam.
    ///
    /// # Errors
    /// A pattern that names no parameter.
    pub fn new(network: Network, pattern: &str, mode: BatchNormMode) -> RunResult<Self> {
        let network = set_trainable(network, &[pattern.to_string()], mode)
            .map_err(RunError::internal)?
            .train();
        let adam = AdamConfig { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, weight_decay: 0.0 };
        Ok(Self {
            sites: network.drop_sites(),
            network: Some(network),
            optimizer: Optimizer::new(OptimizerConfig::Adam(adam)),
            random: Random::new(0, "bench", 0, "drop"),
        })
    }

    /// The network as it is now.
    pub fn network(&self) -> Option<&Network> {
        self.network.as_ref()
    }

    /// One step, with dropout and stochastic depth; `images` are on an autodiff device.
    ///
    /// # Errors
    /// Weights that are not finite afterwards.
    pub fn learn(&mut self, images: &Tensor<4>, classes: &[usize]) -> RunResult<Option<Step>> {
        let Self { network, optimizer, sites, random } = self;
        let Some(moving) = network.take() else { return Ok(None) };
        let names: Vec<&str> = sites.iter().map(|site| site.name.as_str()).collect();
        let logits = moving.forward_tapped_at(images.clone(), &names, &mut |name, x| {
            let Some(site) = sites.iter().find(|site| site.name == name) else { return x };
            let num_draws = x.dims()[0] * site.num_draws(&x);
            let draws: Vec<f64> = (0..num_draws).map(|_| random.unit()).collect();
            site.apply(x, &draws)
        });
        let num_classes = logits.dims()[1];
        let targets = targets(classes, 1.0, &vec![1.0; num_classes], 0.0);
        let targets = TensorData::new(targets, [classes.len(), num_classes]);
        let loss = cross_entropy(logits, Tensor::from_data(targets, &images.device()));
        let value = loss.clone().into_data().iter::<f64>().next().unwrap_or(f64::NAN);
        let gradients = NamedGradients::take(&moving, loss.backward());
        let moved = optimizer.step(moving, &gradients, LEARNING_RATE).map_err(|found| {
            let message = format!("{found} after a training step");
            RunError::internal(message)
        })?;
        *network = Some(moved);
        Ok(Some(Step { loss: value, gradients }))
    }
}
