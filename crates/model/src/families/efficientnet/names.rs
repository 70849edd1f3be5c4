//! What timm calls the weights of an EfficientNet.

use std::collections::BTreeSet;

/// What timm and torchvision call the same layer.
struct SameLayer {
    timm: &'static str,
    torchvision: &'static str,
}

/// The last layers of timm's EfficientNets and torchvision's names of them; there are seven stages in
/// between.
const AROUND_BLOCKS: [SameLayer; 5] = [
    SameLayer { timm: "conv_stem", torchvision: "features.0.0" },
    SameLayer { timm: "bn1", torchvision: "features.0.1" },
    SameLayer { timm: "conv_head", torchvision: "features.8.0" },
    SameLayer { timm: "bn2", torchvision: "features.8.1" },
    SameLayer { timm: "classifier", torchvision: "classifier.1" },
];

/// The layers of a block by timm's names, and where they are among torchvision's steps of a block that
/// expands: expand, filter each channel, squeeze and excite, project.
const EXPANDED: [SameLayer; 8] = [
    SameLayer { timm: "conv_pw", torchvision: "0.0" },
    SameLayer { timm: "bn1", torchvision: "0.1" },
    SameLayer { timm: "conv_dw", torchvision: "1.0" },
    SameLayer { timm: "bn2", torchvision: "1.1" },
    SameLayer { timm: "se.conv_reduce", torchvision: "2.fc1" },
    SameLayer { timm: "se.conv_expand", torchvision: "2.fc2" },
    SameLayer { timm: "conv_pwl", torchvision: "3.0" },
    SameLayer { timm: "bn3", torchvision: "3.1" },
];

/// The same of blocks that do not expand: they lack the first step, so that the others move up and the
/// projection has the name that the expansion has elsewhere.
const PLAIN: [SameLayer; 6] = [
    SameLayer { timm: "conv_dw", torchvision: "0.0" },
    SameLayer { timm: "bn1", torchvision: "0.1" },
    SameLayer { timm: "se.conv_reduce", torchvision: "1.fc1" },
    SameLayer { timm: "se.conv_expand", torchvision: "1.fc2" },
    SameLayer { timm: "conv_pw", torchvision: "2.0" },
    SameLayer { timm: "bn2", torchvision: "2.1" },
];

/// Torchvision's name of the weight `name` of an EfficientNet of timm that has the weights `all`.
///
/// # Source
/// timm, `timm/models/efficientnet.py` and `_efficientnet_blocks.py`; torchvision,
/// `torchvision/models/efficientnet.py`.
pub fn of_timm(name: &str, all: &BTreeSet<&str>) -> Option<String> {
    let (layer, value) = name.rsplit_once('.')?;
    let torchvision_layer = match layer.strip_prefix("blocks.") {
        Some(rest) => {
            let mut parts = rest.splitn(3, '.');
            let (stage, block, layer) = (parts.next()?, parts.next()?, parts.next()?);
            let features = u32::from(stage.parse::<u8>().ok()?) + 1;
            let is_expanded =
                all.contains(format!("blocks.{stage}.{block}.conv_pwl.weight").as_str());
            let layers: &[SameLayer] = if is_expanded { &EXPANDED } else { &PLAIN };
            let found = layers.iter().find(|one| one.timm == layer)?;
            format!("features.{features}.{block}.block.{}", found.torchvision)
        }
        None => {
            let found = AROUND_BLOCKS.iter().find(|one| one.timm == layer)?;
            found.torchvision.to_string()
        }
    };
    Some(format!("{torchvision_layer}.{value}"))
}

/// What timm may call the weight that torchvision calls `name`; one of two, if any.
pub fn timm_names(name: &str) -> Vec<String> {
    let Some((layer, value)) = name.rsplit_once('.') else { return Vec::new() };
    if let Some(found) = AROUND_BLOCKS.iter().find(|one| one.torchvision == layer) {
        return vec![format!("{}.{value}", found.timm)];
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
    let layers = EXPANDED.iter().chain(&PLAIN).filter(|one| one.torchvision == place);
    layers.map(|one| format!("blocks.{stage}.{block}.{}.{value}", one.timm)).collect()
}
