//! The training loss: by hand, and against Keras, PyTorch and scikit-learn (`generate.py` beside this
//! file).

use burn::tensor::{Device, Tensor, TensorData};
use dermx_train::{balanced_class_weights, class_weights, cross_entropy, targets};
use serde::Deserialize;
use std::error::Error;

type TestResult = Result<(), Box<dyn Error>>;

#[derive(Deserialize)]
struct Golden {
    counts: Vec<usize>,
    weights: Vec<f32>,
    balanced: Vec<f32>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    logits: Vec<f32>,
    labels: Vec<usize>,
    keras: f64,
    torch: Vec<TorchCase>,
}

#[derive(Deserialize)]
struct TorchCase {
    smoothing: f32,
    share: f32,
    loss: f64,
    gradient: Vec<f32>,
}

/// Loss and gradient of logits `[labels.len(), weights.len()]`.
fn loss(
    logits: &[f32],
    labels: &[usize],
    share: f32,
    weights: &[f32],
    smoothing: f32,
) -> (f64, Vec<f32>) {
    let device = Device::flex().autodiff();
    let shape = [labels.len(), weights.len()];
    let data = TensorData::new(logits.to_vec(), shape);
    let logits = Tensor::<2>::from_data(data, &device).require_grad();
    let targets = TensorData::new(targets(labels, share, weights, smoothing), shape);
    let loss = cross_entropy(logits.clone(), Tensor::from_data(targets, &device));
    let value = loss.clone().into_data().iter::<f32>().next().unwrap_or(f32::NAN);
    let gradient = logits.grad(&loss.backward()).map(|gradient| gradient.into_data());
    (f64::from(value), gradient.iter().flat_map(|data| data.iter::<f32>()).collect())
}

#[test]
fn rare_classes_weigh_more() {
    // max / count: 1177 / 1177 = 1, 1177 / 165 = 7.1333, 1177 / 113 = 10.4159
    let weights = class_weights(&[1177, 165, 113]);
    assert_eq!(weights[0], 1.0);
    assert!((weights[1] - 7.133_333).abs() < 1e-5);
    assert!((weights[2] - 10.415_93).abs() < 1e-5);
    assert_eq!(class_weights(&[3, 0]), [1.0, 0.0]);
}

#[test]
fn the_loss_divides_by_the_number_of_images_not_by_their_weights() {
    // -log softmax: image 0: log(e^2 + e^0 + e^1) - 2 = 2.407606 - 2 = 0.407606;
    // image 1: log(3) = 1.098612. Weights 1 and 3:
    // (0.407606 + 3 * 1.098612) / 2 = 1.851721 (by the sum of weights it would be 0.925861)
    let logits = [2.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    // Image 0 is of class 0, which weighs 1; image 1 of class 2, which weighs 3.
    let (value, gradient) = loss(&logits, &[0, 2], 1.0, &[1.0, 2.0, 3.0], 0.0);
    assert!((value - 1.851_721).abs() < 1e-6, "{value}");

    // d loss / d logit = w (p - [class is the target]) / 2; image 1: 3 (1/3 - [k = 2]) / 2
    let expected = [-0.167_380, 0.045_015, 0.122_364, 0.5, 0.5, -1.0];
    assert_eq!(gradient.len(), expected.len());
    for (found, expected) in gradient.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
}

#[test]
fn targets_are_mixed_smoothed_and_weighted() {
    assert_eq!(targets(&[1, 0], 1.0, &[2.0, 3.0], 0.0), [0.0, 3.0, 2.0, 0.0]);
    // Image 0 (class 1) with the last (class 0): (1/4, 3/4); image 1 with image 0: (3/4, 1/4).
    assert_eq!(targets(&[1, 0], 0.75, &[1.0, 1.0], 0.0), [0.25, 0.75, 0.75, 0.25]);
    // (1 - 1/2) t + 1/2 / 2, times the weight: class 0: 1/4 * 4, class 1: 3/4 * 8.
    assert_eq!(targets(&[1], 1.0, &[4.0, 8.0], 0.5), [1.0, 6.0]);
}

#[test]
fn balanced_weights_leave_the_mean_at_one() {
    // 12 / (2 * 8) = 0.75, 12 / (2 * 4) = 1.5; the empty class does not count.
    assert_eq!(balanced_class_weights(&[8, 0, 4]), [0.75, 0.0, 1.5]);
    assert!(balanced_class_weights(&[]).is_empty());
}

#[test]
fn losses_are_those_of_keras_and_pytorch() -> TestResult {
    let golden: Golden = serde_json::from_str(include_str!("golden.json"))?;
    for Case { logits, labels, keras, torch } in &golden.cases {
        let (found, _) = loss(logits, labels, 1.0, &golden.weights, 0.0);
        assert!((found - keras).abs() < 1e-5 * keras.max(1.0), "{found}, Keras {keras}");
        assert_eq!(torch.len(), 5);
        for TorchCase { smoothing, share, loss: expected, gradient } in torch {
            let (found, found_gradient) = loss(logits, labels, *share, &golden.weights, *smoothing);
            let what = format!("smoothing {smoothing}, share {share}");
            let is_close = (found - expected).abs() < 1e-5 * expected.max(1.0);
            assert!(is_close, "{what}: {found}, PyTorch {expected}");
            assert_eq!(found_gradient.len(), gradient.len());
            for (found, expected) in found_gradient.iter().zip(gradient) {
                assert!((found - expected).abs() < 1e-5, "{what}: {found}, PyTorch {expected}");
            }
        }
    }
    Ok(())
}

#[test]
fn class_weights_are_those_of_the_study_and_of_scikit_learn() -> TestResult {
    let golden: Golden = serde_json::from_str(include_str!("golden.json"))?;
    let found = [class_weights(&golden.counts), balanced_class_weights(&golden.counts)];
    for (found, expected) in found.iter().zip([golden.weights, golden.balanced]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6 * expected, "{found} {expected}");
        }
    }
    Ok(())
}
