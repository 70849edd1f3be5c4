//! Names, outputs, activations and gradients against torchvision's networks.

use crate::networks;
use crate::parity;

use dermx_model::{Architecture, Network};
use networks::{Weights, seeded_weights};
use parity::{check_layouts, check_network, with_statistics};

const FOLDER: &str = "tests/torchvision";

/// Seeded weights, changed as `rule` of generate.py says, with the measured statistics.
fn weights_of(network: &Network, statistics: &[u8]) -> Weights {
    let mut weights = seeded_weights(network, 1);
    let names: Vec<String> = weights.keys().cloned().collect();
    if is_swin(&names) {
        return weights;
    }
    for (name, tensor) in &mut weights {
        let (layer, kind) = name.rsplit_once('.').unwrap_or(("", name));
        let is_last = is_last_of_branch(layer, &names);
        let change: fn(f32) -> f32 = match (kind, is_kinked_norm(layer, &names)) {
            ("layer_scale", _) => |value| value * 0.2,
            // Large enough that another interpolation would be seen.
            ("pos_embedding", _) => |value| value * 50.0,
            ("weight", true) if is_last => |value| value * 0.1,
            ("weight", true) if is_wide(&names) => |value| value * 0.75,
            ("weight", true) => |value| value * 0.25,
            ("bias", true) if is_before_depthwise(layer, &names) => |value| value.abs() + 0.4 + 0.9,
            ("bias", true) if is_last => |value| value.abs() + 0.4,
            ("bias", true) => |value| value + 1.3_f32.copysign(value),
            ("weight", false) if is_last => |value| value * 0.25,
            _ => continue,
        };
        tensor.values.iter_mut().for_each(|value| *value = change(*value));
    }
    with_statistics(weights, statistics)
}

fn is_mobilenet(names: &[String]) -> bool {
    names.iter().any(|name| name == "features.1.conv.0.0.weight")
}

fn is_swin(names: &[String]) -> bool {
    names.iter().any(|name| name == "features.2.reduction.weight")
}

/// Whether a network would lose what images differ in: a MobileNetV2, an InceptionV3.
fn is_wide(names: &[String]) -> bool {
    is_mobilenet(names) || names.iter().any(|name| name == "Mixed_7c.branch_pool.conv.weight")
}

/// Whether a MobileNetV2 filters each channel next: one that is rarely on has next to no variance, and
/// what is divided by it is all rounding error.
fn is_before_depthwise(layer: &str, names: &[String]) -> bool {
    is_mobilenet(names) && layer.ends_with(".0.1")
}

/// Whether ReLU or ReLU6 follows, or a sum and a ReLU.
fn is_kinked_norm(layer: &str, names: &[String]) -> bool {
    let last = layer.rsplit('.').next().unwrap_or(layer);
    let is_resnets = last.starts_with("bn") || layer.ends_with(".downsample.1");
    let is_densenets = last.starts_with("norm");
    let is_mobilenets = is_mobilenet(names) && names.contains(&format!("{layer}.running_mean"));
    is_resnets || is_densenets || is_mobilenets && !is_last_of_branch(layer, names)
}

/// Whether this is the last batch normalization before the sum of a block.
fn is_last_of_branch(layer: &str, names: &[String]) -> bool {
    if let [_, _, "conv", _] = layer.split('.').collect::<Vec<_>>().as_slice() {
        return names.contains(&format!("{layer}.running_mean"));
    }
    let has = |layer: String| names.contains(&format!("{layer}.weight"));
    if let Some(block) = layer.strip_suffix(".bn2") {
        return !has(format!("{block}.bn3"));
    }
    let Some((block, idx)) = layer.strip_suffix(".1").and_then(|conv| conv.rsplit_once('.')) else {
        return layer.ends_with(".bn3");
    };
    let next = idx.parse::<usize>().map_or(0, |idx| idx + 1);
    block.ends_with(".block")
        && !["0", "fc1"].iter().any(|first| has(format!("{block}.{next}.{first}")))
}

fn check(architecture: Architecture) {
    check_network(FOLDER, architecture, weights_of);
}

#[test]
fn resnet18_is_torchvisions() {
    check(Architecture::RESNET18);
}

#[test]
fn resnet50_is_torchvisions() {
    check(Architecture::RESNET50);
}

#[test]
fn efficientnet_b0_is_torchvisions() {
    check(Architecture::EFFICIENTNET_B0);
}

#[test]
fn efficientnet_b4_is_torchvisions() {
    check(Architecture::EFFICIENTNET_B4);
}

#[test]
fn vgg16_is_torchvisions() {
    check(Architecture::VGG16);
}

#[test]
fn densenet121_is_torchvisions() {
    check(Architecture::DENSENET121);
}

#[test]
fn mobilenet_v2_is_torchvisions() {
    check(Architecture::MOBILENET_V2);
}

#[test]
fn inception_v3_is_torchvisions() {
    check(Architecture::INCEPTION_V3);
}

#[test]
fn convnext_tiny_is_torchvisions() {
    check(Architecture::CONVNEXT_TINY);
}

#[test]
fn convnext_small_is_torchvisions() {
    check(Architecture::CONVNEXT_SMALL);
}

#[test]
fn vit_b_16_is_torchvisions() {
    check(Architecture::VIT_B_16);
}

#[test]
fn vit_small_is_timms() {
    check(Architecture::VIT_SMALL_PATCH16_224);
}

#[test]
fn swin_t_is_torchvisions() {
    check(Architecture::SWIN_T);
}

#[test]
fn all_networks_have_torchvisions_names_shapes_and_numbers_of_parameters() {
    check_layouts(FOLDER);
}
