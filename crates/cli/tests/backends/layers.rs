//! Every layer with its gradients, and a network of all of them.

use crate::closeness::{PERTURBATION, assert_close};
use crate::wgpu;
use burn::tensor::activation::{log_softmax, sigmoid};
use burn::tensor::{Device, Tensor, TensorData};
use dermx_kernels::{
    Activation, ConvOptions, Normalization, affine, batch_norm, channel_scale, conv_affine, conv2d,
    global_avg_pool, max_pool,
};

/// The next of a series of numbers in `[-1, 1)`.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }

    fn tensor(&mut self, dims: [usize; 4], device: &Device) -> Tensor<4> {
        let values: Vec<f32> = (0..dims.iter().product()).map(|_| self.next()).collect();
        Tensor::from_data(TensorData::new(values, dims), device)
    }
}

type Operation<'a> = &'a dyn Fn(&[Tensor<4>]) -> Tensor<4>;

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn vector(x: &Tensor<4>) -> Tensor<1> {
    let len = x.dims().iter().product::<usize>();
    x.clone().reshape([len])
}

/// The output, then the gradient of each input, of a random weighted sum of the outputs; the first
/// input is multiplied by `factor`.
fn run(
    device: &Device,
    inputs: &[[usize; 4]],
    operation: Operation<'_>,
    factor: f32,
) -> Vec<Vec<f32>> {
    let device = device.clone().autodiff();
    let mut numbers = Numbers(7);
    let mut leaves: Vec<Tensor<4>> =
        inputs.iter().map(|dims| numbers.tensor(*dims, &device)).collect();
    leaves[0] = leaves[0].clone() * factor;
    let leaves: Vec<Tensor<4>> =
        leaves.into_iter().map(|leaf| leaf.detach().require_grad()).collect();
    let out = operation(&leaves);
    let gradients = (out.clone() * numbers.tensor(out.dims(), &device)).sum().backward();
    let gradients = leaves.iter().filter_map(|leaf| leaf.grad(&gradients)).map(values);
    std::iter::once(values(out)).chain(gradients).collect()
}

fn check(device: &Device, what: &str, inputs: &[[usize; 4]], operation: Operation<'_>) {
    let cpu = Device::flex();
    let expected = run(&cpu, inputs, operation, 1.0);
    let control = run(&cpu, inputs, operation, 1.0 + PERTURBATION);
    let found = run(device, inputs, operation, 1.0);
    assert_eq!(expected.len(), inputs.len() + 1, "{what}");
    assert_eq!(expected.len(), found.len(), "{what}");
    for (idx, ((expected, control), found)) in expected.iter().zip(&control).zip(&found).enumerate()
    {
        let part = if idx == 0 { "output".to_string() } else { format!("gradient {idx}") };
        assert_close(&format!("{what}, {part}"), [expected, control, found], 2e-6);
    }
}

fn options(stride: usize, padding: [usize; 4], groups: usize) -> ConvOptions {
    ConvOptions { stride: [stride; 2], padding, groups }
}

#[test]
fn convolutions_are_those_of_the_processor() {
    let Some(device) = wgpu() else { return };
    for (what, x, weight, stride, padding, groups) in [
        ("1x1", [2, 5, 7, 3], [4, 3, 1, 1], 1, [0; 4], 1),
        ("3x3", [2, 7, 9, 16], [20, 16, 3, 3], 1, [1; 4], 1),
        ("7x7, stride 2", [2, 13, 10, 3], [16, 3, 7, 7], 2, [3; 4], 1),
        ("3x3, TensorFlow's padding", [1, 8, 8, 3], [6, 3, 3, 3], 2, [0, 0, 1, 1], 1),
        ("depthwise 3x3", [2, 6, 5, 24], [24, 1, 3, 3], 1, [1; 4], 24),
        ("depthwise 5x5, stride 2", [1, 9, 8, 12], [12, 1, 5, 5], 2, [1, 1, 2, 2], 12),
    ] {
        let options = options(stride, padding, groups);
        let operation = |x: &[Tensor<4>]| conv2d(x[0].clone(), x[1].clone(), options);
        check(&device, what, &[x, weight], &operation);
    }
}

#[test]
fn normalizations_are_those_of_the_processor() {
    let Some(device) = wgpu() else { return };
    let (dims, channels) = ([3, 6, 7, 16], [1, 1, 1, 16]);
    for activation in [Activation::None, Activation::Relu, Activation::Silu] {
        let trained = |x: &[Tensor<4>]| {
            batch_norm(x[0].clone(), vector(&x[1]), vector(&x[2]), 1e-3, None, activation).out
        };
        let what = format!("batch norm {activation:?}");
        check(&device, &what, &[dims, channels, channels], &trained);
        // No network adds before SiLU.
        if activation == Activation::Silu {
            continue;
        }
        let given = |x: &[Tensor<4>]| {
            let normalization = Normalization {
                gamma: vector(&x[1]),
                beta: vector(&x[2]),
                mean: vector(&x[2]).detach(),
                var: vector(&x[1].clone().detach()) * 0.4 + 0.5,
                epsilon: 1e-3,
            };
            affine(x[0].clone(), normalization, Some(x[3].clone()), activation)
        };
        let what = format!("affine {activation:?} with a residual");
        check(&device, &what, &[dims, channels, channels, dims], &given);
    }
}

