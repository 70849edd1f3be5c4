//! Keras' first EfficientNets; the second have no counterpart here.

use super::{Application, Features, Oddities, Trunk};

pub(super) static APPLICATION: Application = Application {
    name: "keras.applications.EfficientNet",
    marks: &["stem_conv", "block1a_dwconv"],
    features: Features::OfLayer("top_bn"),
    linear: "classifier.1",
    epsilon: 1e-3,
    rename,
    odd: Oddities::NONE,
};

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

/// Torchvision's name of a layer.
///
/// # Source
/// Keras 3, `keras/src/applications/efficientnet.py`.
fn rename(name: &str, trunk: &Trunk<'_>) -> Option<String> {
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
    let expands = trunk.layer(&format!("block{block}_expand_conv")).is_some();
    let step = if expands { *step } else { step.checked_sub(1)? };
    Some(format!("features.{stage}.{}.block.{step}.{part}", letter - b'a'))
}
