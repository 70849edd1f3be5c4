use dermx_kernels::cpu::{
    Activation, Norm, affine_backward, affine_forward, batch_norm_backward, batch_norm_forward,
};

use super::random::Random;
use super::{
    assert_close, cases, normal, on_each_instruction_set, same_bits_with_all_vectors,
    same_bits_with_any_number_of_threads,
};

const EPSILON: f32 = 1e-5;

struct Case {
    pixels: usize,
    channels: usize,
    activation: Activation,
    x: Vec<f32>,
    residual: Option<Vec<f32>>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    mean: Vec<f32>,
    var: Vec<f32>,
    grad_out: Vec<f32>,
}

impl Case {
    fn new(random: &mut Random, pixels: usize, channels: usize) -> Self {
        let activations = [
            Activation::None,
            Activation::Relu,
            Activation::Relu6,
            Activation::Silu,
            Activation::Gelu,
        ];
        let activation = random.pick(&activations);
        let takes_residual = matches!(activation, Activation::None | Activation::Relu);
        let with_residual = takes_residual && random.below(2) == 0;
        let len = pixels * channels;
        Self {
            pixels,
            channels,
            activation,
            x: random.values(len).iter().map(|value| 3.0 * value + 0.5).collect(),
            residual: with_residual.then(|| random.values(len)),
            gamma: random.values(channels),
            beta: random.values(channels),
            mean: random.values(channels),
            var: random.values(channels).iter().map(|value| value + 1.5).collect(),
            grad_out: random.values(len),
        }
    }

    fn norm(&self) -> Norm<'_> {
        Norm { gamma: &self.gamma, beta: &self.beta, epsilon: EPSILON, activation: self.activation }
    }

    /// Mean and biased variance of each channel of `x`.
    fn statistics(&self) -> (Vec<f64>, Vec<f64>) {
        let channel = |c: usize| {
            let values: Vec<f64> =
                self.x[c..].iter().step_by(self.channels).map(|value| f64::from(*value)).collect();
            let mean = values.iter().sum::<f64>() / self.pixels as f64;
            let squares = values.iter().map(|value| (value - mean).powi(2));
            (mean, squares.sum::<f64>() / self.pixels as f64)
        };
        (0..self.channels).map(channel).unzip()
    }

    fn running(&self) -> (Vec<f64>, Vec<f64>) {
        let wide = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect();
        (wide(&self.mean), wide(&self.var))
    }

    fn expected_forward(&self, (mean, var): &(Vec<f64>, Vec<f64>)) -> Vec<f64> {
        let value = |idx: usize| {
            let z = self.normalised(idx, mean, var) * f64::from(self.gamma[idx % self.channels])
                + f64::from(self.beta[idx % self.channels])
                + self.residual.as_ref().map_or(0.0, |residual| f64::from(residual[idx]));
            match self.activation {
                Activation::None => z,
                Activation::Relu => z.max(0.0),
                Activation::Relu6 => z.clamp(0.0, 6.0),
                Activation::Silu => z / (1.0 + (-z).exp()),
                Activation::Gelu => z * normal(z),
            }
        };
        (0..self.x.len()).map(value).collect()
    }

    fn normalised(&self, idx: usize, mean: &[f64], var: &[f64]) -> f64 {
        let c = idx % self.channels;
        (f64::from(self.x[idx]) - mean[c]) / (var[c] + f64::from(EPSILON)).sqrt()
    }

    /// Gradients of x, residual, gamma and beta.
    fn expected_backward(
        &self,
        (mean, var): &(Vec<f64>, Vec<f64>),
        of_batch: bool,
    ) -> [Vec<f64>; 4] {
        let slope = |idx: usize| {
            let z = self.normalised(idx, mean, var) * f64::from(self.gamma[idx % self.channels])
                + f64::from(self.beta[idx % self.channels])
                + self.residual.as_ref().map_or(0.0, |residual| f64::from(residual[idx]));
            let sigmoid = 1.0 / (1.0 + (-z).exp());
            match self.activation {
                Activation::None => 1.0,
                Activation::Relu => f64::from(u8::from(z > 0.0)),
                Activation::Relu6 => f64::from(u8::from(z > 0.0 && z < 6.0)),
                Activation::Silu => sigmoid * (1.0 + z * (1.0 - sigmoid)),
                Activation::Gelu => {
                    normal(z) + z * (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
                }
            }
        };
        let grad: Vec<f64> =
            (0..self.x.len()).map(|idx| f64::from(self.grad_out[idx]) * slope(idx)).collect();
        let (mut gamma, mut beta) = (vec![0.0; self.channels], vec![0.0; self.channels]);
        for (idx, grad) in grad.iter().enumerate() {
            gamma[idx % self.channels] += grad * self.normalised(idx, mean, var);
            beta[idx % self.channels] += grad;
        }
        let grad_x = |idx: usize| {
            let c = idx % self.channels;
            let mut value = grad[idx];
            if of_batch {
                let pixels = self.pixels as f64;
                value -= (beta[c] + self.normalised(idx, mean, var) * gamma[c]) / pixels;
            }
            value * f64::from(self.gamma[c]) / (var[c] + f64::from(EPSILON)).sqrt()
        };
        [(0..self.x.len()).map(grad_x).collect(), grad, gamma, beta]
    }

    /// Output, mean, variance, and gradients of x, residual, gamma and beta.
    fn run(&self, of_batch: bool) -> [Vec<f32>; 7] {
        let norm = self.norm();
        let mut out = vec![f32::NAN; self.x.len()];
        let (mut mean, mut var) = (self.mean.clone(), self.var.clone());
        let residual = self.residual.as_deref();
        let (mut grad_x, mut grad_residual) = (out.clone(), out.clone());
        let (mut gamma, mut beta) = (mean.clone(), mean.clone());
        if of_batch {
            batch_norm_forward(&norm, &self.x, residual, &mut out, &mut mean, &mut var);
        } else {
            affine_forward(&norm, &mean, &var, &self.x, residual, &mut out);
        }
        let forward = residual.is_some().then_some(&out[..]);
        let wanted = residual.is_some().then_some(&mut grad_residual[..]);
        let backward = if of_batch { batch_norm_backward } else { affine_backward_like_batch };
        backward(
            &norm,
            &self.x,
            &mean,
            &var,
            forward,
            &self.grad_out,
            &mut grad_x,
            wanted,
            &mut gamma,
            &mut beta,
        );
        [out, mean, var, grad_x, grad_residual, gamma, beta]
    }
}

