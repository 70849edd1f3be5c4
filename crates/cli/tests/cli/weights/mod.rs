//! Weights in and out of the command.
//!
//! `check_with_torch.py` checks the same with PyTorch at hand.

mod fetch;
mod finite;
pub mod server;
mod told;

use crate::dermx::{TestResult, command, fail, stderr, stdout, succeed};
use burn::tensor::Device;
use dermx_model::{
    Architecture, Head, NamedTensor, NetworkConfig, expected_shapes, export_weights, read_weights,
    write_safetensors,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

type Weights = BTreeMap<String, NamedTensor>;

/// The rule of `generate.py`: `count` numbers in `[low, high)` for the tensor at `place`.
fn numbers(count: usize, place: usize, low: f64, high: f64) -> Vec<f32> {
    let step = |i: usize| (i * i * 31 + i * 7919 + place * 104_729) % 10_007;
    (0..count).map(|i| (low + (high - low) * (step(i) as f64 / 10_007.0)) as f32).collect()
}

/// Weights by the rule, for 5 classes.
fn weights(architecture: Architecture) -> Weights {
    weights_of(&NetworkConfig::torchvision(architecture, 5))
}

/// Weights by the rule.
fn weights_of(config: &NetworkConfig) -> Weights {
    // With it the logits of an EfficientNet depend on the image; with 1 they hardly do.
    let variance = if config.architecture.name().starts_with("resnet") { 1.0 } else { 0.3 };
    let shapes = expected_shapes(&config.init(&Device::flex()));
    let by_rule = |(place, (name, shape)): (usize, (String, Vec<usize>))| {
        let fan_in: usize = shape[1..].iter().product();
        let (low, high) = match shape.len() {
            1 if name.ends_with("running_var") => (0.5 * variance, 1.5 * variance),
            1 if name.ends_with("weight") => (0.3, 0.9),
            1 => (-0.2, 0.2),
            _ => (-(6.0 / fan_in as f64).sqrt(), (6.0 / fan_in as f64).sqrt()),
        };
        let values = numbers(shape.iter().product(), place, low, high);
        (name, NamedTensor { shape, values })
    };
    shapes.into_iter().enumerate().map(by_rule).collect()
}

fn write(path: &Path, weights: &Weights) -> TestResult {
    Ok(fs::write(path, write_safetensors(weights)?)?)
}

/// Images by the rule, as `--tensor` takes them.
fn write_images(folder: &Path) -> TestResult {
    write_images_of(folder, [64, 64])
}

/// Images of another height and width.
fn write_images_of(folder: &Path, [height, width]: [usize; 2]) -> TestResult {
    let shape = vec![2, 3, height, width];
    let images = NamedTensor { values: numbers(6 * height * width, 1000, -2.0, 2.0), shape };
    write(&folder.join("images.safetensors"), &Weights::from([("images".into(), images)]))
}

/// Fails unless the logits in `predictions.csv` are those of a golden, to a thousandth of the largest.
#[track_caller]
fn assert_logits(folder: &Path, rows: &Value, what: &str) {
    let expected = golden_logits(rows);
    let found = logits(folder).expect("logits");
    assert_eq!((found.len(), expected.len()), (10, 10), "{what}");
    assert!(distance(&found, &expected) < 1e-3, "{what}: {found:?}, expected {expected:?}");
}

fn golden_logits(rows: &Value) -> Vec<f64> {
    let rows = rows.as_array().expect("rows").iter();
    rows.flat_map(|row| row.as_array().expect("logits")).filter_map(Value::as_f64).collect()
}

/// The largest difference over the largest value.
fn distance(found: &[f64], expected: &[f64]) -> f64 {
    let largest = expected.iter().fold(0.0_f64, |largest, logit| largest.max(logit.abs()));
    let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    apart.fold(0.0_f64, f64::max) / largest
}

/// The weights with names behind a prefix.
fn behind(prefix: &str, weights: &Weights) -> Weights {
    weights.iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor.clone())).collect()
}

/// The arguments of a prediction for [`write_images`].
fn predict<'a>(architecture: &'a str, weights: &'a str) -> Vec<&'a str> {
    let files =
        ["--tensor", "images.safetensors", "--out", "predictions.csv", "--overwrite", "--logits"];
    [&["predict", "--arch", architecture, "--weights", weights][..], &files].concat()
}

/// The logits in `predictions.csv`.
fn logits(folder: &Path) -> Result<Vec<f64>, Box<dyn Error>> {
    let text = fs::read_to_string(folder.join("predictions.csv"))?;
    let rows = text.lines().skip(1).flat_map(|row| row.split(',').skip(3 + 5));
    Ok(rows.map(str::parse).collect::<Result<_, _>>()?)
}

/// A file of the tests of the library, which PyTorch wrote.
fn of_pytorch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/pth_file").join(name)
}

