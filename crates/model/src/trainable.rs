//! Which parameters learn, and which batch normalizations train.

use crate::architecture::Architecture;
use crate::descriptor::Family;
use crate::head::{Head, is_head};
use crate::network::Network;
use crate::parameter::ParameterPath;
use burn::module::{Flag, Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Which batch normalizations use and update batch statistics in training.
///
/// The others use their running statistics and leave them alone. In all modes the batch
/// normalization of a head trains while a parameter of the head learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchNormMode {
    /// All of them, also in front of frozen parameters, as in the DermX study's ResNet-50.
    Train,
    /// None, and no pattern lets their scale and shift learn, as in the DermX study's
    /// EfficientNet-B4.
    Frozen,
    /// Those in a block (`layer4.2`, `features.7.1`, the stem) of which some parameter learns.
    ByBlock,
}

/// The pattern of scale and shift of all batch normalizations.
const BATCH_NORM: &str = "batch_norm";

/// A list of patterns that stands under a name: what the DermX study let learn of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// What it is called among patterns.
    pub name: &'static str,
    /// The patterns that it stands for.
    pub patterns: &'static [&'static str],
    /// The batch normalizations that train with it.
    pub batch_norm: BatchNormMode,
    /// The study's head.
    pub head: Head,
}

/// Lets only the parameters learn whose torchvision name matches one of `patterns`, and only those
/// batch normalizations train that `mode` says.
///
/// `*` in a pattern stands for any text, dots included: `["layer4.2.*", "*bn*"]`. `head.` stands
/// for the head's part of the name, `fc.` or `classifier.`: `head.*` is the head of any network.
/// `batch_norm` stands for scale and shift of all batch normalizations, however a network calls
/// them. A pattern that is the name of a [`Preset`] stands for its list: `paper-resnet50`,
/// `paper-efficientnet-b4`.
///
/// Layers before the first trainable parameter that use running statistics are computed without
/// recording gradients: they cost as much in training as in prediction.
///
/// # Errors
/// A pattern that matches no parameter.
pub fn set_trainable(
    network: Network,
    patterns: &[String],
    mode: BatchNormMode,
) -> Result<Network, String> {
    let names = ParameterNames::of(&network);
    let mut learning = BTreeSet::new();
    for pattern in patterns {
        learning.extend(names.matching(pattern)?);
    }
    let is_frozen = |name: &str| {
        mode == BatchNormMode::Frozen && !is_head(name) && names.of_batch_norm.contains(name)
    };
    learning.retain(|name| !is_frozen(name));
    let family = network.family();
    let blocks = learning.iter().map(|name| block(family, name).to_string()).collect();
    let path = ParameterPath::default();
    Ok(network.map(&mut Selector { path, family, learning, blocks, mode }))
}

/// Names of the parameters of `network` that `pattern` matches, as in [`set_trainable`].
///
/// # Errors
/// A pattern that matches no parameter.
pub fn matching_parameters(network: &Network, pattern: &str) -> Result<BTreeSet<String>, String> {
    ParameterNames::of(network).matching(pattern)
}

/// The patterns of a preset, or the pattern itself.
fn expanded(pattern: &str) -> Vec<&str> {
    let mut presets = Architecture::all().filter_map(Architecture::recipe);
    match presets.find(|preset| preset.name == pattern) {
        Some(preset) => preset.patterns.to_vec(),
        None => vec![pattern],
    }
}

/// `head.weight` for `fc.weight`, `head.1.weight` for `classifier.1.weight`.
fn head_alias(name: &str) -> Option<String> {
    let (_, rest) = name.split_once('.').filter(|_| is_head(name))?;
    Some(format!("head.{rest}"))
}

/// The block that a parameter is in: `layer4.2`, `features.7.1`, `features.0`, `stem` or `head`.
fn block<'a>(family: &Family, name: &'a str) -> &'a str {
    if family.is_head(name) { "head" } else { (family.block)(name) }
}

/// Names of all parameters, and of those that scale and shift in a batch normalization.
#[derive(Default)]
struct ParameterNames {
    path: ParameterPath,
    all: BTreeSet<String>,
    of_batch_norm: BTreeSet<String>,
}

impl ParameterNames {
    fn of(network: &Network) -> Self {
        let mut names = Self::default();
        network.visit(&mut names);
        names
    }

    /// Those that `pattern`, or a pattern of the preset that it names, matches.
    fn matching(&self, pattern: &str) -> Result<BTreeSet<String>, String> {
        let mut found = BTreeSet::new();
        for pattern in expanded(pattern) {
            let matching = self.all.iter().filter(|name| self.is_match(name, pattern));
            let matching: Vec<String> = matching.cloned().collect();
            if matching.is_empty() {
                return Err(format!("the pattern `{pattern}` matches no parameter"));
            }
            found.extend(matching);
        }
        Ok(found)
    }

    fn is_match(&self, name: &str, pattern: &str) -> bool {
        match pattern {
            BATCH_NORM => self.of_batch_norm.contains(name),
            _ => [Some(name.to_string()), head_alias(name)]
                .iter()
                .flatten()
                .any(|name| matches(pattern, name)),
        }
    }
}

impl ModuleVisitor for ParameterNames {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<D>>) {
        if self.path.is_running_statistic() {
            return;
        }
        self.all.insert(self.path.name());
        if self.path.is_batch_norm() {
            self.of_batch_norm.insert(self.path.name());
        }
    }
}

struct Selector {
    path: ParameterPath,
    family: &'static Family,
    learning: BTreeSet<String>,
    blocks: BTreeSet<String>,
    mode: BatchNormMode,
}

impl ModuleMapper for Selector {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.path.is_running_statistic() {
            return param;
        }
        let learns = self.learning.contains(&self.path.name());
        param.set_require_grad(learns)
    }

    /// The only flags of a network are those of batch normalization.
    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        let name = self.path.name();
        let trains = match self.mode {
            BatchNormMode::Train if !is_head(&name) => true,
            BatchNormMode::Frozen if !is_head(&name) => false,
            _ => self.blocks.contains(block(self.family, &name)),
        };
        flag.with_value(trains)
    }
}

/// Whether `name` is `pattern` with each `*` replaced by some text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|tail| {
            tail.char_indices()
                .map(|(idx, _)| idx)
                .chain([tail.len()])
                .any(|idx| matches(rest, &tail[idx..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text() {
        let cases = [
            ("*", "fc.weight", true),
            ("fc.*", "fc.weight", true),
            ("fc.*", "layer1.0.conv1.weight", false),
            ("*bn*", "layer1.0.bn1.weight", true),
            ("layer4.2.conv*.weight", "layer4.2.conv3.weight", true),
            ("layer4.2.conv*.weight", "layer4.2.bn3.weight", false),
            ("fc", "fc.weight", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern, name), expected, "{pattern} against {name}");
        }
    }
}
