//! What EfficientNet-PyTorch calls the weights of an EfficientNet-Lite.

use super::SCALES;
use std::collections::BTreeSet;

/// What EfficientNet-PyTorch and timm call the same layer.
struct SameLayer {
    pytorch: &'static str,
    timm: &'static str,
}

/// The layers around the blocks.
const AROUND_BLOCKS: [SameLayer; 5] = [
    SameLayer { pytorch: "_conv_stem", timm: "conv_stem" },
    SameLayer { pytorch: "_bn0", timm: "bn1" },
    SameLayer { pytorch: "_conv_head", timm: "conv_head" },
    SameLayer { pytorch: "_bn1", timm: "bn2" },
    SameLayer { pytorch: "_fc", timm: "classifier" },
];

/// The layers of a block that expands.
const EXPANDED: [SameLayer; 6] = [
    SameLayer { pytorch: "_expand_conv", timm: "conv_pw" },
    SameLayer { pytorch: "_bn0", timm: "bn1" },
    SameLayer { pytorch: "_depthwise_conv", timm: "conv_dw" },
    SameLayer { pytorch: "_bn1", timm: "bn2" },
    SameLayer { pytorch: "_project_conv", timm: "conv_pwl" },
    SameLayer { pytorch: "_bn2", timm: "bn3" },
];

/// The layers of the first block, which does not expand.
const PLAIN: [SameLayer; 4] = [
    SameLayer { pytorch: "_depthwise_conv", timm: "conv_dw" },
    SameLayer { pytorch: "_bn1", timm: "bn1" },
    SameLayer { pytorch: "_project_conv", timm: "conv_pw" },
    SameLayer { pytorch: "_bn2", timm: "bn2" },
];

fn layers_of(stage: usize) -> &'static [SameLayer] {
    if stage == 0 { &PLAIN } else { &EXPANDED }
}

/// Numbers of blocks in each stage of the members.
fn depths() -> impl Iterator<Item = Vec<usize>> {
    SCALES.iter().map(|scale| scale.stages().iter().map(|stage| stage.num_blocks).collect())
}

/// timm's name of the weight `name` of an EfficientNet-Lite that has the weights `all`, whose number of
/// blocks tells how they are spread over stages.
///
/// # Source
/// EfficientNet-PyTorch, <https://github.com/lukemelas/EfficientNet-PyTorch>, `efficientnet_pytorch/model.py`.
pub fn of_efficientnet_pytorch(name: &str, all: &BTreeSet<&str>) -> Option<String> {
    let (layer, value) = name.rsplit_once('.')?;
    let Some(rest) = layer.strip_prefix("_blocks.") else {
        let found = AROUND_BLOCKS.iter().find(|one| one.pytorch == layer)?;
        return Some(format!("{}.{value}", found.timm));
    };
    let (number, layer) = rest.split_once('.')?;
    let mut block = number.parse::<usize>().ok()?;
    let is_block =
        |number: &usize| all.contains(format!("_blocks.{number}._depthwise_conv.weight").as_str());
    let num_blocks = (0..).take_while(is_block).count();
    let depths = depths().find(|depths| depths.iter().sum::<usize>() == num_blocks)?;
    for (stage, num_blocks) in depths.into_iter().enumerate() {
        if block < num_blocks {
            let found = layers_of(stage).iter().find(|one| one.pytorch == layer)?;
            return Some(format!("blocks.{stage}.{block}.{}.{value}", found.timm));
        }
        block -= num_blocks;
    }
    None
}

/// What EfficientNet-PyTorch may call the weight that timm calls `name`: one for each number of blocks.
pub fn efficientnet_pytorch_names(name: &str) -> Vec<String> {
    let Some((layer, value)) = name.rsplit_once('.') else { return Vec::new() };
    if let Some(found) = AROUND_BLOCKS.iter().find(|one| one.timm == layer) {
        return vec![format!("{}.{value}", found.pytorch)];
    }
    let parts: Vec<&str> = layer.split('.').collect();
    let ["blocks", stage, block, layer] = parts.as_slice() else { return Vec::new() };
    let (Ok(stage), Ok(block)) = (stage.parse::<usize>(), block.parse::<usize>()) else {
        return Vec::new();
    };
    let Some(found) = layers_of(stage).iter().find(|one| one.timm == *layer) else {
        return Vec::new();
    };
    let number = |depths: Vec<usize>| {
        let is_there = depths.get(stage).is_some_and(|num_blocks| block < *num_blocks);
        is_there.then(|| depths.iter().take(stage).sum::<usize>() + block)
    };
    let numbers = depths().filter_map(number);
    numbers.map(|number| format!("_blocks.{number}.{}.{value}", found.pytorch)).collect()
}
