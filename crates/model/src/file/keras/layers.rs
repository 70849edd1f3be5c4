//! Which variables belong to which layer, and what they are called.

use super::Placed;
use super::config::Layer;
use crate::file::hdf5::Dataset;
use crate::file::input::Fault;
use std::collections::BTreeMap;

/// The group in which Keras 3 keeps the variables of a layer, by number.
const VARIABLES: &str = "vars";
/// Groups of layers, by class and number; before Keras 3 the second.
const CONTAINERS: [&str; 3] = ["layers", "_layers", "_layer_checkpoint_dependencies"];

/// The variables of the classes of layers that have always the same ones, in the order of their numbers, by the
/// name that the class has in files.
const VARIABLES_OF: [(&[&str], &[&str]); 7] = [
    (&["conv1d", "conv2d", "conv3d", "dense", "einsum_dense"], &["kernel", "bias"]),
    (&["conv1d_transpose", "conv2d_transpose", "conv3d_transpose"], &["kernel", "bias"]),
    (&["depthwise_conv1d", "depthwise_conv2d"], &["depthwise_kernel", "bias"]),
    (&["separable_conv1d", "separable_conv2d"], &["depthwise_kernel", "pointwise_kernel", "bias"]),
    (&["normalization"], &["mean", "variance", "count"]),
    (&["embedding"], &["embeddings"]),
    (&["p_re_lu"], &["alpha"]),
];
/// Variables of a batch normalization without a factor, in the order of their numbers.
const WITHOUT_SCALE: [&str; 3] = ["beta", "moving_mean", "moving_variance"];
/// Layers that may have a factor and a shift or not.
const NORMALIZATIONS: [&str; 3] =
    ["batch_normalization", "layer_normalization", "group_normalization"];

/// A layer and its variables, by Keras' names.
#[derive(Debug, Default)]
pub(super) struct LayerWeights {
    /// The names of the networks that it is in and its own, joined by dots.
    pub name: String,
    /// The name of its class in files, if it is known.
    pub class: Option<String>,
    /// What it adds to variances, if it is known.
    pub epsilon: Option<f64>,
    /// The variables.
    pub variables: Vec<(String, Dataset)>,
}

impl LayerWeights {
    /// A batch normalization without a factor, whose variables may have numbers alone.
    pub fn without_scale(&self) -> Self {
        let variables = self.variables.iter().map(|(name, dataset)| {
            let known = name.parse::<usize>().ok().and_then(|number| WITHOUT_SCALE.get(number));
            (known.map_or(name.clone(), |known| (*known).to_string()), dataset.clone())
        });
        let (name, class) = (self.name.clone(), self.class.clone());
        Self { name, class, epsilon: self.epsilon, variables: variables.collect() }
    }

    /// How many channels a normalization is for.
    pub fn num_channels(&self) -> usize {
        let first = self.variables.first();
        first.and_then(|(_, dataset)| dataset.shape.first().copied()).unwrap_or(0)
    }
}

/// The layers of a file that has a group for each by its name.
///
/// In it, variables have the name of their layer before theirs, too: `conv1/conv1/kernel:0`, and those of a network
/// in the network `resnet50/conv1/kernel:0`, in Keras 3 `resnet50/resnet50/conv1/kernel`.
pub(super) fn by_name(datasets: Vec<Placed>, network: &Layer) -> Vec<LayerWeights> {
    let known = network.by_name();
    let mut layers: BTreeMap<String, LayerWeights> = BTreeMap::new();
    for (mut path, dataset) in datasets {
        let variable = variable_name(&path.pop().unwrap_or_default());
        let repeated = (1..=path.len() / 2).find(|&num| path[..num] == path[num..2 * num]);
        let parts = &path[repeated.unwrap_or(0)..];
        let name = parts.join(".");
        let layer = layers.entry(name.clone()).or_insert_with(|| {
            let found = parts.last().and_then(|own| known.get(own.as_str()).copied().flatten());
            LayerWeights {
                name,
                class: found.map(|layer| layer.class.clone()),
                epsilon: found.and_then(|layer| layer.epsilon),
                variables: Vec::new(),
            }
        });
        layer.variables.push((variable, dataset));
    }
    layers.into_values().collect()
}

