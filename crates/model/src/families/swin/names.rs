//! Names of the weights of Swin transformers in timm.

use crate::weight_names::replaced;
use std::collections::BTreeSet;

/// Starts of names outside of the stages: timm's and torchvision's.
const OUTSIDE: [(&str, &str); 3] = [
    ("patch_embed.proj.", "features.0.0."),
    ("patch_embed.norm.", "features.0.2."),
    ("norm.", "norm."),
];

/// What timm calls the layer of the logits, torchvision's `head`. What stands before `fc.` may count as a
/// prefix, since that is the head of a ResNet; `head.` is the name in older files.
const HEADS: [&str; 3] = ["head.fc.", "fc.", "head."];

/// Starts of names in a block.
const INSIDE: [(&str, &str); 5] = [
    ("norm1.", "norm1."),
    ("attn.", "attn."),
    ("norm2.", "norm2."),
    ("mlp.fc1.", "mlp.0."),
    ("mlp.fc2.", "mlp.3."),
];

/// A weight that files have in which cells are merged at the end of a stage, as the authors' and timm's older
/// ones, and no others: in timm cells are merged at the start of the next stage.
///
/// # Source
/// timm, `checkpoint_filter_fn` in `timm/models/swin_transformer.py`.
const MARK_OF_OLDER: &str = "layers.0.downsample.reduction.weight";

/// Torchvision's name of one of timm's, or of the authors'.
pub(super) fn of_timm(name: &str, all: &BTreeSet<&str>) -> Option<String> {
    if let Some(rest) = HEADS.iter().find_map(|start| name.strip_prefix(start)) {
        return Some(format!("head.{rest}"));
    }
    let Some(in_stages) = name.strip_prefix("layers.") else { return replaced(name, OUTSIDE) };
    let (stage, rest) = in_stages.split_once('.')?;
    let stage: usize = stage.parse().ok()?;
    if let Some(rest) = rest.strip_prefix("downsample.") {
        let idx = if all.contains(MARK_OF_OLDER) { 2 * stage + 2 } else { 2 * stage };
        return Some(format!("features.{idx}.{rest}"));
    }
    let (block, rest) = rest.strip_prefix("blocks.")?.split_once('.')?;
    Some(format!("features.{}.{block}.{}", 2 * stage + 1, replaced(rest, INSIDE)?))
}

/// What timm, or the authors, may call a weight of torchvision's name.
pub(super) fn timm_names(name: &str) -> Vec<String> {
    if let Some(rest) = name.strip_prefix("head.") {
        return vec![format!("head.{rest}")];
    }
    let swapped = OUTSIDE.map(|(timm, torchvision)| (torchvision, timm));
    let outside = replaced(name, swapped);
    outside.map_or_else(|| in_stages(name).unwrap_or_default(), |name| vec![name])
}

/// [`timm_names`] of a weight of a stage, or between stages.
fn in_stages(name: &str) -> Option<Vec<String>> {
    let (feature, rest) = name.strip_prefix("features.")?.split_once('.')?;
    let feature: usize = feature.parse().ok()?;
    let stage = feature / 2;
    if feature.is_multiple_of(2) {
        let stages = [Some(stage), stage.checked_sub(1)].into_iter().flatten();
        return Some(stages.map(|stage| format!("layers.{stage}.downsample.{rest}")).collect());
    }
    let (block, rest) = rest.split_once('.')?;
    let rest = replaced(rest, INSIDE.map(|(timm, torchvision)| (torchvision, timm)))?;
    Some(vec![format!("layers.{stage}.blocks.{block}.{rest}")])
}
