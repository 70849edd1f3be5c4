//! Guided steps beside PyTorch's; `generate.py` made the golden.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use dermx_model::{
    Architecture, ConceptHeadConfig, NamedTensor, Network, NetworkConfig, expected_shapes,
    import_weights,
};
use dermx_train::{
    AttentionLoss, BatchMasks, BatchTargets, Characteristics, CharacteristicsConfig, CrossEntropy,
    Guided, Loss, MapSize, NamedGradients, Objective, Parameters, Pass, PassRandom,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::error::Error;

type TestResult = Result<(), Box<dyn Error>>;

const NUM_CLASSES: usize = 3;
const NUM_CONCEPTS: usize = 4;
const NUM_HIDDEN: usize = 5;
const KNOWN: [usize; 3] = [0, 2, 3];
const MASK_SIZE: [usize; 2] = [12, 10];

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
    focal: Vec<Focal>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    attention: AttentionLoss,
    map_size: MapSize,
    normalize: bool,
    only_predicted: bool,
    loss: f64,
    terms: BTreeMap<String, f64>,
    gradients: BTreeMap<String, Kept>,
}

impl Case {
    fn concept_head(&self) -> Option<ConceptHeadConfig> {
        let head =
            ConceptHeadConfig { num_concepts: NUM_CONCEPTS, num_hidden: NUM_HIDDEN, dropout: 0.0 };
        self.name.ends_with("with skip").then_some(head)
    }
}

#[derive(Deserialize)]
struct Focal {
    gamma: f32,
    loss: f32,
    gradient: Vec<f32>,
}

/// Values evenly apart, and the largest of all.
#[derive(Deserialize)]
struct Kept {
    values: Vec<f64>,
    largest: f64,
}

fn golden() -> Result<Golden, serde_json::Error> {
    serde_json::from_str(include_str!("golden.json"))
}

fn values(name: &str, num_values: usize, low: f64, high: f64) -> Vec<f32> {
    let weighted = name.bytes().zip(1_u64..).map(|(byte, place)| place * u64::from(byte));
    let seed = weighted.sum::<u64>() % 65521;
    let fraction = |idx: u64| {
        let bits = ((seed * 104_729 + idx * 7919) * 2_654_435_761) % (1 << 32);
        bits as f64 / (1_u64 << 32) as f64
    };
    (0..num_values as u64).map(|idx| (low + (high - low) * fraction(idx)) as f32).collect()
}

fn head(num_features: usize) -> BTreeMap<String, NamedTensor> {
    let bound = 2.0 / (num_features as f64).sqrt();
    let tensor = |name: &str, shape: &[usize], bound: f64| {
        let values = values(name, shape.iter().product(), -bound, bound);
        NamedTensor { shape: shape.to_vec(), values }
    };
    [
        ("characteristics.0.weight", tensor("hidden", &[NUM_HIDDEN, num_features], bound)),
        ("characteristics.0.bias", tensor("hidden bias", &[NUM_HIDDEN], 0.5)),
        ("characteristics.1.weight", tensor("output", &[NUM_CONCEPTS, NUM_HIDDEN], 1.0)),
        ("characteristics.1.bias", tensor("output bias", &[NUM_CONCEPTS], 0.5)),
    ]
    .map(|(name, tensor)| (name.to_string(), tensor))
    .into()
}

fn targets() -> BatchTargets {
    let num_cells = MASK_SIZE[0] * MASK_SIZE[1];
    let mut masks = values("masks", KNOWN.len() * NUM_CONCEPTS * num_cells, -1.0, 1.0);
    for (idx, mask) in masks.chunks_mut(num_cells).enumerate() {
        let is_absent = idx % NUM_CONCEPTS == 1 || idx == 2;
        mask.iter_mut().for_each(|value| *value = if is_absent { 0.0 } else { value.max(0.0) });
    }
    let is_present = |mask: &[f32]| f32::from(u8::from(mask.iter().any(|value| *value > 0.0)));
    let present = masks.chunks(num_cells).map(is_present).collect();
    BatchTargets {
        classes: vec![0, 2, 1, 2],
        share: 1.0,
        columns: Vec::new(),
        masks: Some(BatchMasks { known: KNOWN.to_vec(), size: MASK_SIZE, values: masks, present }),
    }
}

