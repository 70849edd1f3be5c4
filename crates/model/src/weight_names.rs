//! Names of weights in other programs.

use crate::architecture::Architecture;
use crate::config::NetworkConfig;
use crate::head::Head;
use crate::misfit::expected_shapes;
use burn::tensor::Device;
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// Whose names weights have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// Torchvision's. The ResNets of timm have them, too.
    Torchvision,
    /// Those of timm's EfficientNets.
    Timm,
    /// Those of no network here.
    Unknown,
}

impl Naming {
    /// The naming of a whole set of names.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let names: BTreeSet<&str> = names.collect();
        let has = |first: &[&str]| first.iter().all(|name| names.contains(name));
        if has(&["conv_stem.weight", "blocks.0.0.conv_dw.weight"]) {
            Self::Timm
        } else if has(&["conv1.weight", "layer1.0.conv1.weight"])
            || has(&["features.0.0.weight", "features.1.0.block.0.0.weight"])
            || !names.is_empty() && names.iter().all(|name| is_known(name))
        {
            Self::Torchvision
        } else {
            Self::Unknown
        }
    }

    /// The name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
            Self::Unknown => "unknown",
        }
    }
}

/// Torchvision's names of the weights `names`, in their order.
///
/// Names of timm's EfficientNets are replaced; others stay as they are.
pub fn torchvision_names<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let own: BTreeSet<&str> = names.clone().collect();
    let naming = Naming::of(own.iter().copied());
    names
        .map(|name| {
            let of_timm = if naming == Naming::Timm { of_timm(name, &own) } else { None };
            of_timm.unwrap_or_else(|| name.to_string())
        })
        .collect()
}

/// Whether a network of any architecture has a weight of that name, as torchvision or timm call it.
pub(crate) fn is_known(name: &str) -> bool {
    static KNOWN: OnceLock<BTreeSet<String>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let mut known = BTreeSet::new();
        for architecture in Architecture::ALL {
            let torchvision = NetworkConfig::torchvision(architecture, 1);
            let network = NetworkConfig { head: Head::GapBn, ..torchvision }.init(&Device::flex());
            for name in expected_shapes(&network).into_keys() {
                known.extend(timm_names(&name));
                known.insert(name);
            }
        }
        known
    });
    known.contains(name)
}

/// The last layers of timm's EfficientNets and torchvision's names of them; there are seven stages in
/// between.
const AROUND_BLOCKS: [(&str, &str); 5] = [
    ("conv_stem", "features.0.0"),
    ("bn1", "features.0.1"),
    ("conv_head", "features.8.0"),
    ("bn2", "features.8.1"),
    ("classifier", "classifier.1"),
];

/// The layers of a block by timm's names, and where they are among torchvision's steps of a block that
/// expands: expand, filter each channel, squeeze and excite, project.
const EXPANDED: [(&str, &str); 8] = [
    ("conv_pw", "0.0"),
    ("bn1", "0.1"),
    ("conv_dw", "1.0"),
    ("bn2", "1.1"),
    ("se.conv_reduce", "2.fc1"),
    ("se.conv_expand", "2.fc2"),
    ("conv_pwl", "3.0"),
    ("bn3", "3.1"),
];

/// The same of blocks that do not expand: they lack the first step, so that the others move up and the
/// projection has the name that the expansion has elsewhere.
const PLAIN: [(&str, &str); 6] = [
    ("conv_dw", "0.0"),
    ("bn1", "0.1"),
    ("se.conv_reduce", "1.fc1"),
    ("se.conv_expand", "1.fc2"),
    ("conv_pw", "2.0"),
    ("bn2", "2.1"),
];

/// Torchvision's name of the weight `name` of an EfficientNet of timm that has the weights `all`.
///
/// # Source
/// timm, `timm/models/efficientnet.py` and `_efficientnet_blocks.py`; torchvision,
/// `torchvision/models/efficientnet.py`.
fn of_timm(name: &str, all: &BTreeSet<&str>) -> Option<String> {
    let (layer, value) = name.rsplit_once('.')?;
    let torchvision_layer = match layer.strip_prefix("blocks.") {
        Some(rest) => {
            let mut parts = rest.splitn(3, '.');
            let (stage, block, layer) = (parts.next()?, parts.next()?, parts.next()?);
            let features = u32::from(stage.parse::<u8>().ok()?) + 1;
            let is_expanded =
                all.contains(format!("blocks.{stage}.{block}.conv_pwl.weight").as_str());
            let places: &[(&str, &str)] = if is_expanded { &EXPANDED } else { &PLAIN };
            let (_, place) = places.iter().find(|(of_timm, _)| *of_timm == layer)?;
            format!("features.{features}.{block}.block.{place}")
        }
        None => {
            let (_, found) = AROUND_BLOCKS.iter().find(|(of_timm, _)| *of_timm == layer)?;
            (*found).to_string()
        }
    };
    Some(format!("{torchvision_layer}.{value}"))
}

/// What timm may call the weight that torchvision calls `name`; one of two, if any.
fn timm_names(name: &str) -> Vec<String> {
    let Some((layer, value)) = name.rsplit_once('.') else { return Vec::new() };
    if let Some((timm, _)) = AROUND_BLOCKS.iter().find(|(_, found)| *found == layer) {
        return vec![format!("{timm}.{value}")];
    }
    let mut parts = layer.splitn(5, '.');
    let (Some("features"), Some(features), Some(block), Some("block"), Some(place)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Vec::new();
    };
    let Some(stage) = features.parse::<u32>().ok().and_then(|features| features.checked_sub(1))
    else {
        return Vec::new();
    };
    let layers = EXPANDED.iter().chain(&PLAIN).filter(|(_, found)| *found == place);
    layers.map(|(timm, _)| format!("blocks.{stage}.{block}.{timm}.{value}")).collect()
}
