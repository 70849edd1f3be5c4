//! Keras' ResNets of 2015.

use super::{Application, Features, Oddities, Trunk};

pub(super) static APPLICATION: Application = Application {
    name: "keras.applications.ResNet",
    marks: &["conv1_conv", "conv2_block1_3_bn"],
    features: Features::OfLayer("conv5_block3_3_bn"),
    linear: "fc",
    epsilon: 1.001e-5,
    rename,
    odd: Oddities { has_biases: true, ..Oddities::NONE },
};

/// Torchvision's name of a layer.
///
/// # Source
/// Keras 3, `keras/src/applications/resnet.py`.
fn rename(name: &str, _: &Trunk<'_>) -> Option<String> {
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
