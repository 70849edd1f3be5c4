//! What each family says of itself, against what its networks do.

use burn::tensor::{Device, Tensor, TensorData};
use dermx_model::{
    Architecture, BatchNormMode, Head, Naming, NetworkConfig, Padding, Wanted, expected_shapes,
    export_weights, import_weights, locate, set_trainable, stages, with_unread_buffers,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The smallest of each family, with one class.
fn smallest() -> Vec<NetworkConfig> {
    Architecture::by_family()
        .map(|members| NetworkConfig {
            head: members[0].usual_head(),
            ..NetworkConfig::torchvision(members[0], 1)
        })
        .collect()
}

/// Those with each stride of the last stage and each padding.
fn with_options() -> Vec<(NetworkConfig, usize, Padding)> {
    let mut all = Vec::new();
    for config in smallest() {
        for padding in [Padding::Torchvision, Padding::Tf] {
            if config.architecture.takes_padding(padding) {
                let strides = [1, 2].into_iter();
                let strides =
                    strides.filter(|stride| config.architecture.takes_last_stride(*stride));
                all.extend(strides.map(|last_stride| (config, last_stride, padding)));
            }
        }
    }
    all
}

#[test]
fn every_network_is_compared_with_its_original() {
    let mut compared = BTreeSet::new();
    for folder in ["torchvision", "timm", "keras"] {
        let path = format!("{}/tests/{folder}/layouts.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("a golden");
        let layouts: BTreeMap<String, Value> = serde_json::from_str(&text).expect("a golden");
        compared.extend(layouts.into_keys());
    }
    assert_eq!(compared, Architecture::all().map(|one| one.name().to_string()).collect());
}

#[test]
fn the_last_tap_has_as_many_cells_as_said_and_all_taps_come_in_order() {
    for (config, last_stride, padding) in with_options() {
        let config = NetworkConfig { last_stride, padding, ..config };
        let network = config.empty(&Device::flex());
        let size = [81, 118];
        let mut seen = Vec::new();
        let images = Tensor::zeros([1, 3, size[0], size[1]], &Device::flex());
        network.forward_tapped(images, &mut |name, x| {
            let [_, channels, height, width] = x.dims();
            seen.push(name.to_string());
            if name == network.last_tap() {
                let expected = config.feature_size(size);
                let what = config.architecture;
                assert_eq!([height, width], expected, "{what}, stride {last_stride}");
                assert_eq!(channels, what.num_features(), "{what}");
            }
            x
        });
        assert_eq!(seen, network.tap_names(), "{}", config.architecture);
        if config.head == Head::Token {
            // Its last layers see tokens.
            continue;
        }
        let last = network.conv_shapes(1, size).pop().expect("a convolution");
        // Only a VGG pools after its last convolution.
        let is_pooled = config.architecture == Architecture::VGG16 && last_stride == 2;
        let expected = config.feature_size(size).map(|side| if is_pooled { 2 } else { 1 } * side);
        let found = last.out_size().map(|side| if is_pooled { side / 2 * 2 } else { side });
        assert_eq!(found, expected, "{}", config.architecture);
    }
}

#[test]
fn the_shortest_side_is_the_first_that_leaves_a_cell() {
    // 75, 37, 35, pooled 17, 15, pooled 7, 3, 1; and halved five times 32, or rounded up any.
    let expected = [
        ("inception_v3", 75),
        ("vgg16", 32),
        ("resnet18", 1),
        ("densenet121", 29),
        ("xception", 7),
    ];
    for (name, min_px) in expected {
        let config = NetworkConfig::torchvision(name.parse().expect("a network"), 2);
        assert_eq!(config.min_side_px(), min_px, "{name}");
        assert_eq!(config.feature_size([min_px; 2]), [1, 1], "{name}");
        assert!(config.feature_size([min_px - 1, 300]).contains(&0), "{name}");
    }
}

#[test]
fn stages_go_from_the_output_to_the_input() {
    let found: Vec<(usize, String, String)> = smallest()
        .iter()
        .map(|config| {
            let stages = stages(&config.init(&Device::flex()));
            (stages.len(), stages[1].clone(), stages[stages.len() - 1].clone())
        })
        .collect();
    let expected = [
        (6, "layer4", "stem"),
        (10, "features.8", "features.0"),
        (14, "features.28", "features.0"),
        (10, "features.norm5", "stem"),
        (20, "features.18", "features.0"),
        (16, "conv4", "stem"),
        (13, "Mixed_7c", "stem"),
        (10, "conv2d_7b", "stem"),
        (7, "blocks.4", "stem"),
        (10, "conv_head", "stem"),
        (9, "features.7", "features.0"),
        (15, "encoder.ln", "stem"),
        (10, "norm", "features.0"),
        (7, "post_bn", "stem"),
        (18, "normal_12", "stem"),
    ]
    .map(|(len, second, last)| (len, second.to_string(), last.to_string()));
    assert_eq!(found, expected);
    let densenet = stages(&smallest()[3].init(&Device::flex()));
    assert_eq!(
        densenet[2..5],
        ["features.denseblock4", "features.transition3", "features.denseblock3"]
    );
}

#[test]
fn names_are_unlike_those_of_other_families() {
    let names: Vec<BTreeSet<String>> = smallest()
        .iter()
        .map(|config| expected_shapes(&config.init(&Device::flex())).into_keys().collect())
        .collect();
    for one in 0..names.len() {
        let found = Naming::of(names[one].iter().map(String::as_str));
        assert_eq!(found, Naming::Torchvision);
        for other in (0..names.len()).filter(|other| *other != one) {
            assert!(!names[one].is_subset(&names[other]), "{one} in {other}");
        }
    }
}

#[test]
fn densenets_of_torchvisions_files_are_found_by_their_older_names() {
    let config = NetworkConfig::torchvision(Architecture::DENSENET121, 7);
    let shapes = expected_shapes(&config.init(&Device::flex()));
    let older = |name: &String| {
        let mut name = name.clone();
        if name.contains(".denselayer") {
            for part in ["norm1", "conv1", "norm2", "conv2"] {
                let (kind, digit) = part.split_at(4);
                name = name.replace(part, &format!("{kind}.{digit}"));
            }
        }
        name
    };
    let older: BTreeMap<String, Vec<usize>> =
        shapes.iter().map(|(name, shape)| (older(name), shape.clone())).collect();
    assert!(older.contains_key("features.denseblock1.denselayer1.norm.1.weight"));
    let located = locate(&older, &Wanted::default()).expect("found");
    assert_eq!(located.architecture, Architecture::DENSENET121);
    assert!(located.misfit.is_empty(), "{}", located.misfit);
    assert_eq!(located.names.len(), shapes.len());
}

#[test]
fn shapes_tell_the_head_of_a_vgg() {
    for head in [Head::Mlp, Head::Gap, Head::GapBn] {
        let config = NetworkConfig { head, ..NetworkConfig::torchvision(Architecture::VGG16, 5) };
        let shapes = expected_shapes(&config.init(&Device::flex()));
        let found = NetworkConfig::of_shapes(Architecture::VGG16, &shapes).expect("a head");
        assert_eq!((found.head, found.num_classes), (head, 5));
        let located = locate(&shapes, &Wanted::default()).expect("found");
        assert_eq!(located.architecture, Architecture::VGG16);
        assert!(located.misfit.is_empty(), "{head:?}: {}", located.misfit);
    }
}

#[test]
fn the_head_of_any_network_learns_alone() {
    for config in smallest() {
        let network = config.empty(&Device::flex());
        let patterns = ["head.*".to_string()];
        let network = set_trainable(network, &patterns, BatchNormMode::ByBlock).expect("a head");
        let images = Tensor::zeros([1, 3, 96, 96], &Device::flex());
        assert_eq!(network.forward(images).dims(), [1, 1]);
    }
}

#[test]
fn layers_of_tokens_are_convolutions_of_all_of_them() {
    let network = NetworkConfig::torchvision(Architecture::VIT_B_16, 2).init(&Device::flex());
    let shapes = network.conv_shapes(1, [224, 224]);
    let products = shapes.iter().map(|shape| {
        let [height, width] = shape.out_size();
        height * width * shape.out_channels * shape.weight_len() / shape.out_channels
    });
    // Patches: 196 cells, 16 x 16 x 3 pixels; 12 layers of 12 d^2 weights for each of 197 tokens.
    let d = 768;
    assert_eq!(products.sum::<usize>(), 196 * 768 * d + 12 * 197 * 12 * d * d);
}

#[test]
fn a_vision_transformer_has_one_head_and_one_stride_and_any_image_size() {
    let vit = Architecture::VIT_SMALL_PATCH16_224;
    assert_eq!(vit.usual_head(), Head::Token);
    assert!(!vit.takes_head(Head::Gap) && !vit.takes_last_stride(1) && vit.takes_last_stride(2));
    assert_eq!(Architecture::VGG16.usual_head(), Head::Gap);
    let network = NetworkConfig::torchvision(vit, 3).init(&Device::flex());
    for size in [[16, 16], [40, 100], [224, 224]] {
        let images = Tensor::zeros([1, 3, size[0], size[1]], &Device::flex());
        assert_eq!(network.forward(images).dims(), [1, 3]);
    }
}

#[test]
fn attention_is_seen_only_where_it_is_asked_for() {
    let vit = NetworkConfig::torchvision(Architecture::VIT_SMALL_PATCH16_224, 2);
    let network = vit.init(&Device::flex());
    let attention = network.attention().expect("tokens");
    assert_eq!((attention.names.len(), attention.patch_px), (12, 16));
    assert!(network.tap_names().iter().all(|name| !attention.names.contains(name)));
    let names: Vec<&str> = attention.names.iter().map(String::as_str).collect();
    let images = Tensor::ones([2, 3, 32, 48], &Device::flex());
    let mut seen = Vec::new();
    let logits = network.forward_tapped_at(images.clone(), &names, &mut |name, x| {
        // Of each head and token the shares of all 1 + 2 x 3 tokens add up to 1.
        assert_eq!(x.dims(), [2, 6, 7, 7]);
        let sums: Vec<f32> = x.clone().sum_dim(3).into_data().iter::<f32>().collect();
        assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5), "{sums:?}");
        seen.push(name.to_string());
        x
    });
    assert_eq!(seen, attention.names);
    assert_eq!(bits(network.forward(images.clone())), bits(logits));
    let all = network.forward_tapped(images, &mut |_, x| x);
    assert_eq!(bits(all).len(), 4);
    for config in &smallest()[..6] {
        assert_eq!(config.init(&Device::flex()).attention(), None);
    }
}

