//! An objective that this crate does not have: a head of its own that tells a number of each image.

use super::tiny;
use burn::tensor::Device;
use dermx_model::{Architecture, NamedTensor, Network, export_weights};
use dermx_train::{
    CheckpointStore, Columns, CrossEntropy, FitConfig, LabelledPhotos, Loss, Objective, Outcome,
    Pass, Photos, Sets, Targets, TrainError, fit, linear_parameters, read_checkpoint,
};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use tiny::{NUM_IMAGES, StopAfter, TestResult, Weights, config, mobilenet_v2, photos};

const NUM_FEATURES: usize = 1280;

/// Cross-entropy, and the squared error of a linear head that tells the column "brightness".
#[derive(Debug)]
struct Regression {
    classes: CrossEntropy,
}

impl Objective for Regression {
    fn taps(&self, network: &Network) -> Vec<String> {
        vec![network.last_tap().to_string()]
    }

    fn parameters(&self, seed: u64) -> BTreeMap<String, NamedTensor> {
        linear_parameters("brightness", [1, NUM_FEATURES], seed).into()
    }

    fn loss(&self, pass: &Pass<'_>) -> Result<Loss, TrainError> {
        let maps = pass.activation(0)?;
        let [batch, channels, _, _] = maps.dims();
        let features = maps.flatten::<3>(2, 3).mean_dim(2).reshape([batch, channels]);
        let weight = pass.parameters.get::<2>("brightness.weight")?;
        let bias = pass.parameters.get::<1>("brightness.bias")?.reshape([1, 1]);
        let told = features.matmul(weight.transpose()) + bias;
        let gap = told - pass.constant(pass.targets.columns.clone(), [batch, 1]);
        let Loss { value, mut parts } = self.classes.loss(pass)?;
        let error = (gap.clone() * gap).mean();
        parts.insert("brightness".to_string(), f64::from(error.clone().into_scalar::<f32>()));
        Ok(Loss { value: value + error, parts })
    }
}

fn regression(epochs: u32) -> FitConfig {
    let objective = Arc::new(Regression { classes: CrossEntropy::plain(2) });
    FitConfig { objective, max_skipped_steps: 1, ..config(epochs, 1e-4) }
}

/// The trained weights, what the newest checkpoint holds of the head, and its error in each epoch.
type Trained = (Option<Weights>, Weights, Vec<f64>);

fn train(
    config: &FitConfig,
    photos: &Photos,
    folder: &Path,
    num_steps: usize,
) -> Result<Trained, Box<dyn Error>> {
    let class_idx: Vec<usize> = (0..NUM_IMAGES).map(|idx| idx % 2).collect();
    let values = (0..NUM_IMAGES).map(|idx| idx as f32 / 10.0).collect();
    let columns = Columns { names: vec!["brightness".to_string()], values };
    let targets = Targets { columns, ..Targets::default() };
    let training =
        LabelledPhotos { targets: Some(&targets), ..LabelledPhotos::new(photos, &class_idx) };
    let sets = Sets { training, validation: None };
    let store = CheckpointStore::new(folder);
    let mut observer = StopAfter::new(num_steps);
    let network = mobilenet_v2("*")?;
    let outcome = fit(config, sets, network, &Device::flex(), &store, &mut observer)?;
    let newest = store.list()?.pop().ok_or("no checkpoint")?;
    let parts = observer.history.iter().map(|epoch| epoch.train_loss_parts["brightness"]);
    let weights = match outcome {
        Outcome::Finished(network) => Some(export_weights(&network)),
        Outcome::Stopped => None,
    };
    Ok((weights, read_checkpoint(&newest)?.kept, parts.collect()))
}

#[test]
fn an_objective_of_others_trains_and_resumes_to_the_same_bits() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let config = regression(3);
    let at = |name: &str| folder.path().join(name);
    let (whole, head, parts) = train(&config, &photos, &at("whole"), StopAfter::NEVER)?;
    assert_eq!(head["objective.brightness.weight"].shape, [1, NUM_FEATURES]);
    assert!(parts.len() == 3 && parts[2] < parts[0], "{parts:?}");
    let start = config.objective.parameters(config.seed);
    assert_ne!(head["objective.brightness.weight"], start["brightness.weight"]);

    // In the middle of the second epoch.
    let (stopped, _, _) = train(&config, &photos, &at("resumed"), 4)?;
    assert!(stopped.is_none());
    let (resumed, head_of_resumed, parts_of_resumed) =
        train(&config, &photos, &at("resumed"), StopAfter::NEVER)?;
    assert_eq!(resumed, whole);
    assert_eq!((head_of_resumed, parts_of_resumed), (head, parts));
    Ok(())
}

/// A tap that the network does not have.
#[derive(Debug)]
struct Lost;

impl Objective for Lost {
    fn taps(&self, _: &Network) -> Vec<String> {
        vec!["layer9".to_string()]
    }

    fn loss(&self, pass: &Pass<'_>) -> Result<Loss, TrainError> {
        CrossEntropy::plain(2).loss(pass)
    }
}

#[test]
fn a_tap_that_is_not_there_is_an_error() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let class_idx: Vec<usize> = (0..NUM_IMAGES).map(|idx| idx % 2).collect();
    let sets = Sets { training: LabelledPhotos::new(&photos, &class_idx), validation: None };
    let config = FitConfig { objective: Arc::new(Lost), ..config(1, 1e-3) };
    let network = tiny::network(Architecture::RESNET18, "*")?;
    let store = CheckpointStore::new(folder.path().join("checkpoints"));
    let error =
        fit(&config, sets, network, &Device::flex(), &store, &mut StopAfter::new(9)).unwrap_err();
    assert_eq!(error.to_string(), "train.objective: the network has no tap `layer9`");
    Ok(())
}
