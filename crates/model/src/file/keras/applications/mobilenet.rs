//! Keras' first MobileNet.

use super::{Application, Features, Oddities, Trunk};

pub(super) static APPLICATION: Application = Application {
    name: "keras.applications.MobileNet",
    marks: &["conv_dw_1", "conv_pw_13"],
    features: Features::OfLayer("conv_pw_13_bn"),
    linear: "classifier",
    epsilon: 1e-3,
    rename,
    odd: Oddities::NONE,
};

/// Blocks of each of timm's stages.
const NUM_BLOCKS: [usize; 5] = [1, 2, 2, 6, 2];

/// timm's name of a layer.
///
/// # Source
/// Keras 3, `keras/src/applications/mobilenet.py`.
fn rename(name: &str, _: &Trunk<'_>) -> Option<String> {
    match name {
        "conv1" => return Some("conv_stem".to_string()),
        "conv1_bn" => return Some("bn1".to_string()),
        _ => {}
    }
    let (layer, is_norm) = match name.strip_suffix("_bn") {
        Some(layer) => (layer, true),
        None => (name, false),
    };
    let (kind, number) = layer.rsplit_once('_')?;
    let part = match (kind, is_norm) {
        ("conv_dw", false) => "conv_dw",
        ("conv_dw", true) => "bn1",
        ("conv_pw", false) => "conv_pw",
        ("conv_pw", true) => "bn2",
        _ => return None,
    };
    let mut block = number.parse::<usize>().ok()?.checked_sub(1)?;
    for (stage, num_blocks) in NUM_BLOCKS.into_iter().enumerate() {
        if block < num_blocks {
            return Some(format!("blocks.{stage}.{block}.{part}"));
        }
        block -= num_blocks;
    }
    None
}