/// [`affine_backward`] with its slices in the order of [`batch_norm_backward`].
#[allow(clippy::too_many_arguments, reason = "one slice for each tensor")]
fn affine_backward_like_batch(
    norm: &Norm<'_>,
    x: &[f32],
    mean: &[f32],
    var: &[f32],
    out: Option<&[f32]>,
    grad_out: &[f32],
    grad_x: &mut [f32],
    grad_residual: Option<&mut [f32]>,
    gamma: &mut [f32],
    beta: &mut [f32],
) {
    affine_backward(norm, mean, var, x, out, grad_out, grad_x, grad_residual, gamma, beta);
}

#[test]
fn normalisation_and_gradients_equal_plain_loops() {
    on_each_instruction_set(|| {
        let mut random = Random(4);
        for _ in 0..cases(150) {
            let channels: &[usize] =
                if cfg!(miri) { &[3, 17] } else { &[1, 3, 7, 16, 17, 33, 48, 64, 130, 300] };
            let pixels: &[usize] = if cfg!(miri) { &[5, 31] } else { &[1, 2, 5, 31, 130, 1040] };
            let (channels, pixels) = (random.pick(channels), random.pick(pixels) + random.below(3));
            let case = Case::new(&mut random, pixels, channels);
            check(&case, true);
            check(&case, false);
        }
    });
}

fn check(case: &Case, of_batch: bool) {
    let what = |slice: &str| {
        format!(
            "{slice} ({} pixels, {} channels, {:?}, residual {}, batch {of_batch})",
            case.pixels,
            case.channels,
            case.activation,
            case.residual.is_some()
        )
    };
    let [out, mean, var, grad_x, grad_residual, gamma, beta] = case.run(of_batch);
    let statistics = if of_batch { case.statistics() } else { case.running() };
    assert_close(&mean, &statistics.0, 1e-6, &what("mean"));
    assert_close(&var, &statistics.1, 1e-5, &what("variance"));
    // One or two pixels have next to no variance, and what is divided by it is all rounding error.
    let tolerance = if of_batch && case.pixels < 5 { 0.05 } else { 2e-5 };
    assert_close(&out, &case.expected_forward(&statistics), tolerance, &what("output"));
    let expected = case.expected_backward(&statistics, of_batch);
    if of_batch && case.pixels < 5 {
        return;
    }
    assert_close(&grad_x, &expected[0], tolerance, &what("gradient of x"));
    if case.residual.is_some() {
        assert_close(&grad_residual, &expected[1], tolerance, &what("gradient of the residual"));
    }
    assert_close(&gamma, &expected[2], 1e-4, &what("gradient of gamma"));
    assert_close(&beta, &expected[3], 1e-4, &what("gradient of beta"));
}

