//! A trained network, from a run folder or from a file of weights.

use crate::config::Config;
use crate::error::{RunError, RunResult};
use crate::run_folder::SeedFolder;
use crate::thresholds::{Thresholds, USUAL};
use crate::usual_normalization::UsualNormalization;
use crate::weight_files::{self, Found, Request};
use burn::tensor::{Device, Tensor};
use dermx_data::{ImageSize, Normalization};
use dermx_model::{
    Architecture, Head, NamedTensor, Network, NetworkConfig, Padding, WeightsError, host_values,
    import_partial, import_weights, read_weights,
};
use dermx_score::{
    ImageLogits, argmax, label_predictions_csv, labels_given, predictions_csv, sigmoid, softmax,
};
use dermx_train::initial_weights;
use std::collections::BTreeMap;
use std::path::Path;

/// Size of photos where neither a file nor the command line says another: that of the study.
const USUAL_SIZE: ImageSize = dermx_study::SIZE;

/// Standardization where neither a file nor the command line says another, and none is usual for the file: that of most
/// ImageNet weights.
const USUAL_NORMALIZATION: &str = "imagenet";

/// What is said of weights in a file; what is `None` is found out.
#[derive(Debug, Clone, Default)]
pub struct WeightsOptions {
    /// Which network they are of.
    pub architecture: Option<Architecture>,
    /// What stands before their names.
    pub prefix: Option<String>,
    /// Whether those that fit are taken, and others start at random.
    pub allow_partial: bool,
    /// Where the network pads.
    pub padding: Option<Padding>,
    /// Epsilon of its batch normalizations.
    pub epsilon: Option<f64>,
    /// Size that photos are stretched to.
    pub size: Option<ImageSize>,
    /// Name of the standardization of photos.
    pub normalization: Option<String>,
}

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
    /// Of a network that gives an image any number of classes: from which probability on, for each class.
    pub thresholds: Option<Vec<f64>>,
}

impl TrainedNetwork {
    /// The network of `seed` of the run in `run`; of its first seed when `None`.
    ///
    /// # Errors
    /// No such run or seed, a seed that is not trained yet, or weights that do not fit.
    pub fn open(run: &Path, seed: Option<u64>, device: &Device) -> RunResult<Self> {
        let config = Config::load_run(run)?;
        let seed = seed_of(&config, seed, run)?;
        Self::of_run(&config, &SeedFolder::of(run, seed), device)
    }

    /// The network of one seed of a run.
    ///
    /// # Errors
    /// The seed is not trained yet, or its weights do not fit.
    pub fn of_run(config: &Config, folder: &SeedFolder, device: &Device) -> RunResult<Self> {
        let weights = read_weights(&folder.weights())
            .map_err(|error| RunError::from(error).advice(" (is the seed trained?)"))?;
        let network_config = config.network();
        let thresholds = Thresholds::of_run(config, folder)?;
        Ok(Self {
            network: import_weights(network_config.empty(device), &weights)
                .map_err(|error| weight_files::error_in(&folder.weights(), error))?,
            config: network_config,
            classes: config.data.classes.clone(),
            size: config.input.size,
            normalization: normalization(&config.input.normalization)?,
            thresholds: thresholds.map(|thresholds| thresholds.values()),
        })
    }

    /// The probability of each class: by softmax of one class an image, by the logistic function of several.
    pub fn probabilities(&self, logits: &[f32]) -> Vec<f64> {
        match self.thresholds {
            None => softmax(logits),
            Some(_) => logits.iter().map(|&logit| sigmoid(logit)).collect(),
        }
    }

    /// `predictions.csv` of `rows`.
    pub fn predictions_csv(&self, rows: &[ImageLogits], with_logits: bool) -> Vec<u8> {
        match &self.thresholds {
            None => predictions_csv(rows, &self.classes, with_logits),
            Some(given) => label_predictions_csv(rows, &self.classes, given, with_logits),
        }
    }

    /// Places of the classes that an image with these `logits` is given: the one with the largest, or all that reach
    /// their thresholds.
    pub fn given(&self, logits: &[f32]) -> Vec<usize> {
        match &self.thresholds {
            None => vec![argmax(logits)],
            Some(thresholds) => labels_given(logits, thresholds),
        }
    }

    /// Whether the network takes images of `size`.
    ///
    /// # Errors
    /// They are too small, or its head is bound to another size.
    pub fn check_size(&self, size: ImageSize) -> RunResult<()> {
        let (architecture, min_px) = (self.config.architecture, self.config.min_side_px());
        if (size.height.min(size.width) as usize) < min_px {
            let message = format!(
                "images of {size} are too small: {architecture} needs at least {min_px} pixels a side \
                 (--size)"
            );
            return Err(RunError::bad_data(message));
        }
        let cells =
            |size: ImageSize| self.config.feature_size([size.height as usize, size.width as usize]);
        if self.config.head == Head::Flatten && cells(size) != cells(self.size) {
            let message = format!("the network takes images of {}, not of {size}", self.size);
            return Err(RunError::bad_data(message));
        }
        Ok(())
    }

