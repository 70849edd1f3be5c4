//! Keras' InceptionResNetV2.

use super::{Application, Features, Oddities, Trunk};
use crate::architecture::Architecture;

/// Keras makes the layers without a name in the order in which timm names them; one after them has a name.
pub(super) static APPLICATION: Application = Application {
    name: "keras.applications.InceptionResNetV2",
    marks: &["block35_1_conv", "conv_7b"],
    features: Features::Number(1536),
    linear: "classif",
    epsilon: 1e-3,
    rename,
    odd: Oddities {
        numbered: Some((Architecture::INCEPTION_RESNET_V2, 1)),
        has_scales: false,
        ..Oddities::NONE
    },
};

/// The last of Keras' blocks of 8x8 cells, which timm does not count among those that are repeated.
const LAST_BLOCK: usize = 10;

/// timm's name of a layer.
///
/// # Source
/// Keras 3, `keras/src/applications/inception_resnet_v2.py`.
fn rename(name: &str, trunk: &Trunk<'_>) -> Option<String> {
    match name {
        "conv_7b" => return Some("conv2d_7b.conv".to_string()),
        "conv_7b_bn" => return Some("conv2d_7b.bn".to_string()),
        _ => {}
    }
    if let Some(numbered) = trunk.numbered.get(name) {
        return Some(numbered.clone());
    }
    let (block, number) = name.strip_suffix("_conv")?.split_once('_')?;
    let number = number.parse::<usize>().ok()?;
    let idx = number.checked_sub(1)?;
    match block {
        "block35" => Some(format!("repeat.{idx}.conv2d")),
        "block17" => Some(format!("repeat_1.{idx}.conv2d")),
        "block8" if number == LAST_BLOCK => Some("block8.conv2d".to_string()),
        "block8" => Some(format!("repeat_2.{idx}.conv2d")),
        _ => None,
    }
}
