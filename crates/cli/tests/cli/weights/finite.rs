//! Numbers that are not finite, in what comes in and in what goes out.

use super::{Weights, predict, weights, write, write_images};
use crate::dermx::{TestResult, fail, succeed};
use dermx_model::{Architecture, NamedTensor};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A prediction and an explanation that have to fail with 70, name `parts`, and write nothing.
#[track_caller]
fn fail_both(folder: &Path, parts: &[&str]) -> TestResult {
    fail(folder, &predict("resnet18", "w"), 70, parts)?;
    assert!(!folder.join("predictions.csv").exists());
    let args =
        ["explain", "--arch", "resnet18", "--weights", "w", "--tensor", "images.safetensors"];
    fail(folder, &[&args[..], &["--out", "maps"]].concat(), 70, parts)?;
    let maps = folder.join("maps");
    let num_maps = if maps.exists() { fs::read_dir(&maps)?.count() } else { 0 };
    assert_eq!(num_maps, 0);
    if maps.exists() {
        fs::remove_dir(maps)?;
    }
    Ok(())
}

#[test]
fn weights_that_are_not_finite_are_named_and_nothing_is_written() -> TestResult {
    let folder = TempDir::new()?;
    write_images(folder.path())?;
    for (value, name) in [(f32::NAN, "fc.bias"), (f32::INFINITY, "layer2.0.bn1.running_var")] {
        let mut tensors = weights(Architecture::RESNET18);
        tensors.get_mut(name).expect("a tensor").values[2] = value;
        write(&folder.path().join("w"), &tensors)?;
        fail_both(folder.path(), &["w: ", &format!("`{name}` holds {value}")])?;
        let args = ["weights", "convert", "w", "out.safetensors", "--overwrite"];
        fail(folder.path(), &args, 70, &[name])?;
        assert!(!folder.path().join("out.safetensors").exists());
    }
    Ok(())
}

#[test]
fn a_tensor_that_no_network_takes_may_hold_anything() -> TestResult {
    let folder = TempDir::new()?;
    write_images(folder.path())?;
    let mut tensors = super::behind("model.", &weights(Architecture::RESNET18));
    tensors.insert("loss.weight".into(), NamedTensor { shape: vec![1], values: vec![f32::NAN] });
    write(&folder.path().join("w"), &tensors)?;
    succeed(folder.path(), &predict("resnet18", "w"))?;
    Ok(())
}

#[test]
fn logits_that_overflow_name_the_image_and_are_no_class() -> TestResult {
    let folder = TempDir::new()?;
    write_images(folder.path())?;
    let mut tensors = weights(Architecture::RESNET18);
    // Finite weights whose products are not: 512 features times 3e38.
    tensors.get_mut("fc.weight").expect("a matrix").values.fill(3e38);
    write(&folder.path().join("w"), &tensors)?;
    fail_both(folder.path(), &["image `0`", "logit"])?;
    // A variance below zero has no root.
    let mut tensors = weights(Architecture::RESNET18);
    tensors.get_mut("bn1.running_var").expect("variances").values.fill(-1.0);
    write(&folder.path().join("w"), &tensors)?;
    fail_both(folder.path(), &["image `0`", "logit"])
}

#[test]
fn maps_that_overflow_name_the_image_and_are_not_written() -> TestResult {
    let folder = TempDir::new()?;
    write_images(folder.path())?;
    let mut tensors = weights(Architecture::RESNET18);
    // Logits up to 1e34 are finite; Grad-CAM++ takes squares of gradients, 1e60.
    tensors.get_mut("fc.weight").expect("a matrix").values.fill(1e30);
    write(&folder.path().join("w"), &tensors)?;
    succeed(folder.path(), &predict("resnet18", "w"))?;
    let args =
        ["explain", "--arch", "resnet18", "--weights", "w", "--tensor", "images.safetensors"];
    let method = ["--method", "grad_cam_plus_plus", "--out", "maps"];
    fail(folder.path(), &[&args[..], &method].concat(), 70, &["image `0`", "heat map"])?;
    assert!(!folder.path().join("maps").exists());
    Ok(())
}

#[test]
fn images_that_are_not_finite_are_named() -> TestResult {
    let folder = TempDir::new()?;
    write(&folder.path().join("w"), &weights(Architecture::RESNET18))?;
    let mut values = vec![0.5; 3 * 3 * 64 * 64];
    values[2 * 3 * 64 * 64 + 5] = f32::NAN;
    let images = NamedTensor { shape: vec![3, 3, 64, 64], values };
    write(&folder.path().join("images.safetensors"), &Weights::from([("images".into(), images)]))?;
    fail_both(folder.path(), &["images.safetensors", "image 2", "NaN"])
}
