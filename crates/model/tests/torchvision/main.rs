//! Names, outputs, activations and gradients against torchvision's networks.

#[path = "../networks/mod.rs"]
mod networks;

mod golden;

use burn::module::{Flag, Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use dermx_model::{Architecture, Network, NetworkConfig, ParameterPath};
use golden::{Case, Differences, Golden};
use networks::{Weights, fraction, mix, network_with, seeded_weights, values};
use std::collections::BTreeMap;

const NUM_CLASSES: usize = 6;

/// Seeded weights, changed as `rule` of generate.py says, with the measured statistics.
fn weights_of(network: &Network, statistics: &[u8]) -> Weights {
    let mut weights = seeded_weights(network, 1);
    let names: Vec<String> = weights.keys().cloned().collect();
    for (name, tensor) in &mut weights {
        let (layer, kind) = name.rsplit_once('.').unwrap_or(("", name));
        let is_last = is_last_of_branch(layer, &names);
        let change: fn(f32) -> f32 = match (kind, is_kinked_norm(layer, &names)) {
            ("layer_scale", _) => |value| value * 0.2,
            // Large enough that another interpolation would be seen.
            ("pos_embedding", _) => |value| value * 50.0,
            ("weight", true) if is_last => |value| value * 0.1,
            // A MobileNetV2 would lose what images differ in.
            ("weight", true) if is_mobilenet(&names) => |value| value * 0.75,
            ("weight", true) => |value| value * 0.25,
            ("bias", true) if is_before_depthwise(layer, &names) => |value| value.abs() + 0.4 + 0.9,
            ("bias", true) if is_last => |value| value.abs() + 0.4,
            ("bias", true) => |value| value + 1.3_f32.copysign(value),
            ("weight", false) if is_last => |value| value * 0.25,
            _ => continue,
        };
        tensor.values.iter_mut().for_each(|value| *value = change(*value));
    }
    let measured = weights.iter_mut().filter(|(name, _)| name.contains(".running_"));
    let measured = measured.flat_map(|(_, tensor)| &mut tensor.values);
    let mut halves = statistics.chunks_exact(2);
    for (value, half) in measured.zip(&mut halves) {
        *value = f32::from_bits(u32::from(u16::from_le_bytes([half[0], half[1]])) << 16);
    }
    assert_eq!(halves.len(), 0, "more statistics than the network has");
    weights
}

fn is_mobilenet(names: &[String]) -> bool {
    names.iter().any(|name| name == "features.1.conv.0.0.weight")
}

/// Whether a MobileNetV2 filters each channel next: one that is rarely on has next to no variance, and
/// what is divided by it is all rounding error.
fn is_before_depthwise(layer: &str, names: &[String]) -> bool {
    is_mobilenet(names) && layer.ends_with(".0.1")
}

/// Whether ReLU or ReLU6 follows, or a sum and a ReLU.
fn is_kinked_norm(layer: &str, names: &[String]) -> bool {
    let last = layer.rsplit('.').next().unwrap_or(layer);
    let is_resnets = last.starts_with("bn") || layer.ends_with(".downsample.1");
    let is_densenets = last.starts_with("norm");
    let is_mobilenets = is_mobilenet(names) && names.contains(&format!("{layer}.running_mean"));
    is_resnets || is_densenets || is_mobilenets && !is_last_of_branch(layer, names)
}

/// Whether this is the last batch normalization before the sum of a block.
fn is_last_of_branch(layer: &str, names: &[String]) -> bool {
    if let [_, _, "conv", _] = layer.split('.').collect::<Vec<_>>().as_slice() {
        return names.contains(&format!("{layer}.running_mean"));
    }
    let has = |layer: String| names.contains(&format!("{layer}.weight"));
    if let Some(block) = layer.strip_suffix(".bn2") {
        return !has(format!("{block}.bn3"));
    }
    let Some((block, idx)) = layer.strip_suffix(".1").and_then(|conv| conv.rsplit_once('.')) else {
        return layer.ends_with(".bn3");
    };
    let next = idx.parse::<usize>().map_or(0, |idx| idx + 1);
    block.ends_with(".block")
        && !["0", "fc1"].iter().any(|first| has(format!("{block}.{next}.{first}")))
}

/// Noise over blocks of 32 pixels.
fn images([batch, height, width]: [usize; 3], device: &Device) -> Tensor<4> {
    let mut values = Vec::with_capacity(batch * 3 * height * width);
    for plane in 0..batch * 3 {
        for row in 0..height {
            for column in 0..width {
                let noise = fraction(mix(7), values.len()) - 0.5;
                let block = (plane * 64 + row / 32) * 64 + column / 32;
                values.push(noise + 4.0 * (fraction(mix(8), block) - 0.5));
            }
        }
    }
    Tensor::from_data(TensorData::new(values, [batch, 3, height, width]), device)
}

/// Makes batch normalization use its running statistics, with a tape.
struct Inference;

impl ModuleMapper for Inference {
    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        flag.with_value(false)
    }
}

struct GradientVisitor<'a> {
    path: ParameterPath,
    gradients: &'a Gradients,
    comparison: &'a mut Differences,
    expected: &'a BTreeMap<String, Vec<f64>>,
}

