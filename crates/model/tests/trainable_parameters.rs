//! Which parameters learn, and when batch normalization moves its statistics.

use crate::networks;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use dermx_model::{
    Architecture, BatchNormMode, Head, Network, NetworkConfig, ParameterPath, export_weights,
    import_weights, set_trainable,
};
use networks::{
    Weights, assert_close, bits, gap, network_with, seeded, seeded_images, seeded_weights,
    traceable_weights, values,
};
use std::collections::BTreeSet;

/// Names of the parameters that have a gradient.
struct Learning<'a> {
    path: ParameterPath,
    gradients: &'a Gradients,
    names: BTreeSet<String>,
}

impl ModuleVisitor for Learning<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.val().grad(self.gradients).is_some() {
            self.names.insert(self.path.name());
        }
    }
}

fn learning(network: &Network) -> BTreeSet<String> {
    let images = seeded_images([2, 3, 32, 32], 1, &Device::flex().autodiff());
    let gradients = network.forward(images).sum().backward();
    let mut learning =
        Learning { path: ParameterPath::default(), gradients: &gradients, names: BTreeSet::new() };
    network.visit(&mut learning);
    learning.names
}

fn patterns(patterns: &[&str]) -> Vec<String> {
    patterns.iter().map(|pattern| (*pattern).to_string()).collect()
}

fn resnet18() -> Network {
    seeded(&gap(Architecture::RESNET18, 2), 1)
}

fn parameters(network: &Network, is_expected: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let names = export_weights(network).into_keys();
    names.filter(|name| !name.contains("running_") && is_expected(name)).collect()
}

/// Two 32x32 images, one of ones and one of threes.
fn ones_and_threes(device: &Device) -> Tensor<4> {
    let num_values = 3 * 32 * 32;
    let values = [vec![1.0_f32; num_values], vec![3.0; num_values]].concat();
    Tensor::from_data(TensorData::new(values, [2, 3, 32, 32]), device)
}

/// A traceable network whose first batch normalization has the statistics 0 and 0.5.
fn with_half_variance() -> Network {
    network_with(&gap(Architecture::RESNET18, 2), |network| {
        let mut weights = traceable_weights(network);
        weights.get_mut("bn1.running_var").expect("a statistic").values.fill(0.5);
        weights
    })
}

/// Statistics of the first batch normalization for red: mean and variance.
fn red_statistics(network: &Network) -> [f32; 2] {
    let weights = export_weights(network);
    ["bn1.running_mean", "bn1.running_var"].map(|name| weights[name].values[0])
}

fn running_bits(weights: &Weights) -> Vec<u32> {
    let statistics = weights.iter().filter(|(name, _)| name.contains("running_"));
    statistics.flat_map(|(_, tensor)| bits(&tensor.values)).collect()
}

#[test]
fn all_parameters_learn_unless_told_otherwise() {
    let network = resnet18().train();
    assert_eq!(learning(&network), parameters(&network, |_| true));
}

#[test]
fn only_the_parameters_that_match_a_pattern_get_gradients() {
    let chosen = patterns(&["layer4.1.*", "fc.*", "layer1.0.bn*.weight"]);
    let network =
        set_trainable(resnet18(), &chosen, BatchNormMode::Train).expect("all match").train();
    let expected = parameters(&network, |name| {
        let batch_norm = ["layer1.0.bn1.weight", "layer1.0.bn2.weight"];
        name.starts_with("layer4.1.") || name.starts_with("fc.") || batch_norm.contains(&name)
    });
    assert_eq!(expected.len(), 6 + 2 + 2);
    assert_eq!(learning(&network), expected);
}

#[test]
fn batch_norm_is_scale_and_shift_of_every_batch_normalization_whatever_its_name() {
    let network = set_trainable(resnet18(), &patterns(&["batch_norm"]), BatchNormMode::Train);
    let network = network.expect("matches").train();
    // Those of the shortcuts are called `downsample.1`.
    let expected =
        parameters(&network, |name| name.contains("bn") || name.contains("downsample.1"));
    assert_eq!(expected.len(), 2 * 20);
    assert_eq!(learning(&network), expected);
    let none = set_trainable(
        gap(Architecture::VGG16, 2).empty(&Device::flex()),
        &patterns(&["batch_norm"]),
        BatchNormMode::Train,
    );
    assert_eq!(none.expect_err("none"), "the pattern `batch_norm` matches no parameter");
}

#[test]
fn the_choice_works_on_an_autodiff_device_too() {
    let network = set_trainable(resnet18().train(), &patterns(&["fc.bias"]), BatchNormMode::Train)
        .expect("matches");
    assert_eq!(learning(&network), BTreeSet::from(["fc.bias".to_string()]));
}