#[test]
fn vision_transformers_of_torchvisions_files_are_found_by_their_older_names() {
    let config = NetworkConfig::torchvision(Architecture::VIT_B_16, 7);
    let shapes = expected_shapes(&config.init(&Device::flex()));
    let older: BTreeMap<String, Vec<usize>> = shapes
        .iter()
        .map(|(name, shape)| {
            let name = name.replace(".mlp.0.", ".mlp.linear_1.");
            (name.replace(".mlp.3.", ".mlp.linear_2."), shape.clone())
        })
        .collect();
    assert!(older.contains_key("encoder.layers.encoder_layer_0.mlp.linear_1.weight"));
    let located = locate(&older, &Wanted::default()).expect("found");
    assert_eq!(located.architecture, Architecture::VIT_B_16);
    assert!(located.misfit.is_empty(), "{}", located.misfit);
    assert_eq!(located.config.map(|config| config.head), Some(Head::Token));
}

fn bits(logits: Tensor<2>) -> Vec<u32> {
    logits.into_data().iter::<f32>().map(f32::to_bits).collect()
}

#[test]
fn a_swin_transformer_takes_any_image_size_and_taps_change_no_bit() {
    let swin = Architecture::SWIN_T;
    assert_eq!(swin.usual_head(), Head::Gap);
    assert!(swin.takes_last_stride(2) && !swin.takes_last_stride(1));
    let network = NetworkConfig::torchvision(swin, 3).init(&Device::flex());
    assert_eq!(network.attention(), None);
    for size in [[4, 4], [33, 100], [70, 31]] {
        let values = (0..3 * size[0] * size[1]).map(|idx| (idx as f32).sin()).collect::<Vec<_>>();
        let values = TensorData::new(values, [1, 3, size[0], size[1]]);
        let images = Tensor::from_data(values, &Device::flex());
        let logits = network.forward(images.clone());
        assert_eq!(logits.dims(), [1, 3]);
        assert_eq!(bits(logits), bits(network.forward_tapped(images, &mut |_, x| x)));
    }
}

