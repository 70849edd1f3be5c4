//! Names of weights in other programs.

use crate::weights::NamedTensor;
use std::collections::{BTreeMap, BTreeSet};

/// `torch.nn.DataParallel` puts this before every name.
const DATA_PARALLEL: &str = "module.";

/// Whose names weights have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// Torchvision's, or unknown ones. The ResNets of timm have them, too.
    Torchvision,
    /// Those of timm's EfficientNets.
    Timm,
}

impl Naming {
    /// The naming of a whole set of names.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let names: BTreeSet<&str> = names.collect();
        let prefix = common_prefix(&names);
        let has = |name: &str| names.contains(format!("{prefix}{name}").as_str());
        match has("conv_stem.weight") && has("blocks.0.0.conv_dw.weight") {
            true => Self::Timm,
            false => Self::Torchvision,
        }
    }

    /// The name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
        }
    }
}

/// `tensors` by torchvision's names. Names that are not known stay as they are.
///
/// # Errors
/// Two tensors get one name.
pub(crate) fn to_torchvision(
    tensors: BTreeMap<String, NamedTensor>,
) -> Result<BTreeMap<String, NamedTensor>, String> {
    let renamed = torchvision_names(tensors.keys().map(String::as_str));
    let mut result = BTreeMap::new();
    for ((name, tensor), new_name) in tensors.into_iter().zip(renamed) {
        if result.insert(new_name.clone(), tensor).is_some() {
            return Err(format!("`{name}` and another tensor are both torchvision's `{new_name}`"));
        }
    }
    Ok(result)
}

/// Torchvision's names of the weights `names`, in their order.
///
/// A common prefix `module.` of `torch.nn.DataParallel` is dropped; names of timm's EfficientNets are
/// replaced; others stay as they are.
pub fn torchvision_names<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let all: BTreeSet<&str> = names.clone().collect();
    let prefix = common_prefix(&all);
    let own: BTreeSet<&str> = all.iter().map(|name| &name[prefix.len()..]).collect();
    let naming = Naming::of(own.iter().copied());
    names
        .map(|name| {
            let name = &name[prefix.len()..];
            let of_timm = if naming == Naming::Timm { of_timm(name, &own) } else { None };
            of_timm.unwrap_or_else(|| name.to_string())
        })
        .collect()
}

fn common_prefix(names: &BTreeSet<&str>) -> &'static str {
    let is_common = names.iter().all(|name| name.starts_with(DATA_PARALLEL));
    if is_common { DATA_PARALLEL } else { "" }
}

/// Torchvision's name of the weight `name` of an EfficientNet of timm that has the weights `all`.
///
/// # Source
/// timm, `timm/models/efficientnet.py` and `_efficientnet_blocks.py`; torchvision,
/// `torchvision/models/efficientnet.py`.
fn of_timm(name: &str, all: &BTreeSet<&str>) -> Option<String> {
    let (layer, value) = name.rsplit_once('.')?;
    if let Some(rest) = layer.strip_prefix("blocks.") {
        let mut parts = rest.splitn(3, '.');
        let (stage, block, layer) = (parts.next()?, parts.next()?, parts.next()?);
        let features = stage_idx(stage)? + 1;
        let place = place_in_block(layer, is_expanded(all, stage, block))?;
        return Some(format!("features.{features}.{block}.block.{place}.{value}"));
    }
    let last = num_stages(all) + 1;
    let layer = match layer {
        "conv_stem" => "features.0.0".to_string(),
        "bn1" => "features.0.1".to_string(),
        "conv_head" => format!("features.{last}.0"),
        "bn2" => format!("features.{last}.1"),
        "classifier" => "classifier.1".to_string(),
        _ => return None,
    };
    Some(format!("{layer}.{value}"))
}

/// Where a layer of timm's is among torchvision's steps of a block: expand, filter each channel,
/// squeeze and excite, project. Blocks that do not expand lack the first, so that the others move up
/// and the projection has the name that the expansion has elsewhere.
fn place_in_block(layer: &str, is_expanded: bool) -> Option<&'static str> {
    Some(match (layer, is_expanded) {
        ("conv_pw", true) => "0.0",
        ("bn1", true) => "0.1",
        ("conv_dw", true) => "1.0",
        ("bn2", true) => "1.1",
        ("se.conv_reduce", true) => "2.fc1",
        ("se.conv_expand", true) => "2.fc2",
        ("conv_pwl", true) => "3.0",
        ("bn3", true) => "3.1",
        ("conv_dw", false) => "0.0",
        ("bn1", false) => "0.1",
        ("se.conv_reduce", false) => "1.fc1",
        ("se.conv_expand", false) => "1.fc2",
        ("conv_pw", false) => "2.0",
        ("bn2", false) => "2.1",
        _ => return None,
    })
}

fn is_expanded(all: &BTreeSet<&str>, stage: &str, block: &str) -> bool {
    all.contains(format!("blocks.{stage}.{block}.conv_pwl.weight").as_str())
}

fn num_stages(all: &BTreeSet<&str>) -> u32 {
    let stages = all.iter().filter_map(|name| {
        let stage = name.strip_prefix("blocks.")?.split('.').next()?;
        Some(stage_idx(stage)? + 1)
    });
    stages.max().unwrap_or(0)
}

fn stage_idx(text: &str) -> Option<u32> {
    text.parse::<u8>().ok().map(u32::from)
}
