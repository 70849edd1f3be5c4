//! Sensitivities, Lipschitz estimate and infidelity against Quantus, and what they say of a map that is right.

use crate::networks;

use burn::tensor::{Device, Tensor};
use dermx_gradcam::{ExplainError, Explainer, Method, Robustness, Settings, infidelity};
use dermx_model::{Architecture, Network};
use networks::{fraction, gap, mix, seeded, seeded_images};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    max_sensitivity: f64,
    avg_sensitivity: f64,
    local_lipschitz: f64,
    infidelity: f64,
    /// What would be left with a factor of 0.
    mean_square_fall: f64,
}

const SIDE: usize = 64;
const TARGET: usize = 1;

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden.json")).expect("the golden")
}

fn network() -> Network {
    seeded(&gap(Architecture::RESNET18, 3), 1)
}

fn image() -> Tensor<4> {
    image_of(SIDE)
}

fn image_of(side: usize) -> Tensor<4> {
    seeded_images([1, 3, side, side], 7, &Device::flex()) + 0.5
}

/// Numbers from 0 to 1, one after the other.
fn draws(seed: u64) -> impl FnMut() -> f32 {
    let mut places = 0..;
    move || fraction(mix(seed), places.next().unwrap_or(0))
}

fn robustness(
    method: Method,
    target: usize,
    batch_size: usize,
) -> Result<Robustness, ExplainError> {
    let settings = Settings { num_samples: 2, ..Settings::default() };
    let explainer = Explainer::new(&network(), method, settings, None)?;
    explainer.robustness(&image(), target, batch_size, &mut draws(9), &|| draws(12))
}

#[test]
fn sensitivities_are_those_of_quantus() {
    let golden = golden();
    assert!(golden.max_sensitivity > 1.01 * golden.avg_sensitivity, "copies differ");
    let found = robustness(Method::GradCam, TARGET, 4).expect("a robustness");
    let close =
        |found: Option<f64>, expected: f64| (found.expect("a map") / expected - 1.0).abs() < 2e-4;
    assert!(close(found.max_sensitivity, golden.max_sensitivity), "{found:?}");
    assert!(close(found.avg_sensitivity, golden.avg_sensitivity), "{found:?}");
    assert!(close(found.local_lipschitz, golden.local_lipschitz), "{found:?}");
}

#[test]
fn batches_make_no_difference_and_what_a_method_draws_is_not_counted() {
    let settings = Settings { num_samples: 2, ..Settings::default() };
    let explainer =
        Explainer::new(&network(), Method::SmoothGrad, settings, None).expect("a method");
    let image = image_of(32);
    let of_noise = |uniform: &mut dyn FnMut() -> f32, batch_size: usize| {
        explainer.robustness(&image, TARGET, batch_size, uniform, &|| draws(12)).expect("scores")
    };
    let [whole, found] = [16, 3].map(|batch_size| of_noise(&mut draws(9), batch_size));
    let close = |one: Option<f64>, other: Option<f64>| (one.unwrap() - other.unwrap()).abs() < 1e-5;
    assert!(close(found.max_sensitivity, whole.max_sensitivity), "{found:?} {whole:?}");
    assert!(close(found.local_lipschitz, whole.local_lipschitz), "{found:?} {whole:?}");
    // Without a change of the image nothing moves, though the method draws noise.
    let still = of_noise(&mut || 0.5, 16);
    assert!(still.max_sensitivity.expect("a map") < 1e-5, "{still:?}");
    assert_eq!(still.local_lipschitz, Some(0.0));
}

#[test]
fn infidelity_is_that_of_quantus() {
    let golden = golden();
    assert!(golden.infidelity < 0.99 * golden.mean_square_fall, "the factor matters");
    let map: Vec<f32> = (0..SIDE * SIDE).map(|idx| fraction(mix(11), idx)).collect();
    let (blank, half) =
        (vec![0.0; SIDE * SIDE], map.iter().map(|one| one / 2.0).collect::<Vec<f32>>());
    let mut next = draws(10);
    let mut below = |num: usize| (next() * num as f32) as usize;
    let maps = [map.as_slice(), &blank, &half];
    let found = infidelity(&network(), &image(), TARGET, &maps, &mut below).expect("an infidelity");
    let of_map = found[0].expect("mass");
    assert!((of_map / golden.infidelity - 1.0).abs() < 1e-3, "{found:?}, {}", golden.infidelity);
    assert_eq!(found[1], None);
    // Maps have no unit.
    assert!((found[2].expect("mass") / of_map - 1.0).abs() < 1e-9, "{found:?}");
}

#[test]
fn what_does_not_fit_is_refused() {
    assert!(robustness(Method::GradCam, 3, 4).unwrap_err().to_string().contains("class 3 of 3"));
    let refused = infidelity(&network(), &image(), TARGET, &[&[0.0; 7]], &mut |_| 0);
    assert!(refused.unwrap_err().to_string().contains("a map of 7 pixels"));
}
