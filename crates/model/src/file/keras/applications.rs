//! Keras' own networks (`keras.applications`) in the names that they have here.

mod densenet;
mod efficientnet;
mod inception_resnet_v2;
mod inception_v3;
mod mobilenet;
mod mobilenet_v2;
mod nasnet;
mod numbered;
mod resnet;
mod resnet_v2;
mod vgg;
mod xception;

use super::config::Layer;
use super::layers::LayerWeights;
use crate::architecture::Architecture;
use crate::file::contents::{Contents, UnreadObject};
use crate::file::input::Fault;
use crate::file::stored::StoredTensor;
use std::collections::{BTreeMap, BTreeSet};

/// What stands before torchvision's names where a head that torchvision does not have has none.
const TRUNK: &str = "trunk.";
/// How far an epsilon may be from its network's, as a part of it: files have it as a 32-bit float, too.
const TOLERANCE: f64 = 1e-3;

/// What Keras calls the first half of a separable convolution here, and what it is called in networks, as in timm's Xception.
const DEPTHWISE: [&str; 2] = [".depthwise.weight", ".conv1.weight"];

/// One of Keras' networks, in all its sizes.
struct Application {
    name: &'static str,
    /// Layers that it has and others have not.
    marks: &'static [&'static str],
    /// What tells the number of features of the last maps.
    features: Features,
    /// The name here of the linear layer.
    linear: &'static str,
    epsilon: f64,
    /// The name here of a layer.
    rename: fn(&str, &Trunk<'_>) -> Option<String>,
    odd: Oddities,
}

/// What most of Keras' networks do not have.
struct Oddities {
    /// Whose layers those are that have no name of their own, and how many of its layers have one.
    numbered: Option<(Architecture, usize)>,
    /// Whether convolutions have biases, which are taken into the batch normalizations after them: `X_conv`, `X_bn`.
    has_biases: bool,
    /// Whether batch normalizations have factors; those without have ones here.
    has_scales: bool,
    /// The layer that [`Application::rename`] knows and that reads flattened feature maps, and their channels.
    flattened: Option<(&'static str, usize)>,
}

impl Oddities {
    const NONE: Self =
        Self { numbered: None, has_biases: false, has_scales: true, flattened: None };
}

/// What tells how many features the last maps have.
enum Features {
    /// The statistics of this layer.
    OfLayer(&'static str),
    /// All sizes of the network have as many.
    Number(usize),
}

static APPLICATIONS: [&Application; 11] = [
    &resnet::APPLICATION,
    &resnet_v2::APPLICATION,
    &efficientnet::APPLICATION,
    &xception::APPLICATION,
    &inception_v3::APPLICATION,
    &inception_resnet_v2::APPLICATION,
    &mobilenet::APPLICATION,
    &mobilenet_v2::APPLICATION,
    &densenet::APPLICATION,
    &vgg::APPLICATION,
    &nasnet::APPLICATION,
];

/// What one of Keras' own networks adds to variances, by the name that a file of it claims.
pub(crate) fn keras_epsilon(claimed: &str) -> Option<f64> {
    APPLICATIONS.iter().find(|known| known.name == claimed).map(|known| known.epsilon)
}

/// Where one of Keras' networks is in a file.
struct Trunk<'a> {
    /// What stands before its names.
    prefix: &'a str,
    /// The layers by what follows.
    layers: ByName<'a>,
    /// The names here of those that have none of their own.
    numbered: BTreeMap<String, String>,
}

/// Layers by name.
type ByName<'a> = BTreeMap<&'a str, &'a LayerWeights>;

impl Trunk<'_> {
    /// The layer that the network calls `name`.
    fn layer(&self, name: &str) -> Option<&LayerWeights> {
        self.layers.get(name).copied()
    }
}

