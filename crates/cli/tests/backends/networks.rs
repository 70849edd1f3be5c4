//! Whole networks: forward passes, training steps with all and with some layers, Grad-CAM.

use crate::closeness::{PERTURBATION, assert_close, assert_close_or_as_control};
use crate::wgpu;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use dermx_data::{ImageSize, Random};
use dermx_gradcam::{Explainer, Method, Settings};
use dermx_model::{
    Architecture, BatchNormMode, Network, NetworkConfig, export_weights, import_weights,
    set_trainable,
};
use dermx_train::{
    AdamConfig, NamedGradients, Optimizer, OptimizerConfig, cross_entropy, images_to_tensor,
    initial_weights, targets,
};

const NUM_CLASSES: usize = 6;
const BATCH: usize = 2;

/// A network with random weights, and images for it.
struct Case {
    architecture: Architecture,
    size: [usize; 2],
    /// Whether training magnifies rounding: deep, random, and few values in the last batch norms.
    magnifies: bool,
}

const RESNET_18: Case =
    Case { architecture: Architecture::RESNET18, size: [64, 64], magnifies: false };
/// With depthwise convolutions, squeeze and excitation, and SiLU.
const EFFICIENTNET_B0: Case =
    Case { architecture: Architecture::EFFICIENTNET_B0, size: [32, 48], magnifies: true };

impl Case {
    fn network(&self, device: &Device) -> Network {
        let config = NetworkConfig::torchvision(self.architecture, NUM_CLASSES);
        let network = config.init(device);
        let weights = initial_weights(&config.init(&Device::flex()), 0);
        import_weights(network, &weights).expect("its own weights")
    }

