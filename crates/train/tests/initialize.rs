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
