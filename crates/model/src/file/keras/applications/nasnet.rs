//! Keras' NASNetMobile.

use super::{Application, Features, Oddities, Trunk};

pub(super) static APPLICATION: Application = Application {
    name: "keras.applications.NASNetMobile",
    // NASNetLarge has six normal cells before its first reduction.
    marks: &["stem_conv1", "reduction_conv_1_reduce_4"],
    features: Features::Number(1056),
    linear: "predictions",
    epsilon: 1e-3,
    rename,
    odd: Oddities::NONE,
};

/// The name here of a layer: `normal_0.left1.separable_conv_1` of `separable_conv_1_normal_left1_0`.
///
/// # Source
/// Keras 3, `keras/src/applications/nasnet.py`.
fn rename(name: &str, _: &Trunk<'_>) -> Option<String> {
    if matches!(name, "stem_conv1" | "stem_bn1") {
        return Some(name.to_string());
    }
    let (layer, number) = name.rsplit_once('_')?;
    let number = number.parse::<u8>().ok()?;
    let (layer, cell) = match layer.rsplit_once('_') {
        Some((layer, kind @ ("stem" | "reduce"))) => (layer, format!("{kind}_{number}")),
        _ => (layer, format!("normal_{number}")),
    };
    if let Some(part) = layer.strip_prefix("adjust_") {
        return Some(format!("{cell}.adjust.{part}"));
    }
    let without_kind = ["normal_", "reduction_"].iter().find_map(|kind| layer.strip_prefix(kind));
    if let Some(part) = without_kind {
        return Some(format!("{cell}.{part}"));
    }
    let (part, branch) = layer.rsplit_once('_')?;
    let part = part.strip_suffix("_normal").or_else(|| part.strip_suffix("_reduction"))?;
    part.starts_with("separable_conv_").then(|| format!("{cell}.{branch}.{part}"))
}
