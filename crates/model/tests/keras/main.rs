//! Names, outputs, activations and gradients against Keras' networks.

#[path = "../networks/mod.rs"]
mod networks;
#[path = "../networks/parity.rs"]
mod parity;

use dermx_model::{Architecture, Network};
use networks::{Weights, seeded_weights};
use parity::{check_layouts, check_network, with_statistics};

const FOLDER: &str = "tests/keras";

/// Seeded weights, changed as `rule` of generate.py says, with the measured statistics.
fn weights_of(network: &Network, statistics: &[u8]) -> Weights {
    let mut weights = seeded_weights(network, 1);
    let names: Vec<String> = weights.keys().cloned().collect();
    let is_nasnet = names.iter().any(|name| name == "stem_bn1.weight");
    for (name, tensor) in &mut weights {
        let (layer, kind) = name.rsplit_once('.').expect("a layer");
        let is_norm = names.contains(&format!("{layer}.running_mean"));
        let change: fn(f32) -> f32 = match kind {
            // A NASNet would lose what images differ in.
            "weight" if is_norm && is_nasnet => |value| value * 0.5,
            "weight" if is_norm => |value| value * 0.25,
            "bias" if is_norm => match place(layer) {
                Place::Addend => continue,
                Place::Sum => |value| value + 2.6_f32.copysign(value),
                Place::Other => |value| value + 1.3_f32.copysign(value),
            },
            "weight" if layer.ends_with(".conv3") => |value| value * 0.5,
            _ => continue,
        };
        tensor.values.iter_mut().for_each(|value| *value = change(*value));
    }
    with_statistics(weights, statistics)
}

/// What follows a normalization.
enum Place {
    /// A sum with another that is far from zero.
    Addend,
    /// A sum with another that is like those of [`Self::Other`].
    Sum,
    /// An activation, or a sum with an addend near zero.
    Other,
}

/// What follows the normalization `layer`: `offset` of generate.py.
fn place(layer: &str) -> Place {
    let is_last = layer.ends_with("separable_conv_2_bn");
    let is_of_reduction = layer.starts_with("stem_") || layer.starts_with("reduce_");
    let is_of = |branch: &str| is_last && layer.contains(branch);
    match layer.ends_with("adjust.bn") || is_of_reduction && is_of(".left1.") {
        true => Place::Sum,
        false if is_last && !is_of(".left1.") && !is_of(".left2.") => Place::Addend,
        false => Place::Other,
    }
}

#[test]
fn names_and_shapes_are_those_of_keras() {
    check_layouts(FOLDER);
}

#[test]
fn resnet50v2_is_keras() {
    check_network(FOLDER, Architecture::RESNET50V2, weights_of);
}

#[test]
fn nasnet_mobile_is_keras() {
    check_network(FOLDER, Architecture::NASNET_MOBILE, weights_of);
}
