//! The command line.

mod bench;
mod config;
mod dataset;
mod evaluate;
mod limits;
mod output;
mod search;
mod sweep;
mod verify;
mod weights;

use crate::error::{CliError, CliResult};
pub use bench::BenchArgs;
use clap::{Args, Parser, Subcommand};
pub use config::{ConfigCommand, KeysArgs, ShowArgs};
pub use dataset::{
    CheckArgs, ConvertDatasetArgs, DatasetCommand, DescribeArgs, InitArgs, TablesArgs,
};
use dermx_data::ImageSize;
use dermx_gradcam::{Method, Output, Settings};
use dermx_model::{Architecture, NetworkConfig, Padding};
use dermx_run::config::SanityCheck;
use dermx_run::{Backend, Images, Session, TrainedNetwork, WeightsOptions};
use dermx_work::Failure;
pub use evaluate::EvaluateArgs;
use limits::{key, seed};
pub use output::OverwriteArg;
pub use search::SearchArgs;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use std::path::{Path, PathBuf};
pub use sweep::{PlanArgs, SweepArgs, SweepCommand};
pub use verify::VerifyArgs;
pub use weights::{ConvertArgs, FetchArgs, InspectArgs, WeightsCommand};

/// Train image classifiers, see where they look, and compare it with where experts look.
///
/// Research output; not a medical device and not for diagnosis.
#[derive(Debug, Parser)]
#[command(name = "dermx", version, arg_required_else_help = true)]
pub struct Cli {
    /// Print no progress.
    #[arg(long, global = true)]
    pub quiet: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `dermx` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train each seed, predict, explain, score, and write the report.
    Train(TrainArgs),
    /// Try configurations, and find the best by scores on validation photos.
    Search(SearchArgs),
    /// Plan many runs (seeds, folds, values of keys), run them here or on Slurm, and put their
    /// results together.
    Sweep(SweepArgs),
    /// Show what a configuration comes to, and list what one may say.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make a synthetic data set in DermX's format.
    Synth(SynthArgs),
    /// Look into a data set: describe, check and convert it, and compare its raters.
    #[command(subcommand)]
    Dataset(DatasetCommand),
    /// Look into files of weights, convert and download them.
    #[command(subcommand)]
    Weights(WeightsCommand),
    /// Write class probabilities of photos.
    Predict(PredictArgs),
    /// Write heat maps of photos.
    Explain(ExplainArgs),
    /// Score heat maps, of any program, and diagnoses against the experts.
    Evaluate(EvaluateArgs),
    /// Write the report of finished runs.
    Report(ReportArgs),
    /// Look for exchanged classes in confusion matrices, and recompute the scores.
    Audit(AuditArgs),
    /// Replay epochs of a finished run and compare hashes of all that it was made from.
    Verify(VerifyArgs),
    /// Time networks on this machine: training steps, prediction, explanation, single layers.
    Bench(BenchArgs),
    /// List the backends of this binary and the devices that they find.
    Backends(BackendsArgs),
}

