//! Names of the weights of vision transformers in timm, and in torchvision's published files.

use crate::weight_names::replaced;
use std::collections::BTreeSet;

/// Starts of names outside of the layers: timm's and torchvision's.
const OUTSIDE: [(&str, &str); 5] = [
    ("cls_token", "class_token"),
    ("pos_embed", "encoder.pos_embedding"),
    ("patch_embed.proj.", "conv_proj."),
    ("norm.", "encoder.ln."),
    ("head.", "heads.head."),
];

/// Starts of names inside of a layer.
const INSIDE: [(&str, &str); 6] = [
    ("norm1.", "ln_1."),
    ("attn.qkv.", "self_attention.in_proj_"),
    ("attn.proj.", "self_attention.out_proj."),
    ("norm2.", "ln_2."),
    ("mlp.fc1.", "mlp.0."),
    ("mlp.fc2.", "mlp.3."),
];

/// The same in torchvision's published files, which are older than the names.
///
/// # Source
/// Torchvision, `MLPBlock._load_from_state_dict` in `torchvision/models/vision_transformer.py`.
const OLD: [(&str, &str); 2] = [("mlp.linear_1.", "mlp.0."), ("mlp.linear_2.", "mlp.3.")];

/// What stands before the number of a layer.
const LAYER: &str = "encoder.layers.encoder_layer_";
const TIMM_LAYER: &str = "blocks.";

/// Torchvision's name of one of timm's.
pub(super) fn of_timm(name: &str, _: &BTreeSet<&str>) -> Option<String> {
    match in_layer(name, TIMM_LAYER) {
        Some((number, rest)) => Some(format!("{LAYER}{number}.{}", replaced(rest, INSIDE)?)),
        None => replaced(name, OUTSIDE),
    }
}

/// What timm may call a weight of torchvision's name.
pub(super) fn timm_names(name: &str) -> Vec<String> {
    let found = match in_layer(name, LAYER) {
        Some((number, rest)) => {
            replaced(rest, INSIDE.map(swapped)).map(|rest| format!("{TIMM_LAYER}{number}.{rest}"))
        }
        None => replaced(name, OUTSIDE.map(swapped)),
    };
    found.into_iter().collect()
}

/// Torchvision's name of one in its published files.
pub(super) fn of_old_torchvision(name: &str, _: &BTreeSet<&str>) -> Option<String> {
    let (number, rest) = in_layer(name, LAYER)?;
    Some(format!("{LAYER}{number}.{}", replaced(rest, OLD)?))
}

/// What a weight is called in torchvision's published files, where that differs.
pub(super) fn old_torchvision_names(name: &str) -> Vec<String> {
    let old = in_layer(name, LAYER).and_then(|(number, rest)| {
        Some(format!("{LAYER}{number}.{}", replaced(rest, OLD.map(swapped))?))
    });
    old.into_iter().collect()
}

/// The number of a layer, and what follows it.
fn in_layer<'a>(name: &'a str, start: &str) -> Option<(usize, &'a str)> {
    let (number, rest) = name.strip_prefix(start)?.split_once('.')?;
    Some((number.parse().ok()?, rest))
}

fn swapped((one, other): (&'static str, &'static str)) -> (&'static str, &'static str) {
    (other, one)
}
