//! The weights a network starts from.

use dermx_data::Random;
use dermx_model::{NamedTensor, Network, expected_shapes};
use std::collections::BTreeMap;

/// Random starting weights of `network`: a function of `seed` and each parameter's name.
///
/// Convolutions: normal with standard deviation `sqrt(2 / (k^2 * out_channels))` (He et al., 2015,
/// "fan out", as torchvision's ResNet). Linear layers: uniform in `+-sqrt(6 / (inputs + outputs))`
/// with zero bias (Glorot and Bengio, 2010, as Keras' `Dense`). Normalization: scale 1, shift 0, running
/// mean 0, running variance 1. As in torchvision the factors of a ConvNeXt's branches (`layer_scale`) are
/// 1e-6, of a vision transformer the class token is 0, and its embeddings of places and a Swin transformer's
/// table of relative positions are normal with standard deviation 0.02.
pub fn initial_weights(network: &Network, seed: u64) -> BTreeMap<String, NamedTensor> {
    let shapes = expected_shapes(network).into_iter();
    let drawn = |(name, shape): (String, Vec<usize>)| {
        let tensor = initial_tensor(&name, shape, seed);
        (name, tensor)
    };
    shapes.map(drawn).collect()
}

/// Starting values of the tensor `name`, as of [`initial_weights`].
pub(crate) fn initial_tensor(name: &str, shape: Vec<usize>, seed: u64) -> NamedTensor {
    let mut random = Random::new(seed, "initialize", 0, name);
    let mut draw: Box<dyn FnMut() -> f64> = match (shape.as_slice(), name.rsplit_once('.')) {
        (&[out_channels, _, rows, columns], _) => {
            let std = (2.0 / (rows * columns * out_channels) as f64).sqrt();
            Box::new(move || random.normal(0.0, std))
        }
        (_, Some((_, "pos_embedding" | "relative_position_bias_table"))) => {
            Box::new(move || random.normal(0.0, 0.02))
        }
        (&[outputs, inputs], _) => {
            let bound = (6.0 / (inputs + outputs) as f64).sqrt();
            Box::new(move || random.uniform(-bound, bound))
        }
        (_, Some((_, "weight" | "running_var"))) => Box::new(|| 1.0),
        (_, Some((_, "layer_scale"))) => Box::new(|| 1e-6),
        _ => Box::new(|| 0.0),
    };
    let num_values = shape.iter().product();
    let values = (0..num_values).map(|_| draw() as f32).collect();
    NamedTensor { shape, values }
}
