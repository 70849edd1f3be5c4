//! Arguments of `dermx weights`.

use super::{OverwriteArg, choice, epsilon};
use clap::{Args, Subcommand};
use dermx_model::{Architecture, Padding};
use std::path::PathBuf;

/// What `dermx weights` can do.
#[derive(Debug, Subcommand)]
pub enum WeightsCommand {
    /// Say what a file of weights holds, and which network it fits.
    Inspect(InspectArgs),
    /// Write weights as safetensors with torchvision's names, which PyTorch loads strictly.
    Convert(ConvertArgs),
    /// Download published ImageNet weights, and check them.
    Fetch(FetchArgs),
}

/// Arguments of `dermx weights inspect`.
#[derive(Debug, Args)]
#[command(after_help = "Example: dermx weights inspect resnet50-0676ba61.pth")]
pub struct InspectArgs {
    /// A .pth, safetensors or Keras file, or the name of fetched weights. Nothing in it is executed.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `dermx weights convert`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx weights convert efficientnet_b0_of_timm.pth weights.safetensors"
)]
pub struct ConvertArgs {
    /// A .pth, safetensors or Keras file with the names of torchvision, timm or Keras, or the name of fetched weights.
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// The safetensors file to write, with 32-bit floats; its metadata says what the network is.
    #[arg(value_name = "OUT.safetensors")]
    pub output: PathBuf,
    #[command(flatten)]
    pub overwrite: OverwriteArg,
    /// The architecture [otherwise: the one that names and shapes fit]. Weights that do not fit are refused.
    #[arg(long)]
    pub arch: Option<Architecture>,
    /// The prefix of the names of the wanted weights, where a file holds several networks, such as `teacher.`.
    #[arg(long, value_name = "TEXT")]
    pub prefix: Option<String>,
    /// How the network pads, where names do not tell: torchvision (symmetric), tf (same).
    #[arg(long, value_name = "HOW", value_parser = choice::<Padding>)]
    pub padding: Option<Padding>,
    /// Epsilon of batch normalization, where names do not tell it: 1e-3 for timm's tf_efficientnet.
    #[arg(long, value_name = "NUMBER", value_parser = epsilon)]
    pub epsilon: Option<f64>,
}

/// What the name of weights says of itself.
fn name_help() -> String {
    let weights = Architecture::all().flat_map(Architecture::weights);
    let names: Vec<&str> = weights.map(|(name, _)| *name).collect();
    format!(
        "{}; `_v2` after the name of a network means newer weights. Or the name of one of torchvision's \
         files, which ends in its hash",
        names.join(", ")
    )
}

/// Arguments of `dermx weights fetch`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx weights fetch resnet50\n\nA download that was cut off goes on where it stopped. Afterwards `--weights resnet50` means the downloaded file."
)]
pub struct FetchArgs {
    /// Which weights.
    #[arg(value_name = "NAME", help = name_help())]
    pub name: String,
    /// The folder for the file [otherwise: `dermx` in the system's folder for caches, where `--weights`
    /// looks for names].
    #[arg(long, value_name = "DIR", env = "DERMX_CACHE")]
    pub dir: Option<PathBuf>,
    /// A folder that has the files, in place of the servers of those who publish them.
    #[arg(long, value_name = "URL", env = "DERMX_WEIGHTS_URL", hide = true)]
    pub base_url: Option<String>,
}
