//! Raw maps of every family of networks against pytorch-grad-cam, and its golden file's generator beside it.

use crate::networks;

use burn::tensor::Device;
use dermx_gradcam::{Explainer, Method, Settings};
use dermx_model::{Architecture, Network};
use networks::{gap, seeded, seeded_images};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
struct Golden {
    weight_seed: u64,
    num_classes: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    network: String,
    layer: String,
    size: [usize; 2],
    image_seed: u64,
    target: usize,
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

/// Fails unless the maps of `network` are those of the case.
#[track_caller]
fn compare(network: &Network, architecture: Architecture, case: &Case) {
    for (name, expected) in &case.maps {
        let size = [1, 3, case.size[0], case.size[1]];
        let images = seeded_images(size, case.image_seed, &Device::flex());
        let method: Method = name.parse().expect("a method");
        let explainer = Explainer::new(network, method, Settings::default(), Some(&case.layer))
            .expect("a layer");
        let found = explainer.explain(images, &[case.target], &mut |_| 0.0).expect("explains");
        let what = format!("{architecture} {} {name}", case.layer);
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
    }
}

/// Fails unless the `num_maps` maps of these networks are those of the golden.
#[track_caller]
fn assert_same(networks: &[&str], num_maps: usize) {
    let golden: Golden = serde_json::from_str(include_str!("golden.json")).expect("the golden");
    let mut num_compared = 0;
    for name in networks {
        let architecture: Architecture = name.parse().expect("an architecture");
        let network = seeded(&gap(architecture, golden.num_classes), golden.weight_seed);
        for case in golden.cases.iter().filter(|case| case.network == *name) {
            compare(&network, architecture, case);
            num_compared += case.maps.len();
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

#[test]
fn raw_maps_of_the_other_networks_of_torchvision_are_those_of_pytorch_grad_cam() {
    assert_same(&["vgg16", "densenet121", "mobilenet_v2", "inception_v3"], 4 * 4);
}

#[test]
fn raw_maps_of_timms_networks_are_those_of_pytorch_grad_cam() {
    let networks = ["xception", "mobilenetv1_100", "efficientnet_lite0", "inception_resnet_v2"];
    assert_same(&networks, 4 * 4 - 2);
}

#[test]
fn raw_maps_of_networks_that_only_keras_has_are_those_of_pytorch_grad_cam() {
    assert_same(&["resnet50v2", "nasnet_mobile"], 4 + 2);
}

/// Maps of one member stand for its family.
#[test]
fn every_family_has_maps_to_compare_with() {
    let golden: Golden = serde_json::from_str(include_str!("golden.json")).expect("the golden");
    let compared: BTreeSet<&str> = golden.cases.iter().map(|case| &*case.network).collect();
    for members in Architecture::by_family() {
        let is_compared = members.iter().any(|one| compared.contains(one.name()));
        assert!(is_compared, "no map of {members:?}");
    }
}
