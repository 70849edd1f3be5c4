use dermx_kernels::cpu::{
    AttentionShape, WindowShape, attention_backward, attention_bias_backward, attention_forward,
    attention_mix_backward, attention_mix_forward, attention_weights_backward,
    attention_weights_forward, layer_norm_backward, layer_norm_forward, windows_backward,
    windows_forward,
};

use super::random::Random;
use super::{
    assert_close, cases, on_each_instruction_set, same_bits_with_all_vectors,
    same_bits_with_any_number_of_threads,
};

const EPSILON: f32 = 1e-3;

/// The normalised channels of a pixel, and 1 / sqrt(var + epsilon).
fn normalised(x: &[f32]) -> (Vec<f64>, f64) {
    let count = x.len() as f64;
    let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let var = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
    let inverse = 1.0 / (var + f64::from(EPSILON)).sqrt();
    (x.iter().map(|&x| (f64::from(x) - mean) * inverse).collect(), inverse)
}

#[test]
fn layer_normalization_equals_plain_loops() {
    on_each_instruction_set(|| {
        let mut random = Random(21);
        for _ in 0..cases(60) {
            let pixels = 1 + random.below(if cfg!(miri) { 5 } else { 200 });
            let channels = random.pick(&[1, 3, 15, 16, 17, 33, 96, 130]);
            let len = pixels * channels;
            let (x, grad_out) = (random.values(len), random.values(len));
            let (gamma, beta) = (random.values(channels), random.values(channels));
            let mut out = vec![f32::NAN; len];
            layer_norm_forward(&x, &gamma, &beta, EPSILON, &mut out);
            let mut grad_x = vec![f32::NAN; len];
            let (mut grad_gamma, mut grad_beta) =
                (vec![f32::NAN; channels], vec![f32::NAN; channels]);
            layer_norm_backward(
                &x,
                &gamma,
                EPSILON,
                &grad_out,
                &mut grad_x,
                &mut grad_gamma,
                &mut grad_beta,
            );

            let mut expected = Vec::with_capacity(len);
            let mut expected_x = Vec::with_capacity(len);
            let (mut expected_gamma, mut expected_beta) =
                (vec![0.0; channels], vec![0.0; channels]);
            for (x, grad) in x.chunks(channels).zip(grad_out.chunks(channels)) {
                let (normalised, inverse) = normalised(x);
                let inner: Vec<f64> =
                    grad.iter().zip(&gamma).map(|(g, w)| f64::from(*g) * f64::from(*w)).collect();
                let mean = inner.iter().sum::<f64>() / channels as f64;
                let product = inner.iter().zip(&normalised).map(|(g, n)| g * n).sum::<f64>()
                    / channels as f64;
                for c in 0..channels {
                    expected.push(normalised[c] * f64::from(gamma[c]) + f64::from(beta[c]));
                    expected_x.push(inverse * (inner[c] - mean - normalised[c] * product));
                    expected_gamma[c] += f64::from(grad[c]) * normalised[c];
                    expected_beta[c] += f64::from(grad[c]);
                }
            }
            let what = format!("{pixels} pixels of {channels} channels");
            assert_close(&out, &expected, 1e-5, &what);
            assert_close(&grad_x, &expected_x, 1e-4, &what);
            assert_close(&grad_gamma, &expected_gamma, 1e-4, &what);
            assert_close(&grad_beta, &expected_beta, 1e-5, &what);
        }
    });
}

