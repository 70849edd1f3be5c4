//! The forward pass: cases worked out by hand, taps, batches.

use crate::networks;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use dermx_model::{Architecture, Head, Network, NetworkConfig, Variant};
use networks::{
    Weights, assert_close, bits, gap, network_with, quadrants, seeded, seeded_images,
    traceable_weights, values,
};

const BOTH: [Architecture; 2] = [Architecture::RESNET18, Architecture::RESNET50];

/// Red 1, 2, 3, 4 and green 0, 0, 1, 3 in the quadrants; blue stays below zero.
fn hand_image() -> Tensor<4> {
    let red = [[1.0, 2.0], [3.0, 4.0]];
    let green = [[0.0, 0.0], [1.0, 3.0]];
    quadrants([red, green, [[-1.0; 2]; 2]], &Device::flex())
}

/// The tap's activation, with its shape.
fn tapped(network: &Network, images: Tensor<4>, layer: &str) -> Tensor<4> {
    let mut found = None;
    network.forward_tapped(images, &mut |name, x| {
        if name == layer {
            found = Some(x.clone());
        }
        x
    });
    found.expect("the tap is called")
}

fn channel(activation: Tensor<4>, channel: usize) -> Vec<f32> {
    values(activation.narrow(1, channel, 1))
}

#[test]
fn a_traceable_network_has_the_logits_worked_out_by_hand() {
    // The last feature maps are 2x2, one cell a quadrant: red 1 2 3 4, green 0 0 1 3, blue 0.
    // Means: 2.5, 1, 0. Logit 0: 2 * 2.5 + 3 * 1 + 9 * 0 - 1 = 7. Logit 1: -4 * 1 + 0.5 = -3.5.
    for architecture in BOTH {
        let network = network_with(&gap(architecture, 2), |network| {
            let mut weights = traceable_weights(network);
            let num_features = architecture.num_features();
            let head = &mut weights.get_mut("fc.weight").expect("a head").values;
            head[..3].copy_from_slice(&[2.0, 3.0, 9.0]);
            head[num_features + 1] = -4.0;
            weights.get_mut("fc.bias").expect("a bias").values = vec![-1.0, 0.5];
            weights
        });
        let last = tapped(&network, hand_image(), "layer4");
        assert_close(&channel(last.clone(), 0), &[1.0, 2.0, 3.0, 4.0], 1e-5);
        assert_close(&channel(last.clone(), 1), &[0.0, 0.0, 1.0, 3.0], 1e-5);
        assert_close(&channel(last, 2), &[0.0; 4], 0.0);
        assert_close(&values(network.forward(hand_image())), &[7.0, -3.5], 1e-5);
    }
}

#[test]
fn a_flatten_head_weighs_every_cell_channel_by_channel() {
    // Red has the inputs 0 to 3 of the head, green 4 to 7, as `torch.flatten` orders them:
    // 1 * 1 + 10 * 2 + 100 * 3 + 1000 * 4 + 10000 * (0 + 0 + 1) + 0.5 * 3 = 14322.5
    let config =
        NetworkConfig { head: Head::Flatten, num_classes: 1, ..gap(Architecture::RESNET18, 1) };
    let network = network_with(&config, |network| {
        let mut weights = traceable_weights(network);
        let head = &mut weights.get_mut("fc.weight").expect("a head").values;
        head[..8].copy_from_slice(&[1.0, 10.0, 100.0, 1000.0, 1e4, 1e4, 1e4, 0.5]);
        weights
    });
    assert_close(&values(network.forward(hand_image())), &[14322.5], 0.1);
}

#[test]
fn a_network_of_zero_convolutions_answers_with_its_bias() {
    for architecture in BOTH {
        let network = network_with(&gap(architecture, 3), |network| {
            let mut weights = traceable_weights(network);
            for (name, tensor) in &mut weights {
                if name.contains("conv") || name.contains("downsample.0") {
                    tensor.values.fill(0.0);
                }
                if name == "fc.weight" {
                    tensor.values.fill(7.0);
                }
            }
            weights.get_mut("fc.bias").expect("a bias").values = vec![0.5, -1.0, 2.0];
            weights
        });
        let images = seeded_images([2, 3, 40, 48], 3, &Device::flex());
        assert_eq!(values(network.forward(images)), [0.5, -1.0, 2.0, 0.5, -1.0, 2.0]);
    }
}

/// What `layer2.0` makes of a ramp `10 * row + column` of 4x4 cells in channel 0, when `weights`
/// alone are not zero in it.
fn block_output(
    config: &NetworkConfig,
    alter: impl Fn(&mut Weights),
    num_channels: usize,
) -> Vec<f32> {
    let network = network_with(config, |network| {
        let mut weights = traceable_weights(network);
        weights.get_mut("layer2.0.downsample.0.weight").expect("a shortcut").values.fill(0.0);
        alter(&mut weights);
        weights
    });
    let device = Device::flex();
    let mut ramp = vec![0.0; num_channels * 16];
    (0..16).for_each(|cell| ramp[cell] = (10 * (cell / 4) + cell % 4) as f32);
    let ramp = Tensor::<4>::from_data(TensorData::new(ramp, [1, num_channels, 4, 4]), &device);
    let mut found = Vec::new();
    network.forward_tapped(seeded_images([1, 3, 16, 16], 1, &device), &mut |name, x| match name {
        "layer1" => ramp.clone(),
        "layer2.0" => {
            found = channel(x.clone(), 0);
            x
        }
        _ => x,
    });
    found
}

