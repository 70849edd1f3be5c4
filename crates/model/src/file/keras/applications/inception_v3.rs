//! Keras' InceptionV3.

use super::{Application, Features, Oddities};
use crate::architecture::Architecture;

/// Keras makes the layers in the order in which torchvision names them.
///
/// # Source
/// Keras 3, `keras/src/applications/inception_v3.py`.
pub(super) static APPLICATION: Application = Application {
    name: "keras.applications.InceptionV3",
    marks: &[],
    features: Features::Number(2048),
    linear: "fc",
    epsilon: 1e-3,
    rename: |name, trunk| trunk.numbered.get(name).cloned(),
    odd: Oddities {
        numbered: Some((Architecture::INCEPTION_V3, 0)),
        has_scales: false,
        ..Oddities::NONE
    },
};