/// Attention in `f64`: weights and output. A bias of none is 0.
fn attention(shape: &AttentionShape, projected: &[f64], bias: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let AttentionShape { batch, tokens, heads, head_channels } = *shape;
    let at = |image: usize, token: usize, part: usize, head: usize, channel: usize| {
        let row = (image * tokens + token) * 3 + part;
        projected[(row * heads + head) * head_channels + channel]
    };
    let (mut all_weights, mut out) = (Vec::new(), vec![0.0; shape.out_len()]);
    for image in 0..batch {
        for head in 0..heads {
            for token in 0..tokens {
                let score = |other: usize| -> f64 {
                    let product = |c| at(image, token, 0, head, c) * at(image, other, 1, head, c);
                    let sum = (0..head_channels).map(product).sum::<f64>();
                    let place = ((image * heads + head) * tokens + token) * tokens + other;
                    let bias = if bias.is_empty() { 0.0 } else { bias[place % bias.len()] };
                    sum / (head_channels as f64).sqrt() + bias
                };
                let exps: Vec<f64> = (0..tokens).map(|other| score(other).exp()).collect();
                let sum: f64 = exps.iter().sum();
                let weights: Vec<f64> = exps.into_iter().map(|one| one / sum).collect();
                for c in 0..head_channels {
                    let value = |(other, w): (usize, &f64)| w * at(image, other, 2, head, c);
                    out[((image * tokens + token) * heads + head) * head_channels + c] =
                        weights.iter().enumerate().map(value).sum();
                }
                all_weights.extend(weights);
            }
        }
    }
    (all_weights, out)
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

fn random_shape(random: &mut Random) -> AttentionShape {
    AttentionShape {
        batch: 1 + random.below(2),
        tokens: random.pick(if cfg!(miri) { &[1, 7] } else { &[1, 2, 7, 16, 33, 50] }),
        heads: 1 + random.below(3),
        head_channels: random.pick(&[1, 5, 16, 32, 33]),
    }
}

/// A bias of all images or of the first ones, or none.
fn random_bias(shape: &AttentionShape, random: &mut Random) -> Vec<f32> {
    let images = random.pick(&[0, 1, shape.batch]);
    random.values(images * shape.heads * shape.tokens * shape.tokens)
}

fn given(bias: &[f32]) -> Option<&[f32]> {
    (!bias.is_empty()).then_some(bias)
}

#[test]
fn a_bias_moves_shares_by_its_exponential() {
    // Of two tokens with equal scores each has half. A bias of ln 3 makes it 3 / 4 to 1 / 4, and one of
    // -100 leaves the other all. The first bias is that of the images 0 and 2, the second of 1 and 3.
    let shape = AttentionShape { batch: 4, tokens: 2, heads: 1, head_channels: 1 };
    let ln_3 = 3.0_f32.ln();
    let bias = [0.0, ln_3, 0.0, 0.0, ln_3, 0.0, -100.0, 0.0];
    // The value of the first token is 1, that of the second 0: what a token takes is its first share.
    let projected = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0].repeat(4);
    let (mut weights, mut out) = ([f32::NAN; 16], [f32::NAN; 8]);
    attention_forward(&shape, &projected, Some(&bias), &mut weights, &mut out);
    let [first, second] = [[0.25, 0.75, 0.5, 0.5], [0.75, 0.25, 0.0, 1.0]];
    assert_close(&weights, &[first, second, first, second].concat(), 1e-6, "weights");
    assert_close(&out, &[0.25, 0.5, 0.75, 0.0].repeat(2), 1e-6, "output");
    // By its own score a share p moves by p (1 - p): 3 / 16 with shares of 1 / 4 and 3 / 4, 1 / 4 with
    // halves, and nothing with 0 and 1. Each bias is of two images.
    let mut grads = [f32::NAN; 8];
    let (mut grad_projected, mut grad_scores) = ([f32::NAN; 24], [f32::NAN; 16]);
    let scores = Some(&mut grad_scores[..]);
    attention_backward(&shape, &projected, &weights, &[1.0; 8], &mut grad_projected, scores);
    attention_bias_backward(&shape, &grad_scores, &mut grads);
    let expected = [0.375, -0.375, 0.5, -0.5, 0.375, -0.375, 0.0, 0.0];
    assert_close(&grads, &expected, 1e-6, "gradient");
}

