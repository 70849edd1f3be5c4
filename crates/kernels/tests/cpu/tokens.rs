use dermx_kernels::cpu::{
    AttentionShape, attention_mix_backward, attention_mix_forward, attention_weights_backward,
    attention_weights_forward, layer_norm_backward, layer_norm_forward,
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

/// Attention in `f64`: weights and output.
fn attention(shape: &AttentionShape, projected: &[f64]) -> (Vec<f64>, Vec<f64>) {
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
                    (0..head_channels).map(product).sum::<f64>() / (head_channels as f64).sqrt()
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
            attention_weights_forward(&shape, &projected, &mut weights);
            attention_mix_forward(&shape, &weights, &projected, &mut out);
            let (expected_weights, expected) = attention(&shape, &wide(&projected));
            let what = format!("{shape:?}");
            assert_close(&weights, &expected_weights, 1e-5, &what);
            assert_close(&out, &expected, 1e-5, &what);
        }
    });
}

/// The gradient of a weighted sum of the output, all the way to the projected tokens.
fn gradient(shape: &AttentionShape, projected: &[f32], grad_out: &[f32]) -> Vec<f32> {
    let mut weights = vec![f32::NAN; shape.weights_len()];
    attention_weights_forward(shape, projected, &mut weights);
    let mut grad_weights = vec![f32::NAN; shape.weights_len()];
    let [mut of_mix, mut of_weights] = [(); 2].map(|()| vec![f32::NAN; shape.projected_len()]);
    attention_mix_backward(shape, &weights, projected, grad_out, &mut grad_weights, &mut of_mix);
    attention_weights_backward(shape, projected, &weights, &grad_weights, &mut of_weights);
    of_mix.iter().zip(&of_weights).map(|(one, other)| one + other).collect()
}

#[test]
fn the_gradient_of_attention_is_its_slope() {
    on_each_instruction_set(|| {
        let mut random = Random(23);
        for _ in 0..cases(40) {
            let shape = random_shape(&mut random);
            let (projected, grad_out) =
                (random.values(shape.projected_len()), random.values(shape.out_len()));
            let found = gradient(&shape, &projected, &grad_out);
            let output = |projected: &[f64]| -> f64 {
                let (_, out) = attention(&shape, projected);
                out.iter().zip(&grad_out).map(|(out, grad)| out * f64::from(*grad)).sum()
            };
            // Every number would take minutes.
            for _ in 0..6 {
                let idx = random.below(projected.len());
                let slope = |sign: f64| {
                    let mut moved = wide(&projected);
                    moved[idx] += sign * 1e-5;
                    output(&moved)
                };
                let expected = (slope(1.0) - slope(-1.0)) / 2e-5;
                assert_close(&[found[idx]], &[expected], 1e-4, &format!("{shape:?} at {idx}"));
            }
        }
    });
}

fn all_results() -> Vec<f32> {
    let mut random = Random(24);
    let shape = AttentionShape { batch: 2, tokens: 37, heads: 3, head_channels: 24 };
    let projected = random.values(shape.projected_len());
    let grad_out = random.values(shape.out_len());
    let mut all = gradient(&shape, &projected, &grad_out);
    let mut weights = vec![0.0; shape.weights_len()];
    attention_weights_forward(&shape, &projected, &mut weights);
    let mut out = vec![0.0; shape.out_len()];
    attention_mix_forward(&shape, &weights, &projected, &mut out);
    all.extend(weights.into_iter().chain(out));

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
