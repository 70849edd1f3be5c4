use dermx_kernels::cpu::{
    Activation, ConvShape, Epilogue, Precision, conv_backward_input, conv_backward_weight,
    conv_forward,
};

use half::bf16;

use super::random::Random;
use super::{
    assert_close, cases, normal, on_each_instruction_set, same_bits_with_all_vectors,
    same_bits_with_any_number_of_threads,
};

/// Visits (output index, input index, weight index) of every product of the convolution.
fn for_products(shape: &ConvShape, mut visit: impl FnMut(usize, usize, usize)) {
    let [out_height, out_width] = shape.out_size();
    let [kernel_height, kernel_width] = shape.kernel_size;
    let group_in = shape.in_channels / shape.groups;
    let group_out = shape.out_channels / shape.groups;
    for out_pixel in 0..shape.batch * out_height * out_width {
        let (image, y, x) = (
            out_pixel / (out_height * out_width),
            out_pixel / out_width % out_height,
            out_pixel % out_width,
        );
        for (kh, kw) in (0..kernel_height).flat_map(|kh| (0..kernel_width).map(move |kw| (kh, kw)))
        {
            let in_y = (y * shape.stride[0] + kh).wrapping_sub(shape.padding[0]);
            let in_x = (x * shape.stride[1] + kw).wrapping_sub(shape.padding[1]);
            if in_y >= shape.in_size[0] || in_x >= shape.in_size[1] {
                continue;
            }
            let in_pixel = (image * shape.in_size[0] + in_y) * shape.in_size[1] + in_x;
            for co in 0..shape.out_channels {
                for ci in 0..group_in {
                    visit(
                        out_pixel * shape.out_channels + co,
                        in_pixel * shape.in_channels + co / group_out * group_in + ci,
                        ((co * group_in + ci) * kernel_height + kh) * kernel_width + kw,
                    );
                }
            }
        }
    }
}

fn expected_forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    epilogue: &Epilogue<'_>,
) -> Vec<f64> {
    let mut out = vec![0.0; shape.out_len()];
    for_products(shape, |o, i, w| out[o] += f64::from(x[i]) * f64::from(weight[w]));
    for (idx, value) in out.iter_mut().enumerate() {
        let c = idx % shape.out_channels;
        let at = |slice: Option<&[f32]>, idx: usize, default: f64| {
            slice.map_or(default, |slice| f64::from(slice[idx]))
        };
        let z = *value * at(epilogue.scale, c, 1.0)
            + at(epilogue.shift, c, 0.0)
            + at(epilogue.residual, idx, 0.0);
        *value = match epilogue.activation {
            Activation::None => z,
            Activation::Relu => z.max(0.0),
            Activation::Relu6 => z.clamp(0.0, 6.0),
            Activation::Silu => z / (1.0 + (-z).exp()),
            Activation::Gelu => z * normal(z),
        };
    }
    out
}

fn random_shape(random: &mut Random) -> ConvShape {
    let channels: &[usize] =
        if cfg!(miri) { &[1, 3, 8, 9] } else { &[1, 3, 7, 8, 16, 17, 24, 33, 48, 64, 70] };
    let kernel = random.pick(if cfg!(miri) { &[1, 3] } else { &[1, 1, 3, 3, 5, 7] });
    let padding = || [0, 1, 2, kernel / 2, kernel / 2];
    let [in_channels, out_channels] = [random.pick(channels), random.pick(channels)];
    let in_size = [kernel + random.below(9), kernel + random.below(14)].map(|side| {
        // Miri takes a microsecond for each instruction.
        if cfg!(miri) { kernel + side % 4 } else { side }
    });
    let stride = random.pick(&[1, 1, 2, 2, 3]);
    let mut shape = ConvShape {
        batch: 1 + random.below(3),
        in_size,
        in_channels,
        out_channels,
        kernel_size: [kernel, random.pick(&[kernel, kernel, kernel, 1, 2])],
        stride: [stride, random.pick(&[stride, stride, stride, 1])],
        padding: std::array::from_fn(|_| random.pick(&padding())),
        groups: 1,
    };
    match random.below(4) {
        0 | 1 => {
            shape.groups = in_channels;
            shape.out_channels = in_channels;
        }
        2 if random.below(2) == 0 => {
            shape.groups = 2;
            shape.in_channels *= 2;
            shape.out_channels *= 2;
        }
        _ => {}
    }
    shape
}

