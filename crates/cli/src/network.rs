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
        let config = config_of_weights(architecture, size, &weights).ok_or_else(|| {
            let message = format!("there is no matrix `{}`", head_matrix(architecture));
            CliError::bad_data(path, message)
        })?;
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

/// Name of the matrix of the linear layer.
fn head_matrix(architecture: Architecture) -> &'static str {
    if architecture.is_resnet() { "fc.weight" } else { "classifier.1.weight" }
}

/// The network of torchvision's kind that has weights of these shapes.
fn config_of_weights(
    architecture: Architecture,
    size: ImageSize,
    weights: &BTreeMap<String, NamedTensor>,
) -> Option<NetworkConfig> {
    let &[num_classes, num_inputs] = weights.get(head_matrix(architecture))?.shape.as_slice()
    else {
        return None;
    };
    let has_norm =
        ["fc_bn.weight", "classifier.0.weight"].iter().any(|name| weights.contains_key(*name));
    let head = match num_inputs == architecture.num_features() {
        true if has_norm => Head::GapBn,
        true => Head::Gap,
        false => Head::Flatten,
    };
    let input_size = [size.height as usize, size.width as usize];
    Some(NetworkConfig {
        head,
        input_size,
        ..NetworkConfig::torchvision(architecture, num_classes)
    })
}

#[cfg(test)]
mod tests {
    use super::config_of_weights;
    use dermx_data::ImageSize;
    use dermx_model::{Architecture, Head, NamedTensor};

    /// Number of classes and head of the network with these matrices and vectors.
    fn found(architecture: Architecture, shapes: &[(&str, &[usize])]) -> Option<(usize, Head)> {
        let tensor = |shape: &[usize]| NamedTensor { shape: shape.to_vec(), values: Vec::new() };
        let weights = shapes.iter().map(|(name, shape)| (name.to_string(), tensor(shape)));
        let size = ImageSize::new(64, 64);
        let config = config_of_weights(architecture, size, &weights.collect())?;
        Some((config.num_classes, config.head))
    }

    #[test]
    fn the_matrix_of_the_head_says_how_many_classes_there_are_and_which_head() {
        let (resnet, b0) = (Architecture::Resnet34, Architecture::EfficientnetB0);
        let cases = [
            (resnet, &[("fc.weight", &[7, 512][..])][..], Some((7, Head::Gap))),
            (resnet, &[("fc.weight", &[7, 2048])], Some((7, Head::Flatten))),
            (b0, &[("classifier.1.weight", &[9, 1280])], Some((9, Head::Gap))),
            (
                b0,
                &[("classifier.0.weight", &[1280]), ("classifier.1.weight", &[9, 1280])],
                Some((9, Head::GapBn)),
            ),
            (b0, &[("fc.weight", &[9, 1280])], None),
            (resnet, &[("fc.weight", &[512])], None),
        ];
        for (architecture, shapes, expected) in cases {
            assert_eq!(found(architecture, shapes), expected, "{architecture} {shapes:?}");
        }
    }
}
