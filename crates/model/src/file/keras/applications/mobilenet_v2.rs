//! Keras' MobileNetV2.

use super::{Application, Features, Oddities, Trunk};

pub(super) static APPLICATION: Application = Application {
    name: "keras.applications.MobileNetV2",
    marks: &["Conv1", "expanded_conv_depthwise", "Conv_1"],
    features: Features::OfLayer("Conv_1_bn"),
    linear: "classifier.1",
    epsilon: 1e-3,
    rename,
    odd: Oddities::NONE,
};

/// Layers of a block, and torchvision's names in its `conv`; the first block does not expand.
const LAYERS: [(&str, &str); 6] = [
    ("expand", "0.0"),
    ("expand_BN", "0.1"),
    ("depthwise", "1.0"),
    ("depthwise_BN", "1.1"),
    ("project", "2"),
    ("project_BN", "3"),
];
const LAYERS_OF_FIRST: [(&str, &str); 4] =
    [("depthwise", "0.0"), ("depthwise_BN", "0.1"), ("project", "1"), ("project_BN", "2")];

/// Torchvision's name of a layer.
///
/// # Source
/// Keras 3, `keras/src/applications/mobilenet_v2.py`.
fn rename(name: &str, _: &Trunk<'_>) -> Option<String> {
    let ends = [
        ("Conv1", "features.0.0"),
        ("bn_Conv1", "features.0.1"),
        ("Conv_1", "features.18.0"),
        ("Conv_1_bn", "features.18.1"),
    ];
    if let Some((_, new_name)) = ends.iter().find(|(known, _)| *known == name) {
        return Some((*new_name).to_string());
    }
    let find = |layers: &[(&str, &'static str)], layer: &str| {
        layers.iter().find(|(known, _)| *known == layer).map(|(_, new_name)| *new_name)
    };
    let (block, layer) = match name.strip_prefix("expanded_conv_") {
        Some(layer) => (0, find(&LAYERS_OF_FIRST, layer)?),
        None => {
            let (block, layer) = name.strip_prefix("block_")?.split_once('_')?;
            let block = block.parse::<u8>().ok().filter(|block| (1..=16).contains(block))?;
            (block, find(&LAYERS, layer)?)
        }
    };
    Some(format!("features.{}.conv.{layer}", block + 1))
}