/// Kernels of up to 32 x 32 with strides up to their sides, as patch embeddings have them, and few
/// channels.
fn random_patch_shape(random: &mut Random) -> ConvShape {
    let sides: &[usize] = if cfg!(miri) { &[9, 17] } else { &[8, 9, 13, 16, 17, 21, 22, 31, 32] };
    let kernel_size = [random.pick(sides), random.pick(sides)];
    let mut axis = |kernel: usize| {
        let stride = random.pick(&[kernel, kernel, kernel - 1, kernel / 2 + 1]);
        let side = kernel + random.pick(&[0, 1, stride - 1, stride, 2 * stride + 3]);
        (stride, if cfg!(miri) { kernel + 1 } else { side })
    };
    let [(down, height), (along, width)] = kernel_size.map(&mut axis);
    let in_channels = random.pick(&[1, 2, 3, 3, 4, 5]);
    let mut shape = ConvShape {
        batch: 1 + random.below(2),
        in_size: [height, width],
        in_channels,
        out_channels: if cfg!(miri) { 2 } else { random.pick(&[1, 6, 16, 19]) },
        kernel_size,
        stride: [down, along],
        padding: std::array::from_fn(|_| random.pick(&[0, 0, 0, 1, 8])),
        groups: 1,
    };
    match random.below(6) {
        0 => {
            shape.groups = in_channels;
            shape.out_channels = in_channels;
        }
        1 => {
            shape.groups = 2;
            shape.in_channels *= 2;
            shape.out_channels *= 2;
        }
        _ => {}
    }
    shape
}

#[test]
fn kernels_as_large_as_patches_equal_plain_loops() {
    on_each_instruction_set(|| {
        let mut random = Random(8);
        for _ in 0..cases(20) {
            let shape = random_patch_shape(&mut random);
            check(&shape, &mut random);
        }
    });
}

#[test]
#[cfg_attr(miri, ignore = "large")]
fn the_weight_gradient_of_a_patch_embedding_is_the_one_worked_out_by_hand() {
    // Two patches of 32 x 32 beside each other, x[y, x, c] = 200 y + 3 x + c, and gradients 2 and -1:
    // 2 (200 i + 3 j + c) - (200 i + 3 (j + 32) + c) = 200 i + 3 j + c - 96.
    let shape = ConvShape {
        batch: 1,
        in_size: [32, 64],
        in_channels: 3,
        out_channels: 1,
        kernel_size: [32, 32],
        stride: [32, 32],
        padding: [0; 4],
        groups: 1,
    };
    let x: Vec<f32> = (0..32 * 64 * 3)
        .map(|idx| (200 * (idx / 192) + 3 * (idx / 3 % 64) + idx % 3) as f32)
        .collect();
    let expected: Vec<f32> = (0..3 * 32 * 32)
        .map(|idx| (200 * (idx / 32 % 32) + 3 * (idx % 32) + idx / 1024) as f32 - 96.0)
        .collect();
    on_each_instruction_set(|| {
        let mut grad_weight = vec![f32::NAN; shape.weight_len()];
        conv_backward_weight(&shape, Precision::F32, &x, &[2.0, -1.0], &mut grad_weight);
        assert_eq!(grad_weight, expected);
    });
}

#[test]
fn convolution_and_gradients_equal_plain_loops() {
    on_each_instruction_set(|| {
        let mut random = Random(1);
        for _ in 0..cases(300) {
            let shape = random_shape(&mut random);
            check(&shape, &mut random);
        }
    });
}

#[test]
#[cfg_attr(miri, ignore = "large")]
fn network_layers_equal_plain_loops() {
    let shape = |in_size, channels: [usize; 2], kernel, stride, padding, groups| ConvShape {
        batch: 2,
        in_size,
        in_channels: channels[0],
        out_channels: channels[1],
        kernel_size: [kernel; 2],
        stride: [stride; 2],
        padding: [padding; 4],
        groups,
    };
    on_each_instruction_set(|| {
        let mut random = Random(2);
        for shape in [
            shape([30, 40], [3, 64], 7, 2, 3, 1),
            shape([31, 41], [3, 48], 3, 2, 1, 1),
            shape([19, 25], [64, 64], 3, 1, 1, 1),
            shape([19, 25], [64, 256], 1, 1, 0, 1),
            shape([19, 25], [256, 128], 1, 2, 0, 1),
            shape([19, 25], [96, 96], 3, 2, 1, 1),
            shape([10, 13], [512, 48], 3, 1, 1, 1),
            shape([10, 13], [272, 448], 1, 1, 0, 1),
            shape([38, 50], [144, 144], 5, 2, 2, 144),
            shape([10, 13], [336, 336], 5, 1, 2, 336),
            shape([10, 13], [336, 336], 3, 1, 1, 336),
            shape([1, 1], [1792, 7], 1, 1, 0, 1),
        ] {
            check(&shape, &mut random);
        }
    });
}

