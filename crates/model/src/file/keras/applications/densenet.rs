//! Keras' DenseNets.

use super::{Application, Features, Oddities, Trunk};

pub(super) static APPLICATION: Application = Application {
    name: "keras.applications.DenseNet",
    marks: &["conv1_conv", "conv2_block1_0_bn", "pool2_conv"],
    features: Features::OfLayer("bn"),
    linear: "classifier",
    epsilon: 1.001e-5,
    rename,
    odd: Oddities::NONE,
};

/// Torchvision's name of a layer.
///
/// # Source
/// Keras 3, `keras/src/applications/densenet.py`.
fn rename(name: &str, _: &Trunk<'_>) -> Option<String> {
    match name {
        "conv1_conv" => return Some("features.conv0".to_string()),
        "conv1_bn" => return Some("features.norm0".to_string()),
        "bn" => return Some("features.norm5".to_string()),
        _ => {}
    }
    let (place, layer) = name.rsplit_once('_')?;
    if let Some(stage) = place.strip_prefix("pool") {
        let stage = number(stage, 2..=4)?;
        let part = if layer == "bn" { "norm" } else { layer };
        let is_known = ["norm", "conv"].contains(&part);
        return is_known.then(|| format!("features.transition{}.{part}", stage - 1));
    }
    let (stage, block) = place.strip_prefix("conv")?.split_once("_block")?;
    let (block, idx) = block.split_once('_')?;
    let (stage, block) = (number(stage, 2..=5)?, number(block, 1..=99)?);
    let part = match (idx, layer) {
        ("0", "bn") => "norm1",
        ("1", "conv") => "conv1",
        ("1", "bn") => "norm2",
        ("2", "conv") => "conv2",
        _ => return None,
    };
    Some(format!("features.denseblock{}.denselayer{block}.{part}", stage - 1))
}

fn number(text: &str, range: std::ops::RangeInclusive<u8>) -> Option<u8> {
    text.parse().ok().filter(|number| range.contains(number))
}