#[test]
fn a_second_choice_replaces_the_first() {
    let network =
        set_trainable(resnet18(), &patterns(&["fc.*"]), BatchNormMode::Train).expect("matches");
    let network = set_trainable(network, &patterns(&["conv1.*"]), BatchNormMode::Train)
        .expect("matches")
        .train();
    assert_eq!(learning(&network), BTreeSet::from(["conv1.weight".to_string()]));
}

#[test]
fn new_weights_leave_the_choice_as_it_is() {
    // As when a run goes on from a checkpoint.
    let network = set_trainable(resnet18(), &patterns(&["fc.weight"]), BatchNormMode::Train)
        .expect("matches");
    let weights = seeded_weights(&network, 2);
    let network = import_weights(network, &weights).expect("fits").train();
    let expected = BTreeSet::from(["fc.weight".to_string()]);
    assert_eq!(learning(&network), expected);
    let network = import_weights(network, &weights).expect("fits").train();
    assert_eq!(learning(&network), expected);
}

#[test]
fn a_pattern_that_matches_no_parameter_is_named() {
    for unknown in ["layer5.*", "fc", "head", "head.1.weight", ""] {
        let error = set_trainable(resnet18(), &patterns(&["fc.*", unknown]), BatchNormMode::Train)
            .expect_err("refused");
        assert_eq!(error, format!("the pattern `{unknown}` matches no parameter"));
    }
    // A running statistic is no parameter: nothing could learn it.
    let error = set_trainable(resnet18(), &patterns(&["bn1.running_mean"]), BatchNormMode::Train)
        .expect_err("refused");
    assert_eq!(error, "the pattern `bn1.running_mean` matches no parameter");
}

#[test]
fn training_batch_norm_moves_its_statistics_by_a_tenth() {
    // The first convolution passes the pixels 1 and 3 on: mean 2, variance (1 + 1) / 2 = 1 over
    // 2 * 16 * 16 values; the unbiased variance would be 512 / 511.
    // Step 1: 0.9 * 0 + 0.1 * 2 = 0.2 and 0.9 * 0.5 + 0.1 * 1 = 0.55.
    // Step 2: 0.9 * 0.2 + 0.1 * 2 = 0.38 and 0.9 * 0.55 + 0.1 * 1 = 0.595.
    let network = with_half_variance().train();
    let images = ones_and_threes(&Device::flex().autodiff());
    assert_eq!(red_statistics(&network), [0.0, 0.5]);
    network.forward(images.clone());
    assert_close(&red_statistics(&network), &[0.2, 0.55], 1e-5);
    network.forward(images);
    assert_close(&red_statistics(&network), &[0.38, 0.595], 1e-5);
}

#[test]
fn training_batch_norm_normalizes_with_the_batch() {
    // Pixels 1 and 3 with mean 2 and variance 1 become -1 and 1; rectified and pooled, 0 and 1.
    let network = with_half_variance().train();
    let mut stem = Vec::new();
    network.forward_tapped(ones_and_threes(&Device::flex().autodiff()), &mut |name, x| {
        if name == "stem" {
            stem = values(x.clone().narrow(1, 0, 1));
        }
        x
    });
    assert_close(&stem, &[[0.0; 64], [1.0; 64]].concat(), 1e-4);
}

#[test]
fn frozen_parameters_do_not_keep_batch_norm_from_moving() {
    // As documented: `set_trainable` chooses parameters, the statistics go on with the batches.
    let network = set_trainable(with_half_variance(), &patterns(&["fc.*"]), BatchNormMode::Train)
        .expect("matches");
    let network = network.train();
    network.forward(ones_and_threes(&Device::flex().autodiff()));
    assert_close(&red_statistics(&network), &[0.2, 0.55], 1e-5);
}

#[test]
fn frozen_batch_norm_keeps_running_mean() {
    let device = Device::flex();
    let network = resnet18().train();
    let before = running_bits(&export_weights(&network));
    network.valid().forward(ones_and_threes(&device));
    network.valid().forward(ones_and_threes(&device.clone().autodiff()));
    assert_eq!(running_bits(&export_weights(&network)), before);
    let frozen = network.freeze();
    frozen.forward(ones_and_threes(&device.autodiff()));
    assert_eq!(running_bits(&export_weights(&frozen)), before);
}

#[test]
fn a_snapshot_keeps_its_statistics_while_training_goes_on() {
    // Clones of a network share running statistics; what `valid` gives does not.
    let network = resnet18().train();
    let images = ones_and_threes(&Device::flex().autodiff());
    network.forward(images.clone());
    let snapshot = network.valid();
    let before = running_bits(&export_weights(&snapshot));
    network.forward(images);
    assert_ne!(running_bits(&export_weights(&network)), before);
    assert_eq!(running_bits(&export_weights(&snapshot)), before);
}

