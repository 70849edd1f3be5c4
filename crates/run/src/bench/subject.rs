//! The network and the images that are measured.

use crate::config::Config;
use crate::context::Context;
use crate::error::{RunError, RunResult};
use crate::images::Images;
use crate::network::TrainedNetwork;
use crate::run_folder::SeedFolder;
use crate::test_set::TestSet;
use crate::training_data::open_photos;
use burn::tensor::{Device, Tensor, TensorData};
use dermx_data::{ImageSize, Random};
use dermx_model::{
    Architecture, Head, NamedTensor, Network, NetworkConfig, export_weights, import_weights,
};
use dermx_train::initial_weights;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// Diseases in the DermX study, and the class of all others.
const NUM_CLASSES: usize = 7;

const SEED: u64 = 0;

/// How far the control's pixels are from those of the images, as a share of their value: two or three
/// times what a 32-bit float rounds by.
pub const PERTURBATION: f32 = 3e-7;

/// A network with its weights in main memory, and images of known classes.
#[derive(Debug)]
pub struct Subject {
    /// What the network is built from.
    pub network: NetworkConfig,
    /// Height and width of the images.
    pub size: ImageSize,
    /// Names of the classes in the order of the logits.
    pub classes: Vec<String>,
    /// The images.
    pub images: Images,
    /// The class of each image.
    pub class_idx: Vec<usize>,
    /// In words: where weights and images are from.
    pub origin: String,
    /// `None` for random ones, which are drawn when they are wanted: as many again in memory would be
    /// measured with the rest.
    weights: Option<BTreeMap<String, NamedTensor>>,
}

/// Which images of a subject, and where they are computed on.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// What computes.
    pub context: Context<'a>,
    /// Images in a batch.
    pub batch_size: usize,
    /// Whether pixels are perturbed by [`PERTURBATION`].
    pub is_perturbed: bool,
}

impl Subject {
    /// Random weights, and `num_images` images of normally distributed values.
    pub fn random(
        architecture: Architecture,
        is_recipe: bool,
        num_images: usize,
        size: ImageSize,
    ) -> Self {
        let config = NetworkConfig::torchvision(architecture, NUM_CLASSES);
        // The study's heads for its recipes, else the network's own.
        let recipe = architecture.recipe().filter(|_| is_recipe);
        let head = match recipe {
            Some(recipe) => recipe.head,
            None if is_recipe => Head::GapBn,
            None => config.head,
        };
        let input_size = [size.height as usize, size.width as usize];
        let network = NetworkConfig { head, input_size, ..config };
        let mut random = Random::new(SEED, "bench", 0, "images");
        let num_values = num_images * 3 * size.num_pixels();
        let values = (0..num_values).map(|_| random.normal(0.0, 1.0) as f32).collect();
        Self {
            network,
            size,
            classes: (0..NUM_CLASSES).map(|idx| format!("class_{idx}")).collect(),
            images: Images::of_values(num_images, size, values),
            class_idx: (0..num_images).map(|idx| idx % NUM_CLASSES).collect(),
            origin: "random weights, random images".to_string(),
            weights: None,
        }
    }

    /// The weights of a finished seed of `run` (its first without `seed`), and the run's test photos.
    ///
    /// # Errors
    /// Not a run folder, a seed that is not trained, or test photos that are not there.
    pub fn of_run(run: &Path, seed: Option<u64>) -> RunResult<Self> {
        let config = Config::load_run(run)?;
        let seed = seed.or(config.run.seeds.first().copied()).unwrap_or_default();
        let folder = SeedFolder::of(run, seed);
        let trained = TrainedNetwork::of_run(&config, &folder, &Device::flex())?;
        if config.train.is_multilabel() {
            let message = "a comparison of backends takes a run of one class an image; this one has several labels";
            return Err(RunError::in_file(run, message));
        }
        let test = TestSet::read(&config)?;
        let images = Images::of(open_photos(&config, test.photos)?);
        Ok(Self {
            network: trained.config,
            size: trained.size,
            classes: trained.classes,
            class_idx: test
                .gold
                .iter()
                .map(|gold| gold.first().copied().unwrap_or_default())
                .collect(),
            origin: format!("{}, seed {seed}; {} test photos", run.display(), images.ids().len()),
            images,
            weights: Some(export_weights(&trained.network)),
        })
    }

    /// The network on `device`.
    ///
    /// # Errors
    /// Weights that do not fit the network.
    pub fn network(&self, device: &Device) -> RunResult<Network> {
        let import = |weights| import_weights(self.network.empty(device), weights);
        Ok(match &self.weights {
            Some(weights) => import(weights)?,
            None => {
                let drawn = initial_weights(&self.network.empty(&Device::flex()), SEED);
                import(&drawn)?
            }
        })
    }

    /// The first images, as many as a batch holds, and their classes.
    ///
    /// # Errors
    /// Fewer images than that, or a photo that cannot be read.
    pub fn first_batch(&self, place: Place<'_>) -> RunResult<(Tensor<4>, Vec<usize>)> {
        let num_images = self.images.ids().len();
        if num_images < place.batch_size {
            let message = format!("there are {num_images} images; --batch has to be as small");
            return Err(RunError::usage(message));
        }
        let range = 0..place.batch_size;
        Ok((self.batch(range.clone(), place)?, self.class_idx[range].to_vec()))
    }

    /// The images of `range`.
    ///
    /// # Errors
    /// A photo that cannot be read.
    pub fn batch(&self, range: Range<usize>, place: Place<'_>) -> RunResult<Tensor<4>> {
        let images = self.images.batch(range.clone(), place.context.device())?;
        if !place.is_perturbed {
            return Ok(images);
        }
        let mut random = Random::new(SEED, "bench", range.start as u64, "perturbation");
        let shape = images.dims();
        let mut factor =
            || if random.unit() < 0.5 { 1.0 - PERTURBATION } else { 1.0 + PERTURBATION };
        let factors: Vec<f32> = (0..shape.iter().product()).map(|_| factor()).collect();
        Ok(images * Tensor::from_data(TensorData::new(factors, shape), place.context.device()))
    }
}