/// Puts the variables of `layers` into `contents`, by the names here where they are of one of Keras' own networks.
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
        let unscaled = found.unscaled.contains(layer.name.as_str()).then(|| layer.without_scale());
        if let (Some(unscaled), Some(new_name)) = (&unscaled, new_name) {
            let ones = StoredTensor::ones(unscaled.num_channels());
            contents.tensors.insert(format!("{new_name}.weight"), ones);
        }
        let layer = unscaled.as_ref().unwrap_or(layer);
        for (name, tensor) in layer.tensors().map_err(Fault::Format)? {
            let variable = name.strip_prefix(&layer.name).unwrap_or_default();
            let variable = if variable == DEPTHWISE[0] { DEPTHWISE[1] } else { variable };
            let is_linear = found.linear == Some(layer.name.as_str());
            let (tensors, name) = match (shifted, new_name) {
                (Some(norm), _) if variable == ".bias" => {
                    (&mut contents.shifts, format!("{norm}.running_mean"))
                }
                (_, Some(new_name)) => (&mut contents.tensors, format!("{new_name}{variable}")),
                _ => (&mut contents.tensors, name),
            };
            let tensor = if is_linear { tensor.into_matrix() } else { tensor };
            let tensor = match found.flattened.filter(|(name, _)| *name == layer.name) {
                Some((_, num_channels)) => tensor.with_channels_first(num_channels),
                None => tensor,
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

impl Application {
    /// The network, if `layers` are of it.
    fn find<'a>(&self, prefix: &'a str, layers: &ByName<'a>) -> Option<Trunk<'a>> {
        if !self.marks.iter().all(|mark| layers.contains_key(mark)) {
            return None;
        }
        let numbered = match self.odd.numbered {
            Some((architecture, num_named)) => numbered::names(architecture, num_named, layers)?,
            None => BTreeMap::new(),
        };
        Some(Trunk { prefix, layers: layers.clone(), numbered })
    }

    /// Whether a layer that is called `name` here has no factor and may have numbered variables.
    fn is_unscaled(&self, name: &str, layer: &LayerWeights) -> bool {
        !self.odd.has_scales && name.ends_with(".bn") && layer.variables.len() == 3
    }

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
    /// The layer that gives the logits.
    linear: Option<&'a str>,
    layers: BTreeMap<&'a str, String>,
    /// The new names of the batch normalizations after convolutions.
    shifted: BTreeMap<&'a str, String>,
    /// Layers that standardize images, which is not a matter of weights here.
    left_out: BTreeSet<&'a str>,
    /// Batch normalizations without a factor.
    unscaled: BTreeSet<&'a str>,
    /// The layer of the trunk that reads flattened feature maps, and their channels.
    flattened: Option<(&'a str, usize)>,
}

impl<'a> Renaming<'a> {
    fn of(layers: &'a [LayerWeights], network: &Layer) -> Self {
        let mut groups: BTreeMap<&str, ByName<'_>> = BTreeMap::new();
        for layer in layers {
            let (prefix, name) = layer.name.split_at(layer.name.rfind('.').map_or(0, |at| at + 1));
            groups.entry(prefix).or_default().insert(name, layer);
        }
        let mut found = Vec::new();
        for (prefix, layers) in &groups {
            for application in APPLICATIONS {
                found.extend(application.find(prefix, layers).map(|trunk| (application, trunk)));
            }
        }
        // Which of several networks a head belongs to is not known.
        let [(application, trunk)] = found.as_slice() else { return Self::default() };
        Self::of_network(application, trunk, layers, network).unwrap_or_default()
    }

    /// `None` where it only looks like one of Keras' own.
    fn of_network(
        application: &Application,
        trunk: &Trunk<'_>,
        layers: &'a [LayerWeights],
        network: &Layer,
    ) -> Option<Self> {
        let mut renaming = Self { claimed: Some(application.name), ..Self::default() };
        let mut others = Vec::new();
        for layer in layers {
            let own = layer.name.strip_prefix(trunk.prefix);
            let new_name = own.and_then(|own| (application.rename)(own, trunk));
            match new_name {
                Some(_) if application.differs_from(layer) => return None,
                Some(new_name) => {
                    if application.is_unscaled(&new_name, layer) {
                        renaming.unscaled.insert(&layer.name);
                    }
                    if let Some((flattened, num_channels)) = application.odd.flattened
                        && own == Some(flattened)
                    {
                        renaming.flattened = Some((&layer.name, num_channels));
                    }
                    renaming.layers.insert(&layer.name, new_name);
                }
                None if is_standardization(layer) => drop(renaming.left_out.insert(&layer.name)),
                None => others.push(layer),
            }
        }
        let head = head(application, trunk, &others, network);
        // A head of another kind must not look like layers of the trunk.
        let has_other_head = trunk.prefix.is_empty() && head.is_none() && !others.is_empty();
        let start = if has_other_head { TRUNK } else { trunk.prefix };
        for (name, new_name) in &mut renaming.layers {
            *new_name = format!("{start}{new_name}");
            if let Some(norm) = name.strip_suffix("_conv").filter(|_| application.odd.has_biases) {
                renaming.shifted.insert(name, format!("{norm}_bn"));
            }
        }
        for norm in renaming.shifted.values_mut() {
            *norm = renaming.layers.get(norm.as_str())?.clone();
        }
        renaming.layers.extend(head.map(|name| (name, application.linear.to_string())));
        renaming.linear = head;
        Some(renaming)
    }
}

/// The linear layer right after the pooled features, if that is all the head.
fn head<'a>(
    application: &Application,
    trunk: &Trunk<'_>,
    others: &[&'a LayerWeights],
    network: &Layer,
) -> Option<&'a str> {
    let [only] = others else { return None };
    let num_features = match application.features {
        Features::OfLayer(name) => *trunk.layer(name)?.variable("moving_mean")?.shape.first()?,
        Features::Number(number) => number,
    };
    // A convolution of a single cell is linear, too.
    let is_matrix = match only.variable("kernel")?.shape.as_slice() {
        [num_inputs, _] => *num_inputs == num_features && is_class(only, "dense"),
        [1, 1, num_inputs, _] => *num_inputs == num_features && is_class(only, "conv2d"),
        _ => false,
    };
    let is_pooled_otherwise = network
        .by_name()
        .values()
        .flatten()
        .any(|layer| matches!(layer.class.as_str(), "global_max_pooling2d" | "flatten"));
    let is_alone = only.variables.len() == 2;
    (is_matrix && is_alone && !is_pooled_otherwise).then_some(only.name.as_str())
}

/// Whether a layer is of the class `name`, as far as that is known.
fn is_class(layer: &LayerWeights, name: &str) -> bool {
    layer.class.as_deref().is_none_or(|class| class == name)
}