#[test]
fn attention_equals_plain_loops() {
    on_each_instruction_set(|| {
        let mut random = Random(22);
        for _ in 0..cases(60) {
            let shape = random_shape(&mut random);
            let projected: Vec<f32> =
                random.values(shape.projected_len()).iter().map(|value| 2.0 * value).collect();
            let mut weights = vec![f32::NAN; shape.weights_len()];
            let mut out = vec![f32::NAN; shape.out_len()];
            let bias = random_bias(&shape, &mut random);
            attention_forward(&shape, &projected, given(&bias), &mut weights, &mut out);
            let (expected_weights, expected) = attention(&shape, &wide(&projected), &wide(&bias));
            let what = format!("{shape:?}");
            assert_close(&weights, &expected_weights, 1e-5, &what);
            assert_close(&out, &expected, 1e-5, &what);
        }
    });
}

/// Weights, output, and the gradients of a weighted sum of the output for the projected tokens and the bias.
fn results(
    shape: &AttentionShape,
    projected: &[f32],
    bias: &[f32],
    grad_out: &[f32],
) -> [Vec<f32>; 4] {
    let unset = |len: usize| vec![f32::NAN; len];
    let (mut weights, mut out) = (unset(shape.weights_len()), unset(shape.out_len()));
    attention_forward(shape, projected, given(bias), &mut weights, &mut out);
    let (mut of_tokens, mut of_bias) = (unset(shape.projected_len()), unset(bias.len()));
    if bias.is_empty() {
        attention_backward(shape, projected, &weights, grad_out, &mut of_tokens, None);
    } else {
        let mut of_scores = unset(weights.len());
        let scores = Some(&mut of_scores[..]);
        attention_backward(shape, projected, &weights, grad_out, &mut of_tokens, scores);
        attention_bias_backward(shape, &of_scores, &mut of_bias);
    }
    [weights, out, of_tokens, of_bias]
}

/// The same in two steps, without a bias.
fn results_in_steps(shape: &AttentionShape, projected: &[f32], grad_out: &[f32]) -> [Vec<f32>; 4] {
    let unset = |len: usize| vec![f32::NAN; len];
    let (mut weights, mut out) = (unset(shape.weights_len()), unset(shape.out_len()));
    attention_weights_forward(shape, projected, &mut weights);
    attention_mix_forward(shape, &weights, projected, &mut out);
    let mut grad_weights = unset(weights.len());
    let [mut of_mix, mut of_weights] = [(); 2].map(|()| unset(projected.len()));
    attention_mix_backward(shape, &weights, projected, grad_out, &mut grad_weights, &mut of_mix);
    attention_weights_backward(shape, projected, &weights, &grad_weights, &mut of_weights);
    let of_tokens = of_mix.iter().zip(&of_weights).map(|(one, other)| one + other).collect();
    [weights, out, of_tokens, Vec::new()]
}

#[test]
fn two_steps_of_attention_are_the_whole() {
    on_each_instruction_set(|| {
        let mut random = Random(27);
        for _ in 0..cases(40) {
            let shape = random_shape(&mut random);
            let (projected, grad_out) =
                (random.values(shape.projected_len()), random.values(shape.out_len()));
            let whole = results(&shape, &projected, &[], &grad_out);
            assert_eq!(results_in_steps(&shape, &projected, &grad_out), whole, "{shape:?}");
        }
    });
}

#[test]
fn the_gradient_of_attention_is_its_slope() {
    on_each_instruction_set(|| {
        let mut random = Random(23);
        for _ in 0..cases(40) {
            let shape = random_shape(&mut random);
            let (projected, grad_out) =
                (random.values(shape.projected_len()), random.values(shape.out_len()));
            let bias = random_bias(&shape, &mut random);
            let [_, _, of_tokens, of_bias] = results(&shape, &projected, &bias, &grad_out);
            let found = [of_tokens, of_bias].concat();
            let inputs: Vec<f32> = projected.iter().chain(&bias).copied().collect();
            let output = |inputs: &[f64]| -> f64 {
                let (projected, bias) = inputs.split_at(projected.len());
                let (_, out) = attention(&shape, projected, bias);
                out.iter().zip(&grad_out).map(|(out, grad)| out * f64::from(*grad)).sum()
            };
            // Every number would take minutes.
            for at in 0..8 {
                let is_of_bias = at % 2 == 1 && !bias.is_empty();
                let idx = match is_of_bias {
                    true => projected.len() + random.below(bias.len()),
                    false => random.below(projected.len()),
                };
                let slope = |sign: f64| {
                    let mut moved = wide(&inputs);
                    moved[idx] += sign * 1e-5;
                    output(&moved)
                };
                let expected = (slope(1.0) - slope(-1.0)) / 2e-5;
                assert_close(&[found[idx]], &[expected], 1e-4, &format!("{shape:?} at {idx}"));
            }
        }
    });
}

