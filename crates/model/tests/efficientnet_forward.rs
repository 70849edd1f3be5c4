//! EfficientNet and what chance drops in it: cases worked out by hand, taps, heads.

use crate::networks;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use dermx_model::{
    Architecture, DropSite, DropUnit, Head, NetworkConfig, Padding, ParameterPath,
    SqueezeExcitation, export_weights,
};
use networks::{Weights, assert_close, bits, gap, network_with, seeded, seeded_images, values};
use std::collections::BTreeMap;

const B0: Architecture = Architecture::EFFICIENTNET_B0;

/// Sets parameters by name.
struct Assign<'a> {
    path: ParameterPath,
    values: BTreeMap<&'a str, &'a [f32]>,
}

impl ModuleMapper for Assign<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let values = self.values[self.path.name().as_str()].to_vec();
        let shape = param.lazy_shape();
        param.map(|old| Tensor::from_data(TensorData::new(values, shape), &old.device()))
    }
}

fn tensor(values: &[f32], shape: [usize; 4]) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
}

/// All zero, but batch normalization is the identity.
fn blank_weights(network: &dermx_model::Network) -> Weights {
    let mut weights = export_weights(network);
    for (name, tensor) in &mut weights {
        let is_scale = tensor.shape.len() == 1 && name.ends_with(".weight");
        tensor.values.fill(match is_scale {
            true => 1.0,
            false if name.ends_with("running_var") => 1.0 - 1e-5,
            false => 0.0,
        });
    }
    weights
}

#[test]
fn squeeze_and_excitation_scales_each_channel_by_the_means_of_all() {
    // Means 2 and -1: 0.5 * 2 + 1 * (-1) + 1 = 1, and silu(1) = 0.73105858.
    // sigmoid(1 * 0.73105858 + 0) = 0.67503753 and sigmoid(-2 * 0.73105858 + 1) = 0.38648370.
    let mut assign = Assign {
        path: ParameterPath::default(),
        values: BTreeMap::from([
            ("fc1.weight", &[0.5, 1.0][..]),
            ("fc1.bias", &[1.0]),
            ("fc2.weight", &[1.0, -2.0]),
            ("fc2.bias", &[0.0, 1.0]),
        ]),
    };
    let layer = SqueezeExcitation::new(2, 1, &Device::flex()).map(&mut assign);
    // Two pixels side by side: 1 and 3 in the first channel, 0 and -2 in the second.
    let found = layer.forward(tensor(&[1.0, 0.0, 3.0, -2.0], [1, 1, 2, 2]));
    assert_close(&values(found), &[0.675_037_5, 0.0, 2.025_112_6, -0.772_967_4], 1e-6);
}

/// What the stem makes of an image, `silu` undone where it is known, when its kernel takes the cell
/// above and left of its middle.
fn stem_of(padding: Padding, size: usize) -> Vec<f32> {
    let network = network_with(&NetworkConfig { padding, ..gap(B0, 2) }, |network| {
        let mut weights = blank_weights(network);
        weights.get_mut("features.0.0.weight").expect("a stem").values[0] = 1.0;
        weights
    });
    // silu(x) is x to 8 digits where x >= 20.
    let mut ramp = vec![0.0; 3 * size * size];
    (0..size * size).for_each(|idx| ramp[idx] = (20 + 10 * (idx / size) + idx % size) as f32);
    let mut found = Vec::new();
    network.forward_tapped(tensor(&ramp, [1, 3, size, size]), &mut |name, x| {
        if name == "features.0" {
            found = values(x.clone().narrow(1, 0, 1));
        }
        x
    });
    found
}

#[test]
fn tf_padding_leaves_out_the_top_and_the_left_of_even_sizes() {
    // 4 cells, kernel 3, stride 2: (2 - 1) * 2 + 3 - 4 = 1 zero, below and right. The cell above and
    // left of the middle is then (2i, 2j): 20 22 40 42. With a zero on all sides it is
    // (2i - 1, 2j - 1): 0 0 0 31.
    assert_close(&stem_of(Padding::Tf, 4), &[20.0, 22.0, 40.0, 42.0], 1e-4);
    assert_close(&stem_of(Padding::Torchvision, 4), &[0.0, 0.0, 0.0, 31.0], 1e-4);
    // 3 cells: (2 - 1) * 2 + 3 - 3 = 2 zeros, one on each side in both.
    for padding in [Padding::Tf, Padding::Torchvision] {
        assert_close(&stem_of(padding, 3), &[0.0, 0.0, 0.0, 31.0], 1e-4);
    }
}

