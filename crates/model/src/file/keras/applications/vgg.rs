//! Keras' VGG16.

use super::{Application, Features, Oddities, Trunk};

pub(super) static APPLICATION: Application = Application {
    name: "keras.applications.VGG16",
    marks: &["block1_conv1", "block3_conv3", "block5_conv3"],
    features: Features::Number(NUM_CHANNELS),
    linear: "classifier.6",
    // It has no batch normalization.
    epsilon: 1e-5,
    rename,
    odd: Oddities { flattened: Some((HIDDEN[0].0, NUM_CHANNELS)), ..Oddities::NONE },
};

/// Channels of the last maps.
const NUM_CHANNELS: usize = 512;

/// Convolutions of each stage; in torchvision's `features` an activation follows each, and a pooling the stage.
const NUM_CONVS: [usize; 5] = [2, 2, 3, 3, 3];

/// The layers of Keras' own head, torchvision's names of them, and how many inputs each has.
const HIDDEN: [(&str, &str, usize); 3] = [
    ("fc1", "classifier.0", 7 * 7 * NUM_CHANNELS),
    ("fc2", "classifier.3", 4096),
    ("predictions", "classifier.6", 4096),
];

/// Torchvision's name of a layer.
///
/// # Source
/// Keras 3, `keras/src/applications/vgg16.py`.
fn rename(name: &str, trunk: &Trunk<'_>) -> Option<String> {
    if let Some((_, new_name, _)) = HIDDEN.iter().find(|(known, ..)| *known == name) {
        return has_own_head(trunk).then(|| (*new_name).to_string());
    }
    let (stage, conv) = name.strip_prefix("block")?.split_once("_conv")?;
    let stage = stage.parse::<usize>().ok()?.checked_sub(1)?;
    let conv = conv.parse::<usize>().ok()?.checked_sub(1)?;
    if conv >= *NUM_CONVS.get(stage)? {
        return None;
    }
    let before: usize = NUM_CONVS[..stage].iter().map(|num_convs| 2 * num_convs + 1).sum();
    Some(format!("features.{}", before + 2 * conv))
}

/// Whether the head is Keras' own, for photos of its own size.
fn has_own_head(trunk: &Trunk<'_>) -> bool {
    HIDDEN.iter().all(|(name, _, num_inputs)| {
        let kernel = trunk.layer(name).and_then(|layer| layer.variable("kernel"));
        kernel.is_some_and(|kernel| matches!(kernel.shape[..], [found, _] if found == *num_inputs))
    })
}
