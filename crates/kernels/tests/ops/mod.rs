//! Each operation and its gradients against Burn's own operations with 64-bit floats, which is what
//! the same functions are made of for that type.

use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use dermx_kernels::{
    Activation, AvgPool, ConvOptions, Normalization, Precision, add_bias, affine, attention,
    attention_mix, attention_weights, avg_pool, batch_norm, channel_scale, concat, conv_affine,
    conv_bias, conv2d, from_windows, global_avg_pool, layer_norm, max_pool, windows,
    with_precision,
};

/// The next of a series of numbers in `[-1, 1)`.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }

    fn data(&mut self, dims: [usize; 4]) -> TensorData {
        let values: Vec<f32> = (0..dims.iter().product()).map(|_| self.next()).collect();
        TensorData::new(values, dims)
    }
}

/// An input of an operation.
#[derive(Clone, Copy)]
struct Input {
    dims: [usize; 4],
    learns: bool,
}

fn learns(dims: [usize; 4]) -> Input {
    Input { dims, learns: true }
}

fn frozen(dims: [usize; 4]) -> Input {
    Input { dims, learns: false }
}

type Operation<'a> = &'a dyn Fn(&[Tensor<4>]) -> Tensor<4>;

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// The output, and the gradient of each input, of a random weighted sum of the outputs.
fn run(inputs: &[Input], operation: Operation<'_>, dtype: FloatDType) -> Vec<Option<Vec<f64>>> {
    let device = Device::flex().autodiff();
    let mut numbers = Numbers(7);
    let mut tensor = |dims| Tensor::<4>::from_data(numbers.data(dims), &device).cast(dtype);
    let leaves: Vec<Tensor<4>> =
        inputs.iter().map(|input| tensor(input.dims).set_require_grad(input.learns)).collect();
    let out = operation(&leaves);
    let gradients = (out.clone() * tensor(out.dims())).sum().backward();
    let gradients = leaves.iter().map(|leaf| leaf.grad(&gradients).map(values));
    std::iter::once(Some(values(out))).chain(gradients).collect()
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let size = expected.iter().fold(1e-3_f64, |size, value| size.max(value.abs()));
    for (idx, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < 2e-5 * size, "{what}, {idx}: {found} {expected}");
    }
}

#[track_caller]
fn check(what: &str, inputs: &[Input], operation: Operation<'_>) {
    let found = run(inputs, operation, FloatDType::F32);
    let expected = run(inputs, operation, FloatDType::F64);
    for (idx, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let what = format!("{what}, {}", if idx == 0 { "output" } else { "gradient" });
        assert_eq!(found.is_some(), expected.is_some(), "{what} {idx}");
        if let (Some(found), Some(expected)) = (found, expected) {
            assert_close(found, expected, &format!("{what} {idx}"));
        }
    }
    for (input, gradient) in inputs.iter().zip(&found[1..]) {
        assert_eq!(input.learns, gradient.is_some(), "{what}");
    }
}

fn vector(x: &Tensor<4>) -> Tensor<1> {
    let len = x.dims().iter().product::<usize>();
    x.clone().reshape([len])
}

/// A variance of each channel; its gradient is none of the operation's.
fn variance(x: &Tensor<4>) -> Tensor<1> {
    vector(&x.clone().detach()) * 0.4 + 0.5
}

fn options(stride: usize, padding: [usize; 4], groups: usize) -> ConvOptions {
    ConvOptions { stride: [stride; 2], padding, groups }
}