#[test]
fn windows_of_a_swin_transformer_see_their_neighbours_in_every_second_block() {
    // 64x64 pixels are 16x16 cells, continued to 21x21 in 3x3 windows. What changes in the cell in the
    // corner reaches its own window alone; shifted windows reach four cells at first, and with them
    // all cells of a window of the block before.
    let network = NetworkConfig::torchvision(Architecture::SWIN_T, 2).init(&Device::flex());
    let seen = |image: f32| -> [Vec<f32>; 2] {
        let mut found = Vec::new();
        let pixel = |idx: usize| if idx == 0 { image } else { 0.25 };
        let values =
            TensorData::new((0..3 * 64 * 64).map(pixel).collect::<Vec<_>>(), [1, 3, 64, 64]);
        let names = ["features.1.0", "features.1.1"];
        network.forward_tapped_at(
            Tensor::from_data(values, &Device::flex()),
            &names,
            &mut |_, x| {
                let first = x.clone().narrow(1, 0, 1).into_data();
                found.push(first.iter::<f32>().collect::<Vec<f32>>());
                x
            },
        );
        let second = found.pop().expect("a tap");
        [found.pop().expect("a tap"), second]
    };
    let (one, other) = (seen(0.0), seen(1.0));
    let [first, second] = [0, 1].map(|block: usize| -> Vec<bool> {
        one[block].iter().zip(&other[block]).map(|(one, other)| one != other).collect()
    });
    let cells = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| -> Vec<bool> {
        (0..256).map(|at| rows.contains(&(at / 16)) && columns.contains(&(at % 16))).collect()
    };
    assert_eq!(first, cells(0..7, 0..7));
    // Shifted windows begin at rows and columns 3 and 10; before them are those of three.
    assert_eq!(second, cells(0..10, 0..10));
}