/// Kernels of a row or a column, as the Inceptions have them: rows of few input channels are read as one tap.
#[test]
fn kernels_of_a_row_or_a_column_equal_plain_loops() {
    let channels: &[[usize; 2]] =
        if cfg!(miri) { &[[3, 5]] } else { &[[3, 20], [48, 64], [33, 70]] };
    let in_size = if cfg!(miri) { [4, 3] } else { [13, 10] };
    on_each_instruction_set(|| {
        let mut random = Random(9);
        for &[in_channels, out_channels] in channels {
            for (kernel_size, padding) in [
                ([1, 7], [0, 3, 0, 3]),
                ([7, 1], [3, 0, 3, 0]),
                ([1, 3], [0, 1, 0, 1]),
                ([3, 1], [1, 0, 1, 0]),
                ([1, 3], [0; 4]),
                ([3, 1], [0; 4]),
            ] {
                let shape = ConvShape {
                    batch: 2,
                    in_size,
                    in_channels,
                    out_channels,
                    kernel_size,
                    stride: [1, 1],
                    padding,
                    groups: 1,
                };
                check(&shape, &mut random);
            }
        }
    });
}

/// The kernels read these rows from a copy.
#[test]
#[cfg_attr(miri, ignore = "large")]
fn pixels_a_page_apart_equal_plain_loops() {
    on_each_instruction_set(|| {
        let mut random = Random(7);
        for (in_channels, stride) in [(2048, 1), (512, 2)] {
            let shape = ConvShape {
                batch: 1,
                in_size: [7, 9],
                in_channels,
                out_channels: 40,
                kernel_size: [1, 1],
                stride: [stride; 2],
                padding: [0; 4],
                groups: 1,
            };
            check(&shape, &mut random);
        }
    });
}

#[test]
fn a_kernel_larger_than_the_image_gives_no_output() {
    let shape = ConvShape {
        batch: 1,
        in_size: [2, 2],
        in_channels: 3,
        out_channels: 4,
        kernel_size: [3, 3],
        stride: [1, 1],
        padding: [0; 4],
        groups: 1,
    };
    let (x, weight) = (vec![1.0; shape.in_len()], vec![1.0; shape.weight_len()]);
    conv_forward(&shape, Precision::F32, &x, &weight, &Epilogue::default(), &mut []);
    let mut grad_in = vec![f32::NAN; x.len()];
    conv_backward_input(&shape, Precision::F32, &weight, &[], &mut grad_in);
    let mut grad_weight = vec![f32::NAN; weight.len()];
    conv_backward_weight(&shape, Precision::F32, &x, &[], &mut grad_weight);
    assert!(grad_in.iter().chain(&grad_weight).all(|grad| *grad == 0.0));
}

fn check(shape: &ConvShape, random: &mut Random) {
    for precision in [Precision::F32, Precision::Bf16] {
        check_in(shape, precision, random);
    }
}

/// `values` as a convolution multiplies them.
fn rounded(values: &[f32], shape: &ConvShape, precision: Precision) -> Vec<f32> {
    let is_depthwise =
        shape.groups > 1 && shape.groups == shape.in_channels && shape.groups == shape.out_channels;
    let is_stem = shape.groups == 1 && shape.in_channels <= 4 && shape.kernel_size[1] > 1;
    match precision {
        Precision::Bf16 if !is_depthwise && !is_stem => {
            values.iter().map(|value| bf16::from_f32(*value).to_f32()).collect()
        }
        _ => values.to_vec(),
    }
}

