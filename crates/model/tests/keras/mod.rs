//! Names, outputs, activations and gradients against Keras' networks.

use crate::networks;
use crate::parity;

use dermx_model::{Architecture, Network};
use networks::{Weights, seeded_weights};
use parity::{check_layouts, check_network, with_statistics};

const FOLDER: &str = "tests/keras";

/// Seeded weights, changed as `rule` of generate.py says, with the measured statistics.
fn weights_of(network: &Network, statistics: &[u8]) -> Weights {
    let mut weights = seeded_weights(network, 1);
    let names: Vec<String> = weights.keys().cloned().collect();
    for (name, tensor) in &mut weights {
        let (layer, kind) = name.rsplit_once('.').expect("a layer");
        let is_norm = names.contains(&format!("{layer}.running_mean"));
        let change: fn(f32) -> f32 = match kind {
            "weight" if is_norm => |value| value * 0.25,
            "bias" if is_norm => |value| value + 1.3_f32.copysign(value),
            "weight" if layer.ends_with(".conv3") => |value| value * 0.5,
            _ => continue,
        };
        tensor.values.iter_mut().for_each(|value| *value = change(*value));
    }
    with_statistics(weights, statistics)
}

#[test]
fn names_and_shapes_are_those_of_keras() {
    check_layouts(FOLDER);
}

#[test]
fn resnet50v2_is_keras() {
    check_network(FOLDER, Architecture::RESNET50V2, weights_of);
}