/// A variable's name without what TensorFlow adds to it: `kernel` of `kernel_1:0`.
fn variable_name(name: &str) -> String {
    let name = name.strip_suffix(":0").unwrap_or(name);
    match name.rsplit_once('_') {
        Some((start, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            start.to_string()
        }
        _ => name.to_string(),
    }
}

/// The layers of a file whose groups are named by class and number, and variables by number.
///
/// A layer is called what `names` have of its group, else what `network` says, else as its group.
///
/// # Errors
/// Data sets that are not in groups of variables.
pub(super) fn by_class(
    datasets: Vec<Placed>,
    names: &BTreeMap<Vec<String>, String>,
    network: &Layer,
) -> Result<Vec<LayerWeights>, Fault> {
    let mut layers: BTreeMap<Vec<String>, BTreeMap<usize, Dataset>> = BTreeMap::new();
    for (mut path, dataset) in datasets {
        let number = path.pop().and_then(|number| number.parse().ok());
        let (Some(VARIABLES), Some(number)) = (path.pop().as_deref(), number) else {
            return Err(Fault::Format(
                "no weights of Keras, but another HDF5 file: it has neither the attribute `layer_names` nor \
                 groups `vars`"
                    .to_string(),
            ));
        };
        layers.entry(path).or_default().insert(number, dataset);
    }
    Ok(layers
        .into_iter()
        .map(|(path, variables)| layer(&path, variables, names, network))
        .collect())
}

fn layer(
    path: &[String],
    variables: BTreeMap<usize, Dataset>,
    names: &BTreeMap<Vec<String>, String>,
    network: &Layer,
) -> LayerWeights {
    let mut parts = Vec::new();
    let mut inside = Vec::new();
    let mut class = None;
    for (idx, part) in path.iter().enumerate() {
        class = None;
        if CONTAINERS.contains(&part.as_str()) {
            continue;
        }
        let is_member = idx > 0 && CONTAINERS.contains(&path[idx - 1].as_str());
        if !is_member {
            // What a layer calls a part of itself says more than the name of that part.
            parts.push(part.as_str());
            continue;
        }
        class = Some(without_number(part));
        inside.push(part.as_str());
        let group: Vec<String> = path[..=idx]
            .iter()
            .map(String::as_str)
            .chain([VARIABLES])
            .map(str::to_string)
            .collect();
        let told = network.find(&inside).map(|layer| layer.name.as_str());
        let name = names.get(&group).map(String::as_str).or(told).filter(|name| !name.is_empty());
        parts.push(name.unwrap_or(part));
    }
    let told = class.and_then(|_| network.find(&inside));
    let known = class.and_then(|class| variable_names(class, variables.len(), told));
    let name_of = |number: usize| match known.as_ref().and_then(|names| names.get(number)) {
        Some(name) => (*name).to_string(),
        None => number.to_string(),
    };
    LayerWeights {
        name: parts.join("."),
        class: class.map(str::to_string),
        epsilon: told.and_then(|layer| layer.epsilon),
        variables: variables.into_iter().map(|(number, one)| (name_of(number), one)).collect(),
    }
}

/// The class of a name that Keras gave: `conv2d` of `conv2d_12`.
pub(super) fn without_number(group: &str) -> &str {
    match group.rsplit_once('_') {
        Some((class, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => class,
        _ => group,
    }
}

/// The names of the `num` variables of a layer; `None` where they are not known.
fn variable_names(class: &str, num: usize, told: Option<&Layer>) -> Option<Vec<&'static str>> {
    let fixed = VARIABLES_OF.iter().find(|(classes, _)| classes.contains(&class));
    if let Some((_, names)) = fixed {
        return (num <= names.len()).then(|| names.to_vec());
    }
    if !NORMALIZATIONS.contains(&class) {
        return None;
    }
    let statistics: &[&str] = match class {
        "batch_normalization" => &["moving_mean", "moving_variance"],
        _ => &[],
    };
    // Without a configuration, one of the two may be missing, and it is not known which.
    let (has_scale, has_center) = match told {
        Some(layer) => (layer.has_scale, layer.has_center),
        None => (num == statistics.len() + 2, num == statistics.len() + 2),
    };
    let mut names = Vec::new();
    names.extend(has_scale.then_some("gamma"));
    names.extend(has_center.then_some("beta"));
    names.extend(statistics);
    (num == names.len()).then_some(names)
}
