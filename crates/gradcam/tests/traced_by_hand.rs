//! Grad-CAM of networks that can be traced by hand, and what explaining leaves alone.

use crate::networks;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use dermx_gradcam::{ExplainError, Explainer, Explanation, Method, Settings};
use dermx_model::{Architecture, Head, Network, NetworkConfig, export_weights};
use networks::{
    Weights, assert_close, bits, gap, network_with, quadrants, seeded, seeded_images,
    traceable_weights, values,
};

fn grad_cam(network: &Network, layer: Option<&str>) -> Result<Explainer, ExplainError> {
    Explainer::new(network, Method::GradCam, Settings::default(), layer)
}

/// Red 1, 2, 3, 4 and green 1/4, 1/4, 1, 3 in the quadrants; blue stays below zero.
fn hand_image() -> Tensor<4> {
    let red = [[1.0, 2.0], [3.0, 4.0]];
    let green = [[0.25, 0.25], [1.0, 3.0]];
    quadrants([red, green, [[-1.0; 2]; 2]], &Device::flex())
}

/// Logit 0 is `2 red - 4 green` of the means, logit 1 is `-2 red + 4 green + 1/4`.
fn two_classes(config: &NetworkConfig) -> Network {
    network_with(config, |network| {
        let mut weights = traceable_weights(network);
        let num_features = config.architecture.num_features();
        let head = &mut weights.get_mut("fc.weight").expect("a head").values;
        head[..2].copy_from_slice(&[2.0, -4.0]);
        head[num_features..num_features + 2].copy_from_slice(&[-2.0, 4.0]);
        weights.get_mut("fc.bias").expect("a bias").values = vec![0.0, 0.25];
        weights
    })
}

fn explain(network: &Network, layer: Option<&str>, target: usize) -> Explanation {
    let explainer = grad_cam(network, layer).expect("a layer");
    explainer.explain(hand_image(), &[target], &mut |_| 0.0).expect("explains")
}

/// Bits of all weights and statistics.
fn all_bits(weights: &Weights) -> Vec<u32> {
    weights.values().flat_map(|tensor| bits(&tensor.values)).collect()
}

#[test]
fn the_map_is_the_one_worked_out_by_hand() {
    // The last feature maps are 2x2. Class 0: alpha = 2/4 for red and -4/4 for green, so
    // relu(0.5 * (1 2 3 4) - (0.25 0.25 1 3)) = relu(0.25 0.75 0.5 -1).
    // Class 1: relu(-0.5 * (1 2 3 4) + (0.25 0.25 1 3)) = relu(-0.25 -0.75 -0.5 1).
    // Logits: 2 * 2.5 - 4 * 1.125 = 0.5 and -2 * 2.5 + 4 * 1.125 + 0.25 = -0.25.
    for architecture in [Architecture::RESNET18, Architecture::RESNET50] {
        let network = two_classes(&gap(architecture, 2));
        let explanation = explain(&network, None, 0);
        let map = &explanation.heatmaps[0];
        assert_eq!([map.height, map.width], [2, 2]);
        assert_close(&map.values, &[0.25, 0.75, 0.5, 0.0], 1e-5);
        assert_close(&explanation.logits[0], &[0.5, -0.25], 1e-5);
        let explanation = explain(&network, None, 1);
        assert_close(&explanation.heatmaps[0].values, &[0.0, 0.0, 0.0, 1.0], 1e-5);
    }
}

#[test]
fn at_every_layer_the_map_is_the_one_worked_out_by_hand() {
    // The shortcuts leave out all but 2x2 of the n x n cells of a layer, and every cell of a
    // quadrant has the same value. So alpha has the same sum over the cells as above, and the map
    // is the one above, times 4 / n^2, over the quadrants.
    for (architecture, last_stride) in
        [(Architecture::RESNET18, 2), (Architecture::RESNET18, 1), (Architecture::RESNET50, 2)]
    {
        let network = two_classes(&NetworkConfig { last_stride, ..gap(architecture, 2) });
        // The last convolutions are zero here.
        for layer in network.tap_names().into_iter().filter(|name| !name.contains("conv")) {
            let n = match &layer[..layer.len().min(6)] {
                "stem" | "layer1" => 16,
                "layer2" => 8,
                "layer3" => 4,
                _ => 4 / last_stride,
            };
            let scale = 4.0 / (n * n) as f32;
            let quadrant = |cell: usize| 2 * (cell / n / (n / 2)) + cell % n / (n / 2);
            let expected: Vec<f32> =
                (0..n * n).map(|cell| scale * [0.25, 0.75, 0.5, 0.0][quadrant(cell)]).collect();
            let map = &explain(&network, Some(&layer), 0).heatmaps[0];
            assert_eq!([map.height, map.width], [n, n], "{layer}");
            assert_close(&map.values, &expected, 1e-5);
        }
    }
}

