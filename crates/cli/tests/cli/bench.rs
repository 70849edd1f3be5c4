//! `dermx bench` times; how fast it is says nothing here.

use crate::dermx::{TestResult, fail, succeed};
use serde_json::Value;
use std::error::Error;

const SMALL: [&str; 9] =
    ["bench", "--batch", "2", "--size", "32x48", "--steps", "1", "--json", "--arch"];

fn bench(args: &[&str]) -> Result<Value, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let output = succeed(folder.path(), &[&SMALL[..], args].concat())?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[test]
fn every_mode_says_how_many_images_a_second() -> TestResult {
    for (arch, mode) in [
        ("resnet18", "step"),
        ("efficientnet_b0", "step"),
        ("resnet50", "recipe"),
        ("resnet18", "infer"),
        ("efficientnet_b0", "explain"),
    ] {
        let found = &bench(&[arch, "--mode", mode])?[0];
        assert_eq!(found["arch"], arch);
        assert_eq!(found["mode"], mode);
        assert_eq!((&found["backend"], &found["precision"]), (&"cpu".into(), &"f32".into()));
        assert_eq!((&found["batch"], &found["size"]), (&2.into(), &"32x48".into()));
        for key in ["median", "min", "max"] {
            assert!(found["images_per_s"][key].as_f64().is_some_and(|rate| rate > 0.0), "{found}");
        }
        assert!(found.get("peak_memory_mib").is_some(), "{found}");
    }
    Ok(())
}

#[test]
fn the_precision_is_named() -> TestResult {
    let found = &bench(&["resnet18", "--precision", "bf16"])?[0];
    assert_eq!(found["precision"], "bf16");
    let layers = bench(&["resnet18", "--precision", "bf16", "--layers"])?;
    assert!(layers["layers"].as_array().is_some_and(|layers| !layers.is_empty()), "{layers}");
    let folder = tempfile::tempdir()?;
    fail(folder.path(), &["bench", "--precision", "f64"], 2, &["f64", "f32", "bf16"])
}

#[test]
fn layers_are_the_distinct_convolutions_of_the_network() -> TestResult {
    let found = bench(&["resnet18", "--layers"])?;
    let layers = found["layers"].as_array().ok_or("no layers")?;
    let count: u64 = layers.iter().filter_map(|layer| layer["count"].as_u64()).sum();
    // 1 in the stem, 4 stages of 2 blocks of 2, 3 shortcuts.
    assert_eq!(count, 20);
    assert_eq!(layers[0]["name"], "7x7/2 3-64@32x48");
    // 2 images of 16 x 24 pixels, 64 channels, 7 x 7 x 3 products, 2 operations each.
    assert_eq!(layers[0]["gflop"], 2.0 * 16.0 * 24.0 * 64.0 * 147.0 * 2.0 / 1e9);
    assert!(layers.iter().any(|layer| layer["name"] == "3x3 64-64@8x12"), "{found}");
    assert!(found["peak_gflop_per_s"].as_f64().is_some_and(|peak| peak > 0.0));
    Ok(())
}

#[test]
fn networks_that_the_study_did_not_train_have_no_recipe() -> TestResult {
    let folder = tempfile::tempdir()?;
    let args = ["bench", "--arch", "resnet18", "--mode", "recipe"];
    fail(folder.path(), &args, 2, &["resnet18", "--mode step"])
}