#[test]
fn convolutions_of_all_kinds() {
    // x, weight, stride, padding, groups.
    for (x, weight, stride, padding, groups) in [
        ([2, 5, 7, 3], [4, 3, 1, 1], 1, [0; 4], 1),
        ([1, 9, 6, 17], [33, 17, 1, 1], 2, [0; 4], 1),
        ([2, 7, 9, 16], [20, 16, 3, 3], 1, [1; 4], 1),
        ([1, 8, 11, 5], [32, 5, 3, 3], 2, [1; 4], 1),
        ([2, 13, 10, 3], [64, 3, 7, 7], 2, [3; 4], 1),
        ([1, 4, 4, 3], [6, 3, 3, 3], 2, [0, 0, 1, 1], 1),
        ([2, 6, 5, 24], [24, 1, 3, 3], 1, [1; 4], 24),
        ([1, 9, 8, 40], [40, 1, 5, 5], 2, [1, 1, 2, 2], 40),
        ([2, 6, 6, 8], [12, 4, 3, 3], 1, [1; 4], 2),
        ([3, 1, 1, 48], [12, 48, 1, 1], 1, [0; 4], 1),
        ([1, 5, 9, 4], [5, 4, 1, 3], 1, [0, 1, 0, 1], 1),
        ([2, 5, 9, 20], [33, 20, 1, 7], 1, [0, 3, 0, 3], 1),
        ([2, 9, 5, 33], [20, 33, 7, 1], 1, [3, 0, 3, 0], 1),
        ([1, 11, 10, 2], [3, 2, 3, 3], 3, [1; 4], 1),
        ([2, 33, 48, 3], [7, 3, 16, 16], 16, [0; 4], 1),
        ([1, 66, 40, 3], [5, 3, 32, 32], 32, [0; 4], 1),
        ([1, 30, 41, 4], [6, 4, 17, 17], 9, [2, 0, 3, 8], 1),
        ([1, 35, 34, 3], [4, 3, 8, 31], 7, [1; 4], 1),
        ([1, 34, 33, 4], [6, 2, 32, 32], 32, [0, 0, 31, 31], 2),
        ([2, 40, 36, 6], [6, 1, 21, 21], 13, [10; 4], 6),
    ] {
        let what = format!("{x:?} {weight:?} {stride} {padding:?} {groups}");
        let options = options(stride, padding, groups);
        let operation = |x: &[Tensor<4>]| conv2d(x[0].clone(), x[1].clone(), options);
        check(&what, &[learns(x), learns(weight)], &operation);
        check(&what, &[frozen(x), learns(weight)], &operation);
        check(&what, &[learns(x), frozen(weight)], &operation);
    }
}

const ACTIVATIONS: [Activation; 5] =
    [Activation::None, Activation::Relu, Activation::Relu6, Activation::Silu, Activation::Gelu];

#[test]
fn batch_norms_with_each_activation() {
    for dims in [[2, 5, 7, 3], [1, 4, 3, 33], [3, 9, 6, 16], [4, 1, 1, 5]] {
        let parameters = [1, 1, 1, dims[3]];
        for activation in ACTIVATIONS {
            let alone = |x: &[Tensor<4>]| {
                let (gamma, beta) = (vector(&x[1]), vector(&x[2]));
                batch_norm(x[0].clone(), gamma, beta, 1e-3, None, activation).out
            };
            let what = format!("{dims:?} {activation:?}");
            let inputs = [learns(dims), learns(parameters), learns(parameters)];
            check(&what, &inputs, &alone);
            check(&what, &[frozen(dims), inputs[1], inputs[2]], &alone);
            check(&what, &[inputs[0], frozen(parameters), inputs[2]], &alone);
            let summed = |x: &[Tensor<4>]| {
                let (gamma, beta, residual) = (vector(&x[1]), vector(&x[2]), Some(x[3].clone()));
                batch_norm(x[0].clone(), gamma, beta, 1e-3, residual, activation).out
            };
            let what = format!("{what} with a residual");
            check(&what, &[inputs[0], inputs[1], inputs[2], learns(dims)], &summed);
            check(&what, &[inputs[0], inputs[1], inputs[2], frozen(dims)], &summed);
            check(&what, &[frozen(dims), inputs[1], inputs[2], learns(dims)], &summed);
        }
    }
}

#[test]
fn layer_norms() {
    for dims in [[2, 5, 7, 3], [1, 4, 3, 33], [3, 1, 70, 16], [4, 1, 1, 1]] {
        let parameters = [1, 1, 1, dims[3]];
        let operation =
            |x: &[Tensor<4>]| layer_norm(x[0].clone(), vector(&x[1]), vector(&x[2]), 1e-3);
        let inputs = [learns(dims), learns(parameters), learns(parameters)];
        check(&format!("{dims:?}"), &inputs, &operation);
        let inputs = [frozen(dims), learns(parameters), frozen(parameters)];
        check(&format!("{dims:?} gamma alone"), &inputs, &operation);
        let inputs = [learns(dims), frozen(parameters), frozen(parameters)];
        check(&format!("{dims:?} input alone"), &inputs, &operation);
    }
}

