//! Keras' Xception.

use super::numbered::number_of;
use super::{Application, Features, Oddities, Trunk};
use crate::file::keras::layers::{LayerWeights, without_number};

pub(super) static APPLICATION: Application = Application {
    name: "keras.applications.Xception",
    marks: &["block1_conv1", "block14_sepconv2"],
    features: Features::OfLayer("block14_sepconv2_bn"),
    linear: "fc",
    epsilon: 1e-3,
    rename,
    odd: Oddities::NONE,
};

/// The blocks with a convolution in their shortcut, by timm's number, and its channels in and out. Keras gives these
/// layers no name of their own.
const SHORTCUTS: [(usize, [usize; 2]); 4] =
    [(1, [64, 128]), (2, [128, 256]), (3, [256, 728]), (12, [728, 1024])];

/// timm's name of a layer.
///
/// # Source
/// Keras 3, `keras/src/applications/xception.py`.
fn rename(name: &str, trunk: &Trunk<'_>) -> Option<String> {
    if let Some(found) = shortcut(name, trunk) {
        return Some(found);
    }
    let (block, layer) = name.strip_prefix("block")?.split_once('_')?;
    let block = block.parse::<usize>().ok()?;
    let (layer, is_norm) = match layer.strip_suffix("_bn") {
        Some(layer) => (layer, true),
        None => (layer, false),
    };
    let number = layer.bytes().last().filter(u8::is_ascii_digit)? - b'0';
    let number = usize::from(number).checked_sub(1)?;
    let part = if is_norm { "bn" } else { "conv" };
    match (block, &layer[..layer.len() - 1]) {
        (1, "conv") => Some(format!("{part}{}", number + 1)),
        (14, "sepconv") => Some(format!("{part}{}", number + 3)),
        (2..=13, "sepconv") => {
            // timm counts the activations, of which the first block has none at its start.
            let start = if block == 2 { 0 } else { 1 };
            let step = 3 * number + start + usize::from(is_norm);
            Some(format!("block{}.rep.{step}", block - 1))
        }
        _ => None,
    }
}

/// timm's name of a layer in a shortcut, which its shape tells.
fn shortcut(name: &str, trunk: &Trunk<'_>) -> Option<String> {
    let number = number_of(name)?;
    // Layers of a head may have the shape, too; they come later.
    let is_first = |is_alike: &dyn Fn(&LayerWeights) -> bool| {
        let own_names = trunk.layers.iter().filter_map(|(other, layer)| {
            let is_same_class = without_number(other) == without_number(name);
            number_of(other).filter(|_| is_same_class && is_alike(layer))
        });
        own_names.min() == Some(number)
    };
    SHORTCUTS.iter().find_map(|&(block, [in_channels, out_channels])| {
        let has_shape = |layer: &LayerWeights, variable: &str, shape: &[usize]| {
            layer.variable(variable).is_some_and(|found| found.shape == shape)
        };
        let is_conv =
            |layer: &LayerWeights| has_shape(layer, "kernel", &[1, 1, in_channels, out_channels]);
        let is_norm = |layer: &LayerWeights| has_shape(layer, "moving_mean", &[out_channels]);
        let layer = trunk.layer(name)?;
        if is_conv(layer) && is_first(&is_conv) {
            return Some(format!("block{block}.skip"));
        }
        (is_norm(layer) && is_first(&is_norm)).then(|| format!("block{block}.skipbn"))
    })
}
