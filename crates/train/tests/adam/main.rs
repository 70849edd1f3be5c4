//! The optimizer and the loss, against `torch.optim.Adam` (`generate.py` beside this file).

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use dermx_model::{
    Architecture, BatchNormMode, NamedTensor, Network, NetworkConfig, export_weights,
    import_weights, set_trainable,
};
use dermx_train::{Adam, AdamConfig, initial_weights, weighted_cross_entropy};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::error::Error;

type TestResult = Result<(), Box<dyn Error>>;
type Weights = BTreeMap<String, NamedTensor>;

const ADAM: AdamConfig = AdamConfig { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 };

#[derive(Deserialize)]
struct Golden {
    features: Vec<f32>,
    labels: Vec<i32>,
    class_weights: Vec<f32>,
    start: Linear,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Linear {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

#[derive(Deserialize)]
struct Step {
    learning_rate: f64,
    loss: f64,
    #[serde(flatten)]
    after: Linear,
}

fn config() -> NetworkConfig {
    NetworkConfig::torchvision(Architecture::Resnet18, 3)
}

/// Weights whose features are `features`, then zeros, whatever the image: convolutions of zero pass
/// nothing, and the shift of the last batch normalization is added to nothing.
fn weights_with_features(golden: &Golden) -> Weights {
    let mut weights = initial_weights(&config().init(&Device::flex()), 0);
    for tensor in weights.values_mut().filter(|tensor| tensor.shape.len() == 4) {
        tensor.values.fill(0.0);
    }
    let num_features = golden.features.len();
    let mut set = |name: &str, start: usize, values: &[f32]| {
        if let Some(tensor) = weights.get_mut(name) {
            tensor.values[start..start + values.len()].copy_from_slice(values);
        }
    };
    set("layer4.1.bn2.bias", 0, &golden.features);
    set("fc.bias", 0, &golden.start.bias);
    for (class, row) in golden.start.weight.chunks(num_features).enumerate() {
        set("fc.weight", class * 512, row);
    }
    weights
}

fn step(adam: &mut Adam, network: Network, golden: &Golden, learning_rate: f64) -> (Network, f32) {
    let device = Device::flex().autodiff();
    let batch = golden.labels.len();
    let image_weights: Vec<f32> =
        golden.labels.iter().map(|&label| golden.class_weights[label as usize]).collect();
    let loss = weighted_cross_entropy(
        network.forward(Tensor::zeros([batch, 3, 32, 32], &device)),
        Tensor::<1, Int>::from_data(TensorData::new(golden.labels.clone(), [batch]), &device),
        Tensor::<1>::from_data(TensorData::new(image_weights, [batch]), &device),
    );
    let value = loss.clone().into_data().iter::<f32>().next().unwrap_or(f32::NAN);
    let gradients = loss.backward();
    (adam.step(network, &gradients, learning_rate), value)
}

fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    for (idx, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < 2e-6, "{what}[{idx}]: {found}, PyTorch {expected}");
    }
}

#[test]
fn five_steps_of_adam_are_those_of_pytorch() -> TestResult {
    let golden: Golden = serde_json::from_str(include_str!("golden.json"))?;
    let network = config().init(&Device::flex());
    let network = import_weights(network, &weights_with_features(&golden))?;
    // The head alone, as in PyTorch: else the features would move.
    let mut network = set_trainable(network, &["fc.*".to_string()], BatchNormMode::Train)?.train();
    let mut adam = Adam::new(ADAM);
    for (idx, expected) in golden.steps.iter().enumerate() {
        let (moved, loss) = step(&mut adam, network, &golden, expected.learning_rate);
        network = moved;
        assert!((f64::from(loss) - expected.loss).abs() < 2e-6, "step {idx}: loss {loss}");
        let weights = export_weights(&network);
        let rows = weights["fc.weight"].values.chunks(512);
        let found: Vec<f32> = rows.flat_map(|row| row[..golden.features.len()].to_vec()).collect();
        assert_close(&found, &expected.after.weight, &format!("step {idx}: fc.weight"));
        assert_close(&weights["fc.bias"].values, &expected.after.bias, "fc.bias");
    }
    Ok(())
}

#[test]
fn an_imported_optimizer_goes_on_where_it_was() -> TestResult {
    let golden: Golden = serde_json::from_str(include_str!("golden.json"))?;
    let network = config().init(&Device::flex());
    let network = import_weights(network, &weights_with_features(&golden))?.train();
    let mut adam = Adam::new(ADAM);
    let (network, _) = step(&mut adam, network, &golden, 0.1);
    let mut restored = Adam::import(ADAM, adam.num_steps(), &adam.export())?;
    let (kept_on, _) = step(&mut adam, network.clone(), &golden, 0.1);
    let (taken_up, _) = step(&mut restored, network, &golden, 0.1);
    assert_eq!(export_weights(&kept_on), export_weights(&taken_up));
    assert_eq!(adam.export(), restored.export());
    Ok(())
}

#[test]
fn a_moment_without_its_partner_is_refused() {
    let moment = NamedTensor { shape: vec![1], values: vec![0.0] };
    let tensors = BTreeMap::from([("exp_avg.fc.bias".to_string(), moment)]);
    let error = Adam::import(ADAM, 1, &tensors).err();
    assert!(error.is_some_and(|error| error.to_string().contains("exp_avg_sq.fc.bias")));
}