/// Arguments of `dermx backends`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx backends\n\n`cargo xtask backends --backend wgpu` builds a binary with WGPU first."
)]
pub struct BackendsArgs {
    /// Only this one, and fail if it cannot compute.
    #[arg(long, value_name = "NAME")]
    pub backend: Option<Backend>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `dermx audit`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx audit --matrices datasets/published/confusion_matrices.json --tables datasets/published/paper_tables.json"
)]
pub struct AuditArgs {
    /// The eval.json of a run, or confusion matrices: `test_order` (names of the true classes),
    /// `train_order` (names of the predictions, if others), and `networks`, by name, as
    /// `[run][true][predicted]`.
    #[arg(long, value_name = "FILE")]
    pub matrices: PathBuf,
    /// Printed tables to compare with (Tables 5a and 5b of the DermX paper).
    #[arg(long, value_name = "FILE")]
    pub tables: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What computes.
#[derive(Debug, Clone, Copy, Args)]
pub struct BackendArg {
    /// What computes: cpu, wgpu or cuda; wgpu:1 is the second device. `dermx backends` lists them.
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    pub backend: Backend,
}

/// Arguments of `dermx train`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx train --config quickstart.toml --set run.epochs=5 --seed 1\n\nA last batch of one image joins the batch before it; --set train.last_batch=keep, drop or merge\nsays what becomes of any last batch that is not full."
)]
pub struct TrainArgs {
    /// A configuration: a path, a file in configs/, or a built-in one.
    #[arg(long, value_name = "FILE", required_unless_present = "resume")]
    pub config: Option<String>,
    /// Only this seed, instead of those of the configuration.
    #[arg(long, value_parser = seed())]
    pub seed: Option<u64>,
    /// What computes.
    #[command(flatten)]
    pub backend: BackendArg,
    /// Change a key of the configuration; `dermx config keys` lists them.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub overrides: Vec<String>,
    /// The run folder; without it, a new numbered one in `run.output`.
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Go on with the run in `--run` (`--config` may be left out), or with the newest one of
    /// `--config`.
    #[arg(long)]
    pub resume: bool,
    /// Go on although training or test images are no longer those that the run began with; its
    /// certificate says so then, and `verify` tells.
    #[arg(long, requires = "resume")]
    pub allow_drift: bool,
    /// Take over the lock that a process of another machine left in the run folder. Make sure that it
    /// is gone: two processes at work on one run spoil it.
    #[arg(long, requires = "resume")]
    pub steal_lock: bool,
    /// Stop after training: no predictions, heat maps, scores or report.
    #[arg(long)]
    pub no_eval: bool,
}

/// Arguments of `dermx synth`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx synth --out datasets/synthetic --images 150 --train-images 720"
)]
pub struct SynthArgs {
    /// The folder to make.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Number of annotated test images.
    #[arg(long, default_value_t = 150, value_name = "N", value_parser = key::<usize>("synthetic.num_images"))]
    pub images: usize,
    /// Number of training images.
    #[arg(long, default_value_t = 720, value_name = "N", value_parser = key::<usize>("synthetic.num_train_images"))]
    pub train_images: usize,
    /// The same seed gives the same bytes.
    #[arg(long, default_value_t = 0, value_parser = seed())]
    pub seed: u64,
    #[command(flatten)]
    pub overwrite: OverwriteArg,
}

/// The most images that a number on the command line can mean.
const MAX_IMAGES: u64 = 1_000_000_000;

/// The choice of that name.
fn choice<T: DeserializeOwned>(name: &str) -> Result<T, String> {
    let name: StrDeserializer<'_, ValueError> = name.into_deserializer();
    T::deserialize(name).map_err(|error| error.to_string())
}

/// An epsilon of batch normalization.
fn epsilon(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|&number| NetworkConfig::is_epsilon(number));
    number.ok_or_else(|| "it has to be a positive number of at most 1, such as 1e-3".to_string())
}

