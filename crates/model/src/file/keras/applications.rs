//! Keras' own networks (`keras.applications`) in torchvision's names.

use super::config::Layer;
use super::layers::LayerWeights;
use crate::file::contents::{Contents, UnreadObject};
use crate::file::input::Fault;
use crate::file::stored::StoredTensor;
use std::collections::{BTreeMap, BTreeSet};

/// What stands before torchvision's names where a head that torchvision does not have has none.
const TRUNK: &str = "trunk.";
/// How far an epsilon may be from its network's, as a part of it: files have it as a 32-bit float, too.
const TOLERANCE: f64 = 1e-3;

/// A family of Keras' networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// The ResNets of 2015; those of 2016 have no counterpart here.
    ResNet,
    /// The first EfficientNets; the second have no counterpart here.
    EfficientNet,
}

/// Layers that a network of the family has, and torchvision's name of the linear layer.
struct Marks {
    family: Family,
    name: &'static str,
    first: [&'static str; 2],
    /// The layer whose outputs are the features of the last maps.
    last: &'static str,
    linear: &'static str,
    epsilon: f64,
}

const FAMILIES: [Marks; 2] = [
    Marks {
        family: Family::ResNet,
        name: "keras.applications.ResNet",
        first: ["conv1_conv", "conv2_block1_3_bn"],
        last: "conv5_block3_3_bn",
        linear: "fc",
        epsilon: 1.001e-5,
    },
    Marks {
        family: Family::EfficientNet,
        name: "keras.applications.EfficientNet",
        first: ["stem_conv", "block1a_dwconv"],
        last: "top_bn",
        linear: "classifier.1",
        epsilon: 1e-3,
    },
];

/// Layers of EfficientNet's blocks, and torchvision's names of them in blocks that expand; the others have no first
/// step, so that the rest moves up.
const STEPS: [(&str, usize, &str); 8] = [
    ("expand_conv", 0, "0"),
    ("expand_bn", 0, "1"),
    ("dwconv", 1, "0"),
    ("bn", 1, "1"),
    ("se_reduce", 2, "fc1"),
    ("se_expand", 2, "fc2"),
    ("project_conv", 3, "0"),
    ("project_bn", 3, "1"),
];

/// Puts the variables of `layers` into `contents`, by torchvision's names where they are of one of Keras' own
/// networks.
///
/// Keras' convolutions have a bias before a batch normalization, torchvision's have none: it is the same to
/// subtract it from the running mean, which is what [`Contents::shifts`] are for.
///
/// # Errors
/// Two variables of one name, biases of another length than the statistics that they shift.
pub(super) fn fill(
    contents: &mut Contents,
    layers: &[LayerWeights],
    network: &Layer,
) -> Result<(), Fault> {
    let found = Renaming::of(layers, network);
    contents.claimed = found.claimed.map(str::to_string);
    for layer in layers {
        if found.left_out.contains(layer.name.as_str()) {
            let place = layer.name.escape_debug().to_string();
            contents.objects.push(UnreadObject { place, class: "Normalization".to_string() });
            continue;
        }
        let shifted = found.shifted.get(layer.name.as_str());
        let new_name = found.layers.get(layer.name.as_str());
        for (name, tensor) in layer.tensors().map_err(Fault::Format)? {
            let variable = name.strip_prefix(&layer.name).unwrap_or_default();
            let (tensors, name) = match (shifted, new_name) {
                (Some(norm), _) if variable == ".bias" => {
                    (&mut contents.shifts, format!("{norm}.running_mean"))
                }
                (_, Some(new_name)) => (&mut contents.tensors, format!("{new_name}{variable}")),
                _ => (&mut contents.tensors, name),
            };
            if tensors.insert(name.clone(), tensor).is_some() {
                let message = format!("there are two tensors `{}`", name.escape_debug());
                return Err(Fault::Format(message));
            }
        }
    }
    let fits = |(name, shift): (&String, &StoredTensor)| {
        contents.tensors.get(name).is_some_and(|tensor| tensor.shape == shift.shape)
    };
    match contents.shifts.iter().all(fits) {
        true => Ok(()),
        false => Err(Fault::Format("a bias does not fit its batch normalization".to_string())),
    }
}

impl Marks {
    /// Whether a layer adds something else to variances than the network does.
    fn differs_from(&self, layer: &LayerWeights) -> bool {
        let differs = |epsilon: f64| (epsilon / self.epsilon - 1.0).abs() > TOLERANCE;
        layer.variable("moving_mean").is_some() && layer.epsilon.is_some_and(differs)
    }
}

/// Whether a layer standardizes images by mean and variance.
fn is_standardization(layer: &LayerWeights) -> bool {
    let has = |name: &str| layer.variable(name).is_some();
    layer.class.as_deref() == Some("normalization") || has("mean") && has("variance")
}

/// New names of layers.
#[derive(Debug, Default)]
struct Renaming<'a> {
    claimed: Option<&'static str>,
    layers: BTreeMap<&'a str, String>,
    /// The new names of the batch normalizations after convolutions.
    shifted: BTreeMap<&'a str, String>,
    /// Layers that standardize images, which is not a matter of weights here.
    left_out: BTreeSet<&'a str>,
}