#[test]
fn predictions_are_those_of_torchvision() -> TestResult {
    let golden: Value = serde_json::from_str(include_str!("logits.json"))?;
    let folder = TempDir::new()?;
    write_images(folder.path())?;
    for architecture in [Architecture::RESNET18, Architecture::RESNET50] {
        write(&folder.path().join("weights"), &weights(architecture))?;
        succeed(folder.path(), &predict(architecture.name(), "weights"))?;
        let rows = golden[architecture.name()].as_array().expect("rows");
        let expected = rows.iter().flat_map(|row| row.as_array().expect("logits"));
        let expected: Vec<f64> = expected.filter_map(Value::as_f64).collect();
        let found = logits(folder.path())?;
        assert_eq!((found.len(), expected.len()), (10, 10));
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (found - expected).abs() < 1e-3,
                "{architecture}: {found}, expected {expected}"
            );
        }
        assert!(expected.iter().any(|logit| logit.abs() > 0.1), "{expected:?}");
    }
    Ok(())
}

#[test]
fn a_file_of_pytorchs_is_inspected_and_converted() -> TestResult {
    let folder = TempDir::new()?;
    let path = of_pytorch("zip.pth").display().to_string();
    let text = stdout(&succeed(folder.path(), &["weights", "inspect", &path])?);
    // Whatever the widths of the columns are.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["pth (zip)", "25 tensors", "names of no network here", "BF16 brain [5]"] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    // Names of no network are not written as if they were torchvision's.
    let parts = ["zip.pth", "none of its 25 tensors", "`conv1.weight`", "there are `bits`"];
    fail(
        folder.path(),
        &["weights", "convert", &path, "out.safetensors", "--overwrite"],
        65,
        &parts,
    )?;
    assert!(!folder.path().join("out.safetensors").exists());
    Ok(())
}