fn check_in(shape: &ConvShape, precision: Precision, random: &mut Random) {
    let (x, weight) = (random.values(shape.in_len()), random.values(shape.weight_len()));
    let grad_out = random.values(shape.out_len());
    let [scale, shift] = [(); 2].map(|()| random.values(shape.out_channels));
    let residual = random.values(shape.out_len());
    let epilogue = Epilogue {
        scale: random.pick(&[None, Some(&scale[..])]),
        shift: random.pick(&[None, Some(&shift[..])]),
        residual: random.pick(&[None, Some(&residual[..])]),
        activation: random.pick(&[
            Activation::None,
            Activation::Relu,
            Activation::Relu6,
            Activation::Silu,
            Activation::Gelu,
        ]),
    };

    // Rounding errors of a sum of n products of numbers up to 1.
    let tolerance = |products: usize| 1e-5 + 2e-6 * (products as f64).sqrt();
    let taps = shape.kernel_size[0] * shape.kernel_size[1];
    let mut out = vec![f32::NAN; shape.out_len()];
    conv_forward(shape, precision, &x, &weight, &epilogue, &mut out);
    let [rounded_x, rounded_weight, rounded_grad] =
        [&x, &weight, &grad_out].map(|values| rounded(values, shape, precision));
    let expected = expected_forward(shape, &rounded_x, &rounded_weight, &epilogue);
    assert_close(
        &out,
        &expected,
        tolerance(taps * shape.in_channels / shape.groups),
        &format!("output of {shape:?} in {precision:?}"),
    );

    let mut grad_in = vec![f32::NAN; x.len()];
    conv_backward_input(shape, precision, &weight, &grad_out, &mut grad_in);
    let mut expected = vec![0.0; x.len()];
    for_products(shape, |o, i, w| {
        expected[i] += f64::from(rounded_grad[o]) * f64::from(rounded_weight[w]);
    });
    assert_close(
        &grad_in,
        &expected,
        tolerance(taps * shape.out_channels / shape.groups),
        &format!("input gradient of {shape:?} in {precision:?}"),
    );

    let mut grad_weight = vec![f32::NAN; weight.len()];
    conv_backward_weight(shape, precision, &x, &grad_out, &mut grad_weight);
    let mut expected = vec![0.0; weight.len()];
    for_products(shape, |o, i, w| {
        expected[w] += f64::from(rounded_grad[o]) * f64::from(rounded_x[i]);
    });
    assert_close(
        &grad_weight,
        &expected,
        tolerance(shape.out_len() / shape.out_channels),
        &format!("weight gradient of {shape:?} in {precision:?}"),
    );
}

#[test]
fn convolution_does_not_depend_on_the_number_of_threads_nor_the_width_of_vectors() {
    let mut random = Random(3);
    for idx in 0..cases(40) {
        let mut shape = match idx % 8 {
            3 => random_patch_shape(&mut random),
            _ => random_shape(&mut random),
        };
        shape.in_size = shape.in_size.map(|side| side + if cfg!(miri) { 1 } else { 12 });
        let (x, weight) = (random.values(shape.in_len()), random.values(shape.weight_len()));
        let grad_out = random.values(shape.out_len());
        let activation = Activation::Silu;
        let precision = random.pick(&[Precision::F32, Precision::Bf16]);
        let run = || {
            let mut out = vec![0.0; shape.out_len()];
            let epilogue = Epilogue { activation, ..Epilogue::default() };
            conv_forward(&shape, precision, &x, &weight, &epilogue, &mut out);
            let mut grad_in = vec![0.0; x.len()];
            conv_backward_input(&shape, precision, &weight, &grad_out, &mut grad_in);
            let mut grad_weight = vec![0.0; weight.len()];
            conv_backward_weight(&shape, precision, &x, &grad_out, &mut grad_weight);
            [out, grad_in, grad_weight].concat()
        };
        same_bits_with_all_vectors(run);
        if idx < 12 {
            same_bits_with_any_number_of_threads(run);
        }
    }
}

/// 3 × 3 kernels of stride 1 with enough channels for minimal filtering; sides that tiles of 4 × 4 fill
/// well, and sides that they do not.
fn random_filtered_shape(random: &mut Random) -> ConvShape {
    let channels: &[usize] = if cfg!(miri) { &[32, 33] } else { &[32, 33, 40, 47, 48, 64, 70] };
    let sides: &[usize] = if cfg!(miri) { &[1, 2] } else { &[1, 3, 4, 5, 7, 8, 9, 14, 16, 23] };
    ConvShape {
        batch: if cfg!(miri) { 1 } else { 1 + random.below(3) },
        in_size: [random.pick(sides), random.pick(sides)].map(|side| side + 2),
        in_channels: random.pick(channels),
        out_channels: random.pick(channels),
        kernel_size: [3, 3],
        stride: [1, 1],
        padding: std::array::from_fn(|_| random.pick(&[0, 1, 1, 2])),
        groups: 1,
    }
}

#[test]
fn minimal_filtering_equals_plain_loops() {
    on_each_instruction_set(|| {
        let mut random = Random(4);
        for _ in 0..cases(60) {
            let shape = random_filtered_shape(&mut random);
            check_in(&shape, Precision::F32, &mut random);
        }
        if !cfg!(miri) {
            // More tiles than the gradient of the weights takes at a time.
            let shape = ConvShape {
                batch: 2,
                in_size: [60, 70],
                in_channels: 32,
                out_channels: 33,
                padding: [1; 4],
                ..random_filtered_shape(&mut random)
            };
            check_in(&shape, Precision::F32, &mut random);
        }
    });
}