#[test]
fn tf_padding_of_a_depthwise_convolution_of_5x5_is_1_above_and_2_below() {
    // 4 cells, kernel 5, stride 2: 2 + 5 - 4 = 3 zeros. The first cell of the kernel is
    // (2i - 1, 2j - 1) with one above, (2i - 2, 2j - 2) with two. Squeeze and excitation of zero
    // weights halves; the last convolution doubles.
    for (padding, expected) in [(Padding::Tf, 31.0), (Padding::Torchvision, 20.0)] {
        let network = network_with(&NetworkConfig { padding, ..gap(B0, 2) }, |network| {
            let mut weights = blank_weights(network);
            for (layer, value) in [("block.0.0", 1.0), ("block.1.0", 1.0), ("block.3.0", 2.0)] {
                let name = format!("features.3.0.{layer}.weight");
                weights.get_mut(&name).expect("a convolution").values[0] = value;
            }
            weights
        });
        let mut ramp = vec![0.0; 24 * 16];
        (0..16).for_each(|cell| ramp[cell] = (20 + 10 * (cell / 4) + cell % 4) as f32);
        let mut found = Vec::new();
        let images = seeded_images([1, 3, 16, 16], 1, &Device::flex());
        network.forward_tapped(images, &mut |name, x| match name {
            "features.2" => tensor(&ramp, [1, 24, 4, 4]),
            "features.3.0" => {
                found = values(x.clone().narrow(1, 0, 1));
                x
            }
            _ => x,
        });
        assert_close(&found, &[0.0, 0.0, 0.0, expected], 1e-4);
    }
}

#[test]
fn stochastic_depth_drops_whole_images_and_keeps_the_mean() {
    // 0.2 lies below the rate, 0.25 does not; 1 / (1 - 0.25) = 4/3.
    let site = DropSite { name: "a".into(), rate: 0.25, unit: DropUnit::Image };
    let x = tensor(&[3.0, 6.0, 3.0, -6.0], [2, 2, 1, 1]);
    assert_eq!(site.num_draws(&x), 1);
    assert_close(&values(site.apply(x, &[0.2, 0.25])), &[0.0, 0.0, 4.0, -8.0], 1e-6);
}

#[test]
fn dropout_drops_single_values_and_keeps_the_mean() {
    let site = DropSite { name: "a".into(), rate: 0.5, unit: DropUnit::Value };
    let x = tensor(&[1.0, 2.0, 3.0, 4.0], [2, 2, 1, 1]);
    assert_eq!(site.num_draws(&x), 2);
    let found = site.apply(x, &[0.9, 0.49, 0.5, 0.0]);
    assert_eq!(values(found), [2.0, 0.0, 6.0, 0.0]);
}

#[test]
fn rates_rise_from_block_to_block_and_blocks_without_a_shortcut_are_kept() {
    // B0 has 16 blocks; 1.0, the first of each stage and 7.0 have no shortcut. Block 2.1 is the
    // third: 0.2 * 2 / 16. In B4 the last of 32 has a shortcut: 0.2 * 31 / 32.
    let sites = seeded(&gap(B0, 2), 1).drop_sites();
    let names: Vec<&str> = sites.iter().map(|site| site.name.as_str()).collect();
    let blocks = ["2.1", "3.1", "4.1", "4.2", "5.1", "5.2", "6.1", "6.2", "6.3"];
    let mut expected: Vec<String> =
        blocks.iter().map(|block| format!("features.{block}.block")).collect();
    expected.push("dropout".to_string());
    assert_eq!(names, expected);
    assert_eq!(sites[0].rate, 0.025);
    assert_eq!((sites[9].rate, sites[9].unit), (0.2, DropUnit::Value));
    let b4 = NetworkConfig { head: Head::GapBn, ..gap(Architecture::EFFICIENTNET_B4, 2) };
    let sites = b4.init(&Device::flex()).drop_sites();
    let last = &sites[sites.len() - 2];
    assert_eq!((last.name.as_str(), last.rate), ("features.7.1.block", 0.2 * 31.0 / 32.0));
    // The study's head drops 0.2, torchvision's of B4 0.4.
    assert_eq!(sites[sites.len() - 1].rate, 0.2);
    assert!(seeded(&gap(Architecture::RESNET18, 2), 1).drop_sites().is_empty());
}

