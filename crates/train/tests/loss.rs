//! The training loss by hand.

use burn::tensor::{Device, Int, Tensor};
use dermx_train::{Schedule, class_weights, weighted_cross_entropy};

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
    let device = Device::flex().autodiff();
    let logits = Tensor::<2>::from_data([[2.0, 0.0, 1.0], [0.0, 0.0, 0.0]], &device).require_grad();
    let targets = Tensor::<1, Int>::from_data([0, 2], &device);
    let weights = Tensor::<1>::from_data([1.0, 3.0], &device);
    let loss = weighted_cross_entropy(logits.clone(), targets, weights);
    let value = loss.clone().into_data().iter::<f32>().next();
    assert!(value.is_some_and(|value| (value - 1.851_721).abs() < 1e-6), "{value:?}");

    // d loss / d logit = w (p - [class is the target]) / 2; image 1: 3 (1/3 - [k = 2]) / 2
    let gradient = logits.grad(&loss.backward()).map(|gradient| gradient.into_data());
    let gradient: Vec<f32> = gradient.iter().flat_map(|data| data.iter::<f32>()).collect();
    let expected = [-0.167_380, 0.045_015, 0.122_364, 0.5, 0.5, -1.0];
    assert_eq!(gradient.len(), expected.len());
    for (found, expected) in gradient.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
}

#[test]
fn the_cosine_schedule_starts_at_one_and_ends_at_zero() {
    let factors = [0, 25, 50, 100].map(|step| Schedule::Cosine.factor(step, 100));
    // (1 + cos(pi / 4)) / 2 = (1 + 0.707107) / 2 = 0.853553
    let expected = [1.0, 0.853_553, 0.5, 0.0];
    for (found, expected) in factors.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
    assert_eq!(Schedule::Constant.factor(99, 100), 1.0);
}
