//! Layers without a name of their own, which Keras calls by their class and a number that grows with each that a
//! program makes: `conv2d`, `conv2d_1`, `batch_normalization_7`.

use crate::architecture::Architecture;
use crate::config::NetworkConfig;
use crate::file::keras::layers::{LayerWeights, without_number};
use crate::misfit::{expected_shapes, names_in_order};
use burn::tensor::Device;
use std::collections::BTreeMap;

const CONV: &str = "conv2d";
const NORM: &str = "batch_normalization";

/// Fewer layers than any network here has that Keras numbers: whoever has fewer is not compared with one.
const MIN_LAYERS: usize = 90;

/// The end of the name that a kernel of a unit has in an Inception here.
const CONV_HERE: &str = ".conv.weight";

/// The number in a name that Keras gave: 0 of `conv2d`, 3 of `batch_normalization_3`.
pub(super) fn number_of(name: &str) -> Option<usize> {
    let class = without_number(name);
    [CONV, NORM].contains(&class).then_some(())?;
    match name[class.len()..].strip_prefix('_') {
        Some(number) => number.parse().ok(),
        None => Some(0),
    }
}

/// Layers by their numbers.
type Numbered<'a> = BTreeMap<usize, (&'a str, &'a LayerWeights)>;

fn of_class<'a>(layers: &BTreeMap<&'a str, &'a LayerWeights>, class: &str) -> Numbered<'a> {
    let own = layers.iter().filter(|(name, _)| without_number(name) == class);
    own.filter_map(|(name, layer)| Some((number_of(name)?, (*name, *layer)))).collect()
}

/// The names here of those of `layers` that are the convolutions of `architecture` and the normalizations after
/// them, all but the last `num_named`. Keras makes them in the order in which the network has them here; layers of
/// other numbers before and after are left alone. `None` where no layers in a row have the shapes of the network.
pub(super) fn names(
    architecture: Architecture,
    num_named: usize,
    layers: &BTreeMap<&str, &LayerWeights>,
) -> Option<BTreeMap<String, String>> {
    let (convs, norms) = (of_class(layers, CONV), of_class(layers, NORM));
    if convs.len().min(norms.len()) < MIN_LAYERS {
        return None;
    }
    let units = units(architecture, num_named);
    let convs = matching(&convs, &units, |layer, unit| {
        let [out_channels, in_channels, height, width] = unit.kernel;
        let kernel = layer.variable("kernel");
        kernel.is_some_and(|kernel| kernel.shape == [height, width, in_channels, out_channels])
    })?;
    let norms = matching(&norms, &units, |layer, unit| {
        let mut variables = layer.variables.iter();
        variables.all(|(_, dataset)| dataset.shape == [unit.kernel[0]])
    })?;
    let convs = convs.into_iter().zip(&units).map(|(name, unit)| (name, &unit.name, "conv"));
    let norms = norms.into_iter().zip(&units).map(|(name, unit)| (name, &unit.name, "bn"));
    let found =
        convs.chain(norms).map(|(name, unit, part)| (name.into(), format!("{unit}.{part}")));
    Some(found.collect())
}

/// A convolution and the normalization after it.
struct Unit {
    /// Here.
    name: String,
    /// Shape of the kernel, channels out and in first.
    kernel: [usize; 4],
}

/// The units of `architecture` from the input to the output, without the last `num_named`.
fn units(architecture: Architecture, num_named: usize) -> Vec<Unit> {
    let network = NetworkConfig::torchvision(architecture, 1).init(&Device::flex());
    let shapes = expected_shapes(&network);
    let names = names_in_order(&network).into_iter();
    let units = names.filter_map(|name| {
        let kernel = shapes.get(&name)?.as_slice().try_into().ok()?;
        Some(Unit { name: name.strip_suffix(CONV_HERE)?.to_string(), kernel })
    });
    let mut units: Vec<Unit> = units.collect();
    units.truncate(units.len().saturating_sub(num_named));
    units
}

/// The names of the first layers in a row that are those of `units`.
fn matching<'a>(
    layers: &Numbered<'a>,
    units: &[Unit],
    is_of: impl Fn(&LayerWeights, &Unit) -> bool,
) -> Option<Vec<&'a str>> {
    let layers: Vec<&(&str, &LayerWeights)> = layers.values().collect();
    let last_start = layers.len().checked_sub(units.len())?;
    let mut rows = (0..=last_start).map(|start| &layers[start..start + units.len()]);
    let fits = |row: &&[&(&str, &LayerWeights)]| {
        row.iter().zip(units).all(|((_, layer), unit)| is_of(layer, unit))
    };
    Some(rows.find(fits)?.iter().map(|(name, _)| *name).collect())
}
