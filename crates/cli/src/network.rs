//! A trained network, from a run folder or from a file of weights.

use crate::args::NetworkArgs;
use crate::config::{self, Config};
use crate::error::{CliError, CliResult, ExitKind};
use crate::run_folder::SeedFolder;
use crate::weight_files;
use burn::tensor::Device;
use dermx_data::{ImageSize, Normalization};
use dermx_model::{
    Architecture, Head, NamedTensor, Network, NetworkConfig, import_partial, import_weights,
    read_weights,
};
use dermx_train::initial_weights;
use std::collections::BTreeMap;
use std::path::Path;

/// A network with what it needs to know about its input and output.
#[derive(Debug)]
pub struct TrainedNetwork {
    /// The network, on a plain device.
    pub network: Network,
    /// What it is built from.
    pub config: NetworkConfig,
    /// Class names in the order of the logits.
    pub classes: Vec<String>,
    /// Size of its images.
    pub size: ImageSize,
    /// Standardization of its images.
    pub normalization: Normalization,
}

impl TrainedNetwork {
    /// The network that the arguments name.
    ///
    /// # Errors
    /// No such run, seed or file, or weights that do not fit.
    pub fn open(args: &NetworkArgs, device: &Device) -> CliResult<Self> {
        match (&args.run, args.arch, &args.weights) {
            (Some(run), _, _) => {
                let config = config::load_run(run)?;
                let seed = seed_of(&config, args.seed, run)?;
                Self::of_run(&config, &SeedFolder::of(run, seed), device)
            }
            (None, Some(architecture), Some(weights)) => {
                Self::of_file(architecture, weights, args, device)
            }
            _ => Err(CliError::new(ExitKind::Usage, "name a --run, or --arch and --weights")),
        }
    }

    /// The network of one seed of a run.
    ///
    /// # Errors
    /// The seed is not trained yet, or its weights do not fit.
    pub fn of_run(config: &Config, folder: &SeedFolder, device: &Device) -> CliResult<Self> {
        let weights = read_weights(&folder.weights()).map_err(|error| {
            let error = CliError::from(error);
            CliError { message: format!("{} (is the seed trained?)", error.message), ..error }
        })?;
        let network_config = network_config(config);
        Ok(Self {
            network: import_weights(network_config.init(device), &weights)?,
            config: network_config,
            classes: config.data.classes.clone(),
            size: config.input.size,
            normalization: normalization(&config.input.normalization)?,
        })
    }

    /// Whether the network takes images of `size`.
    ///
    /// # Errors
    /// Its head is bound to another size.
    pub fn check_size(&self, size: ImageSize) -> CliResult<()> {
        let cells =
            |size: ImageSize| self.config.feature_size([size.height as usize, size.width as usize]);
        if self.config.head == Head::Flatten && cells(size) != cells(self.size) {
            let message = format!("the network takes images of {}, not of {size}", self.size);
            return Err(CliError::new(ExitKind::BadData, message));
        }
        Ok(())
    }

    fn of_file(
        architecture: Architecture,
        path: &Path,
        args: &NetworkArgs,
        device: &Device,
    ) -> CliResult<Self> {
        let (size, normalization) = (args.size, normalization(&args.normalization)?);
        let weights = weight_files::read(path)?;
        let shapes = weights.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone()));
        let config = NetworkConfig::of_shapes(architecture, &shapes.collect());
        let config = config.ok_or_else(|| {
            let message = format!("there is no matrix `{}`", architecture.head_matrix());
            CliError::bad_data(path, message)
        })?;
        let input_size = [size.height as usize, size.width as usize];
        let config = NetworkConfig { input_size, ..config };
        let network = match args.allow_partial {
            true => import_what_fits(config.init(device), path, &weights)?,
            false => import_weights(config.init(device), &weights)
                .map_err(|error| CliError::bad_data(path, error))?,
        };
        let classes = (0..config.num_classes).map(|idx| format!("class_{idx}")).collect();
        Ok(Self { network, config, classes, size, normalization })
    }
}

/// The network with random weights as of seed 0, and those of `weights` that fit; says which do not.
fn import_what_fits(
    network: Network,
    path: &Path,
    weights: &BTreeMap<String, NamedTensor>,
) -> CliResult<Network> {
    let start = initial_weights(&network, 0);
    let (network, misfit) = import_partial(import_weights(network, &start)?, weights);
    if !misfit.is_empty() {
        let num_fitting = start.len() - misfit.missing.len() - misfit.misshapen.len();
        let num_needed = start.len();
        tracing::warn!(
            "{}: {num_fitting} of {num_needed} tensors fit; {}: {misfit}",
            path.display(),
            misfit.counts()
        );
    }
    Ok(network)
}

/// The network that a configuration describes.
pub fn network_config(config: &Config) -> NetworkConfig {
    NetworkConfig {
        architecture: config.model.architecture,
        head: config.model.head,
        num_classes: config.data.classes.len(),
        variant: config.model.variant,
        padding: config.model.padding,
        last_stride: config.model.last_stride,
        input_size: [config.input.size.height as usize, config.input.size.width as usize],
    }
}

/// The standardization of that name.
///
/// # Errors
/// There is none.
pub fn normalization(name: &str) -> CliResult<Normalization> {
    Normalization::preset(name).ok_or_else(|| {
        let known = Normalization::PRESETS.join(", ");
        let message = format!("`{name}` is not a standardization; there are: {known}");
        CliError::new(ExitKind::Usage, message)
    })
}

/// `seed` if the run has it; the run's first seed when `None`.
///
/// # Errors
/// The run does not have it.
fn seed_of(config: &Config, seed: Option<u64>, run: &Path) -> CliResult<u64> {
    let seeds = &config.run.seeds;
    match seed.or(seeds.first().copied()) {
        Some(seed) if seeds.contains(&seed) => Ok(seed),
        _ => {
            let message = format!("{}: the run has the seeds {seeds:?}", run.display());
            Err(CliError::new(ExitKind::MissingInput, message))
        }
    }
}