#[test]
fn swin_transformers_drop_branches_as_torchvision_does() {
    let network = NetworkConfig::torchvision(Architecture::SWIN_T, 2).init(&Device::flex());
    let sites = network.drop_sites();
    // Two branches of each of twelve blocks but the first, at rates from 0.2 / 11 to 0.2.
    assert_eq!(sites.len(), 22);
    assert_eq!((&*sites[0].name, &*sites[21].name), ("features.1.1.attn", "features.7.1.mlp"));
    assert!((sites[1].rate - 0.2 / 11.0).abs() < 1e-12 && (sites[21].rate - 0.2).abs() < 1e-12);
    let names = network.tap_names();
    assert!(sites.iter().all(|site| names.contains(&site.name)));
}

#[test]
fn files_of_swin_transformers_have_the_buffers_that_torchvision_asks_for() {
    let config = NetworkConfig::torchvision(Architecture::SWIN_T, 2);
    let network = config.empty(&Device::flex());
    let weights = with_unread_buffers(export_weights(&network));
    assert_eq!(weights.len(), expected_shapes(&network).len() + 12);
    // A cell and itself are in the middle of the table: (7 - 1) * 13 + 7 - 1. The first cell lies at (-6, -6)
    // from the last, which is the table's first row.
    let index = &weights["features.5.3.attn.relative_position_index"];
    assert_eq!(
        (index.shape.as_slice(), index.values[0], index.values[48]),
        ([2401].as_slice(), 84.0, 0.0)
    );
    import_weights(network, &weights).expect("buffers are accepted");
    let shapes = weights.iter().map(|(name, one)| (name.clone(), one.shape.clone())).collect();
    let located = locate(&shapes, &Wanted::default()).expect("found");
    assert_eq!(located.architecture, Architecture::SWIN_T);
    assert!(located.misfit.is_empty(), "{}", located.misfit);
}

/// Names and shapes of the weights of a Swin transformer in timm, or in the authors' files.
fn swin_of_others(is_older: bool) -> BTreeMap<String, Vec<usize>> {
    let own = include_str!("weight_names/swin_t_torchvision.txt").lines();
    let timm = include_str!("weight_names/swin_t_timm.txt").lines();
    let names: BTreeMap<&str, &str> = own.zip(timm).collect();
    let config = NetworkConfig::torchvision(Architecture::SWIN_T, 7);
    let shapes = expected_shapes(&config.init(&Device::flex()));
    let mut all: BTreeMap<String, Vec<usize>> =
        shapes.into_iter().map(|(name, shape)| (names[&*name].to_string(), shape)).collect();
    if is_older {
        let older = |name: &str| {
            let name = name.replace("head.fc.", "head.");
            (1..4).fold(name, |name, stage| {
                let from = format!("layers.{stage}.downsample");
                name.replace(&from, &format!("layers.{}.downsample", stage - 1))
            })
        };
        all = all.into_iter().map(|(name, shape)| (older(&name), shape)).collect();
        for part in ["0.attn.relative_position_index", "1.attn.relative_position_index"] {
            all.insert(format!("layers.0.blocks.{part}"), vec![49, 49]);
        }
        all.insert("layers.0.blocks.1.attn_mask".to_string(), vec![64, 49, 49]);
    }
    all
}

#[test]
fn swin_transformers_of_timm_and_of_their_authors_are_found() {
    for is_older in [false, true] {
        let shapes = swin_of_others(is_older);
        let behind = |name: &String| format!("model.{name}");
        let behind = shapes.iter().map(|(name, shape)| (behind(name), shape.clone())).collect();
        for shapes in [shapes, behind] {
            let located = locate(&shapes, &Wanted::default()).expect("found");
            assert_eq!(located.architecture, Architecture::SWIN_T);
            assert!(located.misfit.is_empty(), "{}", located.misfit);
            assert_eq!(located.naming, Naming::Timm);
            let config = located.config.expect("a head");
            assert_eq!((config.head, config.num_classes), (Head::Gap, 7));
            assert_eq!(located.outside.len(), usize::from(is_older));
            let merging = &located.names["features.4.reduction.weight"];
            let stage = if is_older { "layers.1" } else { "layers.2" };
            assert!(
                merging.ends_with(&format!("{stage}.downsample.reduction.weight")),
                "{merging}"
            );
        }
    }
}

/// Networks are moved on stacks of threads, some copies at a time.
#[test]
fn a_network_is_small_beside_the_stack_of_a_thread() {
    let size = size_of::<dermx_model::Network>();
    assert!(size <= 32 * 1024, "{size} bytes");
}
