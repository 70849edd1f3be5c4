//! The stages of a network, from its output to its input.

use crate::head::is_head;
use crate::weights::NamedTensor;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Names of the stages that `weights` belong to, from the output to the input: `head`, `layer4` to
/// `layer1`, `stem` of a ResNet, `head`, `features.8` to `features.0` of an EfficientNet.
pub fn stages(weights: &BTreeMap<String, NamedTensor>) -> Vec<String> {
    let names: BTreeSet<&str> = weights.keys().map(|name| stage_of(name)).collect();
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_by_key(|&name| (name != HEAD, name == STEM, Reverse(name)));
    names.into_iter().map(str::to_string).collect()
}

/// `weights` with the `num_stages` stages nearest to the output taken from `others`.
///
/// With random `others` and a growing number this is the cascading randomization of Adebayo et al.,
/// 2018, <https://arxiv.org/abs/1810.03292>, section 3.
pub fn replace_stages(
    weights: &BTreeMap<String, NamedTensor>,
    others: &BTreeMap<String, NamedTensor>,
    num_stages: usize,
) -> BTreeMap<String, NamedTensor> {
    let replaced: BTreeSet<String> = stages(weights).into_iter().take(num_stages).collect();
    let tensor = |(name, tensor): (&String, &NamedTensor)| {
        let other = others.get(name).filter(|_| replaced.contains(stage_of(name)));
        (name.clone(), other.unwrap_or(tensor).clone())
    };
    weights.iter().map(tensor).collect()
}

const HEAD: &str = "head";
const STEM: &str = "stem";

/// The stage of the parameter or statistic that torchvision calls `name`.
fn stage_of(name: &str) -> &str {
    let end = |num_dots: usize| {
        name.match_indices('.').nth(num_dots).map_or(name.len(), |(place, _)| place)
    };
    match &name[..end(0)] {
        _ if is_head(name) => HEAD,
        "features" => &name[..end(1)],
        "conv1" | "bn1" => STEM,
        stage => stage,
    }
}

#[cfg(test)]
mod tests {
    use super::{replace_stages, stage_of, stages};
    use crate::{Architecture, Head, NamedTensor, NetworkConfig, export_weights};
    use burn::tensor::Device;
    use std::collections::BTreeMap;

    fn weights(architecture: Architecture) -> BTreeMap<String, NamedTensor> {
        let config =
            NetworkConfig { head: Head::GapBn, ..NetworkConfig::torchvision(architecture, 2) };
        export_weights(&config.init(&Device::flex()))
    }

    #[test]
    fn stages_go_from_the_output_to_the_input() {
        assert_eq!(
            stages(&weights(Architecture::Resnet18)),
            ["head", "layer4", "layer3", "layer2", "layer1", "stem"]
        );
        let names = stages(&weights(Architecture::EfficientnetB0));
        assert_eq!(names.len(), 10);
        assert_eq!((&*names[0], &*names[1], &*names[9]), ("head", "features.8", "features.0"));
    }

    #[test]
    fn stages_are_replaced_from_the_output_on() {
        let trained = weights(Architecture::Resnet18);
        let others: BTreeMap<String, NamedTensor> = trained
            .iter()
            .map(|(name, tensor)| {
                let values = vec![7.0; tensor.values.len()];
                (name.clone(), NamedTensor { values, ..tensor.clone() })
            })
            .collect();
        for num_stages in 0..=6 {
            let replaced = &stages(&trained)[..num_stages];
            for (name, tensor) in replace_stages(&trained, &others, num_stages) {
                let is_replaced = replaced.iter().any(|stage| stage == stage_of(&name));
                assert_eq!(tensor.values.iter().all(|&value| value == 7.0), is_replaced, "{name}");
            }
        }
    }
}
