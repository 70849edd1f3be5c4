//! Arguments of `dermx bench`.

use super::limits::{key, seed};
use super::{OverwriteArg, choice};
use clap::Args;
use dermx_data::ImageSize;
use dermx_kernels::Precision;
use dermx_model::Architecture;
use dermx_run::Backend;
use dermx_run::bench::BenchMode;
use std::path::PathBuf;

/// Arguments of `dermx bench`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx bench --arch efficientnet_b4 --mode infer --batch 8 --size 300x400\n\
                  Example: dermx bench --backend cpu --backend wgpu --out comparison\n\n\
                  Several backends compute the same with the same weights and images, and their numbers \
                  are compared with those of the first. As a control, the first also computes with \
                  images changed by the smallest step. Without other options several backends compute \
                  a ResNet-18 on 8 images of 64x64, which a Vulkan driver in software can do, too."
)]
pub struct BenchArgs {
    /// What computes: cpu, wgpu or cuda, with the number of the device after a colon; several are
    /// compared (repeatable).
    #[arg(long = "backend", value_name = "NAME")]
    pub backends: Vec<Backend>,
    /// A comparison: a path, a file in configs/, or a built-in one; options here change it.
    #[arg(long, value_name = "FILE", conflicts_with = "layers")]
    pub config: Option<String>,
    /// The network [otherwise: resnet50, or resnet18 where backends are compared].
    #[arg(long, conflicts_with = "run")]
    pub arch: Option<Architecture>,
    /// Compare with the weights of this run on its test photos, and also what is predicted for each.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["size", "layers"])]
    pub run: Option<PathBuf>,
    /// Which seed of the run; without it, the first.
    #[arg(long, requires = "run", value_parser = seed())]
    pub seed: Option<u64>,
    /// What is timed: step (a training step of all layers: Adam, cross-entropy, without photos and their
    /// augmentation), recipe (the same with the layers frozen that the DermX study froze), infer
    /// (prediction), explain (Grad-CAM of the last feature maps) [otherwise: step, or step, infer and
    /// explain where backends are compared].
    #[arg(long, value_name = "WHAT", value_parser = choice::<BenchMode>)]
    pub mode: Option<BenchMode>,
    /// Images in a batch [otherwise: 8].
    #[arg(long, value_parser = key::<u16>("bench.batch_size"))]
    pub batch: Option<u16>,
    /// Size of the images [otherwise: 300x400, or 64x64 where backends are compared].
    #[arg(long, value_name = "HEIGHTxWIDTH")]
    pub size: Option<ImageSize>,
    /// Type of the numbers that convolutions multiply on the processor: f32, bf16.
    #[arg(long, value_name = "NAME", default_value = "f32", value_parser = choice::<Precision>)]
    pub precision: Precision,
    /// Batches that are timed, after one to warm up [otherwise: 5].
    #[arg(long, value_parser = key::<u16>("bench.steps"))]
    pub steps: Option<u16>,
    /// Time each distinct convolution of the network instead, forward and backward, on the processor.
    #[arg(long, conflicts_with = "backends")]
    pub layers: bool,
    /// Write a comparison into this folder, too: index.html, comparison.json.
    #[arg(long, value_name = "DIR", conflicts_with = "layers")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub overwrite: OverwriteArg,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
