//! Names, shapes and sizes of ResNet against torchvision's.

use crate::networks;

use burn::tensor::Device;
use dermx_model::{Architecture, Head, NetworkConfig, export_weights};
use networks::{Weights, gap, seeded_images};
use std::collections::{BTreeMap, BTreeSet};

/// The keys of torchvision's `state_dict` but `num_batches_tracked`, written out by the rule of
/// torchvision/models/resnet.py (0.27).
fn torchvision_names(architecture: Architecture) -> BTreeSet<String> {
    let (num_blocks, num_convs) = match architecture.name() {
        "resnet18" => ([2, 2, 2, 2], 2),
        _ => ([3, 4, 6, 3], 3),
    };
    let mut names = BTreeSet::from(["conv1.weight", "fc.weight", "fc.bias"].map(String::from));
    let batch_norm = |names: &mut BTreeSet<String>, place: String| {
        for tensor in ["weight", "bias", "running_mean", "running_var"] {
            names.insert(format!("{place}.{tensor}"));
        }
    };
    batch_norm(&mut names, "bn1".into());
    for (stage_idx, num_blocks) in num_blocks.into_iter().enumerate() {
        for block_idx in 0..num_blocks {
            let block = format!("layer{}.{block_idx}", stage_idx + 1);
            for conv in 1..=num_convs {
                names.insert(format!("{block}.conv{conv}.weight"));
                batch_norm(&mut names, format!("{block}.bn{conv}"));
            }
            // The first stage of ResNet-18 has 64 channels before and after it.
            let first = block_idx == 0;
            if first && (stage_idx > 0 || architecture == Architecture::RESNET50) {
                names.insert(format!("{block}.downsample.0.weight"));
                batch_norm(&mut names, format!("{block}.downsample.1"));
            }
        }
    }
    names
}

fn exported(config: &NetworkConfig) -> Weights {
    export_weights(&config.empty(&Device::flex()))
}

fn shapes(weights: &Weights) -> BTreeMap<&str, &[usize]> {
    weights.iter().map(|(name, tensor)| (name.as_str(), tensor.shape.as_slice())).collect()
}

/// Number of values that an optimizer moves.
fn num_parameters(weights: &Weights) -> usize {
    let learned = weights.iter().filter(|(name, _)| !name.contains(".running_"));
    learned.map(|(_, tensor)| tensor.values.len()).sum()
}

/// `[channels, height, width]` of every tap of one image of `[height, width]`.
fn tap_sizes(config: &NetworkConfig, [height, width]: [usize; 2]) -> Vec<(String, [usize; 3])> {
    let device = Device::flex();
    let mut sizes = Vec::new();
    let images = seeded_images([1, 3, height, width], 1, &device);
    config.empty(&device).forward_tapped(images, &mut |name, x| {
        let [_, channels, height, width] = x.dims();
        sizes.push((name.to_string(), [channels, height, width]));
        x
    });
    sizes
}

fn stages_of(sizes: &[(String, [usize; 3])]) -> Vec<(&str, [usize; 3])> {
    let stages = sizes.iter().filter(|(name, _)| !name.contains('.'));
    stages.map(|(name, size)| (name.as_str(), *size)).collect()
}

#[test]
fn resnet18_has_torchvisions_names_shapes_and_11_689_512_parameters() {
    let weights = exported(&gap(Architecture::RESNET18, 1000));
    let names: BTreeSet<String> = weights.keys().cloned().collect();
    assert_eq!(names, torchvision_names(Architecture::RESNET18));
    // torchvision's state_dict has 122 entries, 20 of them num_batches_tracked.
    assert_eq!(names.len(), 122 - 20);
    assert_eq!(num_parameters(&weights), 11_689_512);
    let shapes = shapes(&weights);
    for (name, shape) in [
        ("conv1.weight", &[64, 3, 7, 7][..]),
        ("bn1.running_var", &[64]),
        ("layer1.0.conv1.weight", &[64, 64, 3, 3]),
        ("layer2.0.conv1.weight", &[128, 64, 3, 3]),
        ("layer2.0.downsample.0.weight", &[128, 64, 1, 1]),
        ("layer4.1.conv2.weight", &[512, 512, 3, 3]),
        ("fc.weight", &[1000, 512]),
        ("fc.bias", &[1000]),
    ] {
        assert_eq!(shapes[name], shape, "{name}");
    }
}

