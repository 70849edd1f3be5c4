//! Several labels an image: the loss beside PyTorch's (`generate.py` made the golden), scores by hand, and runs that are
//! stopped and go on.

use super::tiny;
use burn::tensor::{Device, Tensor, TensorData};
use dermx_model::{Architecture, NetworkConfig};
use dermx_train::{
    BatchTargets, CheckpointStore, Columns, EpochMetrics, FitConfig, LabelledPhotos, Loss,
    MixConfig, Monitor, MultiLabel, Objective, Outcome, Parameters, Pass, PassRandom, Photos,
    Sampling, Select, Sets, Targets, TrainError, ValidationMetrics, fit,
};
use serde::Deserialize;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use tiny::{NUM_IMAGES, StopAfter, TestResult, Weights, config, mobilenet_v2, photos};

const NUM_LABELS: usize = 2;

#[derive(Deserialize)]
struct Golden {
    labels: Vec<f32>,
    logits: Vec<f32>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    pos_weight: Vec<f32>,
    share: f32,
    loss: f64,
    gradient: Vec<f32>,
}

#[test]
fn loss_and_gradient_are_those_of_pytorch() -> TestResult {
    let golden: Golden = serde_json::from_str(include_str!("golden.json"))?;
    let device = Device::flex().autodiff();
    for Case { pos_weight, share, loss, gradient } in golden.cases {
        let shape = [golden.labels.len() / pos_weight.len(), pos_weight.len()];
        let logits = TensorData::new(golden.logits.clone(), shape);
        let logits = Tensor::<2>::from_data(logits, &device).require_grad();
        let columns = golden.labels.clone();
        let classes = vec![0; shape[0]];
        let targets = BatchTargets { classes, share, columns, masks: None };
        // The objective reads nothing of it.
        let network = NetworkConfig::torchvision(Architecture::RESNET18, 2).init(&Device::flex());
        let pass = Pass {
            network: &network,
            logits: logits.clone(),
            activations: Vec::new(),
            parameters: &Parameters::default(),
            targets: &targets,
            random: PassRandom { seed: 0, epoch: 1, names: &[] },
        };
        let Loss { value, .. } = MultiLabel { pos_weight }.loss(&pass)?;
        let found = f64::from(value.clone().into_scalar::<f32>());
        assert!((found - loss).abs() < 1e-6 * loss, "{found}, PyTorch {loss}");
        let found = logits.grad(&value.backward()).ok_or("no gradient")?.into_data();
        for (found, expected) in found.iter::<f32>().zip(gradient) {
            assert!(
                (found - expected).abs() < 1e-7 * expected.abs().max(1.0),
                "{found} {expected}"
            );
        }
    }
    Ok(())
}

#[test]
fn scores_are_of_each_label_by_itself() {
    // Given 1 0, 1 1, 0 0; gold 1 0, 0 1, 0 1.
    let logits = [2.0, -1.0, 0.0, 3.0, -2.0, -0.5];
    let gold = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
    let found = ValidationMetrics::of_labels(&logits, &gold, 2);
    // log(1 + e^-2) + log(1 + e^-1) + log 2 + log(1 + e^-3) + log(1 + e^-2) + log(1 + e^0.5)
    // = 0.126928 + 0.313262 + 0.693147 + 0.048587 + 0.126928 + 0.974077, over 6.
    assert!((found.loss - 2.282_929 / 6.0).abs() < 1e-6, "{}", found.loss);
    assert_eq!(found.accuracy, 1.0 / 3.0);
    // Label 0: 2 * 1 / (2 + 1); label 1: 2 * 1 / (1 + 2).
    assert!((found.macro_f1 - 2.0 / 3.0).abs() < 1e-15);
}

/// The first label is a bright square on the left; the second, of a third of the photos, is in nothing.
fn labels(first: usize) -> Targets {
    let row = |idx: usize| [2, 3].map(|every| f32::from(u8::from(idx.is_multiple_of(every))));
    let names = ["left", "third"].map(str::to_string).into();
    let values = (first..first + NUM_IMAGES).flat_map(row).collect();
    Targets { columns: Columns { names, values }, ..Targets::default() }
}

fn several(epochs: u32) -> FitConfig {
    FitConfig {
        objective: Arc::new(MultiLabel { pos_weight: vec![1.0, 2.0] }),
        sampling: Sampling::Balanced,
        mix: MixConfig { mixup_alpha: Some(0.4), cutmix_alpha: None },
        monitor: Some(Monitor::MacroF1),
        select: Select::Best,
        ..config(epochs, 1e-3)
    }
}

/// The result, if the run is over, and its epochs.
type Trained = (Option<Weights>, Vec<EpochMetrics>);

fn train(
    config: &FitConfig,
    photos: &Photos,
    targets: [Option<&Targets>; 2],
    folder: &Path,
    num_steps: usize,
) -> Result<Trained, Box<dyn Error>> {
    let sets_of_labels = [0; NUM_IMAGES];
    let [training, validation] = targets
        .map(|targets| LabelledPhotos { targets, ..LabelledPhotos::new(photos, &sets_of_labels) });
    let sets = Sets { training, validation: Some(validation) };
    let store = CheckpointStore::new(folder);
    let mut observer = StopAfter::new(num_steps);
    let network = mobilenet_v2("*")?;
    let weights = match fit(config, sets, network, &Device::flex(), &store, &mut observer)? {
        Outcome::Finished(network) => Some(dermx_model::export_weights(&network)),
        Outcome::Stopped => None,
    };
    Ok((weights, observer.history))
}

#[test]
fn a_run_that_was_stopped_ends_with_the_same_bits() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let targets = labels(0);
    let both = [Some(&targets); 2];
    let at = |name: &str| folder.path().join(name);
    let config = several(3);
    let (whole, history) = train(&config, &photos, both, &at("whole"), StopAfter::NEVER)?;
    assert_eq!(history.len(), 3);
    assert!(history[2].train_loss < history[0].train_loss, "{history:?}");
    // In the middle of the second epoch.
    let (stopped, _) = train(&config, &photos, both, &at("resumed"), 4)?;
    assert!(stopped.is_none());
    let (resumed, of_resumed) = train(&config, &photos, both, &at("resumed"), StopAfter::NEVER)?;
    assert_eq!((resumed, of_resumed), (whole, history));
    Ok(())
}

#[test]
fn what_has_no_labels_is_refused_before_the_first_step() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let whole = labels(0);
    let with = |values: Vec<f32>| Targets {
        columns: Columns { values, ..whole.columns.clone() },
        ..Targets::default()
    };
    let none = with(vec![0.0; NUM_IMAGES * NUM_LABELS]);
    let first = with([1.0, 0.0].repeat(NUM_IMAGES));
    let short = with(vec![1.0; NUM_LABELS]);
    for (targets, expected) in [
        ([None, Some(&whole)], "found 0 values for 10 images of 2 labels"),
        ([Some(&short), Some(&whole)], "found 2 values for 10 images of 2 labels"),
        ([Some(&first), Some(&whole)], "no training image has the label `third`"),
        ([Some(&whole), Some(&none)], "no validation image has a label"),
    ] {
        let folder = folder.path().join("run");
        let error = train(&several(1), &photos, targets, &folder, 9).unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(TrainError::Objective(_))), "{error}");
        assert!(error.to_string().ends_with(expected), "{error}");
        assert!(!folder.exists());
    }
    Ok(())
}