#[test]
#[cfg_attr(miri, ignore = "large")]
fn a_large_mean_does_not_drown_the_variance() {
    on_each_instruction_set(|| {
        let mut random = Random(5);
        let mut case = Case::new(&mut random, 5000, 20);
        for value in &mut case.x {
            *value += 1000.0;
        }
        let [_, mean, var, ..] = case.run(true);
        let statistics = case.statistics();
        assert_close(&mean, &statistics.0, 1e-6, "mean");
        assert_close(&var, &statistics.1, 1e-5, "variance");
    });
}

/// One number of a case: of `x`, of the residual, of gamma or of beta.
fn number(case: &mut Case, slice: usize, idx: usize) -> Option<&mut f32> {
    match slice {
        0 => case.x.get_mut(idx),
        1 => case.residual.as_mut()?.get_mut(idx),
        2 => case.gamma.get_mut(idx),
        _ => case.beta.get_mut(idx),
    }
}

/// d(grad_out · out) by central differences, with all that is fused into the pass.
#[test]
#[cfg_attr(miri, ignore = "large")]
fn gradients_are_the_slopes_of_finite_differences() {
    on_each_instruction_set(|| {
        let mut random = Random(6);
        for (activation, has_residual) in [
            (Activation::Silu, false),
            (Activation::Relu, false),
            (Activation::Relu, true),
            (Activation::None, true),
        ] {
            for of_batch in [true, false] {
                let mut case = Case::new(&mut random, 40, 19);
                case.activation = activation;
                case.residual = has_residual.then(|| random.values(40 * 19));
                check_slopes(&mut case, of_batch);
            }
        }
    });
}

fn check_slopes(case: &mut Case, of_batch: bool) {
    let [_, _, _, grad_x, grad_residual, gamma, beta] = case.run(of_batch);
    let out = |case: &Case| {
        let statistics = if of_batch { case.statistics() } else { case.running() };
        case.expected_forward(&statistics)
    };
    for (slice, gradient) in [grad_x, grad_residual, gamma, beta].iter().enumerate() {
        let mut num_checked = 0;
        for (idx, gradient) in gradient.iter().enumerate().step_by(17) {
            let Some(&mut middle) = number(case, slice, idx) else { continue };
            let step = 1.0 / 256.0;
            let mut moved = |by: f32| {
                *number(case, slice, idx).expect("as above") = middle + by;
                out(case)
            };
            let [above, below] = [step, -step].map(&mut moved);
            moved(0.0);
            // At the kink of a ReLU there is no slope.
            if above.iter().zip(&below).any(|(a, b)| (*a == 0.0) != (*b == 0.0)) {
                continue;
            }
            let rise = above.iter().zip(&below).zip(&case.grad_out);
            let rise: f64 = rise.map(|((a, b), grad)| (a - b) * f64::from(*grad)).sum();
            let slope = rise / f64::from(2.0 * step);
            let difference = (slope - f64::from(*gradient)).abs();
            assert!(difference < 3e-4, "{slice} [{idx}] {slope} {gradient}, {:?}", case.activation);
            num_checked += 1;
        }
        assert!(num_checked > 0 || (slice == 1 && case.residual.is_none()), "{slice}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "large")]
fn normalisation_does_not_depend_on_the_number_of_threads_nor_the_width_of_vectors() {
    let mut random = Random(7);
    for channels in [3, 24, 48, 144] {
        for of_batch in [true, false] {
            let case = Case::new(&mut random, 3000, channels);
            let run = || {
                // Without the gradient of the residual, which there may not be.
                let [out, mean, var, grad_x, _, gamma, beta] = case.run(of_batch);
                [out, mean, var, grad_x, gamma, beta].concat()
            };
            same_bits_with_any_number_of_threads(run);
            same_bits_with_all_vectors(run);
        }
    }
}

#[test]
fn gelu_is_right_to_the_last_bits_also_in_its_tail() {
    on_each_instruction_set(|| {
        let x: Vec<f32> = (-5200..=5200).map(|step| step as f32 / 400.0).collect();
        let mut out = vec![f32::NAN; x.len()];
        let norm = Norm { gamma: &[1.0], beta: &[0.0], epsilon: 0.0, activation: Activation::Gelu };
        affine_forward(&norm, &[0.0], &[1.0], &x, None, &mut out);
        for (&x, &found) in x.iter().zip(&out) {
            let x = f64::from(x);
            let expected = x * normal(x);
            // The exponent of the tail, x^2 / 2, is rounded too.
            let tolerance = 6e-7 * expected.abs() * (1.0 + x * x / 4.0);
            assert!((f64::from(found) - expected).abs() <= tolerance, "{x}: {found} {expected}");
        }
    });
}
