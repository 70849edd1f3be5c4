//! Starting weights.

use burn::tensor::Device;
use dermx_model::{Architecture, NetworkConfig};
use dermx_train::initial_weights;

fn config(num_classes: usize) -> NetworkConfig {
    NetworkConfig::torchvision(Architecture::RESNET18, num_classes)
}

#[test]
fn convolutions_are_normal_and_the_head_is_uniform() {
    let weights = initial_weights(&config(6).init(&Device::flex()), 0);
    // sqrt(2 / (3 * 3 * 512)) = 0.020833 over 512 * 512 * 9 values
    let values = &weights["layer4.1.conv2.weight"].values;
    let num_values = values.len() as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / num_values;
    let square = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>() / num_values;
    assert!(mean.abs() < 1e-4, "{mean}");
    assert!((square.sqrt() - 0.020_833).abs() < 1e-4, "{}", square.sqrt());
    // sqrt(6 / (512 + 6)) = 0.107624
    let largest = weights["fc.weight"].values.iter().fold(0.0_f32, |max, v| max.max(v.abs()));
    assert!((0.106..=0.107_625).contains(&largest), "{largest}");
    assert!(weights["fc.bias"].values.iter().all(|&value| value == 0.0));
    assert!(weights["bn1.weight"].values.iter().all(|&value| value == 1.0));
    assert!(weights["bn1.running_var"].values.iter().all(|&value| value == 1.0));
    assert!(weights["bn1.running_mean"].values.iter().all(|&value| value == 0.0));
}

#[test]
fn weights_depend_on_seed_and_name_alone() {
    let device = Device::flex();
    let weights = initial_weights(&config(6).init(&device), 0);
    assert_eq!(weights, initial_weights(&config(6).init(&device), 0));
    let other_head = initial_weights(&config(2).init(&device), 0);
    assert_eq!(weights["layer2.0.conv1.weight"], other_head["layer2.0.conv1.weight"]);
    let other_seed = initial_weights(&config(6).init(&device), 1);
    assert_ne!(weights["layer2.0.conv1.weight"], other_seed["layer2.0.conv1.weight"]);
    let [first, second] = ["layer1.0.conv1.weight", "layer1.0.conv2.weight"];
    assert_ne!(weights[first].values, weights[second].values);
}

#[test]
fn tokens_and_scales_of_branches_start_as_in_torchvision() {
    let initial = |architecture: Architecture| {
        let config = NetworkConfig::torchvision(architecture, 6);
        initial_weights(&config.init(&Device::flex()), 0)
    };
    let weights = initial(Architecture::VIT_SMALL_PATCH16_224);
    let places = &weights["encoder.pos_embedding"].values;
    let square = places.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
    // 197 * 384 values.
    let std = (square / places.len() as f64).sqrt();
    assert!((std - 0.02).abs() < 2e-4, "{std}");
    assert!(weights["class_token"].values.iter().all(|&value| value == 0.0));
    let layer = "encoder.layers.encoder_layer_3";
    assert!(weights[&format!("{layer}.ln_1.weight")].values.iter().all(|&value| value == 1.0));
    // sqrt(6 / (384 + 3 * 384)) = 0.0625
    let projection = &weights[&format!("{layer}.self_attention.in_proj_weight")].values;
    let largest = projection.iter().fold(0.0_f32, |max, value| max.max(value.abs()));
    assert!((0.062..=0.0625).contains(&largest), "{largest}");
    let bias = &weights[&format!("{layer}.self_attention.in_proj_bias")].values;
    assert!(bias.iter().all(|&value| value == 0.0));
    let weights = initial(Architecture::CONVNEXT_TINY);
    assert!(weights["features.1.0.layer_scale"].values.iter().all(|&value| value == 1e-6));
    let table = &initial(Architecture::SWIN_T)["features.7.0.attn.relative_position_bias_table"];
    let square = table.values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
    // 169 * 24 values.
    let std = (square / table.values.len() as f64).sqrt();
    assert!((std - 0.02).abs() < 1e-3, "{std}");
}