#[test]
fn attention_of_tokens() {
    // Projected tokens, heads.
    for (dims, num_heads) in [([2, 1, 5, 12], 2), ([1, 4, 3, 99], 1), ([1, 1, 1, 24], 4)] {
        let whole = |x: &[Tensor<4>]| attention(x[0].clone(), num_heads, None);
        check(&format!("{dims:?}"), &[learns(dims)], &whole);
        let steps = |x: &[Tensor<4>]| {
            attention_mix(attention_weights(x[0].clone(), num_heads), x[0].clone())
        };
        check(&format!("{dims:?} in two steps"), &[learns(dims)], &steps);
        let weights = |x: &[Tensor<4>]| attention_weights(x[0].clone(), num_heads);
        check(&format!("{dims:?} weights"), &[learns(dims)], &weights);
        let tokens = dims[1] * dims[2];
        let map = [dims[0], num_heads, tokens, tokens];
        let mix = |x: &[Tensor<4>]| attention_mix(x[0].clone(), x[1].clone());
        check(&format!("{dims:?} mix"), &[learns(map), learns(dims)], &mix);
        check(&format!("{dims:?} weights alone"), &[learns(map), frozen(dims)], &mix);
        check(&format!("{dims:?} values alone"), &[frozen(map), learns(dims)], &mix);
    }
}

#[test]
fn attention_with_a_bias() {
    // Projected tokens, heads, images of the bias.
    for (dims, num_heads, images) in [([6, 2, 3, 12], 2, 3), ([4, 1, 17, 99], 1, 1)] {
        let whole = |x: &[Tensor<4>]| attention(x[0].clone(), num_heads, Some(x[1].clone()));
        let tokens = dims[1] * dims[2];
        let bias = [images, num_heads, tokens, tokens];
        check(&format!("{dims:?}"), &[learns(dims), learns(bias)], &whole);
        check(&format!("{dims:?} tokens alone"), &[learns(dims), frozen(bias)], &whole);
        check(&format!("{dims:?} bias alone"), &[frozen(dims), learns(bias)], &whole);
    }
}

#[test]
fn windows_and_back() {
    // Feature maps, side, shift.
    for (dims, side, shift) in [
        ([2, 14, 7, 3], 7, [3, 0]),
        ([1, 5, 9, 4], 4, [2, 2]),
        ([3, 6, 4, 2], 2, [0, 0]),
        ([1, 3, 2, 5], 7, [0, 0]),
    ] {
        let there = |x: &[Tensor<4>]| windows(x[0].clone(), side, shift);
        check(&format!("{dims:?} of {side}"), &[learns(dims)], &there);
        let [height, width] = [1, 2].map(|axis: usize| dims[axis].div_ceil(side));
        let parts = [dims[0] * height * width, side, side, dims[3]];
        let back = |x: &[Tensor<4>]| from_windows(x[0].clone(), [dims[1], dims[2]], shift);
        check(&format!("{dims:?} from {side}"), &[learns(parts)], &back);
        let x = Tensor::from_data(Numbers(5).data(dims), &Device::flex());
        let both = from_windows(windows(x.clone(), side, shift), [dims[1], dims[2]], shift);
        assert_eq!(values(both), values(x));
    }
}

#[test]
fn batch_norm_tells_mean_and_biased_variance() {
    // One channel 1, 2, 3, 6: mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5; the other constant.
    let data = TensorData::from([[[[1.0, 5.0], [2.0, 5.0]], [[3.0, 5.0], [6.0, 5.0_f32]]]]);
    for device in [Device::flex(), Device::flex().autodiff()] {
        let x = Tensor::<4>::from_data(data.clone(), &device);
        let ones = Tensor::<1>::ones([2], &device);
        let found = batch_norm(x, ones.clone(), ones, 1e-5, None, Activation::None);
        assert_close(&values(found.mean), &[3.0, 5.0], "mean");
        assert_close(&values(found.var), &[3.5, 0.0], "variance");
    }
}