#[test]
fn new_weights_are_not_mixed_with_a_step_before_them() {
    // Burn keeps the last update of a running statistic aside until it is asked for.
    let network = resnet18().train();
    let weights = seeded_weights(&network, 2);
    network.forward(ones_and_threes(&Device::flex().autodiff()));
    let network = import_weights(network, &weights).expect("fits");
    assert_eq!(export_weights(&network), weights);
}

#[test]
fn new_weights_leave_a_clone_alone() {
    let network = resnet18();
    let before = export_weights(&network);
    let weights = seeded_weights(&network, 2);
    let changed = import_weights(network.clone(), &weights).expect("fits");
    assert_eq!(export_weights(&changed), weights);
    assert_eq!(export_weights(&network), before);
}

#[test]
fn weights_that_do_not_fit_leave_a_clone_alone() {
    let network = resnet18();
    let before = export_weights(&network);
    let mut weights = seeded_weights(&network, 2);
    weights.remove("fc.bias");
    import_weights(network.clone(), &weights).expect_err("refused");
    assert_eq!(export_weights(&network), before);
}

/// Number of values that learn.
#[derive(Default)]
struct Learned(usize);

impl ModuleVisitor for Learned {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.val().is_require_grad() {
            self.0 += param.lazy_shape().num_elements();
        }
    }
}

fn num_learned(config: &NetworkConfig, preset: &str, mode: BatchNormMode) -> usize {
    let network = config.init(&Device::flex());
    let network = set_trainable(network, &patterns(&[preset]), mode).expect("all match");
    let mut learned = Learned::default();
    network.train().visit(&mut learned);
    learned.0
}

#[test]
fn the_studys_resnet50_has_6_107_014_parameters_that_learn() {
    // Convolutions of the last bottleneck 1_048_576 + 2_359_296 + 1_048_576 (Keras has 3_072
    // biases more), scale and shift of all batch normalizations 53_120, and the head
    // 6 * 10 * 13 * 2048 + 6 = 1_597_446.
    let config = NetworkConfig {
        head: Head::Flatten,
        input_size: [300, 400],
        ..NetworkConfig::torchvision(Architecture::RESNET50, 6)
    };
    let found = num_learned(&config, "paper-resnet50", BatchNormMode::Train);
    assert_eq!(found, 4_456_448 + 53_120 + 1_597_446);
    assert_eq!(found, 6_110_086 - 3_072);
}

#[test]
fn the_studys_efficientnet_b4_has_9_877_130_parameters_that_learn() {
    // Convolutions, squeeze and excitation of 6.4 to 6.7 and 7, the last convolution, scale and
    // shift of the head's batch normalization, and its linear layer.
    let config = NetworkConfig {
        head: Head::GapBn,
        ..NetworkConfig::torchvision(Architecture::EFFICIENTNET_B4, 6)
    };
    let found = num_learned(&config, "paper-efficientnet-b4", BatchNormMode::Frozen);
    assert_eq!(found, 4_609_040 + 4_450_932 + 802_816 + 2 * 1792 + (6 * 1792 + 6));
    assert_eq!(found, 9_877_130);
}

#[test]
fn head_stands_for_the_head_of_any_network() {
    let heads = [
        (Architecture::RESNET18, Head::Gap, &["fc.bias", "fc.weight"][..]),
        (Architecture::EFFICIENTNET_B0, Head::Gap, &["classifier.1.bias", "classifier.1.weight"]),
        (
            Architecture::EFFICIENTNET_B0,
            Head::GapBn,
            &[
                "classifier.0.bias",
                "classifier.0.weight",
                "classifier.1.bias",
                "classifier.1.weight",
            ],
        ),
    ];
    for (architecture, head, expected) in heads {
        let network = seeded(&NetworkConfig { head, ..gap(architecture, 2) }, 1);
        let network = set_trainable(network, &patterns(&["head.*"]), BatchNormMode::Frozen);
        let found = learning(&network.expect("matches").train());
        assert!(found.iter().eq(expected.iter().copied()), "{found:?}");
    }
}

/// Names of the batch normalizations whose statistics one training pass moves.
fn moved_by_a_pass(
    config: &NetworkConfig,
    chosen: &[&str],
    mode: BatchNormMode,
) -> BTreeSet<String> {
    let network = set_trainable(seeded(config, 1), &patterns(chosen), mode).expect("matches");
    let network = network.train();
    let before = export_weights(&network);
    network.forward(seeded_images([2, 3, 32, 32], 1, &Device::flex().autodiff()));
    let after = export_weights(&network);
    let means = before.iter().filter(|(name, tensor)| after[*name] != **tensor);
    means.filter_map(|(name, _)| name.strip_suffix(".running_mean").map(String::from)).collect()
}

