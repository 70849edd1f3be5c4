//! What is done with a batch.

use crate::args::{BenchArgs, BenchMode};
use crate::error::{CliError, CliResult, ExitKind};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use dermx_data::Random;
use dermx_gradcam::{Explainer, Method, Settings};
use dermx_model::{
    Architecture, BatchNormMode, DropSite, Head, Network, NetworkConfig, import_weights,
    set_trainable,
};
use dermx_train::{
    AdamConfig, NamedGradients, Optimizer, OptimizerConfig, cross_entropy, initial_weights, targets,
};

/// Diseases in the DermX study, and the class of all others.
const NUM_CLASSES: usize = 7;

const SEED: u64 = 0;

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
    /// Random images and a network with random weights.
    ///
    /// # Errors
    /// The study trained no such network.
    pub fn new(args: &BenchArgs) -> CliResult<Self> {
        let size = [args.size.height as usize, args.size.width as usize];
        let config = config(args, size)?;
        let device = Device::flex();
        let network = config.init(&device);
        let network = import_weights(network.clone(), &initial_weights(&network, SEED))?;
        let explainer = || Explainer::new(&network, Method::GradCam, Settings::default(), None);
        let (work, device) = match args.mode {
            BenchMode::Infer => (Work::Infer(Box::new(network.valid())), device),
            BenchMode::Explain => (Work::Explain(Box::new(explainer()?)), device),
            BenchMode::Step => {
                let network = trainable(network, "*", BatchNormMode::Train)?;
                (Work::Learn(Box::new(Learner::new(network))), device.autodiff())
            }
            BenchMode::Recipe => {
                let (preset, mode) = recipe(args.arch)?;
                let network = trainable(network, preset, mode)?;
                (Work::Learn(Box::new(Learner::new(network))), device.autodiff())
            }
        };
        let batch = usize::from(args.batch);
        let classes = (0..batch).map(|idx| idx % NUM_CLASSES).collect();
        Ok(Self { images: random_images(batch, size, &device), classes, work })
    }

    /// One batch.
    ///
    /// # Errors
    /// None that a user can cause.
    pub fn batch(&mut self) -> CliResult<()> {
        let Self { images, classes, work } = self;
        match work {
            Work::Learn(learner) => learner.learn(images, classes),
            Work::Infer(network) => drop(network.forward(images.clone()).into_data()),
            Work::Explain(explainer) => {
                explainer.explain(images.clone(), classes, &mut |_| 0.0)?;
            }
        }
        Ok(())
    }
}

/// The study's heads for its recipes, else torchvision's.
fn config(args: &BenchArgs, input_size: [usize; 2]) -> CliResult<NetworkConfig> {
    let config = NetworkConfig::torchvision(args.arch, NUM_CLASSES);
    let head = match (args.mode, args.arch) {
        (BenchMode::Recipe, Architecture::Resnet50) => Head::Flatten,
        (BenchMode::Recipe, _) => Head::GapBn,
        _ => config.head,
    };
    Ok(NetworkConfig { head, input_size, ..config })
}

/// What the study let learn; see [`dermx_model::PRESETS`].
fn recipe(architecture: Architecture) -> CliResult<(&'static str, BatchNormMode)> {
    match architecture {
        Architecture::Resnet50 => Ok(("paper-resnet50", BatchNormMode::Train)),
        Architecture::EfficientnetB4 => Ok(("paper-efficientnet-b4", BatchNormMode::Frozen)),
        other => {
            let message = format!("the study has no recipe for {other}; use --mode step");
            Err(CliError::new(ExitKind::Usage, message))
        }
    }
}

fn trainable(network: Network, pattern: &str, mode: BatchNormMode) -> CliResult<Network> {
    let network = set_trainable(network, &[pattern.to_string()], mode);
    Ok(network.map_err(|error| CliError::new(ExitKind::Internal, error))?.train())
}

fn random_images(batch: usize, [height, width]: [usize; 2], device: &Device) -> Tensor<4> {
    let mut random = Random::new(SEED, "bench", 0, "images");
    let values = (0..batch * 3 * height * width).map(|_| random.normal(0.0, 1.0) as f32);
    Tensor::from_data(TensorData::new(values.collect(), [batch, 3, height, width]), device)
}

struct Learner {
    /// `None` only while the optimizer moves it.
    network: Option<Network>,
    optimizer: Optimizer,
    sites: Vec<DropSite>,
    random: Random,
}

impl Learner {
    fn new(network: Network) -> Self {
        let adam = AdamConfig { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, weight_decay: 0.0 };
        Self {
            sites: network.drop_sites(),
            network: Some(network),
            optimizer: Optimizer::new(OptimizerConfig::Adam(adam)),
            random: Random::new(SEED, "bench", 0, "drop"),
        }
    }

    /// One step, with dropout and stochastic depth.
    fn learn(&mut self, images: &Tensor<4>, classes: &[usize]) {
        let Self { network, optimizer, sites, random } = self;
        let Some(moving) = network.take() else { return };
        let names: Vec<&str> = sites.iter().map(|site| site.name.as_str()).collect();
        let logits = moving.forward_tapped_at(images.clone(), &names, &mut |name, x| {
            let Some(site) = sites.iter().find(|site| site.name == name) else { return x };
            let num_draws = x.dims()[0] * site.num_draws(&x);
            let draws: Vec<f64> = (0..num_draws).map(|_| random.unit()).collect();
            site.apply(x, &draws)
        });
        let targets = targets(classes, 1.0, &[1.0; NUM_CLASSES], 0.0);
        let targets = TensorData::new(targets, [classes.len(), NUM_CLASSES]);
        let loss = cross_entropy(logits, Tensor::from_data(targets, &images.device()));
        let gradients = NamedGradients::take(&moving, loss.backward());
        *network = Some(optimizer.step(moving, &gradients, 1e-4));
    }
}