/// Which network.
#[derive(Debug, Args)]
pub struct NetworkArgs {
    /// A run folder.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["arch", "weights"])]
    pub run: Option<PathBuf>,
    /// Which seed of the run; without it, the first.
    #[arg(long, requires = "run", value_parser = seed())]
    pub seed: Option<u64>,
    /// An architecture: resnet18, 34, 50, 101, 152, efficientnet_b0 to b7. Classes are called class_0,
    /// class_1, ... where the file of the weights does not name them.
    /// Without it, as the file of the weights says, or as their names and shapes tell.
    #[arg(long, requires = "weights")]
    pub arch: Option<Architecture>,
    /// A .pth or safetensors file with torchvision's or timm's names, or the name of fetched weights
    /// (see `dermx weights fetch`). Files that `dermx` wrote say what network, size, standardization
    /// and classes they are for.
    #[arg(long, value_name = "FILE", required_unless_present = "run")]
    pub weights: Option<PathBuf>,
    /// What the names of the weights start with, where a file holds several networks: `teacher.`.
    #[arg(long, value_name = "TEXT", conflicts_with = "run")]
    pub prefix: Option<String>,
    /// Take the tensors of `--weights` that fit, and say which do not; others start at random.
    #[arg(long, conflicts_with = "run", requires = "arch")]
    pub allow_partial: bool,
    /// How an EfficientNet pads: torchvision (symmetric), tf (same). Names of weights do not tell
    /// timm's efficientnet_b0 from its tf_efficientnet_b0.
    #[arg(long, conflicts_with = "run", value_name = "HOW", value_parser = choice::<Padding>)]
    pub padding: Option<Padding>,
    /// Epsilon of batch normalization, where names do not tell it: 1e-3 for timm's tf_efficientnet.
    #[arg(long, conflicts_with = "run", value_name = "NUMBER", value_parser = epsilon)]
    pub epsilon: Option<f64>,
    /// HEIGHTxWIDTH that photos are stretched to; a run and a file that `dermx` wrote know their own
    /// [otherwise: 300x400].
    #[arg(long, conflicts_with = "run", value_parser = key::<ImageSize>("input.size"))]
    pub size: Option<ImageSize>,
    /// Standardization of photos; a run and a file that `dermx` wrote know their own [otherwise:
    /// imagenet].
    #[arg(long, conflicts_with = "run", value_name = "NAME")]
    pub normalization: Option<String>,
}

impl NetworkArgs {
    /// The files that they name, which no output may be.
    pub fn paths(&self) -> Vec<&Path> {
        self.run.iter().chain(&self.weights).map(PathBuf::as_path).collect()
    }

    /// The network that they name.
    ///
    /// # Errors
    /// No such run, seed or file, or weights that do not fit.
    pub fn open(&self, session: &Session) -> CliResult<TrainedNetwork> {
        let device = session.device();
        match (&self.run, &self.weights) {
            (Some(run), _) => Ok(TrainedNetwork::open(run, self.seed, device)?),
            (None, Some(weights)) => {
                let options = WeightsOptions {
                    architecture: self.arch,
                    prefix: self.prefix.clone(),
                    allow_partial: self.allow_partial,
                    padding: self.padding,
                    epsilon: self.epsilon,
                    size: self.size,
                    normalization: self.normalization.clone(),
                };
                Ok(TrainedNetwork::of_file(weights, &options, device)?)
            }
            (None, None) => Err(CliError::new(Failure::Usage, "name a --run or --weights")),
        }
    }
}

/// Which images.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ImageArgs {
    /// A photo (JPEG or PNG), or a folder of photos and its sub-folders. A photo's id is its path below the
    /// folder without .jpg, .jpeg or .png.
    #[arg(long, value_name = "FILE|DIR")]
    pub images: Option<PathBuf>,
    /// A safetensors file with standardized `images`, f32 `[n, 3, height, width]`.
    #[arg(long, value_name = "FILE")]
    pub tensor: Option<PathBuf>,
}

impl ImageArgs {
    /// The files that they name, which no output may be.
    pub fn paths(&self) -> Vec<&Path> {
        self.images.iter().chain(&self.tensor).map(PathBuf::as_path).collect()
    }

    /// The images that they name, as `trained` takes them.
    ///
    /// # Errors
    /// No such folder or file, no images, or images of another size than the network's.
    pub fn open(&self, trained: &TrainedNetwork) -> CliResult<Images> {
        match (&self.images, &self.tensor) {
            (Some(folder), _) => Ok(Images::open(folder, trained)?),
            (None, Some(file)) => Ok(Images::of_tensor_file(file)?),
            (None, None) => Err(CliError::new(Failure::Usage, "name --images or --tensor")),
        }
    }
}

/// Arguments of `dermx predict`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx predict --run experiments/runs/quickstart-001 --images photos --out predictions.csv"
)]
pub struct PredictArgs {
    /// Which network.
    #[command(flatten)]
    pub network: NetworkArgs,
    /// Which images.
    #[command(flatten)]
    pub images: ImageArgs,
    /// The CSV file to write.
    #[arg(long, value_name = "CSV")]
    pub out: PathBuf,
    #[command(flatten)]
    pub overwrite: OverwriteArg,
    /// What computes.
    #[command(flatten)]
    pub backend: BackendArg,
    /// Write logits, too.
    #[arg(long)]
    pub logits: bool,
    /// Images a step.
    #[arg(long, default_value_t = 8, value_parser = key::<usize>("explain.batch_size"))]
    pub batch: usize,
}