fn diagnosis(focal_gamma: f32, label_smoothing: f32) -> CrossEntropy {
    CrossEntropy { class_weights: vec![1.0, 2.0, 0.5], label_smoothing, focal_gamma }
}

fn guided(case: &Case, num_features: usize) -> Guided {
    Guided {
        diagnosis: diagnosis(0.0, 0.1),
        characteristics: match case.concept_head() {
            Some(head) => Characteristics::OfNetwork(head),
            None => Characteristics::Own(CharacteristicsConfig {
                num_features,
                num_hidden: NUM_HIDDEN,
                num_concepts: NUM_CONCEPTS,
                dropout: 0.0,
            }),
        },
        characteristics_weight: 0.7,
        attention: case.attention,
        attention_weight: 2.5,
        normalize: case.normalize,
        map_size: case.map_size,
        only_predicted: case.only_predicted,
    }
}

/// Of which the objective reads nothing but the head for concepts.
fn any_network() -> Network {
    NetworkConfig::torchvision(Architecture::RESNET18, NUM_CLASSES).init(&Device::flex())
}

fn pass<'a>(
    network: &'a Network,
    logits: Tensor<2>,
    activations: Vec<Tensor<4>>,
    parameters: &'a Parameters,
    targets: &'a BatchTargets,
) -> Pass<'a> {
    let random = PassRandom { seed: 0, epoch: 1, names: &["a", "b", "c", "d"] };
    Pass { network, logits, activations, parameters, targets, random }
}

/// As `torch.allclose` with 1e-4 of the largest value.
fn assert_close(found: &[f32], expected: &Kept, what: &str) {
    let step = found.len().div_ceil(40);
    let found: Vec<f32> = found.iter().step_by(step).copied().collect();
    assert_eq!(found.len(), expected.values.len(), "{what}");
    for (idx, (found, expected_one)) in found.iter().zip(&expected.values).enumerate() {
        let gap = (f64::from(*found) - expected_one).abs();
        let allowed = 1e-4 * expected.largest.max(1e-3);
        assert!(gap <= allowed, "{what}[{idx}]: {found}, PyTorch {expected_one}");
    }
}

fn assert_loss(loss: &Loss, case: &Case, what: &str) {
    let value = loss.value.clone().into_data().iter::<f32>().next().unwrap_or(f32::NAN);
    assert!((f64::from(value) - case.loss).abs() < 1e-4 * case.loss, "{what}: {value}");
    for (name, expected) in &case.terms {
        let found = loss.parts[name];
        assert!((found - expected).abs() < 1e-4 * expected, "{what} {name}: {found}, {expected}");
    }
}