#[test]
fn resnet50_has_torchvisions_names_shapes_and_25_557_032_parameters() {
    let weights = exported(&gap(Architecture::RESNET50, 1000));
    let names: BTreeSet<String> = weights.keys().cloned().collect();
    assert_eq!(names, torchvision_names(Architecture::RESNET50));
    // torchvision's state_dict has 320 entries, 53 of them num_batches_tracked.
    assert_eq!(names.len(), 320 - 53);
    assert_eq!(num_parameters(&weights), 25_557_032);
    let shapes = shapes(&weights);
    for (name, shape) in [
        ("layer1.0.conv1.weight", &[64, 64, 1, 1][..]),
        ("layer1.0.downsample.0.weight", &[256, 64, 1, 1]),
        ("layer1.1.conv1.weight", &[64, 256, 1, 1]),
        ("layer2.0.conv2.weight", &[128, 128, 3, 3]),
        ("layer3.5.conv3.weight", &[1024, 256, 1, 1]),
        ("layer4.0.downsample.0.weight", &[2048, 1024, 1, 1]),
        ("layer4.2.bn3.running_mean", &[2048]),
        ("fc.weight", &[1000, 2048]),
    ] {
        assert_eq!(shapes[name], shape, "{name}");
    }
}

#[test]
fn odd_sizes_are_rounded_up_at_every_stride() {
    // 75x100: 38x50 after the first convolution, 19x25 after the pooling, then 10x13, 5x7, 3x4.
    let stages = |first: usize| {
        vec![
            ("stem", [64, 19, 25]),
            ("layer1", [first, 19, 25]),
            ("layer2", [2 * first, 10, 13]),
            ("layer3", [4 * first, 5, 7]),
            ("layer4", [8 * first, 3, 4]),
        ]
    };
    let sizes = tap_sizes(&gap(Architecture::RESNET18, 2), [75, 100]);
    assert_eq!(stages_of(&sizes), stages(64));
    let sizes = tap_sizes(&gap(Architecture::RESNET50, 2), [75, 100]);
    assert_eq!(stages_of(&sizes), stages(256));
}

#[test]
fn last_stride_1_doubles_the_last_feature_maps_and_keeps_names_and_shapes() {
    for (architecture, channels) in [(Architecture::RESNET18, 512), (Architecture::RESNET50, 2048)]
    {
        let wide = gap(architecture, 3);
        let fine = NetworkConfig { last_stride: 1, ..wide };
        let last = |config| tap_sizes(config, [64, 96]).pop().expect("a tap");
        assert_eq!(last(&wide), ("layer4".into(), [channels, 2, 3]));
        assert_eq!(last(&fine), ("layer4".into(), [channels, 4, 6]));
        assert_eq!(shapes(&exported(&wide)), shapes(&exported(&fine)));
    }
}

#[test]
fn a_flatten_head_has_a_weight_for_every_cell_of_its_image_size() {
    let flatten = |architecture, last_stride, input_size| {
        let head = Head::Flatten;
        let config = NetworkConfig { head, last_stride, input_size, ..gap(architecture, 2) };
        exported(&config)["fc.weight"].shape.clone()
    };
    // 300 / 32 = 9.4 and 400 / 32 = 12.5, rounded up.
    assert_eq!(flatten(Architecture::RESNET50, 2, [300, 400]), [2, 10 * 13 * 2048]);
    assert_eq!(flatten(Architecture::RESNET18, 1, [300, 400]), [2, 19 * 25 * 512]);
}

#[test]
fn a_flatten_head_fits_the_last_feature_maps_of_odd_sizes() {
    let device = Device::flex();
    for last_stride in [1, 2] {
        for input_size in [[75, 100], [64, 33], [31, 97]] {
            let head = Head::Flatten;
            let config =
                NetworkConfig { head, last_stride, input_size, ..gap(Architecture::RESNET18, 2) };
            let images = seeded_images([1, 3, input_size[0], input_size[1]], 1, &device);
            assert_eq!(config.empty(&device).forward(images).dims(), [1, 2]);
        }
    }
}

#[test]
fn an_unknown_architecture_is_refused_with_the_known_ones() {
    assert_eq!("resnet50".parse(), Ok(Architecture::RESNET50));
    let message = "resnet19".parse::<Architecture>().expect_err("refused");
    let start = "`resnet19` is not an architecture; there are: resnet18, resnet34, resnet50, ";
    assert!(message.starts_with(start), "{message}");
    for architecture in Architecture::all() {
        assert_eq!(architecture.name().parse(), Ok(architecture));
        let written = serde_json::to_value(architecture).expect("writes");
        assert_eq!(written, architecture.name());
    }
}
