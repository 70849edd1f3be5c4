use dermx_kernels::cpu::{
    PoolShape, avg_pool_backward, avg_pool_forward, channel_scale_backward, channel_scale_forward,
    global_avg_pool_backward, global_avg_pool_forward, max_pool_backward, max_pool_forward,
};

use super::random::Random;
use super::{assert_close, cases, on_each_instruction_set, same_bits_with_any_number_of_threads};

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

#[test]
fn channel_scaling_and_average_pooling_equal_plain_loops() {
    on_each_instruction_set(|| {
        let mut random = Random(8);
        for _ in 0..cases(60) {
            let pixels = 1 + random.below(if cfg!(miri) { 9 } else { 400 });
            let batch = 1 + random.below(4);
            let channels = random.pick(&[1, 3, 7, 16, 17, 33, 48, 130]);
            let len = batch * pixels * channels;
            let of = |idx: usize| idx / (pixels * channels) * channels + idx % channels;
            let (x, grad_out) = (random.values(len), random.values(len));
            let scale = random.values(batch * channels);
            let mut out = vec![f32::NAN; len];
            let mut small = vec![f32::NAN; scale.len()];

            channel_scale_forward(&x, &scale, pixels, channels, &mut out);
            let product = |a: f32, b: f32| f64::from(a) * f64::from(b);
            let expected: Vec<f64> = (0..len).map(|i| product(x[i], scale[of(i)])).collect();
            assert_close(&out, &expected, 1e-6, "scaled");

            channel_scale_backward(&x, &scale, &grad_out, pixels, channels, &mut out, &mut small);
            let expected: Vec<f64> = (0..len).map(|i| product(grad_out[i], scale[of(i)])).collect();
            assert_close(&out, &expected, 1e-6, "gradient of x");
            let mut expected = vec![0.0; scale.len()];
            (0..len).for_each(|i| expected[of(i)] += product(x[i], grad_out[i]));
            assert_close(&small, &expected, 1e-5, "gradient of the scale");

            global_avg_pool_forward(&x, pixels, channels, &mut small);
            let mut expected = vec![0.0; scale.len()];
            (0..len).for_each(|i| expected[of(i)] += f64::from(x[i]) / pixels as f64);
            assert_close(&small, &expected, 1e-6, "mean");

            global_avg_pool_backward(&scale, pixels, channels, &mut out);
            let expected: Vec<f64> =
                (0..len).map(|i| f64::from(scale[of(i)]) / pixels as f64).collect();
            assert_close(&out, &expected, 1e-6, "gradient of the mean");
        }
    });
}

/// Input index of each window's first maximum.
fn maxima(shape: &PoolShape, x: &[f32]) -> Vec<usize> {
    let [height, width] = shape.out_size();
    let window = |idx: usize| {
        let (c, pixel) = (idx % shape.channels, idx / shape.channels);
        let (image, y, x0) = (pixel / (height * width), pixel / width % height, pixel % width);
        let mut best: Option<usize> = None;
        for tap in 0..shape.kernel_size * shape.kernel_size {
            let in_y = y * shape.stride + tap / shape.kernel_size;
            let in_x = x0 * shape.stride + tap % shape.kernel_size;
            let [top, left, ..] = shape.padding;
            let (in_y, in_x) = (in_y.wrapping_sub(top), in_x.wrapping_sub(left));
            if in_y < shape.in_size[0] && in_x < shape.in_size[1] {
                let at = ((image * shape.in_size[0] + in_y) * shape.in_size[1] + in_x)
                    * shape.channels
                    + c;
                if best.is_none_or(|best| x[at] > x[best] || x[at].is_nan()) {
                    best = Some(at);
                }
            }
        }
        best.unwrap()
    };
    (0..shape.out_len()).map(window).collect()
}

#[test]
fn max_pooling_equals_plain_loops_and_the_first_maximum_gets_the_gradient() {
    on_each_instruction_set(|| {
        let mut random = Random(9);
        for _ in 0..cases(80) {
            let kernel_size = random.pick(&[1, 2, 3, 3, 3, 4]);
            let shape = PoolShape {
                batch: 1 + random.below(3),
                in_size: [40, 12]
                    .map(|more| kernel_size + random.below(if cfg!(miri) { 3 } else { more })),
                channels: random.pick(&[1, 3, 7, 16, 17, 33, 64]),
                kernel_size,
                stride: random.pick(&[1, 2, 2, 3]),
                padding: [(); 4].map(|()| random.below(kernel_size / 2 + 1)),
            };
            // Few values, so that there are ties.
            let x: Vec<f32> =
                random.values(shape.in_len()).iter().map(|x| (x * 4.0).round()).collect();
            let grad_out = random.values(shape.out_len());
            let maxima = maxima(&shape, &x);

            let mut out = vec![f32::NAN; shape.out_len()];
            max_pool_forward(&shape, &x, &mut out);
            let expected: Vec<f64> = maxima.iter().map(|&at| f64::from(x[at])).collect();
            assert_close(&out, &expected, 0.0, &format!("{shape:?}"));

            let mut grad_in = vec![f32::NAN; x.len()];
            max_pool_backward(&shape, &x, &grad_out, &mut grad_in);
            let mut expected = vec![0.0; x.len()];
            for (&at, grad) in maxima.iter().zip(wide(&grad_out)) {
                expected[at] += grad;
            }
            assert_close(&grad_in, &expected, 1e-6, &format!("gradient of {shape:?}"));
        }
    });
}

