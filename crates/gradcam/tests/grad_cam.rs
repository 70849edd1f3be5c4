//! Grad-CAM against its closed forms and against finite differences.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use dermx_gradcam::{ExplainError, Explainer, Heatmap, Method, Settings};
use dermx_model::{
    Architecture, Head, NamedTensor, Network, NetworkConfig, export_weights, import_weights,
};
use std::collections::BTreeMap;

const NUM_CLASSES: usize = 3;
const SIZE: [usize; 2] = [64, 96];

fn grad_cam(network: &Network, layer: Option<&str>) -> Result<Explainer, ExplainError> {
    Explainer::new(network, Method::GradCam, Settings::default(), layer)
}

/// A fraction in [0, 1): the top 24 bits of a multiplicative hash.
fn fraction(seed: u32, idx: usize) -> f32 {
    let mut value = (idx as u32).wrapping_add(seed).wrapping_mul(0x9E37_79B9);
    value = (value ^ (value >> 15)).wrapping_mul(0x85EB_CA6B);
    ((value ^ (value >> 13)) >> 8) as f32 / 16_777_216.0
}

/// A ResNet-18 whose weights and statistics are all different, of usual sizes.
fn network(head: Head) -> Network {
    network_of(Architecture::RESNET18, head)
}

fn network_of(architecture: Architecture, head: Head) -> Network {
    let config = NetworkConfig {
        head,
        input_size: SIZE,
        ..NetworkConfig::torchvision(architecture, NUM_CLASSES)
    };
    let network = config.empty(&Device::flex());
    let mut weights = export_weights(&network);
    for (seed, (name, tensor)) in weights.iter_mut().enumerate() {
        let fan_in = tensor.shape.iter().skip(1).product::<usize>();
        let [low, high] = match name.rsplit_once('.') {
            Some((_, "weight")) if tensor.shape.len() == 1 => [0.3, 0.9],
            Some((_, "running_var")) => [0.5, 1.5],
            _ if tensor.shape.len() == 1 => [-0.2, 0.2],
            _ => [-1.0, 1.0].map(|side: f32| side * (6.0 / fan_in as f32).sqrt()),
        };
        for (idx, value) in tensor.values.iter_mut().enumerate() {
            *value = low + (high - low) * fraction(7919 * seed as u32, idx);
        }
    }
    import_weights(network, &weights).expect("the weights fit")
}

