//! Networks and images for the tests of networks: one to be traced by hand, and seeded ones.

// Every test file uses some of these.
#![allow(dead_code)]

use burn::tensor::{Device, Tensor, TensorData};
use dermx_model::{
    Architecture, NamedTensor, Network, NetworkConfig, export_weights, host_values, import_weights,
};
use std::collections::BTreeMap;

pub type Weights = BTreeMap<String, NamedTensor>;

/// A network with global average pooling.
pub fn gap(architecture: Architecture, num_classes: usize) -> NetworkConfig {
    NetworkConfig { input_size: [64, 64], ..NetworkConfig::torchvision(architecture, num_classes) }
}

/// Weights with which a ResNet passes red, green and blue through to the last feature maps.
///
/// The first convolution takes the pixel in its middle, and the 1x1 convolutions of the shortcuts
/// pass each channel on. All other convolutions are zero, so a block is `relu(0 + shortcut)`. Batch
/// normalization is the identity: its variance and epsilon add up to 1. The head is zero.
///
/// With `s` the stride so far, cell `(a, b)` of a feature map is the maximum of the 5x5 pixels
/// around `(s a, s b)`: the first convolution takes every second pixel, the pooling takes the
/// maximum of 3x3 of those, and the shortcuts only leave cells out.
pub fn traceable_weights(network: &Network) -> Weights {
    let mut weights = export_weights(network);
    for (name, tensor) in &mut weights {
        let is_batch_norm_weight = tensor.shape.len() == 1 && name.ends_with(".weight");
        tensor.values.fill(match is_batch_norm_weight {
            true => 1.0,
            false if name.ends_with("running_var") => 1.0 - 1e-5,
            false => 0.0,
        });
        if name == "conv1.weight" {
            (0..3).for_each(|color| tensor.values[((color * 3 + color) * 7 + 3) * 7 + 3] = 1.0);
        } else if name.ends_with("downsample.0.weight") {
            let [out_channels, in_channels] = [tensor.shape[0], tensor.shape[1]];
            (0..in_channels.min(out_channels))
                .for_each(|channel| tensor.values[channel * in_channels + channel] = 1.0);
        }
    }
    weights
}

/// Weights of no meaning, no two alike: a function of `seed` and the names.
pub fn seeded_weights(network: &Network, seed: u64) -> Weights {
    let mut weights = export_weights(network);
    for (name, tensor) in &mut weights {
        let fan_in: usize = tensor.shape.iter().skip(1).product();
        let bound = (6.0 / fan_in as f32).sqrt();
        let (low, high) = match (tensor.shape.len(), name.rsplit_once('.')) {
            (1, Some((_, "weight"))) => (0.3, 0.9),
            (1, Some((_, "running_var"))) => (0.5, 1.5),
            (1, _) => (-0.2, 0.2),
            _ => (-bound, bound),
        };
        let seed = name.bytes().fold(seed, |seed, byte| mix(seed ^ u64::from(byte)));
        for (idx, value) in tensor.values.iter_mut().enumerate() {
            *value = low + (high - low) * fraction(seed, idx);
        }
    }
    weights
}

/// The network of `config` on the CPU, with the weights that `weights` makes for it.
pub fn network_with(config: &NetworkConfig, weights: impl Fn(&Network) -> Weights) -> Network {
    let network = config.empty(&Device::flex());
    let weights = weights(&network);
    import_weights(network, &weights).expect("the weights fit")
}

/// The network of `config` with seeded weights.
pub fn seeded(config: &NetworkConfig, seed: u64) -> Network {
    network_with(config, |network| seeded_weights(network, seed))
}

/// Images of no meaning in `[-2, 2]`: a function of `seed`.
pub fn seeded_images(shape: [usize; 4], seed: u64, device: &Device) -> Tensor<4> {
    let num_values = shape.iter().product();
    let values: Vec<f32> =
        (0..num_values).map(|idx| 4.0 * fraction(mix(seed), idx) - 2.0).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// One 64x64 image whose colors are constant in each quadrant: `colors[color][row][column]`.
pub fn quadrants(colors: [[[f32; 2]; 2]; 3], device: &Device) -> Tensor<4> {
    let mut values = Vec::with_capacity(3 * 64 * 64);
    for color in colors {
        for row in 0..64 {
            values.extend((0..64).map(|column| color[row / 32][column / 32]));
        }
    }
    Tensor::from_data(TensorData::new(values, [1, 3, 64, 64]), device)
}

/// The values of a tensor in row-major order.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    host_values(tensor)
}

/// The bits of every value: also tells -0 from 0.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Fails unless all values are within `tolerance`.
#[track_caller]
pub fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (idx, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (found - expected).abs();
        assert!(difference <= tolerance, "value {idx} is {found}, expected {expected}");
    }
}

/// A number in `[0, 1)` for each index.
pub fn fraction(seed: u64, idx: usize) -> f32 {
    (mix(seed.wrapping_add(idx as u64)) >> 40) as f32 / (1 << 24) as f32
}

/// SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
pub fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