    /// The network in the file of weights `path`, or in weights that were fetched under this name.
    ///
    /// # Errors
    /// No such file, or weights that do not fit what is said of them.
    pub fn of_file(path: &Path, options: &WeightsOptions, device: &Device) -> RunResult<Self> {
        let mut found = weight_files::find(
            path,
            &Request {
                architecture: options.architecture,
                prefix: options.prefix.as_deref(),
                padding: options.padding,
                epsilon: options.epsilon,
                partial: options.allow_partial,
                without_head: false,
            },
        )?;
        let weights = found.read(path)?;
        let config = found.config.ok_or_else(|| {
            let matrix = found.located.architecture.head_matrix();
            let message = format!(
                "there is no matrix `{matrix}`, which tells the number of classes: {}",
                found.located.misfit
            );
            RunError::in_file(path, message)
        })?;
        let (size, normalization) = input_of(path, options, &found)?;
        let input_size = [size.height as usize, size.width as usize];
        let is_described = found.description.as_ref().is_some_and(|one| one.input_size.is_some());
        let cells = |size| config.feature_size(size);
        if is_described
            && config.head == Head::Flatten
            && cells(input_size) != cells(config.input_size)
        {
            let [height, width] = config.input_size;
            let message = format!("the network takes images of {height}x{width}, not of {size}");
            return Err(RunError::in_file(path, message));
        }
        let config = NetworkConfig { input_size, ..config };
        let network = match options.allow_partial {
            true => import_what_fits(config.init(device), path, &weights),
            false => import_weights(config.empty(device), &weights),
        };
        let network = network.map_err(|error| weight_files::error_in(path, error))?;
        let numbered = || (0..config.num_classes).map(|idx| format!("class_{idx}")).collect();
        let is_multilabel = found.description.as_ref().is_some_and(|one| one.multilabel);
        let thresholds = is_multilabel.then(|| vec![USUAL; config.num_classes]);
        if thresholds.is_some() {
            tracing::warn!(
                "{}: a label is given from a probability of {USUAL} on; --run takes the thresholds that the run \
                 chose",
                path.display()
            );
        }
        let classes = found.description.and_then(|one| one.classes).unwrap_or_else(numbered);
        Ok(Self { network, config, classes, size, normalization, thresholds })
    }
}

/// Size and standardization of images: as asked for, as the file of the weights says, or the usual ones.
fn input_of(
    path: &Path,
    options: &WeightsOptions,
    found: &Found,
) -> RunResult<(ImageSize, Normalization)> {
    let description = found.description.as_ref();
    let usual = UsualNormalization::of(path, &found.file, found.located.architecture);
    let path = path.display();
    let told = description.and_then(|description| description.input_size);
    let told = told.map(|[height, width]| ImageSize::new(height as u32, width as u32));
    if let (Some(asked), Some(told)) = (options.size, told)
        && asked != told
    {
        tracing::warn!("{path}: --size {asked} is used; the file says {told}");
    }
    let size = options.size.or(told).unwrap_or_else(|| {
        tracing::warn!(
            "{path}: nothing says the size of its images: {USUAL_SIZE} is assumed (--size)"
        );
        USUAL_SIZE
    });
    let told = description.and_then(|description| description.normalization.as_deref());
    if let (Some(asked), Some(told)) = (options.normalization.as_deref(), told)
        && asked != told
    {
        tracing::warn!("{path}: --normalization {asked} is used; the file says {told}");
    }
    let name = options.normalization.as_deref().or(told).unwrap_or_else(|| {
        let name = usual.map_or(USUAL_NORMALIZATION, |usual| usual.name);
        if usual.is_none_or(|usual| usual.is_assumed) {
            let whose = usual.map_or("", |_| ", which Keras' own weights take,");
            tracing::warn!(
                "{path}: nothing says how its images are standardized: {name}{whose} is assumed \
                 (--normalization)"
            );
        }
        name
    });
    Ok((size, normalization(name)?))
}

/// The logits in `output`, `[images, classes]`, of the images `ids`.
///
/// # Errors
/// A value that is not finite: it stands for no class.
pub fn finite_logits(output: Tensor<2>, ids: &[String]) -> RunResult<Vec<Vec<f32>>> {
    let num_classes = output.dims()[1];
    let values = host_values(output);
    let logits: Vec<Vec<f32>> = values.chunks(num_classes).map(<[f32]>::to_vec).collect();
    for (image_id, row) in ids.iter().zip(&logits) {
        if let Some(class_idx) = row.iter().position(|logit| !logit.is_finite()) {
            let message = format!(
                "image `{image_id}`: the logit of class number {class_idx} is {}: the weights make \
                 numbers of it that are too large, or a `running_var` is negative; nothing was predicted",
                row[class_idx]
            );
            return Err(RunError::internal(message));
        }
    }
    Ok(logits)
}

/// The network with random weights as of seed 0, and those of `weights` that fit; says which do not.
fn import_what_fits(
    network: Network,
    path: &Path,
    weights: &BTreeMap<String, NamedTensor>,
) -> Result<Network, WeightsError> {
    let start = initial_weights(&network, 0);
    let (network, misfit) = import_partial(import_weights(network, &start)?, weights)?;
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

/// The standardization of that name.
///
/// # Errors
/// There is none.
pub fn normalization(name: &str) -> RunResult<Normalization> {
    Normalization::preset(name).ok_or_else(|| {
        let known = Normalization::PRESETS.join(", ");
        let message = format!("`{name}` is not a standardization; there are: {known}");
        RunError::usage(message)
    })
}

/// `seed` if the run has it; the run's first seed when `None`.
///
/// # Errors
/// The run does not have it.
fn seed_of(config: &Config, seed: Option<u64>, run: &Path) -> RunResult<u64> {
    let seeds = &config.run.seeds;
    match seed.or(seeds.first().copied()) {
        Some(seed) if seeds.contains(&seed) => Ok(seed),
        _ => {
            let wanted = seed.map_or("a seed".to_string(), |seed| format!("the seed {seed}"));
            let seeds: Vec<String> = seeds.iter().map(ToString::to_string).collect();
            let (run, seeds) = (run.display(), seeds.join(", "));
            Err(RunError::missing_input(format!(
                "{run}: there is not {wanted}; there are: {seeds}"
            )))
        }
    }
}