fn images(batch: usize) -> Tensor<4> {
    let shape = [batch, 3, SIZE[0], SIZE[1]];
    let num_values = shape.iter().product();
    let values: Vec<f32> = (0..num_values).map(|idx| 4.0 * fraction(1, idx) - 2.0).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// The activation at `layer`, and its shape.
fn activation(network: &Network, images: Tensor<4>, layer: &str) -> (Vec<f32>, [usize; 4]) {
    let mut found = (Vec::new(), [0; 4]);
    network.forward_tapped(images, &mut |name, x| {
        if name == layer {
            found = (values(x.clone()), x.dims());
        }
        x
    });
    found
}

/// `relu(sum_k alpha_k A_k)` of one image.
fn map_of(features: &[f32], shape: [usize; 4], alpha: impl Fn(usize) -> f64) -> Vec<f64> {
    let num_cells = shape[2] * shape[3];
    let mut map = vec![0.0; num_cells];
    for channel in 0..shape[1] {
        for (cell, value) in map.iter_mut().enumerate() {
            *value += alpha(channel) * f64::from(features[channel * num_cells + cell]);
        }
    }
    map.into_iter().map(|value| value.max(0.0)).collect()
}

fn assert_close(found: &Heatmap, expected: &[f64]) {
    let largest = expected.iter().fold(0.0_f64, |max, &value| max.max(value));
    assert!(largest > 0.0, "the map is zero everywhere: the test would see nothing");
    assert_eq!(found.values.len(), expected.len());
    for (found, expected) in found.values.iter().zip(expected) {
        assert!((f64::from(*found) - expected).abs() < 1e-5 * largest, "{found} {expected}");
    }
}

/// A class whose map is not zero everywhere.
fn explained(network: &Network, layer: Option<&str>, image: Tensor<4>) -> (usize, Heatmap) {
    let explainer = grad_cam(network, layer).expect("a layer");
    for target in 0..NUM_CLASSES {
        let explanation =
            explainer.explain(image.clone(), &[target], &mut |_| 0.0).expect("explains");
        let map = explanation.heatmaps[0].clone();
        if map.values.iter().any(|&value| value > 0.0) {
            return (target, map);
        }
    }
    panic!("every map is zero");
}

#[test]
fn with_the_studys_head_the_weights_are_scaled_by_its_batch_normalization() {
    // y_c = b_c + sum_k W_ck (g_k (mean(A_k) - m_k) / sqrt(v_k + 1e-3) + s_k), so
    // alpha_k = W_ck g_k / sqrt(v_k + 1e-3) / (h w).
    let network = network_of(Architecture::EFFICIENTNET_B0, Head::GapBn);
    let (target, map) = explained(&network, None, images(1));
    let (features, shape) = activation(&network, images(1), "features.8");
    assert_eq!(shape, [1, 1280, 2, 3]);
    let weights = export_weights(&network);
    let of = |name: &str, idx: usize| f64::from(weights[&format!("classifier.{name}")].values[idx]);
    let expected = map_of(&features, shape, |k| {
        let scale = of("0.weight", k) / (of("0.running_var", k) + 1e-3).sqrt();
        of("1.weight", target * 1280 + k) * scale / 6.0
    });
    assert_close(&map, &expected);
}

#[test]
fn a_convolution_inside_the_last_block_is_explained_too() {
    for (architecture, layer) in [
        (Architecture::RESNET50, "layer4.2.conv3"),
        (Architecture::EFFICIENTNET_B0, "features.7.0.block"),
    ] {
        let (_, map) = explained(&network_of(architecture, Head::Gap), Some(layer), images(1));
        assert_eq!([map.height, map.width], [2, 3]);
    }
}

#[test]
fn with_average_pooling_the_weights_are_those_of_the_head() {
    // y_c = b_c + sum_k W_ck mean(A_k), so alpha_k = mean_ij dy/dA_kij = W_ck / (h w).
    let network = network(Head::Gap);
    let (target, map) = explained(&network, None, images(1));
    let (features, shape) = activation(&network, images(1), "layer4");
    assert_eq!([map.height, map.width], [2, 3]);
    assert_eq!(shape, [1, 512, 2, 3]);
    let head = &export_weights(&network)["fc.weight"].values;
    let expected = map_of(&features, shape, |k| f64::from(head[target * 512 + k]) / 6.0);
    assert_close(&map, &expected);
}

#[test]
fn with_a_flattened_head_the_weights_are_its_means() {
    // y_c = b_c + sum_k,ij W_c,kij A_kij, so alpha_k = mean_ij W_c,kij.
    let network = network(Head::Flatten);
    let (target, map) = explained(&network, None, images(1));
    let (features, shape) = activation(&network, images(1), "layer4");
    let head = &export_weights(&network)["fc.weight"].values;
    let expected = map_of(&features, shape, |k| {
        let start = (target * 512 + k) * 6;
        head[start..start + 6].iter().map(|&weight| f64::from(weight)).sum::<f64>() / 6.0
    });
    assert_close(&map, &expected);
}

#[test]
fn in_the_middle_gradients_are_those_of_finite_differences() {
    // Moving a whole feature map by e moves the logit by e * sum_ij dy/dA_kij = e h w alpha_k.
    let network = network(Head::Gap);
    let layer = "layer4.0";
    let small = images(1).narrow(2, 0, 32).narrow(3, 0, 64);
    let (target, map) = explained(&network, Some(layer), small.clone());
    let (features, shape) = activation(&network, small.clone(), layer);
    // One step is far above the rounding of 32 bits and far below the scale of the activations.
    let step = 2e-3;
    let num_cells = (shape[2] * shape[3]) as f64;
    // Many channels at a time, each up and down.
    let channels: Vec<usize> = (0..shape[1]).collect();
    let mut alpha = Vec::with_capacity(shape[1]);
    for channels in channels.chunks(32) {
        let moves = channels.iter().flat_map(|&channel| [(channel, step), (channel, -step)]);
        let mut moved = vec![0.0_f32; 2 * channels.len() * shape[1]];
        for (image, (channel, step)) in moves.enumerate() {
            moved[image * shape[1] + channel] = step;
        }
        let batch = small.clone().repeat_dim(0, 2 * channels.len());
        let logits = network.forward_tapped(batch, &mut |name, x| {
            if name != layer {
                return x;
            }
            let shape = [2 * channels.len(), shape[1], 1, 1];
            x + Tensor::from_data(TensorData::new(moved.clone(), shape), &Device::flex())
        });
        let logits = values(logits);
        alpha.extend(logits.chunks(2 * NUM_CLASSES).map(|pair| {
            let (up, down) = (pair[target], pair[NUM_CLASSES + target]);
            (f64::from(up) - f64::from(down)) / (2.0 * f64::from(step)) / num_cells
        }));
    }
    let expected = map_of(&features, shape, |k| alpha[k]);
    let largest = expected.iter().fold(0.0_f64, |max, &value| max.max(value));
    for (found, expected) in map.values.iter().zip(&expected) {
        assert!((f64::from(*found) - expected).abs() < 0.02 * largest, "{found} {expected}");
    }
}

#[test]
fn a_batch_gives_each_image_the_map_that_it_gets_alone() {
    let network = network(Head::Gap);
    let explainer = grad_cam(&network, None).expect("a layer");
    let targets = [2, 0, 1];
    let together = explainer.explain(images(3), &targets, &mut |_| 0.0).expect("explains");
    for (idx, &target) in targets.iter().enumerate() {
        let image = images(3).narrow(0, idx, 1);
        let alone = explainer.explain(image, &[target], &mut |_| 0.0).expect("explains");
        let pairs = together.heatmaps[idx].values.iter().zip(&alone.heatmaps[0].values);
        for (together, alone) in pairs {
            assert!((together - alone).abs() <= 1e-5 * alone.abs().max(1e-3));
        }
        assert!(together.heatmaps[idx].values.iter().all(|&value| value >= 0.0));
    }
}

#[test]
fn explaining_changes_neither_weights_nor_statistics() {
    let network = network(Head::Gap).train();
    let bits = |weights: &BTreeMap<String, NamedTensor>| -> Vec<u32> {
        weights.values().flat_map(|tensor| tensor.values.iter().map(|v| v.to_bits())).collect()
    };
    let before = export_weights(&network);
    let explainer = grad_cam(&network, None).expect("a layer");
    explainer.explain(images(2), &[0, 1], &mut |_| 0.0).expect("explains");
    assert_eq!(bits(&export_weights(&network)), bits(&before));
}

#[test]
fn logits_are_those_of_the_network() {
    let network = network(Head::Gap);
    let explainer = grad_cam(&network, Some("layer2")).expect("a layer");
    let explanation = explainer.explain(images(2), &[0, 1], &mut |_| 0.0).expect("explains");
    assert_eq!(explanation.logits.concat(), values(network.forward(images(2))));
    let Heatmap { height, width, .. } = explanation.heatmaps[0];
    assert_eq!([height, width], [8, 12]);
}

#[test]
fn an_unknown_layer_lists_those_there_are() {
    let error = grad_cam(&network(Head::Gap), Some("layer5")).expect_err("refused");
    let message = error.to_string();
    assert!(message.contains("layer5") && message.contains("stem, layer1.0.conv2, layer1.0, "));
}

#[test]
fn targets_that_do_not_fit_are_errors() {
    let network = network(Head::Gap);
    let explainer = grad_cam(&network, None).expect("a layer");
    for targets in [&[0][..], &[0, NUM_CLASSES]] {
        let error = explainer.explain(images(2), targets, &mut |_| 0.0).expect_err("refused");
        assert!(matches!(error, ExplainError::Targets(_)), "{error}");
    }
}
