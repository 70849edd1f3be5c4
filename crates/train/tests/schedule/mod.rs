//! Learning rates and early stopping: by hand, and against PyTorch and Keras (`generate.py` beside
//! this file).

use dermx_train::{Best, EarlyStopping, Monitor, PlateauState, Schedule, Span};
use serde::Deserialize;
use std::error::Error;

type TestResult = Result<(), Box<dyn Error>>;

#[derive(Deserialize)]
struct Golden {
    rate: f64,
    epochs: u32,
    steps_per_epoch: u32,
    schedules: Vec<Case>,
    sequences: Vec<Sequence>,
}

#[derive(Deserialize)]
struct Case {
    schedule: String,
    warmup_epochs: u32,
    rates: Vec<f64>,
}

#[derive(Deserialize)]
struct Sequence {
    monitor: Monitor,
    values: Vec<f64>,
    patience: u32,
    factor: f64,
    rates: Vec<f64>,
    min_delta: f64,
    num_epochs: u32,
    best_epoch: u32,
}

fn golden() -> Result<Golden, Box<dyn Error>> {
    Ok(serde_json::from_str(include_str!("golden.json"))?)
}

#[test]
fn the_cosine_schedule_starts_at_one_and_ends_at_zero() {
    let span = Span { steps_per_epoch: 10, epochs: 10, warmup_epochs: 0 };
    let factors = [0, 25, 50, 100].map(|step| Schedule::Cosine.factor(step, span));
    // (1 + cos(pi / 4)) / 2 = (1 + 0.707107) / 2 = 0.853553
    let expected = [1.0, 0.853_553, 0.5, 0.0];
    for (found, expected) in factors.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
    assert_eq!(Schedule::Constant.factor(99, span), 1.0);
}

#[test]
fn a_cycle_that_grows_starts_anew_and_ends_above_zero() {
    let span = Span { steps_per_epoch: 2, epochs: 7, warmup_epochs: 0 };
    let schedule = Schedule::CosineRestarts { epochs: 1, growth: 2, end_factor: 0.5 };
    let factors: Vec<f64> = (0..14).map(|step| schedule.factor(step, span)).collect();
    // Cycles of 2, 4 and 8 steps, from 1 towards a half; half way 0.75.
    for start in [0, 2, 6] {
        assert_eq!(factors[start], 1.0);
    }
    for middle in [1, 4, 10] {
        assert!((factors[middle] - 0.75).abs() < 1e-12, "{middle}: {}", factors[middle]);
    }
    assert!(factors.iter().all(|factor| (0.5..=1.0).contains(factor)));
}

#[test]
fn a_warm_up_rises_to_one_and_the_schedule_starts_after_it() {
    let span = Span { steps_per_epoch: 4, epochs: 5, warmup_epochs: 1 };
    let schedule = Schedule::Step { epochs: 2, factor: 0.5 };
    let factors: Vec<f64> = (0..20).map(|step| schedule.factor(step, span)).collect();
    assert_eq!(factors[..4], [0.25, 0.5, 0.75, 1.0]);
    assert_eq!(factors[4..12], [1.0; 8]);
    assert_eq!(factors[12..], [0.5; 8]);
}

#[test]
fn a_plateau_is_more_than_patience_epochs_without_a_better_one() {
    let mut state = PlateauState::default();
    let factors = [1.0, 0.9, 0.9, 0.95, 0.9, 0.9, 0.9].map(|loss| {
        state.update(loss, Monitor::Loss, 0.1, 1);
        state.factor
    });
    // 0.9 is the best; two epochs without a better one, and again two.
    assert_eq!(factors, [1.0, 1.0, 1.0, 0.1, 0.1, 0.1 * 0.1, 0.1 * 0.1]);
}

#[test]
fn learning_rates_are_those_of_pytorch() -> TestResult {
    let golden = golden()?;
    assert_eq!(golden.schedules.len(), 16);
    for Case { schedule: name, warmup_epochs, rates } in golden.schedules {
        let schedule = match name.as_str() {
            "constant" => Schedule::Constant,
            "cosine" => Schedule::Cosine,
            "cosine_restarts" => {
                Schedule::CosineRestarts { epochs: 2, growth: 2, end_factor: 0.02 }
            }
            "cosine_repeated" => Schedule::CosineRestarts { epochs: 3, growth: 1, end_factor: 0.0 },
            "one_cycle" => Schedule::OneCycle { rise: 0.3, start_factor: 0.04, end_factor: 4e-6 },
            _ => Schedule::Step { epochs: 2, factor: 0.3 },
        };
        let Golden { steps_per_epoch, epochs, rate, .. } = golden;
        let span = Span { steps_per_epoch, epochs, warmup_epochs };
        assert_eq!(rates.len() as u32, steps_per_epoch * epochs);
        for (step, expected) in rates.into_iter().enumerate() {
            let found = rate * schedule.factor(step as u32, span);
            let what = format!("{name}, warm-up {warmup_epochs}, step {step}");
            assert!((found - expected).abs() < 1e-12, "{what}: {found}, PyTorch {expected}");
        }
    }
    Ok(())
}

#[test]
fn plateaus_are_those_of_pytorch() -> TestResult {
    let golden = golden()?;
    let mut num_changes = 0;
    for sequence in golden.sequences {
        let mut state = PlateauState::default();
        for (value, expected) in sequence.values.into_iter().zip(sequence.rates) {
            state.update(value, sequence.monitor, sequence.factor, sequence.patience);
            let found = golden.rate * state.factor;
            let is_close = (found - expected).abs() <= 1e-12 * expected;
            assert!(is_close, "{found}, PyTorch {expected}");
        }
        num_changes += u32::from(state.factor < 1.0);
    }
    assert!(num_changes > 30, "{num_changes}");
    Ok(())
}

#[test]
fn runs_stop_and_return_where_keras_does() -> TestResult {
    let mut num_stopped = 0;
    for sequence in golden()?.sequences {
        let Sequence { monitor, values, patience, min_delta, .. } = sequence;
        let stopping = EarlyStopping { patience, min_delta };
        let mut best = Best { epoch: 1, value: values[0] };
        let mut epochs_done = 1;
        for &value in &values[1..] {
            if stopping.is_over(&best, epochs_done) {
                break;
            }
            epochs_done += 1;
            if monitor.is_better(value, best.value, min_delta) {
                best = Best { epoch: epochs_done, value };
            }
        }
        assert_eq!((epochs_done, best.epoch), (sequence.num_epochs, sequence.best_epoch));
        num_stopped += u32::from((epochs_done as usize) < values.len());
    }
    assert!(num_stopped > 30, "{num_stopped}");
    Ok(())
}