#[test]
fn pooling_and_scaling_are_those_of_the_processor() {
    let Some(device) = wgpu() else { return };
    let dims = [2, 9, 7, 5];
    check(&device, "max pool", &[dims], &|x| max_pool(x[0].clone(), 3, 2, [1; 4]));
    let mean = |x: &[Tensor<4>]| global_avg_pool(x[0].clone()).reshape([2, 1, 1, 5]);
    check(&device, "global average pool", &[dims], &mean);
    let scaled = |x: &[Tensor<4>]| channel_scale(x[0].clone(), x[1].clone().reshape([2, 5]));
    check(&device, "squeeze and excitation", &[dims, [2, 1, 1, 5]], &scaled);
}

#[test]
fn a_convolution_joined_with_what_follows_is_that_of_the_processor() {
    let Some(device) = wgpu() else { return };
    let joined = |device: &Device, factor: f32| {
        let mut numbers = Numbers(3);
        let x = numbers.tensor([2, 6, 5, 8], device) * factor;
        let weight = numbers.tensor([12, 8, 3, 3], device);
        let mut channels = || vector(&numbers.tensor([1, 1, 1, 12], device));
        let (gamma, beta, mean) = (channels(), channels(), channels());
        let normalization =
            Normalization { var: mean.clone().abs() + 0.5, gamma, beta, mean, epsilon: 1e-3 };
        values(conv_affine(x, weight, options(1, [1; 4], 1), normalization, None, Activation::Silu))
    };
    let cpu = Device::flex();
    let [expected, control, found] =
        [joined(&cpu, 1.0), joined(&cpu, 1.0 + PERTURBATION), joined(&device, 1.0)];
    assert_close("convolution, affine, SiLU", [&expected, &control, &found], 2e-6);
}

/// Cross-entropy of two images in a network of every kind of layer: 3x3 convolution, batch norm and
/// ReLU, max pool, depthwise convolution of stride 2, batch norm and SiLU, squeeze and excitation, 1x1
/// convolution, mean, linear layer.
fn tiny_loss(x: &[Tensor<4>]) -> Tensor<4> {
    let norm = |z: Tensor<4>, gamma: &Tensor<4>, activation| {
        let beta = vector(gamma) * 0.1;
        batch_norm(z, vector(gamma) + 1.0, beta, 1e-5, None, activation).out
    };
    let z = conv2d(x[0].clone(), x[1].clone(), options(1, [1; 4], 1));
    let z = max_pool(norm(z, &x[2], Activation::Relu), 3, 2, [1; 4]);
    let z = conv2d(z, x[3].clone(), options(2, [1; 4], 8));
    let z = norm(z, &x[4], Activation::Silu);
    let scale = sigmoid(global_avg_pool(z.clone()).matmul(x[5].clone().reshape([8, 8])));
    let z = conv2d(channel_scale(z, scale), x[6].clone(), options(1, [0; 4], 1));
    let logits = global_avg_pool(z).matmul(x[7].clone().reshape([12, 3]));
    let gold = Tensor::<2>::from_data([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0_f32]], &logits.device());
    (log_softmax(logits, 1) * gold).sum().neg().reshape([1, 1, 1, 1])
}

#[test]
fn a_tiny_network_and_its_adam_step_are_those_of_the_processor() {
    let Some(device) = wgpu() else { return };
    let inputs = [
        [2, 16, 16, 3],
        [8, 3, 3, 3],
        [1, 1, 1, 8],
        [8, 1, 3, 3],
        [1, 1, 1, 8],
        [1, 1, 8, 8],
        [12, 8, 1, 1],
        [1, 1, 12, 3],
    ];
    let cpu = Device::flex();
    let [expected, control, found] = [
        run(&cpu, &inputs, &tiny_loss, 1.0),
        run(&cpu, &inputs, &tiny_loss, 1.0 + PERTURBATION),
        run(&device, &inputs, &tiny_loss, 1.0),
    ];
    let parts = |pick: &dyn Fn(&[Vec<f32>]) -> Vec<f32>, what: &str, tolerance: f64| {
        let [expected, control, found] = [&expected, &control, &found].map(|all| pick(all));
        assert_close(what, [&expected, &control, &found], tolerance);
    };
    parts(&|all| all[0].clone(), "tiny network, loss", 1e-5);
    parts(&|all| all[2..].concat(), "tiny network, gradients of all parameters", 1e-5);
    // The first step of Adam from zero moments: w - lr g / (|g| + epsilon).
    let stepped = |all: &[Vec<f32>]| -> Vec<f32> {
        let mut numbers = Numbers(7);
        let weights = inputs.iter().map(|dims| values(numbers.tensor(*dims, &cpu)));
        let moved = |(weights, gradient): (Vec<f32>, &Vec<f32>)| -> Vec<f32> {
            let pairs = weights.iter().zip(gradient);
            pairs.map(|(weight, g)| weight - 1e-3 * g / (g.abs() + 1e-7)).collect()
        };
        weights.zip(&all[1..]).skip(1).flat_map(moved).collect()
    };
    parts(&stepped, "tiny network, parameters after an Adam step", 1e-4);
}