#[test]
fn a_flattened_head_counts_by_its_mean_wherever_its_weights_are() {
    // Class 0 looks at red in one cell only, with weight 4: alpha = (4 + 0 + 0 + 0) / 4 = 1.
    let config = NetworkConfig { head: Head::Flatten, ..gap(Architecture::RESNET18, 2) };
    let network = network_with(&config, |network| {
        let mut weights = traceable_weights(network);
        weights.get_mut("fc.weight").expect("a head").values[2] = 4.0;
        weights
    });
    let explanation = explain(&network, None, 0);
    assert_close(&explanation.heatmaps[0].values, &[1.0, 2.0, 3.0, 4.0], 1e-5);
    assert_close(&explanation.logits[0], &[4.0 * 3.0, 0.0], 1e-4);
    // Nothing speaks for class 1: its map is zero.
    assert_eq!(explain(&network, None, 1).heatmaps[0].values, [0.0; 4]);
}

#[test]
fn each_image_of_a_batch_is_explained_for_its_own_target() {
    let network = two_classes(&gap(Architecture::RESNET18, 2));
    let explainer = grad_cam(&network, None).expect("a layer");
    let batch = Tensor::cat(vec![hand_image(), hand_image(), hand_image() * 2.0], 0);
    let maps = explainer.explain(batch, &[1, 0, 0], &mut |_| 0.0).expect("explains").heatmaps;
    assert_close(&maps[0].values, &[0.0, 0.0, 0.0, 1.0], 1e-5);
    assert_close(&maps[1].values, &[0.25, 0.75, 0.5, 0.0], 1e-5);
    assert_close(&maps[2].values, &[0.5, 1.5, 1.0, 0.0], 1e-5);
}

#[test]
fn explaining_an_early_layer_of_a_training_network_moves_no_statistic() {
    // All later layers run with a tape, where batch normalization would use and move its
    // statistics; a step of training before waits to be averaged in.
    let device = Device::flex();
    let network = seeded(&gap(Architecture::RESNET18, 2), 1).train();
    network.forward(seeded_images([2, 3, 32, 32], 2, &device.clone().autodiff()));
    let images = seeded_images([1, 3, 64, 64], 3, &device);
    let in_inference_mode = network.valid().forward(images.clone());
    let before = all_bits(&export_weights(&network));
    let explainer = grad_cam(&network, Some("stem")).expect("a layer");
    let explanation = explainer.explain(images, &[0], &mut |_| 0.0).expect("explains");
    assert_close(&explanation.logits[0], &values(in_inference_mode), 1e-5);
    assert_eq!(all_bits(&export_weights(&network)), before);
}

#[test]
fn an_explainer_keeps_to_the_network_as_it_was() {
    let device = Device::flex();
    let network = seeded(&gap(Architecture::RESNET18, 2), 1).train();
    let explainer = grad_cam(&network, Some("layer2")).expect("a layer");
    let images = seeded_images([1, 3, 64, 64], 3, &device);
    let before = explainer.explain(images.clone(), &[0], &mut |_| 0.0).expect("explains");
    for seed in 0..2 {
        network.forward(seeded_images([2, 3, 32, 32], seed, &device.clone().autodiff()));
    }
    let after = explainer.explain(images, &[0], &mut |_| 0.0).expect("explains");
    assert_eq!(before.logits, after.logits);
    assert_eq!(before.heatmaps, after.heatmaps);
}

#[test]
fn an_unknown_layer_is_refused_with_all_names() {
    let network = seeded(&gap(Architecture::RESNET18, 2), 1);
    for unknown in ["layer5", "layer4.2", "conv1", ""] {
        let block = |name: &str| format!("{name}.conv2, {name}");
        let stage = |name: &str| {
            format!("{}, {}, {name}", block(&format!("{name}.0")), block(&format!("{name}.1")))
        };
        let error = grad_cam(&network, Some(unknown)).expect_err("refused").to_string();
        let stages = ["layer1", "layer2", "layer3", "layer4"].map(stage).join(", ");
        let known = format!("stem, {stages}");
        let expected = format!("the network has no layer `{unknown}`; there are: {known}");
        assert_eq!(error, expected);
    }
    assert_eq!(grad_cam(&network, None).expect("a layer").layer(), Some("layer4"));
}

#[test]
fn targets_that_do_not_fit_are_named() {
    let network = seeded(&gap(Architecture::RESNET18, 2), 1);
    let explainer = grad_cam(&network, None).expect("a layer");
    let images = seeded_images([2, 3, 32, 32], 1, &Device::flex());
    for (targets, expected) in [
        (&[0, 2][..], "class 2 of 2"),
        (&[usize::MAX, 0], "class 18446744073709551615 of 2"),
        (&[1], "1 targets for 2 images"),
        (&[], "0 targets for 2 images"),
        (&[0, 0, 0], "3 targets for 2 images"),
    ] {
        let error = explainer
            .explain(images.clone(), targets, &mut |_| 0.0)
            .expect_err("refused")
            .to_string();
        assert_eq!(error, format!("targets do not fit the batch: {expected}"));
    }
}
