//! Optimizers and gradients, against those of PyTorch (`generate.py` beside this file).

mod groups;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use dermx_model::{
    Architecture, BatchNormMode, NamedTensor, Network, NetworkConfig, export_weights,
    import_weights, set_trainable,
};
use dermx_train::{
    AdamConfig, NamedGradients, NonFinite, Optimizer, OptimizerConfig, SgdConfig, cross_entropy,
    initial_weights, targets,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::error::Error;

type TestResult = Result<(), Box<dyn Error>>;
type Weights = BTreeMap<String, NamedTensor>;

const ADAM: AdamConfig =
    AdamConfig { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, weight_decay: 0.0 };
const ALL_OF_SGD: SgdConfig = SgdConfig { momentum: 0.9, nesterov: true, weight_decay: 0.05 };

/// The optimizers of `generate.py`.
const OPTIMIZERS: [(&str, OptimizerConfig); 7] = [
    ("adam", OptimizerConfig::Adam(ADAM)),
    ("adam with weight decay", OptimizerConfig::Adam(AdamConfig { weight_decay: 0.05, ..ADAM })),
    ("adamw", OptimizerConfig::AdamW(AdamConfig { weight_decay: 0.05, ..ADAM })),
    ("sgd", sgd(0.0)),
    ("sgd with momentum", sgd(0.9)),
    ("sgd with all", OptimizerConfig::Sgd(ALL_OF_SGD)),
    ("clipped sgd", sgd(0.9)),
];

const fn sgd(momentum: f32) -> OptimizerConfig {
    OptimizerConfig::Sgd(SgdConfig { momentum, nesterov: false, weight_decay: 0.0 })
}

#[derive(Deserialize)]
struct Golden {
    features: Vec<f32>,
    labels: Vec<usize>,
    class_weights: Vec<f32>,
    max_norm: f64,
    start: Linear,
    runs: BTreeMap<String, Vec<Step>>,
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
    norm: Option<f64>,
    after: Option<Linear>,
}

fn golden() -> Result<Golden, Box<dyn Error>> {
    Ok(serde_json::from_str(include_str!("golden.json"))?)
}

/// Features of the network; those of the golden come first.
const NUM_FEATURES: usize = 1280;

fn config() -> NetworkConfig {
    NetworkConfig::torchvision(Architecture::MOBILENET_V2, 3)
}

/// Weights whose features are `features`, then zeros, whatever the image: convolutions of zero pass
/// nothing, and the shift of the last batch normalization is added to nothing.
fn weights_with_features(golden: &Golden) -> Weights {
    let mut weights = initial_weights(&config().empty(&Device::flex()), 0);
    for tensor in weights.values_mut().filter(|tensor| tensor.shape.len() == 4) {
        tensor.values.fill(0.0);
    }
    let num_features = golden.features.len();
    let mut set = |name: &str, start: usize, values: &[f32]| {
        if let Some(tensor) = weights.get_mut(name) {
            tensor.values[start..start + values.len()].copy_from_slice(values);
        }
    };
    set("features.18.1.bias", 0, &golden.features);
    set("classifier.1.bias", 0, &golden.start.bias);
    for (class, row) in golden.start.weight.chunks(num_features).enumerate() {
        set("classifier.1.weight", class * NUM_FEATURES, row);
    }
    weights
}

/// The head alone learns, as in PyTorch: else the features would move.
fn start(golden: &Golden) -> Result<Network, Box<dyn Error>> {
    let network = import_weights(config().empty(&Device::flex()), &weights_with_features(golden))?;
    Ok(set_trainable(network, &["head.*".to_string()], BatchNormMode::Train)?.train())
}

fn gradients(network: &Network, golden: &Golden) -> (NamedGradients, f64) {
    let device = Device::flex().autodiff();
    let batch = golden.labels.len();
    let targets = targets(&golden.labels, 1.0, &golden.class_weights, 0.0);
    let loss = cross_entropy(
        network.forward(Tensor::zeros([batch, 3, 8, 8], &device)),
        Tensor::from_data(TensorData::new(targets, [batch, golden.class_weights.len()]), &device),
    );
    let value = loss.clone().into_data().iter::<f32>().next().unwrap_or(f32::NAN);
    (NamedGradients::take(network, loss.backward()), f64::from(value))
}

fn step(
    optimizer: &mut Optimizer,
    network: Network,
    golden: &Golden,
) -> Result<Network, NonFinite> {
    let (gradients, _) = gradients(&network, golden);
    optimizer.step(network, &gradients, 0.1)
}

fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (idx, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < 1e-5, "{what}[{idx}]: {found}, PyTorch {expected}");
    }
}

