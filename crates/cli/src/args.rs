//! The command line.

mod bench;
mod config;
mod dataset;
mod evaluate;
mod limits;
mod output;
mod search;
mod shell;
mod sweep;
mod verify;
mod watch;
mod weights;

use crate::error::{CliError, CliResult};
pub use bench::BenchArgs;
use clap::{Args, Parser, Subcommand};
pub use config::{ConfigCommand, KeysArgs, ShowArgs};
pub use dataset::{
    CheckArgs, ConvertDatasetArgs, DatasetCommand, DescribeArgs, InitArgs, TablesArgs,
};
use dermx_data::ImageSize;
use dermx_gradcam::{Method, Output, Settings, Sight};
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
pub use shell::{CompletionsArgs, ManArgs};
use std::path::{Path, PathBuf};
pub use sweep::{PlanArgs, SweepArgs, SweepCommand};
pub use verify::VerifyArgs;
pub use watch::WatchArgs;
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
    /// Train a network with each seed, predict, explain, score, and write the report.
    Train(TrainArgs),
    /// Show how a run trains: curves, epochs, time left.
    Watch(WatchArgs),
    /// Search for hyper-parameters: train with many values, and find the best on validation photos.
    Search(SearchArgs),
    /// Plan many runs (seeds, folds, values of keys), run them here or on Slurm, and put their
    /// results together.
    Sweep(SweepArgs),
    /// Show a configuration with all its values, and list the keys that it may have.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make a synthetic data set in DermX's format.
    Synth(SynthArgs),
    /// Look into a data set: describe, check and convert it, and compare its raters.
    #[command(subcommand)]
    Dataset(DatasetCommand),
    /// Inspect, convert and download files of weights.
    #[command(subcommand)]
    Weights(WeightsCommand),
    /// Write class probabilities of photos.
    Predict(PredictArgs),
    /// Write heat maps of photos.
    Explain(ExplainArgs),
    /// Score heat maps and predictions of any program against what experts said.
    Evaluate(EvaluateArgs),
    /// Write the report of finished runs.
    Report(ReportArgs),
    /// Look for exchanged classes in confusion matrices, and recompute the scores.
    Audit(AuditArgs),
    /// Check that a finished run is what it says: train epochs again, and compare hashes of all files.
    Verify(VerifyArgs),
    /// Time networks on this machine: training steps, prediction, explanation, single layers.
    Bench(BenchArgs),
    /// List what this program can compute on: backends and their devices.
    Backends(BackendsArgs),
    /// Print the completions of a shell.
    Completions(CompletionsArgs),
    /// Write a manual page for each command.
    Man(ManArgs),
}

/// Arguments of `dermx backends`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx backends\n\n`cargo xtask backends --backend wgpu` first builds a program that has WGPU."
)]
pub struct BackendsArgs {
    /// Look at this backend alone, and fail if it cannot compute.
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
    /// `train_order` (names of the predicted classes, if they differ), and `networks`, by name, as
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
    after_help = "Example: dermx train --config quickstart.toml --set run.epochs=5 --seed 1\n\nIf one image is left for the last batch of an epoch, it joins the batch before. --set\ntrain.last_batch=keep, drop or merge says what happens to any last batch that is not full."
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
    /// Go on although training or test images have changed since the run began. The run's certificate
    /// then says so, and `dermx verify` does, too.
    #[arg(long, requires = "resume")]
    pub allow_drift: bool,
    /// Take over the lock that a process of another machine left in the run folder. Make sure first that
    /// this process has ended: two processes that work on one run spoil it.
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

/// The help of `--arch`.
fn arch_help() -> String {
    let names: Vec<&str> = Architecture::all().map(Architecture::name).collect();
    format!(
        "An architecture: {}. Classes are called class_0, class_1, ... where the file of the weights does \
         not name them. Without it, as the file of the weights says, or as their names and shapes tell",
        names.join(", ")
    )
}

/// The help of `--method`.
fn method_help() -> String {
    let names = |sight: Sight| {
        let methods = Method::ALL.into_iter().filter(|method| method.sight() == sight);
        methods.map(Method::name).collect::<Vec<&str>>().join(", ")
    };
    format!(
        "Which method. Of a layer: {}. Of the image itself: {}. Of a vision transformer's attention: {}",
        names(Sight::Layer),
        names(Sight::Image),
        names(Sight::Attention)
    )
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
    /// An architecture.
    #[arg(long, requires = "weights", help = arch_help())]
    pub arch: Option<Architecture>,
    /// A .pth, safetensors or Keras file with the names of torchvision, timm or Keras, or the name of
    /// fetched weights (see `dermx weights fetch`). Files that `dermx` wrote say what network, size,
    /// standardization and classes they are for.
    #[arg(long, value_name = "FILE", required_unless_present = "run")]
    pub weights: Option<PathBuf>,
    /// The prefix of the names of the wanted weights, where a file holds several networks, such as `teacher.`.
    #[arg(long, value_name = "TEXT", conflicts_with = "run")]
    pub prefix: Option<String>,
    /// Take the tensors of `--weights` that fit, and say which do not; the others get random values.
    #[arg(long, conflicts_with = "run", requires = "arch")]
    pub allow_partial: bool,
    /// How the network pads: torchvision (symmetric), tf (same). Names of weights do not tell timm's
    /// efficientnet_b0 from its tf_efficientnet_b0.
    #[arg(long, conflicts_with = "run", value_name = "HOW", value_parser = choice::<Padding>)]
    pub padding: Option<Padding>,
    /// Epsilon of batch normalization, where names do not tell it: 1e-3 for timm's tf_efficientnet.
    #[arg(long, conflicts_with = "run", value_name = "NUMBER", value_parser = epsilon)]
    pub epsilon: Option<f64>,
    /// HEIGHTxWIDTH that photos are stretched to; a run and a file that `dermx` wrote know their own
    /// [otherwise: 300x400].
    #[arg(long, conflicts_with = "run", value_parser = key::<ImageSize>("input.size"))]
    pub size: Option<ImageSize>,
    /// Standardization of photos; a run, a file that `dermx` wrote and fetched weights know their own
    /// [otherwise: that of Keras' own weights for a file of Keras', else imagenet].
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
    /// Images in a batch.
    #[arg(long, default_value_t = 8, value_parser = key::<usize>("explain.batch_size"))]
    pub batch: usize,
}

/// Arguments of `dermx explain`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx explain --run experiments/runs/quickstart-001 --images photos --overlays --out heatmaps"
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
    /// The method.
    #[arg(long, default_value = "grad_cam", help = method_help())]
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
    /// and more random weights, `faithfulness` takes pixels away in the order of the map, `robustness`
    /// adds a little noise and takes squares away.
    #[arg(long, value_parser = choice::<SanityCheck>, value_name = "CHECK")]
    pub sanity: Vec<SanityCheck>,
    /// Also write each photo under its map with a bar of the colors: a .png file beside each .npy file.
    #[arg(long, conflicts_with = "tensor")]
    pub overlays: bool,
    /// What computes.
    #[command(flatten)]
    pub backend: BackendArg,
    /// The folder to make: one .npy file an image, named by its id, and heatmaps.json, which says which class
    /// each map explains.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    pub overwrite: OverwriteArg,
    /// Images in a batch.
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
    /// The folder to make. Several runs get a sub-folder each, named after the run (where names are the
    /// same, with the folder above), and are compared with each other.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Tables in LaTeX (booktabs), too; since 0.2.0 they are always written.
    #[arg(long = "latex", hide = true)]
    _latex: bool,
    #[command(flatten)]
    pub overwrite: OverwriteArg,
}