/// Arguments of `dermx explain`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx explain --run experiments/runs/quickstart-001 --images photos --out heatmaps"
)]
pub struct ExplainArgs {
    /// Which network.
    #[command(flatten)]
    pub network: NetworkArgs,
    /// Which images.
    #[command(flatten)]
    pub images: ImageArgs,
    /// A CSV file with the columns `image_id` and `target` (class name or number), one row an image;
    /// without it, the predicted class is explained.
    #[arg(long, value_name = "CSV")]
    pub targets: Option<PathBuf>,
    /// Which method: grad_cam, grad_cam_plus_plus, xgrad_cam, hires_cam, layer_cam, eigen_cam,
    /// score_cam, integrated_gradients, smooth_grad, occlusion.
    #[arg(long, default_value = "grad_cam")]
    pub method: Method,
    /// Which layer; without it, the last convolutional block. A wrong name lists the right ones.
    #[arg(long)]
    pub layer: Option<String>,
    /// What of the target class is explained: logit, probability.
    #[arg(long, default_value = "logit", value_parser = choice::<Output>)]
    pub output: Output,
    /// Integrated gradients: number of steps.
    #[arg(long, default_value_t = 32, value_name = "N",
          value_parser = key::<usize>("explain.method.integrated_gradients.num_steps"))]
    pub steps: usize,
    /// SmoothGrad: number of noisy images.
    #[arg(long, default_value_t = 16, value_name = "N",
          value_parser = key::<usize>("explain.method.smooth_grad.num_samples"))]
    pub samples: usize,
    /// SmoothGrad: standard deviation of the noise in percent of the range of an image's values.
    #[arg(long, default_value_t = 15, value_name = "PERCENT",
          value_parser = key::<usize>("explain.method.smooth_grad.noise_percent"))]
    pub noise: usize,
    /// Occlusion: side of the square, in pixels.
    #[arg(long, default_value_t = 48, value_name = "PX",
          value_parser = key::<usize>("explain.method.occlusion.patch_px"))]
    pub patch: usize,
    /// Occlusion: distance from one square to the next, in pixels; at most --patch, so that every pixel
    /// is covered.
    #[arg(long, default_value_t = 24, value_name = "PX",
          value_parser = key::<usize>("explain.method.occlusion.stride_px"))]
    pub stride: usize,
    /// Check the maps, too (repeatable): `randomization` writes the maps of the network with more
    /// and more random weights, `faithfulness` takes pixels away in the order of the map.
    #[arg(long, value_parser = choice::<SanityCheck>, value_name = "CHECK")]
    pub sanity: Vec<SanityCheck>,
    /// What computes.
    #[command(flatten)]
    pub backend: BackendArg,
    /// The folder to make: one .npy file an image, named by its id, and heatmaps.json.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    pub overwrite: OverwriteArg,
    /// Images a step.
    #[arg(long, default_value_t = 8, value_parser = key::<usize>("explain.batch_size"))]
    pub batch: usize,
}

impl ExplainArgs {
    /// What the method needs to know.
    pub fn settings(&self) -> Settings {
        Settings {
            output: self.output,
            num_steps: self.steps,
            num_samples: self.samples,
            noise_percent: self.noise,
            patch_px: self.patch,
            stride_px: self.stride,
        }
    }
}

/// Arguments of `dermx report`.
#[derive(Debug, Args)]
#[command(after_help = "Example: dermx report experiments/runs/quickstart-001 --out report")]
pub struct ReportArgs {
    /// Finished run folders.
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// The folder to make; several runs get a sub-folder each, and are compared with each other. Runs
    /// whose folders have one name are told apart by the folders above.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    pub overwrite: OverwriteArg,
}