impl ModuleVisitor for GradientVisitor<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.name();
        let Some(expected) = self.expected.get(&name) else { return };
        let gradient = param.val().grad(self.gradients).expect("every parameter has a gradient");
        let is_linear = self.path.is_linear_weight();
        let gradient = if is_linear { gradient.swap_dims(0, 1) } else { gradient };
        self.comparison.summary("parameter gradients", &name, &values(gradient), expected);
    }
}

/// One forward and one backward pass, compared with all that torchvision's came to.
fn compare(network: &Network, case: &Case, size: [usize; 3]) -> Differences {
    let mut comparison = Differences::default();
    let device = Device::flex().autodiff();
    let inputs = images(size, &device).require_grad();
    let mut num_taps = 0;
    let logits = network.forward_tapped(inputs.clone(), &mut |name, x| {
        comparison.summary("taps", name, &values(x.clone()), &case.taps[name]);
        num_taps += 1;
        x
    });
    assert_eq!(num_taps, case.taps.len());
    comparison.values("logits", "logits", &values(logits.clone()), &case.logits, 1.0);
    let coefficients: Vec<f32> =
        (0..size[0] * NUM_CLASSES).map(|idx| fraction(mix(9), idx) - 0.5).collect();
    let coefficients = TensorData::new(coefficients, [size[0], NUM_CLASSES]);
    let gradients = (logits * Tensor::from_data(coefficients, &device)).sum().backward();
    let gradient = inputs.grad(&gradients).expect("the input has a gradient");
    comparison.summary("input gradient", "input", &values(gradient), &case.input);
    let mut visitor = GradientVisitor {
        path: ParameterPath::default(),
        gradients: &gradients,
        comparison: &mut comparison,
        expected: &case.parameters,
    };
    network.visit(&mut visitor);
    assert_eq!(comparison.num_compared("parameter gradients"), case.parameters.len());
    comparison
}

fn check(architecture: Architecture) {
    let golden = Golden::read(architecture.name());
    let config = NetworkConfig::torchvision(architecture, NUM_CLASSES);
    let network = network_with(&config, |network| weights_of(network, &golden.statistics)).train();
    for (name, case) in &golden.cases {
        let (size, trains) = match name.as_str() {
            "97x131" => ([2, 97, 131], false),
            "97x131_train" => ([2, 97, 131], true),
            "224x224" => ([1, 224, 224], false),
            "128x192" => ([1, 128, 192], false),
            "300x400" => ([1, 300, 400], false),
            other => panic!("no size {other}"),
        };
        if size[0] == 2 {
            // The images are told apart by a hundred tolerances: the logits depend on the input.
            let differences =
                (0..NUM_CLASSES).map(|k| (case.logits[k] - case.logits[NUM_CLASSES + k]).abs());
            assert!(differences.fold(0.0, f64::max) > 0.02);
        }
        // Statistics that training moves are not those of the next case.
        let network =
            if trains { network.valid().train() } else { network.clone().map(&mut Inference) };
        compare(&network, case, size).finish(&format!("{architecture} {name}"));
    }
}

#[test]
fn resnet18_is_torchvisions() {
    check(Architecture::RESNET18);
}

#[test]
fn resnet50_is_torchvisions() {
    check(Architecture::RESNET50);
}

#[test]
fn efficientnet_b0_is_torchvisions() {
    check(Architecture::EFFICIENTNET_B0);
}

#[test]
fn efficientnet_b4_is_torchvisions() {
    check(Architecture::EFFICIENTNET_B4);
}

#[test]
fn vgg16_is_torchvisions() {
    check(Architecture::VGG16);
}

#[test]
fn densenet121_is_torchvisions() {
    check(Architecture::DENSENET121);
}

#[test]
fn mobilenet_v2_is_torchvisions() {
    check(Architecture::MOBILENET_V2);
}

#[test]
fn convnext_tiny_is_torchvisions() {
    check(Architecture::CONVNEXT_TINY);
}

#[test]
fn vit_small_is_timms() {
    check(Architecture::VIT_SMALL_PATCH16_224);
}

/// Names and shapes in torchvision's layout, without drawing any weights.
#[derive(Default)]
struct Layout {
    path: ParameterPath,
    shapes: BTreeMap<String, Vec<usize>>,
}

impl ModuleVisitor for Layout {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let mut shape = param.lazy_shape().to_vec();
        if self.path.is_linear_weight() {
            shape.reverse();
        }
        self.shapes.insert(self.path.name(), shape);
    }
}

#[test]
fn all_networks_have_torchvisions_names_shapes_and_numbers_of_parameters() {
    let expected = golden::layouts();
    assert_eq!(expected.len(), Architecture::all().count());
    for architecture in Architecture::all() {
        let mut layout = Layout::default();
        NetworkConfig::torchvision(architecture, 1000).init(&Device::flex()).visit(&mut layout);
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut num_parameters = 0;
        for (name, shape) in &layout.shapes {
            let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
            for byte in format!("{name} {}\n", sizes.join("x")).bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
            if !name.contains(".running_") {
                num_parameters += shape.iter().product::<usize>();
            }
        }
        let expected = &expected[architecture.name()];
        assert_eq!(num_parameters, expected.parameters, "{architecture}");
        assert_eq!(layout.shapes.len(), expected.tensors, "{architecture}");
        assert_eq!(format!("{hash:016x}"), expected.hash, "{architecture}");
    }
}