#[test]
fn normalizations_with_given_statistics() {
    for dims in [[2, 5, 7, 3], [1, 4, 3, 33]] {
        let parameters = [1, 1, 1, dims[3]];
        for activation in [Activation::None, Activation::Relu, Activation::Silu, Activation::Gelu] {
            let normalization = |x: &[Tensor<4>]| Normalization {
                gamma: vector(&x[1]),
                beta: vector(&x[2]),
                mean: vector(&x[2]).detach(),
                var: variance(&x[1]),
                epsilon: 1e-3,
            };
            let alone = |x: &[Tensor<4>]| affine(x[0].clone(), normalization(x), None, activation);
            let what = format!("{dims:?} {activation:?}");
            let inputs = [learns(dims), learns(parameters), learns(parameters)];
            check(&what, &inputs, &alone);
            check(&what, &[inputs[0], frozen(parameters), frozen(parameters)], &alone);
            check(&what, &[frozen(dims), inputs[1], inputs[2]], &alone);
            let summed = |x: &[Tensor<4>]| {
                affine(x[0].clone(), normalization(x), Some(x[3].clone()), activation)
            };
            check(&what, &[inputs[0], inputs[1], inputs[2], learns(dims)], &summed);
        }
    }
}

#[test]
fn channels_are_scaled_image_by_image() {
    for dims in [[2, 5, 7, 3], [1, 4, 3, 33], [3, 1, 2, 16]] {
        let operation = |x: &[Tensor<4>]| {
            let [batch, _, _, channels] = x[1].dims();
            channel_scale(x[0].clone(), x[1].clone().reshape([batch, channels]))
        };
        let scale = [dims[0], 1, 1, dims[3]];
        check(&format!("{dims:?}"), &[learns(dims), learns(scale)], &operation);
        check(&format!("{dims:?}"), &[frozen(dims), learns(scale)], &operation);
        check(&format!("{dims:?}"), &[learns(dims), frozen(scale)], &operation);
    }
}

#[test]
fn pools() {
    for dims in [[2, 5, 7, 3], [1, 8, 6, 33], [3, 4, 4, 16]] {
        check(&format!("mean of {dims:?}"), &[learns(dims)], &|x| {
            global_avg_pool(x[0].clone()).unsqueeze()
        });
        for padding in [[1; 4], [0, 0, 1, 1], [1, 0, 1, 1]] {
            check(&format!("maximum of {dims:?} with {padding:?}"), &[learns(dims)], &|x| {
                max_pool(x[0].clone(), 3, 2, padding)
            });
        }
    }
}

#[test]
fn means_of_windows_count_padding_or_not() {
    for dims in [[2, 5, 7, 3], [1, 8, 6, 33], [3, 4, 4, 16], [1, 41, 3, 2]] {
        for (kernel_size, stride, padding) in [(2, 2, 0), (3, 1, 1), (3, 2, 1), (2, 3, 1)] {
            for counts_padding in [true, false] {
                let pool = AvgPool { kernel_size, stride, padding, counts_padding };
                check(&format!("{pool:?} of {dims:?}"), &[learns(dims)], &|x| {
                    avg_pool(x[0].clone(), pool)
                });
            }
        }
    }
}

#[test]
fn a_mean_of_a_corner_is_over_four_pixels_or_over_nine() {
    // Rows 1 2 3, 4 5 6, 7 8 9. Around the corner are 1, 2, 4, 5: 12 in all.
    let data = TensorData::new((1..=9).map(|one| one as f32).collect::<Vec<_>>(), [1, 3, 3, 1]);
    for (counts_padding, corner, weight) in [(true, 12.0 / 9.0, 1.0 / 9.0), (false, 3.0, 0.25)] {
        let x = Tensor::<4>::from_data(data.clone(), &Device::flex().autodiff()).require_grad();
        let pool = AvgPool { kernel_size: 3, stride: 2, padding: 1, counts_padding };
        let out = avg_pool(x.clone(), pool);
        let gradients = out.clone().sum().backward();
        assert_close(&values(out)[..1], &[corner], "corner");
        // The middle is in all four windows, a corner in one.
        let gradient = values(x.grad(&gradients).expect("a gradient"));
        assert_close(&[gradient[4], gradient[0]], &[4.0 * weight, weight], "gradient");
    }
}