#[test]
fn a_dropped_branch_leaves_the_shortcut() {
    let network = seeded(&gap(B0, 2), 1);
    let site = network.drop_sites()[0].clone();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let images = seeded_images([2, 3, 32, 32], 1, &Device::flex());
    network.forward_tapped(images, &mut |name, x| {
        match name {
            "features.2.0" => before = values(x.clone()),
            "features.2.1" => after = values(x.clone()),
            _ if name == site.name => return site.apply(x, &[0.0, 0.5]),
            _ => {}
        }
        x
    });
    let half = before.len() / 2;
    assert_eq!(before[..half], after[..half]);
    assert_ne!(before[half..], after[half..]);
}

#[test]
fn the_studys_head_normalizes_the_means() {
    // The last feature maps are replaced by ones and threes: means 1 and 3 for the first channel.
    // With running mean 2, running variance 1 - 1e-3, scale 2 and shift 1: 2 * (1 - 2) + 1 = -1 and
    // 2 * (3 - 2) + 1 = 3; the logit is 10 times that, plus 0.5.
    let network = network_with(&NetworkConfig { head: Head::GapBn, ..gap(B0, 1) }, |network| {
        let mut weights = blank_weights(network);
        for (name, value) in [
            ("classifier.0.running_mean", 2.0),
            ("classifier.0.running_var", 1.0 - 1e-3),
            ("classifier.0.weight", 2.0),
            ("classifier.0.bias", 1.0),
            ("classifier.1.weight", 10.0),
            ("classifier.1.bias", 0.5),
        ] {
            weights.get_mut(name).expect("a parameter of the head").values[0] = value;
        }
        weights
    });
    let images = seeded_images([2, 3, 32, 32], 1, &Device::flex());
    let logits = network.forward_tapped(images, &mut |name, x| match name {
        "features.8" => {
            let values = [vec![1.0; 1280], vec![3.0; 1280]].concat();
            tensor(&values, [2, 1280, 1, 1])
        }
        _ => x,
    });
    assert_close(&values(logits), &[-9.5, 30.5], 1e-4);
}

#[test]
fn taps_are_called_in_the_order_of_their_names_and_change_no_bit() {
    let network = seeded(&gap(B0, 3), 2);
    let images = seeded_images([1, 3, 33, 47], 3, &Device::flex());
    let mut called = Vec::new();
    let tapped = network.forward_tapped(images.clone(), &mut |name, x| {
        called.push((name.to_string(), x.dims()));
        x
    });
    assert_eq!(bits(&values(tapped)), bits(&values(network.forward(images))));
    let names: Vec<&str> = called.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, network.tap_names());
    assert_eq!(names[..4], ["features.0", "features.1.0.block", "features.1.0", "features.1"]);
    assert_eq!(names[names.len() - 2..], [network.last_tap(), "dropout"]);
    // 33x47: 17x24, 9x12, 5x6, 3x3, 2x2.
    let sizes: BTreeMap<&str, [usize; 4]> =
        called.iter().map(|(name, size)| (name.as_str(), *size)).collect();
    assert_eq!(sizes["features.0"], [1, 32, 17, 24]);
    assert_eq!(sizes["features.3"], [1, 40, 5, 6]);
    assert_eq!(sizes["features.6.3.block"], [1, 192, 2, 2]);
    assert_eq!(sizes["features.8"], [1, 1280, 2, 2]);
}

#[test]
fn last_stride_1_and_a_flatten_head_go_together() {
    let (head, input_size) = (Head::Flatten, [33, 47]);
    let config = NetworkConfig { head, input_size, last_stride: 1, ..gap(B0, 2) };
    let network = config.empty(&Device::flex());
    assert_eq!(export_weights(&network)["classifier.1.weight"].shape, [2, 1280 * 3 * 3]);
    let images = seeded_images([1, 3, 33, 47], 3, &Device::flex());
    assert_eq!(network.forward(images).dims(), [1, 2]);
}

#[test]
fn images_of_a_batch_do_not_influence_each_other() {
    let network = seeded(&gap(B0, 5), 2);
    let images = seeded_images([2, 3, 64, 96], 3, &Device::flex());
    let together = values(network.forward(images.clone()));
    let alone: Vec<f32> =
        (0..2).flat_map(|idx| values(network.forward(images.clone().narrow(0, idx, 1)))).collect();
    assert_close(&together, &alone, 1e-5);
}
