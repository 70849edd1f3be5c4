//! Keras' InceptionV3.

use super::{Application, Features};
use crate::architecture::Architecture;

/// Keras makes the layers in the order in which torchvision names them.
///
/// # Source
/// Keras 3, `keras/src/applications/inception_v3.py`.
pub(super) static APPLICATION: Application = Application {
    name: "keras.applications.InceptionV3",
    marks: &[],
    numbered: Some((Architecture::INCEPTION_V3, 0)),
    features: Features::Number(2048),
    linear: "fc",
    epsilon: 1e-3,
    rename: |name, trunk| trunk.numbered.get(name).cloned(),
    has_biases: false,
    has_scales: false,
    flattened: None,
};