#[test]
fn a_bottleneck_strides_in_its_3x3_convolution_or_as_v1_in_its_first_1x1() {
    // The 1x1 convolutions pass channel 0 on; the 3x3 one takes the cell below and right of its
    // middle. With the stride there, cell (i, j) is ramp(2i + 1, 2j + 1). With the stride in the
    // first 1x1 convolution it is ramp(2i + 2, 2j + 2), or zero outside.
    for (variant, expected) in
        [(Variant::Torchvision, [11.0, 13.0, 31.0, 33.0]), (Variant::V1, [22.0, 0.0, 0.0, 0.0])]
    {
        let found = block_output(
            &NetworkConfig { variant, ..gap(Architecture::RESNET50, 1) },
            |weights| {
                weights.get_mut("layer2.0.conv1.weight").expect("1x1").values[0] = 1.0;
                weights.get_mut("layer2.0.conv2.weight").expect("3x3").values[8] = 1.0;
                weights.get_mut("layer2.0.conv3.weight").expect("1x1").values[0] = 1.0;
            },
            256,
        );
        assert_close(&found, &expected, 1e-3);
    }
}

#[test]
fn v1_has_the_epsilon_of_keras() {
    // With no variance, 1 becomes 1 / sqrt(epsilon): 316.23 for 1e-5, 316.07 for 1.001e-5.
    for (variant, expected) in [(Variant::Torchvision, 316.228), (Variant::V1, 316.070)] {
        let config = NetworkConfig { variant, ..gap(Architecture::RESNET18, 1) };
        let network = network_with(&config, |network| {
            let mut weights = traceable_weights(network);
            weights.get_mut("bn1.running_var").expect("a statistic").values.fill(0.0);
            weights
        });
        let ones = quadrants([[[1.0; 2]; 2]; 3], &Device::flex());
        assert_close(&channel(tapped(&network, ones, "stem"), 0), &[expected; 256], 1e-2);
    }
}

#[test]
fn a_basic_block_strides_in_its_first_convolution() {
    // Both 3x3 convolutions take the cell below and right of their middle. Stride in the first:
    // h(i, j) = ramp(2i + 1, 2j + 1) and then h(i + 1, j + 1), so only cell (0, 0) is inside: 33.
    // With the stride in the second, cell (0, 0) would be ramp(2, 2) = 22.
    let found = block_output(
        &gap(Architecture::RESNET18, 1),
        |weights| {
            weights.get_mut("layer2.0.conv1.weight").expect("3x3").values[8] = 1.0;
            weights.get_mut("layer2.0.conv2.weight").expect("3x3").values[8] = 1.0;
        },
        64,
    );
    assert_close(&found, &[33.0, 0.0, 0.0, 0.0], 1e-3);
}

#[test]
fn a_block_is_rectified_after_each_convolution_but_the_last_and_after_the_sum() {
    // The middles of the convolutions of `layer1.1`, and x = 3, -1, 0.5, -2 before it.
    // Basic, -1 and 0.5: relu(0.5 relu(-x) + x) = 3, relu(0.5 - 1), 0.5, relu(1 - 2).
    // Bottleneck, -1, -1, -2: relu(-2 relu(-relu(-x)) + x) = relu(x).
    let basic = [("conv1", 4, -1.0), ("conv2", 4, 0.5)];
    let bottleneck = [("conv1", 0, -1.0), ("conv2", 4, -1.0), ("conv3", 0, -2.0)];
    let device = Device::flex();
    for (architecture, middles) in
        [(Architecture::RESNET18, &basic[..]), (Architecture::RESNET50, &bottleneck)]
    {
        let network = network_with(&gap(architecture, 1), |network| {
            let mut weights = traceable_weights(network);
            for &(conv, idx, value) in middles {
                let name = format!("layer1.1.{conv}.weight");
                weights.get_mut(&name).expect("a convolution").values[idx] = value;
            }
            weights
        });
        let mut found = Vec::new();
        let images = seeded_images([1, 3, 8, 8], 1, &device);
        network.forward_tapped(images, &mut |name, x| match name {
            "layer1.0" => {
                let mut before = vec![0.0; x.dims()[1] * 4];
                before[..4].copy_from_slice(&[3.0, -1.0, 0.5, -2.0]);
                Tensor::from_data(TensorData::new(before, x.dims()), &device)
            }
            "layer1.1" => {
                found = channel(x.clone(), 0);
                x
            }
            _ => x,
        });
        assert_close(&found, &[3.0, 0.0, 0.5, 0.0], 1e-5);
    }
}

