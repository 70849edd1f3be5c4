//! The stages of a network, from its output to its input.

use crate::descriptor::Family;
use crate::misfit::names_in_order;
use crate::network::Network;
use crate::weights::NamedTensor;
use std::collections::{BTreeMap, BTreeSet};

/// Names of the stages of `network` from the output to the input: `head`, `layer4` to `layer1`, `stem` of
/// a ResNet, `head`, `features.8` to `features.0` of an EfficientNet.
pub fn stages(network: &Network) -> Vec<String> {
    let mut stages: Vec<String> = Vec::new();
    for name in names_in_order(network).iter().rev() {
        let stage = stage_of(network.family(), name);
        if !stages.iter().any(|known| known == stage) {
            stages.push(stage.to_string());
        }
    }
    stages
}

/// Number of stages between each parameter or statistic and the output, by name: 0 in the head.
pub fn num_stages_behind(network: &Network) -> BTreeMap<String, usize> {
    let stages = stages(network);
    let depth = |name: &String| {
        let stage = stage_of(network.family(), name);
        stages.iter().position(|known| known == stage).unwrap_or(0)
    };
    names_in_order(network).into_iter().map(|name| (name.clone(), depth(&name))).collect()
}

/// `weights` of `network` with the `num_stages` stages nearest to the output taken from `others`.
///
/// With random `others` and a growing number this is the cascading randomization of Adebayo et al.,
/// 2018, <https://arxiv.org/abs/1810.03292>, section 3.
pub fn replace_stages(
    network: &Network,
    weights: &BTreeMap<String, NamedTensor>,
    others: &BTreeMap<String, NamedTensor>,
    num_stages: usize,
) -> BTreeMap<String, NamedTensor> {
    let replaced: BTreeSet<String> = stages(network).into_iter().take(num_stages).collect();
    let tensor = |(name, tensor): (&String, &NamedTensor)| {
        let is_replaced = replaced.contains(stage_of(network.family(), name));
        let other = others.get(name).filter(|_| is_replaced);
        (name.clone(), other.unwrap_or(tensor).clone())
    };
    weights.iter().map(tensor).collect()
}

/// The stage of the parameter or statistic that is called `name`.
fn stage_of<'a>(family: &Family, name: &'a str) -> &'a str {
    if family.is_head(name) { "head" } else { (family.stage)(name) }
}

#[cfg(test)]
mod tests {
    use super::{num_stages_behind, replace_stages, stage_of, stages};
    use crate::{Architecture, Head, NamedTensor, Network, NetworkConfig, export_weights};
    use burn::tensor::Device;
    use std::collections::BTreeMap;

    fn network(architecture: Architecture) -> Network {
        let config =
            NetworkConfig { head: Head::GapBn, ..NetworkConfig::torchvision(architecture, 2) };
        config.init(&Device::flex())
    }

    #[test]
    fn stages_go_from_the_output_to_the_input() {
        assert_eq!(
            stages(&network(Architecture::RESNET18)),
            ["head", "layer4", "layer3", "layer2", "layer1", "stem"]
        );
        let names = stages(&network(Architecture::EFFICIENTNET_B0));
        assert_eq!(names.len(), 10);
        assert_eq!((&*names[0], &*names[1], &*names[9]), ("head", "features.8", "features.0"));
    }

    #[test]
    fn stages_behind_a_parameter_are_counted_from_the_head() {
        let depths = num_stages_behind(&network(Architecture::RESNET18));
        for (name, depth) in [
            ("fc.weight", 0),
            ("layer4.1.bn2.bias", 1),
            ("layer1.0.conv1.weight", 4),
            ("conv1.weight", 5),
            ("bn1.weight", 5),
        ] {
            assert_eq!(depths.get(name), Some(&depth), "{name}");
        }
    }

    #[test]
    fn stages_are_replaced_from_the_output_on() {
        let network = network(Architecture::RESNET18);
        let trained = export_weights(&network);
        let others: BTreeMap<String, NamedTensor> = trained
            .iter()
            .map(|(name, tensor)| {
                let values = vec![7.0; tensor.values.len()];
                (name.clone(), NamedTensor { values, ..tensor.clone() })
            })
            .collect();
        for num_stages in 0..=6 {
            let replaced = &stages(&network)[..num_stages];
            for (name, tensor) in replace_stages(&network, &trained, &others, num_stages) {
                let is_replaced =
                    replaced.iter().any(|stage| stage == stage_of(network.family(), &name));
                assert_eq!(tensor.values.iter().all(|&value| value == 7.0), is_replaced, "{name}");
            }
        }
    }
}
