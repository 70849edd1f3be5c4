//! Raw maps against pytorch-grad-cam, and its golden file's generator beside it.

use crate::networks;

use burn::tensor::Device;
use dermx_gradcam::{Explainer, Method, Settings};
use dermx_model::Architecture;
use networks::{gap, seeded, seeded_images};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Golden {
    weight_seed: u64,
    num_classes: usize,
    target: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    network: String,
    layer: String,
    size: [usize; 2],
    image_seed: u64,
    logits: Vec<f32>,
    maps: BTreeMap<String, Map>,
}

#[derive(Deserialize)]
struct Map {
    shape: [usize; 2],
    values: Vec<f32>,
}

/// The largest difference, divided by the largest value.
fn relative_error(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0_f32, |max, value| max.max(value.abs()));
    assert!(scale > 0.0, "a map of zeros tells nothing");
    let largest =
        found.iter().zip(expected).fold(0.0_f32, |max, (one, other)| max.max((one - other).abs()));
    largest / scale
}

/// EigenCAM's sign is arbitrary there; ours makes the largest absolute value positive.
fn with_our_sign(values: &[f32]) -> Vec<f32> {
    let largest = values.iter().copied().fold(0.0_f32, f32::max);
    let smallest = values.iter().copied().fold(0.0_f32, f32::min);
    let sign = if -smallest > largest { -1.0 } else { 1.0 };
    values.iter().map(|value| (sign * value).max(0.0)).collect()
}

/// Fails unless the `num_maps` maps of these networks are those of the golden.
#[track_caller]
fn assert_same(networks: &[&str], num_maps: usize) {
    let golden: Golden = serde_json::from_str(include_str!("golden.json")).expect("the golden");
    let device = Device::flex();
    let mut num_compared = 0;
    for case in golden.cases.iter().filter(|case| networks.contains(&case.network.as_str())) {
        let architecture: Architecture = case.network.parse().expect("an architecture");
        let network = seeded(&gap(architecture, golden.num_classes), golden.weight_seed);
        for (name, expected) in &case.maps {
            let images =
                seeded_images([1, 3, case.size[0], case.size[1]], case.image_seed, &device);
            let method: Method = name.parse().expect("a method");
            let explainer =
                Explainer::new(&network, method, Settings::default(), Some(&case.layer))
                    .expect("a layer");
            let found =
                explainer.explain(images, &[golden.target], &mut |_| 0.0).expect("explains");
            let what = format!("{} {} {name}", case.network, case.layer);
            assert!(relative_error(&found.logits[0], &case.logits) < 1e-4, "{what}");
            let map = &found.heatmaps[0];
            assert_eq!([map.height, map.width], expected.shape, "{what}");
            let expected = match method {
                Method::EigenCam => with_our_sign(&expected.values),
                _ => expected.values.clone(),
            };
            let error = relative_error(&map.values, &expected);
            println!("{what}: {error:e}");
            // It divides by sums of activations, which in this network nearly cancel.
            let is_rough = matches!(method, Method::XGradCam)
                && architecture == Architecture::VIT_SMALL_PATCH16_224;
            let tolerance = if is_rough { 1e-3 } else { 1e-4 };
            assert!(error < tolerance, "{what}: {error:e}");
            num_compared += 1;
        }
    }
    assert_eq!(num_compared, num_maps);
}

#[test]
fn raw_maps_of_resnets_are_those_of_pytorch_grad_cam() {
    assert_same(&["resnet18", "resnet50"], 1 + 2 * 6);
}

#[test]
fn raw_maps_of_an_efficientnet_are_those_of_pytorch_grad_cam() {
    assert_same(&["efficientnet_b4"], 2 * 6);
}

#[test]
fn raw_maps_of_a_convnext_are_those_of_pytorch_grad_cam() {
    assert_same(&["convnext_tiny"], 6);
}

#[test]
fn raw_maps_of_vision_transformers_are_those_of_pytorch_grad_cam_and_of_the_equations() {
    assert_same(&["vit_b_16", "vit_small_patch16_224"], 3 * 6 + 2 * 2);
}

#[test]
fn raw_maps_of_a_swin_transformer_are_those_of_pytorch_grad_cam() {
    assert_same(&["swin_t"], 2 * 6 - 2);
}