#[test]
fn channels_stand_side_by_side() {
    for [dims, more] in [[[2, 5, 7, 3], [2, 5, 7, 1]], [[1, 40, 9, 32], [1, 40, 9, 17]]] {
        let operation = |x: &[Tensor<4>]| concat(x[0].clone(), x[1].clone());
        check("both learn", &[learns(dims), learns(more)], &operation);
        check("the second learns", &[frozen(dims), learns(more)], &operation);
        check("the first learns", &[learns(dims), frozen(more)], &operation);
    }
    let tensor = |data: [[[[f32; 2]; 1]; 2]; 1]| Tensor::<4>::from_data(data, &Device::flex());
    let both =
        concat(tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]]), tensor([[[[5.0, 6.0]], [[7.0, 8.0]]]]));
    assert_eq!(values(both), [1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0]);
}

#[test]
fn biases_with_each_activation() {
    let (x, weight) = ([2, 7, 9, 16], [20, 16, 3, 3]);
    let bias = [1, 1, 1, 20];
    for activation in ACTIVATIONS {
        let operation = |x: &[Tensor<4>]| {
            let options = options(1, [1; 4], 1);
            conv_bias(x[0].clone(), x[1].clone(), vector(&x[2]) * 3.0, options, activation)
        };
        let what = format!("{activation:?}");
        check(&what, &[learns(x), learns(weight), learns(bias)], &operation);
        check(&what, &[frozen(x), learns(weight), learns(bias)], &operation);
        check(&what, &[learns(x), frozen(weight), frozen(bias)], &operation);
        // Without a tape it is one pass, which gives the bits of the two.
        let [fused, apart] = [true, false].map(|is_fused| {
            let mut numbers = Numbers(3);
            let device = Device::flex();
            let [x, weight, bias] =
                [x, weight, bias].map(|dims| Tensor::<4>::from_data(numbers.data(dims), &device));
            let options = options(1, [1; 4], 1);
            values(match is_fused {
                true => conv_bias(x, weight, vector(&bias), options, activation),
                false => add_bias(conv2d(x, weight, options), vector(&bias), activation),
            })
        });
        assert_eq!(fused, apart, "{what}");
    }
}