impl<'a> Renaming<'a> {
    fn of(layers: &'a [LayerWeights], network: &Layer) -> Self {
        let by_name: BTreeMap<&str, &LayerWeights> =
            layers.iter().map(|layer| (layer.name.as_str(), layer)).collect();
        let prefixes = layers.iter().filter_map(|layer| {
            let first = FAMILIES.iter().find_map(|marks| layer.name.strip_suffix(marks.first[0]));
            first.filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
        });
        let found: Vec<(&str, &Marks)> = prefixes
            .filter_map(|prefix| {
                let has = |name: &str| by_name.contains_key(format!("{prefix}{name}").as_str());
                let marks = FAMILIES.iter().find(|marks| marks.first.iter().all(|name| has(name)));
                marks.map(|marks| (prefix, marks))
            })
            .collect();
        // Which of several networks a head belongs to is not known.
        let [(prefix, marks)] = found.as_slice() else { return Self::default() };
        Self::of_network(prefix, marks, layers, network).unwrap_or_default()
    }

    /// `None` where it only looks like one of Keras' own.
    fn of_network(
        prefix: &str,
        marks: &Marks,
        layers: &'a [LayerWeights],
        network: &Layer,
    ) -> Option<Self> {
        let mut renaming = Self { claimed: Some(marks.name), ..Self::default() };
        let mut others = Vec::new();
        let all: BTreeSet<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
        for layer in layers {
            let own = layer.name.strip_prefix(prefix);
            let new_name = own.and_then(|own| match marks.family {
                Family::ResNet => of_resnet(own),
                Family::EfficientNet => of_efficientnet(own, prefix, &all),
            });
            match new_name {
                Some(_) if marks.differs_from(layer) => return None,
                Some(new_name) => drop(renaming.layers.insert(&layer.name, new_name)),
                None if is_standardization(layer) => drop(renaming.left_out.insert(&layer.name)),
                None => others.push(layer),
            }
        }
        let head = head(prefix, marks, layers, &others, network);
        // A head of another kind must not look like layers of the trunk.
        let start =
            if prefix.is_empty() && head.is_none() && !others.is_empty() { TRUNK } else { prefix };
        for (name, new_name) in &mut renaming.layers {
            *new_name = format!("{start}{new_name}");
            if let Some(norm) =
                name.strip_suffix("_conv").filter(|_| marks.family == Family::ResNet)
            {
                renaming.shifted.insert(name, format!("{norm}_bn"));
            }
        }
        for norm in renaming.shifted.values_mut() {
            *norm = renaming.layers.get(norm.as_str())?.clone();
        }
        renaming.layers.extend(head.map(|name| (name, marks.linear.to_string())));
        Some(renaming)
    }
}

/// The linear layer right after the pooled features, if that is all the head.
fn head<'a>(
    prefix: &str,
    marks: &Marks,
    layers: &[LayerWeights],
    others: &[&'a LayerWeights],
    network: &Layer,
) -> Option<&'a str> {
    let [only] = others else { return None };
    let last = format!("{prefix}{}", marks.last);
    let last = layers.iter().find(|layer| layer.name == last);
    let num_features = last?.variable("moving_mean")?.shape.first()?;
    let is_matrix = only.variable("kernel")?.shape.first() == Some(num_features);
    let is_linear = only.class.as_deref().is_none_or(|class| class == "dense");
    let is_pooled_otherwise = network
        .by_name()
        .values()
        .flatten()
        .any(|layer| matches!(layer.class.as_str(), "global_max_pooling2d" | "flatten"));
    let is_alone = only.variable("kernel")?.shape.len() == 2 && only.variables.len() == 2;
    (is_matrix && is_linear && is_alone && !is_pooled_otherwise).then_some(only.name.as_str())
}

/// Torchvision's name of a layer of Keras' ResNets.
///
/// # Source
/// Keras 3, `keras/src/applications/resnet.py`.
fn of_resnet(name: &str) -> Option<String> {
    match name {
        "conv1_conv" => return Some("conv1".to_string()),
        "conv1_bn" => return Some("bn1".to_string()),
        _ => {}
    }
    let (stage, rest) = name.strip_prefix("conv")?.split_once("_block")?;
    let (block, rest) = rest.split_once('_')?;
    let stage = stage.parse::<u8>().ok().filter(|stage| (2..=5).contains(stage))? - 1;
    let block = block.parse::<u8>().ok()?.checked_sub(1)?;
    let layer = match rest {
        "0_conv" => "downsample.0",
        "0_bn" => "downsample.1",
        "1_conv" => "conv1",
        "1_bn" => "bn1",
        "2_conv" => "conv2",
        "2_bn" => "bn2",
        "3_conv" => "conv3",
        "3_bn" => "bn3",
        _ => return None,
    };
    Some(format!("layer{stage}.{block}.{layer}"))
}

/// Torchvision's name of a layer of Keras' EfficientNets, whose layers are called `all`.
///
/// # Source
/// Keras 3, `keras/src/applications/efficientnet.py`.
fn of_efficientnet(name: &str, prefix: &str, all: &BTreeSet<&str>) -> Option<String> {
    let around = match name {
        "stem_conv" => Some("features.0.0"),
        "stem_bn" => Some("features.0.1"),
        "top_conv" => Some("features.8.0"),
        "top_bn" => Some("features.8.1"),
        _ => None,
    };
    if let Some(around) = around {
        return Some(around.to_string());
    }
    let (block, layer) = name.strip_prefix("block")?.split_once('_')?;
    let letter = block.bytes().last().filter(u8::is_ascii_lowercase)?;
    let stage =
        block[..block.len() - 1].parse::<u8>().ok().filter(|stage| (1..=7).contains(stage))?;
    let (_, step, part) = STEPS.iter().find(|(own, _, _)| *own == layer)?;
    let expands = all.contains(format!("{prefix}block{block}_expand_conv").as_str());
    let step = if expands { *step } else { step.checked_sub(1)? };
    Some(format!("features.{stage}.{}.block.{step}.{part}", letter - b'a'))
}
