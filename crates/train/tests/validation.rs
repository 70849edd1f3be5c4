//! Scores on validation photos by hand, and what they decide.

use dermx_train::{Best, EarlyStopping, Monitor, ValidationMetrics};

#[test]
fn scores_are_those_of_the_confusion_matrix() {
    // Predicted 0, 0, 1, 1 (of two equal logits the first); gold 0, 1, 1, 0; class 2 never occurs.
    let logits = [[2.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 3.0, 0.0], [0.0, 1.0, 0.0]];
    let metrics = ValidationMetrics::new(&logits.concat(), &[0, 1, 1, 0], 3);
    // log(e^2 + 1 + e) - 2 = 0.407606; log(2e + 1) - 1 = 0.861995; log(e^3 + 2) - 3 = 0.094922;
    // log(e + 2) - 0 = 1.551445: the mean is 2.915968 / 4.
    assert!((metrics.loss - 0.728_992).abs() < 1e-6, "{}", metrics.loss);
    assert_eq!(metrics.accuracy, 0.5);
    // Classes 0 and 1: one hit of two gold and two predicted each, 2 * 1 / (2 + 2) = 0.5.
    assert_eq!(metrics.macro_f1, 0.5);
}

#[test]
fn a_class_that_is_only_predicted_counts_as_zero() {
    // Gold 0, 0; predicted 0, 2.
    let logits = [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]];
    let metrics = ValidationMetrics::new(&logits.concat(), &[0, 0], 3);
    // Class 0: 2 * 1 / (2 + 1) = 2/3; class 2: 0 / (0 + 1) = 0; class 1 is left out.
    assert_eq!(metrics.macro_f1, 1.0 / 3.0);
}

#[test]
fn large_logits_give_a_finite_loss() {
    let metrics = ValidationMetrics::new(&[1000.0, -1000.0], &[1], 2);
    assert_eq!(metrics.loss, 2000.0);
}

#[test]
fn better_means_lower_loss_or_higher_score_by_more_than_min_delta() {
    assert!(Monitor::Loss.is_better(0.4, 1.0, 0.5));
    assert!(!Monitor::Loss.is_better(0.5, 1.0, 0.5));
    assert!(Monitor::MacroF1.is_better(0.8, 0.7, 0.0));
    assert!(!Monitor::MacroF1.is_better(0.7, 0.7, 0.0));
    assert!(!Monitor::Accuracy.is_better(0.75, 0.5, 0.25));
}

#[test]
fn a_run_ends_after_patience_epochs_without_a_better_one() {
    let stopping = EarlyStopping { patience: 2, min_delta: 0.0 };
    let best = Best { epoch: 3, value: 0.5 };
    let is_over = [3, 4, 5, 6].map(|epochs_done| stopping.is_over(&best, epochs_done));
    assert_eq!(is_over, [false, false, true, true]);
    let impatient = EarlyStopping { patience: 0, min_delta: 0.0 };
    assert!(!impatient.is_over(&best, 3));
    assert!(impatient.is_over(&best, 4));
}