#[test]
fn windows_by_hand() {
    // Two rows of three cells in windows of two. They are continued to four columns, and rolled by one
    // row and one column: 5 6 . 4 over 2 3 . 1.
    let shape = WindowShape { batch: 1, size: [2, 3], channels: 1, side: 2, shift: [1, 1] };
    let mut windows = [f32::NAN; 8];
    windows_forward(&shape, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &mut windows);
    assert_eq!(windows, [5.0, 6.0, 2.0, 3.0, 0.0, 4.0, 0.0, 1.0]);
    let mut maps = [f32::NAN; 6];
    windows_backward(&shape, &windows, &mut maps);
    assert_eq!(maps, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
}

#[test]
fn windows_hold_each_cell_once() {
    let mut random = Random(25);
    for _ in 0..cases(60) {
        let side = 1 + random.below(4);
        let shape = WindowShape {
            batch: 1 + random.below(2),
            size: [1 + random.below(9), 1 + random.below(9)],
            channels: random.pick(&[1, 3, 16]),
            side,
            shift: [random.below(side + 1), random.below(side + 1)],
        };
        let WindowShape { batch, size: [height, width], channels, .. } = shape;
        let maps = random.values(batch * height * width * channels);
        let mut windows = vec![f32::NAN; shape.num_windows() * side * side * channels];
        windows_forward(&shape, &maps, &mut windows);
        let sum = |values: &[f32]| values.iter().map(|value| f64::from(*value)).sum::<f64>();
        assert!((sum(&maps) - sum(&windows)).abs() < 1e-6, "{shape:?}");
        let mut back = vec![f32::NAN; maps.len()];
        windows_backward(&shape, &windows, &mut back);
        assert_eq!(back, maps, "{shape:?}");
    }
}

fn all_results() -> Vec<f32> {
    let mut random = Random(24);
    let shape = AttentionShape { batch: 2, tokens: 37, heads: 3, head_channels: 24 };
    let projected = random.values(shape.projected_len());
    let grad_out = random.values(shape.out_len());
    let bias = random.values(shape.heads * shape.tokens * shape.tokens);
    let mut all = results(&shape, &projected, &[], &grad_out).concat();
    all.extend(results(&shape, &projected, &bias, &grad_out).concat());

    let (pixels, channels) = (300, 41);
    let [x, grad] = [(); 2].map(|()| random.values(pixels * channels));
    let [gamma, beta] = [(); 2].map(|()| random.values(channels));
    let [mut out, mut grad_x] = [(); 2].map(|()| vec![0.0; x.len()]);
    let [mut grad_gamma, mut grad_beta] = [(); 2].map(|()| vec![0.0; channels]);
    layer_norm_forward(&x, &gamma, &beta, EPSILON, &mut out);
    layer_norm_backward(&x, &gamma, EPSILON, &grad, &mut grad_x, &mut grad_gamma, &mut grad_beta);
    all.extend(out.into_iter().chain(grad_x).chain(grad_gamma).chain(grad_beta));
    all
}

#[test]
#[cfg_attr(miri, ignore)]
fn neither_threads_nor_vectors_change_a_bit() {
    same_bits_with_any_number_of_threads(all_results);
    same_bits_with_all_vectors(all_results);
}