#[test]
fn a_file_of_keras_is_inspected_and_converted_by_the_names_of_its_layers() -> TestResult {
    let folder = TempDir::new()?;
    let of_keras = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/keras_file");
    let path = of_keras.join("varied.keras").display().to_string();
    let text = stdout(&succeed(folder.path(), &["weights", "inspect", &path])?);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in
        ["keras (zip)", "19 tensors", "F32 stem.weight [4, 3, 3, 3]", "optimizer (Optimizer)"]
    {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    let convert = ["weights", "convert", &path, "out.safetensors"];
    let text = stdout(&succeed(folder.path(), &convert)?);
    assert!(text.contains("19 tensors by the names of their layers"), "{text}");
    let converted = read_weights(&folder.path().join("out.safetensors"))?;
    assert_eq!(converted, read_weights(&of_keras.join("varied.safetensors"))?);
    let refused = of_keras.join("lambda.keras").display().to_string();
    let parts = ["lambda.keras: refused", "`twice` is a Lambda"];
    fail(folder.path(), &["weights", "inspect", &refused], 65, &parts)
}

#[test]
fn a_checkpoint_with_objects_tells_what_is_not_read() -> TestResult {
    let folder = TempDir::new()?;
    let path = of_pytorch("beside.pth").display().to_string();
    let text = stdout(&succeed(folder.path(), &["weights", "inspect", &path])?);
    for part in [
        "its names start with `state_dict.module._orig_mod.`",
        "args (argparse.Namespace)",
        "not of the network: best_acc1",
        "the file calls its network `resnet18`",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    let report: Value = serde_json::from_slice(
        &succeed(folder.path(), &["weights", "inspect", &path, "--json"])?.stdout,
    )?;
    assert_eq!(report["claimed"], "resnet18");
    assert_eq!(report["not_read"]["args"], "argparse.Namespace");
    Ok(())
}

#[test]
fn a_file_that_asks_for_more_than_tensors_is_refused_by_name() -> TestResult {
    let folder = TempDir::new()?;
    let path = of_pytorch("whole_network.pth").display().to_string();
    let parts = ["whole_network.pth: refused", "Sequential", "nothing was executed"];
    fail(folder.path(), &["weights", "inspect", &path], 65, &parts)?;
    fail(
        folder.path(),
        &["weights", "convert", &path, "out.safetensors", "--overwrite"],
        65,
        &parts,
    )?;
    write_images(folder.path())?;
    fail(folder.path(), &predict("resnet18", &path), 65, &parts)
}

#[test]
fn inspection_tells_the_architecture_and_its_differences() -> TestResult {
    let folder = TempDir::new()?;
    let mut tensors = weights(Architecture::RESNET50);
    let inspect = |tensors: &Weights| -> Result<Value, Box<dyn Error>> {
        write(&folder.path().join("w"), tensors)?;
        let output = succeed(folder.path(), &["weights", "inspect", "w", "--json"])?;
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    let report = inspect(&tensors)?;
    // Torchvision's 25 557 032 parameters for 1000 classes, with a head of 5.
    assert_eq!(report["num_parameters"], 25_557_032 - 995 * 2049);
    assert_eq!(report["num_tensors"], 267);
    assert_eq!(
        (&report["format"], &report["names"]),
        (&"safetensors".into(), &"torchvision".into())
    );
    assert_eq!(report["fits"][0]["arch"], "resnet50");
    let num_differences = |fit: &Value| -> usize {
        let kinds = ["misshapen", "missing", "unexpected"];
        kinds.map(|kind| fit[kind].as_array().map_or(0, Vec::len)).iter().sum()
    };
    assert_eq!(num_differences(&report["fits"][0]), 0);
    assert!(num_differences(&report["fits"][1]) > 0);
    assert_eq!(report["tensors"][0]["name"], "bn1.bias");

    tensors.remove("bn1.bias");
    let extra = NamedTensor { shape: vec![1], values: vec![0.0] };
    tensors.insert("extra".into(), extra);
    let report = inspect(&tensors)?;
    assert_eq!(report["fits"][0]["missing"], serde_json::json!(["bn1.bias"]));
    assert_eq!(report["fits"][0]["unexpected"], serde_json::json!(["extra"]));

    // A head on 3x4 cells, as the study's.
    let head = NamedTensor { shape: vec![5, 2048 * 12], values: vec![0.0; 5 * 2048 * 12] };
    tensors.insert("fc.weight".into(), head);
    assert_eq!(inspect(&tensors)?["fits"][0]["misshapen"], serde_json::json!([]));

    // The study's head of an EfficientNet: a batch normalization before the matrix.
    let config = NetworkConfig {
        head: Head::GapBn,
        ..NetworkConfig::torchvision(Architecture::EFFICIENTNET_B0, 6)
    };
    let report = inspect(&export_weights(&config.init(&Device::flex())))?;
    assert_eq!(report["fits"][0]["arch"], "efficientnet_b0");
    assert_eq!(num_differences(&report["fits"][0]), 0);
    Ok(())
}

#[test]
fn conversion_keeps_values_and_adds_counters() -> TestResult {
    let folder = TempDir::new()?;
    let tensors = weights(Architecture::RESNET18);
    write(&folder.path().join("w"), &behind("module._orig_mod.", &tensors))?;
    let convert = ["weights", "convert", "w", "out.safetensors", "--overwrite", "--arch"];
    // Without an architecture it is found.
    succeed(folder.path(), &convert[..4])?;
    let without = fs::read(folder.path().join("out.safetensors"))?;
    succeed(folder.path(), &[&convert[..], &["resnet18"]].concat())?;
    assert!(fs::read(folder.path().join("out.safetensors"))? == without);
    let mut found = read_weights(&folder.path().join("out.safetensors"))?;
    assert_eq!(found.len(), 122);
    found.retain(|name, _| !name.ends_with("num_batches_tracked"));
    assert!(found == tensors);
    fs::remove_file(folder.path().join("out.safetensors"))?;
    let parts = [
        "w: ",
        "do not fit resnet50",
        "`layer1.0.conv1.weight` is [64, 64, 3, 3], expected",
        "more",
    ];
    fail(folder.path(), &[&convert[..], &["resnet50"]].concat(), 65, &parts)?;
    assert!(!folder.path().join("out.safetensors").exists());
    Ok(())
}

#[test]
fn a_partial_load_has_to_be_asked_for_and_tells_what_is_missing() -> TestResult {
    let folder = TempDir::new()?;
    write_images(folder.path())?;
    let mut tensors = weights(Architecture::RESNET18);
    tensors.remove("layer4.1.conv2.weight");
    write(&folder.path().join("w"), &tensors)?;
    let args = predict("resnet18", "w");
    let parts = ["w: ", "do not fit resnet18", "`layer4.1.conv2.weight` is missing"];
    fail(folder.path(), &args, 65, &parts)?;
    let output = succeed(folder.path(), &[&args[..], &["--allow-partial"]].concat())?;
    let message = stderr(&output);
    for part in ["101 of 102 tensors fit", "1 missing", "`layer4.1.conv2.weight` is missing"] {
        assert!(message.contains(part), "no `{part}` in {message}");
    }
    let before = logits(folder.path())?;
    succeed(folder.path(), &[&args[..], &["--allow-partial"]].concat())?;
    assert_eq!(logits(folder.path())?, before);
    Ok(())
}

#[test]
fn fetched_weights_go_by_their_name() -> TestResult {
    let folder = TempDir::new()?;
    write_images(folder.path())?;
    let run = |args: &[&str]| command(folder.path(), args).env("DERMX_CACHE", "cache").output();
    let args = predict("resnet18", "resnet18");
    let output = run(&args)?;
    assert_eq!(output.status.code(), Some(66));
    assert!(stderr(&output).contains("dermx weights fetch resnet18"), "{}", stderr(&output));
    fs::create_dir(folder.path().join("cache"))?;
    write(&folder.path().join("cache/resnet18-f37072fd.pth"), &weights(Architecture::RESNET18))?;
    let output = run(&args)?;
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(logits(folder.path())?.len(), 10);
    assert!(run(&["weights", "inspect", "resnet18"])?.status.success());
    Ok(())
}
