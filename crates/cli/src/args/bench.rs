//! Arguments of `dermx bench`.

use super::choice;
use clap::{Args, ValueEnum};
use dermx_data::ImageSize;
use dermx_kernels::Precision;
use dermx_model::Architecture;

/// Arguments of `dermx bench`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx bench --arch efficientnet_b4 --mode infer --batch 8 --size 300x400"
)]
pub struct BenchArgs {
    /// The network.
    #[arg(long, default_value = "resnet50")]
    pub arch: Architecture,
    /// What is timed.
    #[arg(long, value_enum, default_value = "step")]
    pub mode: BenchMode,
    /// Images in a batch.
    #[arg(long, default_value = "8", value_parser = clap::value_parser!(u16).range(1..))]
    pub batch: u16,
    /// Size of the images.
    #[arg(long, value_name = "HEIGHTxWIDTH", default_value = "300x400")]
    pub size: ImageSize,
    /// What convolutions multiply: f32, bf16.
    #[arg(long, value_name = "NAME", default_value = "f32", value_parser = choice::<Precision>)]
    pub precision: Precision,
    /// Batches that are timed, after one that is not.
    #[arg(long, default_value = "5", value_parser = clap::value_parser!(u16).range(1..))]
    pub steps: u16,
    /// Time each distinct convolution of the network instead, forward and backward.
    #[arg(long)]
    pub layers: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What `dermx bench` times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchMode {
    /// A training step of all layers (Adam, cross-entropy), without photos and their augmentation.
    Step,
    /// The same with the layers frozen that the DermX study froze.
    Recipe,
    /// Prediction.
    Infer,
    /// Grad-CAM of the last feature maps.
    Explain,
}

impl BenchMode {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Recipe => "recipe",
            Self::Infer => "infer",
            Self::Explain => "explain",
        }
    }
}
