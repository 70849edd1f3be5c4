//! `dermx weights inspect` and `dermx weights convert`.

use crate::args::{ConvertArgs, InspectArgs};
use crate::error::{CliError, CliResult, ExitKind};
use crate::terminal::print;
use crate::weight_files::{open, read, shapes};
use burn::tensor::Device;
use dermx_model::{
    Architecture, Misfit, NetworkConfig, TensorInfo, WeightsError, WeightsFile, with_counters,
    write_safetensors,
};
use dermx_train::write_atomic;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Logits of the published weights.
const NUM_IMAGENET_CLASSES: usize = 1000;

type Shapes = BTreeMap<String, Vec<usize>>;

/// Tells what a file of weights holds.
///
/// # Errors
/// A file that cannot be read.
pub fn inspect(args: &InspectArgs) -> CliResult<()> {
    let file = open(&args.file)?;
    let fits = fits(&shapes(&file));
    if !args.json {
        return print(as_text(&args.file.display().to_string(), &file, &fits));
    }
    let text = serde_json::to_string_pretty(&as_json(&file, &fits))
        .map_err(|error| CliError::new(ExitKind::Internal, error.to_string()))?;
    print(format!("{text}\n"))
}

/// Writes weights as safetensors with torchvision's names.
///
/// # Errors
/// A file that cannot be read or written, or weights that do not fit `--arch`.
pub fn convert(args: &ConvertArgs) -> CliResult<()> {
    let tensors = with_counters(read(&args.input)?);
    if let Some(architecture) = args.arch {
        let shapes = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone()));
        let misfit = misfit(architecture, &shapes.collect());
        if !misfit.is_empty() {
            return Err(CliError::bad_data(&args.input, WeightsError::Misfit(misfit)));
        }
    }
    write_atomic(&args.output, &write_safetensors(&tensors)?)?;
    print(format!("{}: {} tensors\n", args.output.display(), tensors.len()))
}

/// How weights of these shapes differ from each network, the best fit first.
fn fits(shapes: &Shapes) -> Vec<(Architecture, Misfit)> {
    let mut fits: Vec<(Architecture, Misfit)> = Architecture::ALL
        .into_iter()
        .map(|architecture| (architecture, misfit(architecture, shapes)))
        .collect();
    fits.sort_by_key(|(_, misfit)| misfit.num_differences());
    fits
}

/// How weights of these shapes differ from a network with their number of classes.
fn misfit(architecture: Architecture, shapes: &Shapes) -> Misfit {
    let config = NetworkConfig::of_shapes(architecture, shapes)
        .unwrap_or_else(|| NetworkConfig::torchvision(architecture, NUM_IMAGENET_CLASSES));
    Misfit::of(&config.init(&Device::flex()), shapes)
}

/// Values that training changes: not the running statistics of batch normalization.
fn num_parameters(file: &WeightsFile) -> usize {
    let is_statistic = |name: &str| {
        ["running_mean", "running_var", "num_batches_tracked"].iter().any(|end| name.ends_with(end))
    };
    let parameters = file.tensors().filter(|tensor| !is_statistic(tensor.name));
    parameters.map(|tensor| tensor.shape.iter().product::<usize>()).sum()
}

fn as_text(name: &str, file: &WeightsFile, fits: &[(Architecture, Misfit)]) -> String {
    let (format, naming) = (file.format().name(), file.naming().name());
    let mut text = format!(
        "{name}: {format}, names of {naming}, {} tensors, {} parameters\n",
        file.tensors().count(),
        num_parameters(file)
    );
    if let Some((architecture, misfit)) = fits.first() {
        text += &match misfit.is_empty() {
            true => format!("fits {architecture}\n"),
            false => format!("closest to {architecture}: {}: {misfit}\n", misfit.counts()),
        };
    }
    for TensorInfo { name, shape, element } in file.tensors() {
        text += &format!("{:<5} {name} {shape:?}\n", element.name());
    }
    text
}

fn as_json(file: &WeightsFile, fits: &[(Architecture, Misfit)]) -> Value {
    let tensors: Vec<Value> = file
        .tensors()
        .map(|TensorInfo { name, shape, element }| {
            json!({"name": name, "dtype": element.name(), "shape": shape})
        })
        .collect();
    let fits: Vec<Value> = fits
        .iter()
        .map(|(architecture, misfit)| {
            let misshapen: Vec<&String> = misfit.misshapen.iter().map(|one| &one.name).collect();
            json!({
                "arch": architecture.name(),
                "misshapen": misshapen,
                "missing": misfit.missing,
                "unexpected": misfit.unexpected,
            })
        })
        .collect();
    json!({
        "format": file.format().name(),
        "names": file.naming().name(),
        "num_tensors": tensors.len(),
        "num_parameters": num_parameters(file),
        "fits": fits,
        "tensors": tensors,
    })
}