#[test]
#[cfg_attr(miri, ignore = "large")]
fn minimal_filtering_does_not_depend_on_threads_vectors_or_other_images() {
    let mut random = Random(5);
    for _ in 0..12 {
        let shape = ConvShape { batch: 3, ..random_filtered_shape(&mut random) };
        let (x, weight) = (random.values(shape.in_len()), random.values(shape.weight_len()));
        let grad_out = random.values(shape.out_len());
        let run = |shape: &ConvShape, x: &[f32], grad_out: &[f32]| {
            let mut out = vec![0.0; shape.out_len()];
            conv_forward(shape, Precision::F32, x, &weight, &Epilogue::default(), &mut out);
            let mut grad_in = vec![0.0; shape.in_len()];
            conv_backward_input(shape, Precision::F32, &weight, grad_out, &mut grad_in);
            let mut grad_weight = vec![0.0; weight.len()];
            conv_backward_weight(shape, Precision::F32, x, grad_out, &mut grad_weight);
            [out, grad_in, grad_weight]
        };
        let of_batch = || run(&shape, &x, &grad_out).concat();
        same_bits_with_all_vectors(of_batch);
        same_bits_with_any_number_of_threads(of_batch);
        let [out, grad_in, _] = run(&shape, &x, &grad_out);
        let alone = ConvShape { batch: 1, ..shape };
        let (x, grad_out) = (&x[2 * alone.in_len()..], &grad_out[2 * alone.out_len()..]);
        let [out_alone, grad_in_alone, _] = run(&alone, x, grad_out);
        assert!(out_alone == out[2 * alone.out_len()..], "{shape:?}");
        assert!(grad_in_alone == grad_in[2 * alone.in_len()..], "{shape:?}");
    }
}

/// Root mean square of the error over that of the expected values.
fn relative_error(found: &[f32], expected: &[f64]) -> f64 {
    let pairs = found.iter().zip(expected);
    let errors: f64 = pairs.map(|(found, expected)| (f64::from(*found) - expected).powi(2)).sum();
    (errors / expected.iter().map(|value| value * value).sum::<f64>()).sqrt()
}

/// Of the outputs, and of the gradient of the weights.
fn errors(shape: &ConvShape, x: &[f32], weight: &[f32], grad_out: &[f32]) -> [f64; 2] {
    let mut out = vec![0.0; shape.out_len()];
    conv_forward(shape, Precision::F32, x, weight, &Epilogue::default(), &mut out);
    let expected = expected_forward(shape, x, weight, &Epilogue::default());
    let of_outputs = relative_error(&out, &expected);
    let mut grad_weight = vec![0.0; shape.weight_len()];
    conv_backward_weight(shape, Precision::F32, x, grad_out, &mut grad_weight);
    let mut expected = vec![0.0; shape.weight_len()];
    for_products(shape, |o, i, w| expected[w] += f64::from(grad_out[o]) * f64::from(x[i]));
    [of_outputs, relative_error(&grad_weight, &expected)]
}

/// As the kernel's documentation has it, of inputs as a ReLU leaves them.
#[test]
#[cfg_attr(miri, ignore = "large")]
fn errors_of_minimal_filtering_are_near_those_of_sums() {
    let mut random = Random(6);
    let shape = |channels, in_size, groups| ConvShape {
        batch: 1,
        in_size,
        in_channels: channels,
        out_channels: channels,
        kernel_size: [3, 3],
        stride: [1, 1],
        padding: [1; 4],
        groups,
    };
    let mut of = |shape: &ConvShape| {
        let x: Vec<f32> =
            random.values(shape.in_len()).iter().map(|value| value.max(0.0)).collect();
        let (weight, grad_out) =
            (random.values(shape.weight_len()), random.values(shape.out_len()));
        errors(shape, &x, &weight, &grad_out)
    };
    // Groups are convolved directly. Tiles of 4 x 4 would stand out far over the border of narrow images.
    let direct = of(&shape(256, [32, 32], 2));
    let [four, two] = [of(&shape(128, [32, 32], 1)), of(&shape(128, [130, 2], 1))];
    for (idx, what, limit_of_two, limit_of_four) in
        [(0, "outputs", 1.2, 2.5), (1, "weights", 3.0, 4.0)]
    {
        let [direct, two, four] = [direct, two, four].map(|errors| errors[idx]);
        println!("{what}: direct {direct:.1e}, tiles of 2 x 2 {two:.1e}, of 4 x 4 {four:.1e}");
        let is_near = two <= limit_of_two * direct && four <= limit_of_four * direct;
        assert!(is_near && two < four, "{what}: {direct:e} {two:e} {four:e}");
    }
}