#[test]
fn by_block_the_batch_norms_of_blocks_that_learn_move() {
    let config = gap(Architecture::RESNET18, 2);
    let chosen = ["layer2.0.conv1.weight", "head.*", "conv1.*"];
    let found = moved_by_a_pass(&config, &chosen, BatchNormMode::ByBlock);
    let expected = ["bn1", "layer2.0.bn1", "layer2.0.bn2", "layer2.0.downsample.1"];
    assert!(found.iter().eq(expected), "{found:?}");
    let config = gap(Architecture::EFFICIENTNET_B0, 2);
    let chosen = ["features.7.0.block.3.0.weight", "features.8.*"];
    let found = moved_by_a_pass(&config, &chosen, BatchNormMode::ByBlock);
    let block = ["0.1", "1.1", "3.1"].map(|layer| format!("features.7.0.block.{layer}"));
    assert!(found.iter().eq(block.iter().chain([&"features.8.1".to_string()])), "{found:?}");
}

#[test]
fn frozen_batch_norms_neither_move_nor_learn_but_the_heads_does() {
    let config = NetworkConfig { head: Head::GapBn, ..gap(Architecture::EFFICIENTNET_B0, 2) };
    let found = moved_by_a_pass(&config, &["*"], BatchNormMode::Frozen);
    assert!(found.iter().eq(["classifier.0"]), "{found:?}");
    let all = set_trainable(seeded(&config, 1), &patterns(&["*"]), BatchNormMode::Frozen);
    let network = all.expect("matches").train();
    let weights = export_weights(&network);
    let expected = parameters(&network, |name| {
        let layer = name.rsplit_once('.').expect("a layer").0;
        name.starts_with("classifier.") || !weights.contains_key(&format!("{layer}.running_mean"))
    });
    assert_eq!(learning(&network), expected);
    // A head that does not learn does not move either.
    let found = moved_by_a_pass(&config, &["features.8.0.weight"], BatchNormMode::Train);
    assert!(!found.contains("classifier.0") && found.contains("features.0.1"));
}

#[test]
fn a_resumed_run_keeps_which_batch_norms_train() {
    // As when weights of a checkpoint are put in.
    let config = gap(Architecture::RESNET18, 2);
    let network = set_trainable(seeded(&config, 1), &patterns(&["fc.*"]), BatchNormMode::Frozen);
    let weights = seeded_weights(network.as_ref().expect("matches"), 2);
    let network = import_weights(network.expect("matches"), &weights).expect("fits").train();
    network.forward(ones_and_threes(&Device::flex().autodiff()));
    assert_eq!(export_weights(&network), weights);
}

#[test]
fn a_single_image_may_be_one_value_to_a_batch_normalization_that_trains() {
    let learning = |config: NetworkConfig, patterns: &[&str], mode: BatchNormMode| {
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        set_trainable(config.init(&Device::flex()), &patterns, mode).expect("patterns").train()
    };
    let with = |architecture, head, last_stride| NetworkConfig {
        head,
        last_stride,
        ..NetworkConfig::torchvision(architecture, 3)
    };
    for architecture in [Architecture::RESNET18, Architecture::EFFICIENTNET_B0] {
        // Sides are divided by 32, rounded up; by 16 with a last stride of 1.
        let network = learning(with(architecture, Head::Gap, 2), &["*"], BatchNormMode::Train);
        assert!(network.normalizes_one_value([32, 32]));
        assert!(!network.normalizes_one_value([32, 33]));
        let network = learning(with(architecture, Head::Gap, 1), &["*"], BatchNormMode::Train);
        assert!(!network.normalizes_one_value([32, 32]));
        assert!(network.normalizes_one_value([16, 16]));
        // Those in front of frozen weights train, too.
        let network = learning(with(architecture, Head::Gap, 2), &["head.*"], BatchNormMode::Train);
        assert!(network.normalizes_one_value([32, 32]));
        for mode in [BatchNormMode::Frozen, BatchNormMode::ByBlock] {
            let network = learning(with(architecture, Head::Gap, 2), &["head.*"], mode);
            assert!(!network.normalizes_one_value([32, 32]));
            // The head's sees pooled features.
            let network = learning(with(architecture, Head::GapBn, 2), &["head.*"], mode);
            assert!(network.normalizes_one_value([300, 400]));
        }
    }
}