fn assert_weights(network: &Network, expected: &Linear, num_features: usize, what: &str) {
    let weights = export_weights(network);
    let rows = weights["classifier.1.weight"].values.chunks(NUM_FEATURES);
    let found: Vec<f32> = rows.flat_map(|row| row[..num_features].to_vec()).collect();
    assert_close(&found, &expected.weight, &format!("{what}: weight"));
    assert_close(&weights["classifier.1.bias"].values, &expected.bias, &format!("{what}: bias"));
}

#[test]
fn a_hundred_steps_are_those_of_pytorch() -> TestResult {
    let golden = golden()?;
    for (name, config) in OPTIMIZERS {
        let mut network = start(&golden)?;
        let mut optimizer = Optimizer::new(config);
        let steps = &golden.runs[name];
        assert_eq!(steps.len(), 100);
        for (idx, expected) in steps.iter().enumerate() {
            let what = format!("{name}, step {idx}");
            let (mut gradients, loss) = gradients(&network, &golden);
            assert!((loss - expected.loss).abs() < 1e-5, "{what}: {loss} {}", expected.loss);
            if let Some(norm) = expected.norm {
                let found = gradients.clip(golden.max_norm);
                assert!((found - norm).abs() < 1e-5, "{what}: norm {found} {norm}");
                assert!(gradients.norm() < golden.max_norm + 1e-6, "{what}");
            }
            network = optimizer.step(network, &gradients, expected.learning_rate)?;
            if let Some(after) = &expected.after {
                assert_weights(&network, after, golden.features.len(), &what);
            }
        }
    }
    Ok(())
}

#[test]
fn weights_without_a_gradient_do_not_decay() -> TestResult {
    let golden = golden()?;
    let network = start(&golden)?;
    let before = export_weights(&network);
    let mut optimizer = Optimizer::new(OptimizerConfig::Sgd(ALL_OF_SGD));
    let after = export_weights(&step(&mut optimizer, network, &golden)?);
    let parameters = before.keys().filter(|name| !name.contains("running_"));
    for name in parameters {
        assert_eq!(before[name] != after[name], name.starts_with("classifier."), "{name}");
    }
    Ok(())
}

#[test]
fn an_imported_optimizer_goes_on_where_it_was() -> TestResult {
    let golden = golden()?;
    for (name, config) in OPTIMIZERS {
        let mut optimizer = Optimizer::new(config);
        let network = step(&mut optimizer, start(&golden)?, &golden)?;
        let mut restored = Optimizer::import(config, optimizer.num_steps(), &optimizer.export())?;
        let kept_on = step(&mut optimizer, network.clone(), &golden)?;
        let taken_up = step(&mut restored, network, &golden)?;
        assert_eq!(export_weights(&kept_on), export_weights(&taken_up), "{name}");
        assert_eq!(optimizer.export(), restored.export(), "{name}");
        assert_eq!(optimizer.export().is_empty(), name == "sgd");
    }
    Ok(())
}

#[test]
fn a_moment_without_its_partner_is_refused() {
    let moment = NamedTensor { shape: vec![1], values: vec![0.0] };
    let tensors = BTreeMap::from([("exp_avg.classifier.1.bias".to_string(), moment)]);
    let error = Optimizer::import(OptimizerConfig::Adam(ADAM), 1, &tensors).err();
    assert!(error.is_some_and(|error| error.to_string().contains("exp_avg_sq.classifier.1.bias")));
}

#[test]
fn gradients_add_up() -> TestResult {
    let golden = golden()?;
    let network = start(&golden)?;
    let (once, _) = gradients(&network, &golden);
    let mut twice = NamedGradients::default();
    twice.add(once.clone());
    assert_eq!(twice, once);
    twice.add(once.clone());
    assert!((twice.norm() - 2.0 * once.norm()).abs() < 1e-6);
    // Below the limit nothing is scaled.
    assert_eq!(twice.clip(3.0 * once.norm()), 2.0 * once.norm());
    assert!((twice.norm() - 2.0 * once.norm()).abs() < 1e-6);
    Ok(())
}