    /// Images whose every value is multiplied by `1 + perturbation` or `1 - perturbation`.
    fn images(&self, device: &Device, perturbation: f32) -> Tensor<4> {
        let mut random = Random::new(0, "test", 0, "images");
        let [height, width] = self.size;
        let shape = [BATCH, 3, height, width];
        let mut value = || {
            let sign = if random.unit() < 0.5 { 1.0 } else { -1.0 };
            random.normal(0.0, 1.0) as f32 * (1.0 + sign * perturbation)
        };
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| value()).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

/// What a training step came to.
struct Learned {
    loss: Vec<f32>,
    gradients: Vec<f32>,
    names: Vec<String>,
    before: Vec<f32>,
    after: Vec<f32>,
    /// Running means and variances.
    statistics: Vec<f32>,
}

fn exported(network: &Network, of_statistics: bool) -> Vec<f32> {
    let weights = export_weights(network).into_iter();
    let chosen = weights.filter(|(name, _)| name.contains("running_") == of_statistics);
    chosen.flat_map(|(_, tensor)| tensor.values).collect()
}

fn learn(
    case: &Case,
    device: &Device,
    perturbation: f32,
    (pattern, mode): (&str, BatchNormMode),
) -> Learned {
    let network = case.network(device);
    let network = set_trainable(network, &[pattern.to_string()], mode).expect("a pattern").train();
    let before = exported(&network, false);
    let images = case.images(device, perturbation).autodiff();
    let logits = network.forward(images.clone());
    let targets = targets(&[0, 3], 1.0, &[1.0; NUM_CLASSES], 0.0);
    let targets = TensorData::new(targets, [BATCH, NUM_CLASSES]);
    let loss = cross_entropy(logits, Tensor::from_data(targets, &images.device()));
    let value = loss.clone().into_data().iter::<f32>().collect();
    let gradients = NamedGradients::take(&network, loss.backward());
    let adam = AdamConfig { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, weight_decay: 0.0 };
    let mut optimizer = Optimizer::new(OptimizerConfig::Adam(adam));
    let network = optimizer.step(network, &gradients, 1e-4).expect("finite weights");
    Learned {
        loss: value,
        names: gradients.iter().map(|(name, _)| name.to_string()).collect(),
        gradients: gradients.iter().flat_map(|(_, values)| values.to_vec()).collect(),
        before,
        after: exported(&network, false),
        statistics: exported(&network.valid(), true),
    }
}

/// Compares a training step, and returns what it came to on WGPU.
fn compare(case: &Case, device: &Device, learns: (&str, BatchNormMode)) -> Learned {
    let what = format!("{} {:?}, {} {:?}", case.architecture, case.size, learns.0, learns.1);
    let cpu = Device::flex();
    let expected = learn(case, &cpu, 0.0, learns);
    let control = learn(case, &cpu, PERTURBATION, learns);
    let found = learn(case, device, 0.0, learns);
    assert_eq!(expected.names, found.names, "{what}");
    type Pick = fn(&Learned) -> &[f32];
    let parts: [(&str, Pick, f64); 4] = [
        ("loss", |learned| &learned.loss, 1e-5),
        ("gradients", |learned| &learned.gradients, 1e-4),
        ("after Adam", |learned| &learned.after, 1e-4),
        ("statistics", |learned| &learned.statistics, 1e-5),
    ];
    for (part, pick, tolerance) in parts {
        let all = [pick(&expected), pick(&control), pick(&found)];
        let what = format!("{what}: {part}");
        match case.magnifies {
            true => assert_close_or_as_control(&what, all, tolerance),
            false => assert_close(&what, all, tolerance),
        }
    }
    found
}

/// Compares logits.
fn compare_prediction(case: &Case, device: &Device) {
    let cpu = Device::flex();
    let logits = |device: &Device, perturbation| -> Vec<f32> {
        let images = case.images(device, perturbation);
        case.network(device).valid().forward(images).into_data().iter::<f32>().collect()
    };
    let [expected, control, found] =
        [logits(&cpu, 0.0), logits(&cpu, PERTURBATION), logits(device, 0.0)];
    let what = format!("{} {:?}: logits", case.architecture, case.size);
    assert_close(&what, [&expected, &control, &found], 1e-5);
}

/// Compares heat maps of a layer, or of the last one.
fn compare_maps(case: &Case, device: &Device, method: Method, layer: Option<&str>) {
    let cpu = Device::flex();
    let maps = |device: &Device, perturbation| -> Vec<f32> {
        let settings = Settings { num_steps: 2, ..Settings::default() };
        let network = case.network(device);
        let explainer = Explainer::new(&network, method, settings, layer).expect("a layer");
        let images = case.images(device, perturbation);
        let found = explainer.explain(images, &[0, 3], &mut |_| 0.0).expect("maps");
        found.heatmaps.into_iter().flat_map(|map| map.values).collect()
    };
    let [expected, control, found] = [maps(&cpu, 0.0), maps(&cpu, PERTURBATION), maps(device, 0.0)];
    let what = format!("{} {method:?} {}", case.architecture, layer.unwrap_or("last layer"));
    assert_close(&what, [&expected, &control, &found], 1e-4);
}

/// `cargo xtask check` runs this and the layers; with `--full`, everything.
#[test]
fn resnet_18_predicts_learns_and_explains_as_on_the_processor() {
    let Some(device) = wgpu() else { return };
    compare_prediction(&RESNET_18, &device);
    compare(&RESNET_18, &device, ("*", BatchNormMode::Train));
    compare_maps(&RESNET_18, &device, Method::GradCam, None);
}

#[test]
fn efficientnet_b0_predicts_learns_and_explains_as_on_the_processor() {
    let Some(device) = wgpu() else { return };
    compare_prediction(&EFFICIENTNET_B0, &device);
    compare(&EFFICIENTNET_B0, &device, ("*", BatchNormMode::Train));
    compare_maps(&EFFICIENTNET_B0, &device, Method::GradCam, None);
}

#[test]
fn a_frozen_trunk_gives_gradients_to_the_rest_alone_and_they_are_finite() {
    let Some(device) = wgpu() else { return };
    for mode in [BatchNormMode::Train, BatchNormMode::ByBlock, BatchNormMode::Frozen] {
        let found = compare(&RESNET_18, &device, ("head.*", mode));
        assert_eq!(found.names, ["fc.bias", "fc.weight"]);
    }
    let found = compare(&RESNET_18, &device, ("layer4.1.*", BatchNormMode::ByBlock));
    assert!(found.names.iter().all(|name| name.starts_with("layer4.1.")), "{:?}", found.names);
}

#[test]
fn frozen_batch_norms_keep_their_statistics_and_frozen_weights_stay() {
    let Some(device) = wgpu() else { return };
    let found = learn(&RESNET_18, &device, 0.0, ("head.*", BatchNormMode::Frozen));
    assert!(found.statistics.iter().all(|value| [0.0, 1.0].contains(value)));
    let num_moved = found.before.iter().zip(&found.after).filter(|(a, b)| a != b).count();
    assert!(num_moved <= 513 * NUM_CLASSES, "{num_moved} weights moved");
    let trained = learn(&RESNET_18, &device, 0.0, ("head.*", BatchNormMode::Train));
    assert!(trained.statistics.iter().any(|value| ![0.0, 1.0].contains(value)));
}

#[test]
fn maps_of_inner_layers_and_of_the_input_are_those_of_the_processor() {
    let Some(device) = wgpu() else { return };
    compare_maps(&RESNET_18, &device, Method::GradCam, Some("layer2.1"));
    compare_maps(&RESNET_18, &device, Method::IntegratedGradients, None);
}

#[test]
fn images_made_on_the_host_arrive_with_their_bits() {
    let Some(device) = wgpu() else { return };
    // Augmentation and standardization end in main memory, before any device.
    let mut random = Random::new(1, "test", 0, "planes");
    let planes: Vec<f32> = (0..3 * 3 * 5 * 7).map(|_| random.normal(0.0, 3.0) as f32).collect();
    let tensor = images_to_tensor(planes.clone(), 3, ImageSize::new(5, 7), &device);
    let found: Vec<f32> = tensor.into_data().iter::<f32>().collect();
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&found), bits(&planes));
}
