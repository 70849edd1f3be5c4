//! Names, outputs, activations and gradients against timm's networks.

use crate::networks;
use crate::parity;

use dermx_model::{Architecture, Network};
use networks::{Weights, seeded_weights};
use parity::{check_layouts, check_network, with_statistics};

const FOLDER: &str = "tests/timm";

/// What follows a batch normalization.
#[derive(PartialEq)]
enum Next {
    /// ReLU or ReLU6.
    Activation,
    /// ReLU6 and a convolution that filters each channel alone.
    Depthwise,
    /// A sum without an activation.
    Sum,
}

/// What follows the batch normalization `layer` of a network with these names of weights.
fn next(layer: &str, names: &[String]) -> Next {
    let has = |layer: String| names.contains(&format!("{layer}.weight"));
    let (block, last) = layer.rsplit_once('.').unwrap_or(("", layer));
    if let Ok(step) = last.parse::<usize>() {
        return if has(format!("{block}.{}", step + 3)) { Next::Activation } else { Next::Sum };
    }
    let is_mobile = has("conv_stem".to_string());
    let is_lite = has("conv_head".to_string());
    let is_plain = !block.is_empty() && !has(format!("{block}.conv_pwl"));
    match last {
        "bn3" if is_lite => Next::Sum,
        "bn2" if is_plain && is_lite => Next::Sum,
        "bn2" if is_plain => Next::Depthwise,
        "bn1" if is_mobile && !is_plain => Next::Depthwise,
        _ => Next::Activation,
    }
}

/// Seeded weights, changed as `rule` of generate.py says, with the measured statistics.
fn weights_of(network: &Network, statistics: &[u8]) -> Weights {
    let mut weights = seeded_weights(network, 1);
    let names: Vec<String> = weights.keys().cloned().collect();
    for (name, tensor) in &mut weights {
        let (layer, kind) = name.rsplit_once('.').expect("a layer");
        if !names.contains(&format!("{layer}.running_mean")) {
            continue;
        }
        let change: fn(f32) -> f32 = match (kind, next(layer, &names)) {
            ("weight", Next::Sum) => |value| value * 0.25,
            ("weight", _) => |value| value * 0.75,
            ("bias", Next::Activation) => |value| value + 1.3_f32.copysign(value),
            ("bias", Next::Depthwise) => |value| value.abs() + 1.3,
            _ => continue,
        };
        tensor.values.iter_mut().for_each(|value| *value = change(*value));
    }
    with_statistics(weights, statistics)
}

fn check(architecture: Architecture) {
    check_network(FOLDER, architecture, weights_of);
}

#[test]
fn xception_is_timms() {
    check(Architecture::XCEPTION);
}

#[test]
fn inception_resnet_v2_is_timms() {
    check(Architecture::INCEPTION_RESNET_V2);
}

#[test]
fn mobilenet_is_timms() {
    check(Architecture::MOBILENETV1_100);
}

#[test]
fn efficientnet_lite0_is_timms() {
    check(Architecture::EFFICIENTNET_LITE0);
}

#[test]
fn efficientnet_lite1_is_timms() {
    check(Architecture::EFFICIENTNET_LITE1);
}

#[test]
fn efficientnet_lite2_is_timms() {
    check(Architecture::EFFICIENTNET_LITE2);
}

#[test]
fn all_networks_have_timms_names_shapes_and_numbers_of_parameters() {
    check_layouts(FOLDER);
}