fn what(case: &Case) -> String {
    let Case { name, attention, map_size, normalize, only_predicted, .. } = case;
    format!("{name} {attention:?} {map_size:?} {normalize} {only_predicted}")
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[test]
fn losses_and_gradients_of_every_option_are_those_of_pytorch() -> TestResult {
    let device = Device::flex().autodiff();
    let cases = golden()?.cases.into_iter().filter(|case| case.name == "tiny");
    let mut num_cases = 0;
    for case in cases {
        let features = values("features", 4 * 6 * 12, -0.3, 1.0).into_iter();
        let features = TensorData::new(features.map(|x| x.max(0.0)).collect(), [4, 6, 3, 4]);
        let features = Tensor::<4>::from_data(features, &device).require_grad();
        let logits =
            TensorData::new(values("logits", 4 * NUM_CLASSES, -2.0, 2.0), [4, NUM_CLASSES]);
        let logits = Tensor::<2>::from_data(logits, &device).require_grad();
        let parameters = Parameters::new(&head(6), &device)?;
        let targets = targets();
        let network = any_network();
        let pass = pass(&network, logits.clone(), vec![features.clone()], &parameters, &targets);
        let loss = guided(&case, 6).loss(&pass)?;
        assert_loss(&loss, &case, &what(&case));
        let mut gradients = loss.value.backward();
        let own = NamedGradients::of_parameters(&parameters, &mut gradients);
        for (name, expected) in &case.gradients {
            let found = match name.as_str() {
                "features" => features.grad(&gradients).map(numbers),
                "logits" => logits.grad(&gradients).map(numbers),
                _ => own
                    .iter()
                    .find(|(own, _)| is_name(own, name))
                    .map(|(_, values)| values.to_vec()),
            };
            let found = found.ok_or_else(|| format!("no gradient of {name}"))?;
            assert_close(&found, expected, &format!("{}: {name}", what(&case)));
        }
        num_cases += 1;
    }
    assert_eq!(num_cases, 20);
    Ok(())
}

/// `of_network` of `generate.py`.
fn starting(case: &Case) -> Result<Network, Box<dyn Error>> {
    let config = NetworkConfig {
        concept_head: case.concept_head(),
        ..NetworkConfig::torchvision(Architecture::RESNET18, NUM_CLASSES)
    };
    let network = config.empty(&Device::flex());
    let weights = expected_shapes(&network).into_iter().map(|(name, shape)| {
        let num_values = shape.iter().product();
        let bounds = match (shape.len(), name.rsplit_once('.')) {
            (_, Some((_, "running_mean"))) => [0.0; 2],
            (_, Some((_, "running_var"))) => [1.0; 2],
            (1, _) if name.ends_with("bn2.weight") => [0.1, 0.5],
            (1, Some((_, "weight"))) => [0.8, 1.2],
            (1, _) => [-0.2, 0.2],
            _ => {
                let bound = (6.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
                [-bound, bound]
            }
        };
        let values = values(&name, num_values, bounds[0], bounds[1]);
        (name, NamedTensor { shape, values })
    });
    Ok(import_weights(network, &weights.collect())?.train())
}

#[test]
fn a_guided_step_of_a_resnet_18_is_that_of_pytorch() -> TestResult {
    let device = Device::flex().autodiff();
    let cases = golden()?.cases.into_iter().filter(|case| case.name != "tiny");
    let mut num_cases = 0;
    for case in &cases.collect::<Vec<Case>>() {
        let network = starting(case)?;
        let guided = guided(case, 512);
        let images =
            TensorData::new(values("images", 4 * 3 * 96 * 128, -2.0, 2.0), [4, 3, 96, 128]);
        let taps = guided.taps(&network);
        let taps: Vec<&str> = taps.iter().map(String::as_str).collect();
        let mut activations = Vec::new();
        let logits =
            network.forward_tapped_at(Tensor::from_data(images, &device), &taps, &mut |_, x| {
                // They come in the order in which they are wanted.
                activations.push(x.clone());
                x
            });
        let own = case.concept_head().map_or_else(|| head(512), |_| BTreeMap::new());
        let parameters = Parameters::new(&own, &device)?;
        let targets = targets();
        let loss = guided.loss(&pass(&network, logits, activations, &parameters, &targets))?;
        assert_loss(&loss, case, &what(case));
        let mut gradients = loss.value.backward();
        let mut found = NamedGradients::of_parameters(&parameters, &mut gradients);
        found.add(NamedGradients::take(&network, gradients));
        for (name, expected) in &case.gradients {
            let (_, values) = found
                .iter()
                .find(|(own, _)| is_name(own, name))
                .ok_or_else(|| format!("no gradient of {name}"))?;
            // Burn keeps those of the network's linear layers as `[inputs, outputs]`.
            let values = match name.as_str() {
                "fc.weight" => transposed(values, NUM_CLASSES),
                "pooling.concepts.characteristics.1.weight" => transposed(values, NUM_CONCEPTS),
                name if name.starts_with("pooling.") && name.ends_with(".weight") => {
                    transposed(values, NUM_HIDDEN)
                }
                _ => values.to_vec(),
            };
            assert_close(&values, expected, &format!("{}: {name}", what(case)));
        }
        num_cases += 1;
    }
    assert_eq!(num_cases, 6);
    Ok(())
}

/// Parameters of an objective are named after it.
fn is_name(own: &str, name: &str) -> bool {
    own.strip_prefix("objective.").unwrap_or(own) == name
}

fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| values.iter().skip(column).step_by(columns).copied()).collect()
}