#[test]
fn relu6_is_cut_at_both_ends_and_so_is_its_slope() {
    let x = Tensor::<4>::from_data([[[[-1.0, 0.5, 2.0, 7.0]]]], &Device::flex().autodiff());
    let x = x.require_grad();
    let bias = Tensor::from_data([0.0, 0.25, -2.0, 1.0], &x.device());
    let out = add_bias(x.clone(), bias, Activation::Relu6);
    let gradients = out.clone().sum().backward();
    assert_eq!(values(out), [0.0, 0.75, 0.0, 6.0]);
    // At 0 and at 6 the slope is 0, as in PyTorch.
    assert_eq!(values(x.grad(&gradients).expect("a gradient")), [0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn the_first_of_equal_maxima_gets_the_gradient() {
    let device = Device::flex().autodiff();
    let x = Tensor::<4>::ones([1, 2, 2, 1], &device).require_grad();
    let gradients = max_pool(x.clone(), 2, 2, [0; 4]).sum().backward();
    let gradient = x.grad(&gradients).expect("a gradient");
    assert_eq!(values(gradient), [1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn layers_in_a_row_whose_outputs_are_computed_again() {
    let same = options(1, [1; 4], 1);
    let inputs = [
        learns([2, 6, 5, 8]),
        learns([8, 8, 3, 3]),
        learns([1, 1, 1, 8]),
        learns([1, 1, 1, 8]),
        learns([2, 1, 1, 8]),
        learns([8, 8, 1, 1]),
    ];
    let network = |x: &[Tensor<4>]| {
        let normalized = |z: Tensor<4>, residual, activation| {
            batch_norm(z, vector(&x[2]), vector(&x[3]), 1e-3, residual, activation).out
        };
        let y = normalized(conv2d(x[0].clone(), x[1].clone(), same), None, Activation::Silu);
        let means = global_avg_pool(y.clone());
        let y = channel_scale(y, x[4].clone().reshape([2, 8]) + means);
        let y = conv2d(y, x[5].clone(), options(1, [0; 4], 1));
        // The same output twice: as a residual, and as what is convolved.
        let y = normalized(y, None, Activation::None);
        let z = conv2d(y.clone(), x[1].clone(), same);
        let y = normalized(z, Some(y), Activation::Relu);
        // And by one of Burn's operations.
        max_pool(y.clone() * y, 3, 2, [1; 4])
    };
    check("a network", &inputs, &network);
    let mut some = inputs;
    some[0].learns = false;
    some[1].learns = false;
    check("a network whose first convolution is frozen", &some, &network);
    some[2].learns = false;
    check("a network with a frozen scale", &some, &network);
}

#[test]
fn channels_first_views_are_taken_as_they_are() {
    let operation = |x: &[Tensor<4>]| {
        let x0 = x[0].clone().permute([0, 2, 3, 1]);
        let z = conv2d(x0.clone(), x[1].clone(), options(1, [1; 4], 1));
        let (gamma, beta) = (vector(&x[2]), vector(&x[3]));
        let y = batch_norm(z, gamma, beta, 1e-3, Some(x0), Activation::Relu).out;
        y.permute([0, 3, 1, 2])
    };
    let parameters = learns([1, 1, 1, 6]);
    check(
        "a view",
        &[learns([2, 6, 5, 4]), learns([6, 6, 3, 3]), parameters, parameters],
        &operation,
    );
}

/// The bits of an operation on a device without a tape, and on one with a tape.
fn on_both_devices(operation: impl Fn(&Device) -> Tensor<4>) -> [Vec<f64>; 2] {
    [Device::flex(), Device::flex().autodiff()].map(|device| values(operation(&device)))
}

#[test]
fn a_fused_convolution_gives_the_bits_of_the_layers_one_by_one() {
    for (kernel, groups) in [(1, 1), (3, 1), (3, 48)] {
        for activation in [Activation::None, Activation::Relu, Activation::Silu, Activation::Gelu] {
            let parts = |device: &Device| {
                let mut numbers = Numbers(3);
                let mut tensor = |dims| Tensor::<4>::from_data(numbers.data(dims), device);
                let x = tensor([2, 7, 9, 48]);
                let weight = tensor([48, 48 / groups, kernel, kernel]);
                let normalization = Normalization {
                    gamma: vector(&tensor([1, 1, 1, 48])),
                    beta: vector(&tensor([1, 1, 1, 48])),
                    mean: vector(&tensor([1, 1, 1, 48])),
                    var: variance(&tensor([1, 1, 1, 48])),
                    epsilon: 1e-5,
                };
                let residual = Some(tensor([2, 7, 9, 48]))
                    .filter(|_| !matches!(activation, Activation::Silu | Activation::Gelu));
                (x, weight, options(1, [kernel / 2; 4], groups), normalization, residual)
            };
            let fused = on_both_devices(|device| {
                let (x, weight, options, normalization, residual) = parts(device);
                conv_affine(x, weight, options, normalization, residual, activation)
            });
            let apart = on_both_devices(|device| {
                let (x, weight, options, normalization, residual) = parts(device);
                affine(conv2d(x, weight, options), normalization, residual, activation)
            });
            assert!(fused == apart, "{kernel} {groups} {activation:?}");
            assert!(fused[0] == fused[1], "{kernel} {groups} {activation:?}");
        }
    }
}

#[test]
fn gradients_multiply_what_their_forward_pass_did() {
    let gradients = |forward: Precision, backward: Precision| {
        let device = Device::flex().autodiff();
        let mut numbers = Numbers(7);
        let mut tensor = |dims| Tensor::<4>::from_data(numbers.data(dims), &device).require_grad();
        let [x, weight] = [tensor([2, 6, 5, 8]), tensor([4, 8, 3, 3])];
        let out =
            with_precision(forward, || conv2d(x.clone(), weight.clone(), options(1, [1; 4], 1)));
        let gradients = with_precision(backward, || out.powi_scalar(2).sum().backward());
        [x, weight].map(|leaf| values(leaf.grad(&gradients).expect("a gradient")))
    };
    let [exact, rounded] = [Precision::F32, Precision::Bf16].map(|p| gradients(p, p));
    assert_eq!(gradients(Precision::Bf16, Precision::F32), rounded);
    assert_eq!(gradients(Precision::F32, Precision::Bf16), exact);
    for (exact, rounded) in exact.iter().zip(&rounded) {
        let size =
            |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let distance = size(&mut exact.iter().zip(rounded).map(|(a, b)| a - b));
        // Products of numbers of 8 significant bits.
        let relative = distance / size(&mut exact.iter().copied());
        assert!((1e-4..1e-2).contains(&relative), "{relative}");
    }
}