#[test]
fn last_stride_1_keeps_every_cell_of_the_last_stage() {
    // The stride is 16 then: two cells a quadrant and direction.
    let config = NetworkConfig { last_stride: 1, ..gap(Architecture::RESNET50, 1) };
    let last = tapped(&network_with(&config, traceable_weights), hand_image(), "layer4");
    let expected = [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 3.0, 3.0, 4.0, 4.0];
    assert_close(&channel(last, 0), &expected, 1e-5);
}

#[test]
fn images_of_a_batch_do_not_influence_each_other() {
    let device = Device::flex();
    for architecture in BOTH {
        let network = seeded(&gap(architecture, 5), 2);
        let images = seeded_images([2, 3, 64, 96], 3, &device);
        let together = values(network.forward(images.clone()));
        let alone: Vec<f32> = (0..2)
            .flat_map(|idx| values(network.forward(images.clone().narrow(0, idx, 1))))
            .collect();
        assert_ne!(together[..5], together[5..]);
        assert_close(&together, &alone, 1e-5);
    }
}

#[test]
fn taps_are_called_in_the_order_of_their_names() {
    for (architecture, num_blocks) in
        [(Architecture::RESNET18, [2, 2, 2, 2]), (Architecture::RESNET50, [3, 4, 6, 3])]
    {
        let mut expected = vec!["stem".to_string()];
        for (stage_idx, num_blocks) in num_blocks.into_iter().enumerate() {
            let stage = format!("layer{}", stage_idx + 1);
            let last = if architecture == Architecture::RESNET18 { "conv2" } else { "conv3" };
            for block_idx in 0..num_blocks {
                expected.push(format!("{stage}.{block_idx}.{last}"));
                expected.push(format!("{stage}.{block_idx}"));
            }
            expected.push(stage);
        }
        let network = seeded(&gap(architecture, 2), 1);
        let mut called = Vec::new();
        network.forward_tapped(
            seeded_images([1, 3, 32, 32], 1, &Device::flex()),
            &mut |name, x| {
                called.push(name.to_string());
                x
            },
        );
        assert_eq!(called, expected);
        assert_eq!(network.tap_names(), expected);
        assert_eq!(Some(network.last_tap()), expected.last().map(String::as_str));
    }
}

#[test]
fn taps_that_do_nothing_change_no_bit() {
    let network = seeded(&gap(Architecture::RESNET18, 4), 5);
    let images = seeded_images([2, 3, 48, 64], 6, &Device::flex());
    let tapped = network.forward_tapped(images.clone(), &mut |_, x| x);
    assert_eq!(bits(&values(tapped)), bits(&values(network.forward(images))));
}

#[test]
fn the_pass_goes_on_with_what_a_tap_returns() {
    let device = Device::flex();
    let network = seeded(&gap(Architecture::RESNET18, 4), 5);
    let (one, other) =
        (seeded_images([1, 3, 48, 64], 6, &device), seeded_images([1, 3, 48, 64], 7, &device));
    let (from_one, from_other) =
        (values(network.forward(one.clone())), values(network.forward(other.clone())));
    assert_ne!(from_one, from_other);
    // After the last convolution of a block the shortcut goes on with the first image.
    for layer in network.tap_names().into_iter().filter(|name| !name.contains("conv")) {
        let activation = tapped(&network, other.clone(), &layer);
        let swapped = network.forward_tapped(one.clone(), &mut |name, x| match name == layer {
            true => activation.clone(),
            false => x,
        });
        assert_eq!(bits(&values(swapped)), bits(&from_other), "{layer}");
    }
}

#[test]
fn the_last_tap_is_all_that_the_head_sees() {
    // Zeros there leave the bias; ones leave the sum of a class's weights and its bias.
    let config = gap(Architecture::RESNET50, 3);
    let network = seeded(&config, 9);
    let weights = networks::seeded_weights(&network, 9);
    let bias = &weights["fc.bias"].values;
    let sums: Vec<f32> = weights["fc.weight"]
        .values
        .chunks(2048)
        .zip(bias)
        .map(|(row, &bias)| {
            (row.iter().map(|&w| f64::from(w)).sum::<f64>() + f64::from(bias)) as f32
        })
        .collect();
    let logits = |replacement: f32| {
        let images = seeded_images([1, 3, 32, 32], 1, &Device::flex());
        values(network.forward_tapped(images, &mut |name, x| match name == network.last_tap() {
            true => x.zeros_like() + replacement,
            false => x,
        }))
    };
    assert_eq!(logits(0.0), *bias);
    assert_close(&logits(1.0), &sums, 1e-4);
}

#[test]
fn a_network_in_inference_mode_answers_as_on_a_plain_device() {
    let network = seeded(&gap(Architecture::RESNET18, 4), 5);
    let images = seeded_images([2, 3, 32, 48], 6, &Device::flex());
    let plain = values(network.forward(images.clone()));
    let valid = values(network.train().valid().forward(images));
    assert_eq!(bits(&plain), bits(&valid));
}
