//! A network compared with what a generator wrote of its original.

#[path = "golden.rs"]
mod golden;

use super::networks::{Weights, fraction, mix, network_with, values};
use burn::module::{Flag, Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use dermx_model::{Architecture, Network, NetworkConfig, ParameterPath};
use golden::{Case, Differences, Golden};
use std::collections::BTreeMap;

const NUM_CLASSES: usize = 6;

/// Weights with the statistics of batch normalization that were measured.
pub fn with_statistics(mut weights: Weights, statistics: &[u8]) -> Weights {
    let measured = weights.iter_mut().filter(|(name, _)| name.contains(".running_"));
    let measured = measured.flat_map(|(_, tensor)| &mut tensor.values);
    let mut halves = statistics.chunks_exact(2);
    for (value, half) in measured.zip(&mut halves) {
        *value = f32::from_bits(u32::from(u16::from_le_bytes([half[0], half[1]])) << 16);
    }
    assert_eq!(halves.len(), 0, "more statistics than the network has");
    weights
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

/// One forward and one backward pass, compared with all that the original's came to.
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

/// Fails unless the network does what the golden in `folder` says with the weights that `weights_of` makes of measured
/// statistics.
pub fn check_network(
    folder: &str,
    architecture: Architecture,
    weights_of: fn(&Network, &[u8]) -> Weights,
) {
    let golden = Golden::read(folder, architecture.name());
    let config = NetworkConfig::torchvision(architecture, NUM_CLASSES);
    let network = network_with(&config, |network| weights_of(network, &golden.statistics)).train();
    for (name, case) in &golden.cases {
        let (size, trains) = match name.as_str() {
            "97x131" => ([2, 97, 131], false),
            "97x131_train" => ([2, 97, 131], true),
            "139x203" => ([2, 139, 203], false),
            "139x203_train" => ([2, 139, 203], true),
            "224x224" => ([1, 224, 224], false),
            "128x192" => ([1, 128, 192], false),
            "300x400" => ([1, 300, 400], false),
            other => panic!("no size {other}"),
        };
        if size[0] == 2 {
            // The images are told apart by 75 tolerances: the logits depend on the input.
            let differences =
                (0..NUM_CLASSES).map(|k| (case.logits[k] - case.logits[NUM_CLASSES + k]).abs());
            assert!(differences.fold(0.0, f64::max) > 0.015);
        }
        // Statistics that training moves are not those of the next case.
        let network =
            if trains { network.valid().train() } else { network.clone().map(&mut Inference) };
        compare(&network, case, size).finish(&format!("{architecture} {name}"));
    }
}

/// Names and shapes in PyTorch's layout, without drawing any weights.
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

/// Fails unless the networks that a golden in `folder` names have its names, shapes and numbers of parameters.
pub fn check_layouts(folder: &str) {
    for (name, expected) in golden::layouts(folder) {
        let architecture: Architecture = name.parse().expect("one of ours");
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
        assert_eq!(num_parameters, expected.parameters, "{architecture}");
        assert_eq!(layout.shapes.len(), expected.tensors, "{architecture}");
        assert_eq!(format!("{hash:016x}"), expected.hash, "{architecture}");
    }
}