/// The maps' weights do not change with the features as long as no hidden value changes its sign, so that the
/// loss is differentiated without anything being held.
#[test]
fn finite_differences_agree_where_the_weights_of_the_maps_are_constant() -> TestResult {
    let device = Device::flex().autodiff();
    let parameters = Parameters::new(&head(6), &device)?;
    let targets = targets();
    let start: Vec<f32> =
        values("features", 4 * 6 * 12, -0.3, 1.0).into_iter().map(|x| x.max(0.0)).collect();
    let logits = values("logits", 4 * NUM_CLASSES, -2.0, 2.0);
    let loss_at = |features: &[f32]| -> Result<(Tensor<4>, Tensor<1>), Box<dyn Error>> {
        let features = TensorData::new(features.to_vec(), [4, 6, 3, 4]);
        let features = Tensor::<4>::from_data(features, &device).require_grad();
        let logits = TensorData::new(logits.clone(), [4, NUM_CLASSES]);
        let logits = Tensor::<2>::from_data(logits, &device);
        let case = &golden()?.cases[6];
        let network = any_network();
        let pass = pass(&network, logits, vec![features.clone()], &parameters, &targets);
        Ok((features, guided(case, 6).loss(&pass)?.value))
    };
    let (features, loss) = loss_at(&start)?;
    let gradient = features.grad(&loss.backward()).map(numbers).ok_or("no gradient")?;
    let (step, mut num_moved) = (2e-3, 0);
    for idx in (0..start.len()).step_by(17) {
        let moved = |by: f32| -> Result<f32, Box<dyn Error>> {
            let mut features = start.clone();
            features[idx] += by;
            Ok(numbers(loss_at(&features)?.1)[0])
        };
        let slope = (moved(step)? - moved(-step)?) / (2.0 * step);
        let allowed = 2e-2 * (1.0 + gradient[idx].abs());
        assert!((slope - gradient[idx]).abs() < allowed, "{idx}: {slope}, {}", gradient[idx]);
        num_moved += usize::from(gradient[idx].abs() > 0.1);
    }
    assert!(num_moved > 3, "{num_moved}");
    Ok(())
}

#[test]
fn the_focal_loss_is_its_equation() -> TestResult {
    let device = Device::flex().autodiff();
    for Focal { gamma, loss, gradient } in golden()?.focal {
        let logits =
            TensorData::new(values("logits", 4 * NUM_CLASSES, -2.0, 2.0), [4, NUM_CLASSES]);
        let logits = Tensor::<2>::from_data(logits, &device).require_grad();
        let (parameters, targets) = (Parameters::default(), targets());
        let network = any_network();
        let pass = pass(&network, logits.clone(), vec![], &parameters, &targets);
        let found = diagnosis(gamma, 0.0).loss(&pass)?;
        let value = numbers(found.value.clone())[0];
        assert!((value - loss).abs() < 1e-5, "{gamma}: {value}, {loss}");
        let slopes = logits.grad(&found.value.backward()).map(numbers).ok_or("no gradient")?;
        for (found, expected) in slopes.iter().zip(&gradient) {
            assert!((found - expected).abs() < 1e-5, "{gamma}: {found}, {expected}");
        }
    }
    Ok(())
}
