//! Keras' ResNets of 2016.

use super::{Application, Features, Oddities, Trunk};

pub(super) static APPLICATION: Application = Application {
    name: "keras.applications.ResNet50V2",
    marks: &["conv1_conv", "conv2_block1_preact_bn"],
    features: Features::OfLayer("post_bn"),
    linear: "predictions",
    epsilon: 1.001e-5,
    rename,
    odd: Oddities::NONE,
};

/// The name here of a layer: `conv2_block1.conv0` of `conv2_block1_0_conv`.
///
/// # Source
/// Keras 3, `keras/src/applications/resnet.py`.
fn rename(name: &str, _: &Trunk<'_>) -> Option<String> {
    if matches!(name, "conv1_conv" | "post_bn") {
        return Some(name.to_string());
    }
    let (stage, rest) = name.strip_prefix("conv")?.split_once("_block")?;
    let (block, rest) = rest.split_once('_')?;
    let stage = stage.parse::<u8>().ok().filter(|stage| (2..=5).contains(stage))?;
    let block = block.parse::<u8>().ok()?;
    let layer = match rest {
        "preact_bn" => "preact_bn",
        "0_conv" => "conv0",
        "1_conv" => "conv1",
        "1_bn" => "bn1",
        "2_conv" => "conv2",
        "2_bn" => "bn2",
        "3_conv" => "conv3",
        _ => return None,
    };
    Some(format!("conv{stage}_block{block}.{layer}"))
}