#[test]
fn average_pooling_and_its_gradient_equal_plain_loops() {
    on_each_instruction_set(|| {
        let mut random = Random(11);
        for _ in 0..cases(80) {
            let kernel_size = random.pick(&[1, 2, 3, 4]);
            let shape = PoolShape {
                batch: 1 + random.below(3),
                in_size: [40, 12]
                    .map(|more| kernel_size + random.below(if cfg!(miri) { 3 } else { more })),
                channels: random.pick(&[1, 3, 16, 17, 33]),
                kernel_size,
                stride: random.pick(&[1, 2, 3]),
                padding: [(); 4].map(|()| random.below(kernel_size / 2 + 1)),
            };
            let counts_padding = random.below(2) == 0;
            let (x, grad_out) = (random.values(shape.in_len()), random.values(shape.out_len()));
            let [height, width] = shape.out_size();
            let (mut out, mut grad_in) = (vec![0.0; grad_out.len()], vec![0.0; x.len()]);
            // One allocation for all: with a fence around each, thousands take most of the test's time.
            let mut taps: Vec<usize> = Vec::new();
            for idx in 0..grad_out.len() {
                let (c, pixel) = (idx % shape.channels, idx / shape.channels);
                let (image, row, column) =
                    (pixel / (height * width), pixel / width % height, pixel % width);
                taps.clear();
                taps.extend((0..kernel_size * kernel_size).filter_map(|tap| {
                    let y =
                        (row * shape.stride + tap / kernel_size).checked_sub(shape.padding[0])?;
                    let x = (column * shape.stride + tap % kernel_size)
                        .checked_sub(shape.padding[1])?;
                    let pixel = (image * shape.in_size[0] + y) * shape.in_size[1] + x;
                    (y < shape.in_size[0] && x < shape.in_size[1])
                        .then_some(pixel * shape.channels + c)
                }));
                let count = if counts_padding { kernel_size.pow(2) } else { taps.len() } as f64;
                for &tap in &taps {
                    out[idx] += f64::from(x[tap]) / count;
                    grad_in[tap] += f64::from(grad_out[idx]) / count;
                }
            }
            let mut found = vec![f32::NAN; out.len()];
            avg_pool_forward(&shape, counts_padding, &x, &mut found);
            assert_close(&found, &out, 1e-6, &format!("{shape:?} {counts_padding}"));
            let mut found = vec![f32::NAN; x.len()];
            avg_pool_backward(&shape, counts_padding, &grad_out, &mut found);
            assert_close(&found, &grad_in, 1e-6, &format!("gradient of {shape:?}"));
        }
    });
}

#[test]
fn max_pooling_passes_on_what_is_not_a_number() {
    let shape = PoolShape {
        batch: 1,
        in_size: [3, 3],
        channels: 20,
        kernel_size: 3,
        stride: 2,
        padding: [1; 4],
    };
    on_each_instruction_set(|| {
        let mut x = vec![1.0; shape.in_len()];
        x[8 * 20 + 5] = f32::NAN;
        let mut out = vec![0.0; shape.out_len()];
        max_pool_forward(&shape, &x, &mut out);
        let found: Vec<usize> = (0..out.len()).filter(|&idx| out[idx].is_nan()).collect();
        assert_eq!(found, [3 * 20 + 5]);
    });
}

#[test]
#[cfg_attr(miri, ignore = "large")]
fn pooling_does_not_depend_on_the_number_of_threads() {
    let mut random = Random(10);
    let (x, grad_out) = (random.values(3 * 500 * 48), random.values(3 * 500 * 48));
    let scale = random.values(3 * 48);
    same_bits_with_any_number_of_threads(|| {
        let (mut grad_x, mut grad_scale) = (vec![0.0; x.len()], vec![0.0; scale.len()]);
        channel_scale_backward(&x, &scale, &grad_out, 500, 48, &mut grad_x, &mut grad_scale);
        let mut mean = vec![0.0; scale.len()];
        global_avg_pool_forward(&x, 500, 48, &mut mean);
        [grad_scale, mean].concat()
    });
}
