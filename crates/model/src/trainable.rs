//! Which parameters learn.

use crate::network::Network;
use crate::parameter::ParameterPath;
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;

/// Lets only the parameters whose torchvision name matches one of `patterns` learn.
///
/// `*` in a pattern stands for any text, dots included: `["layer4.2.*", "fc.*", "*bn*"]`. Batch
/// normalization keeps using and updating batch statistics in training, as it does in the DermX
/// study's ResNet-50.
///
/// # Errors
/// A pattern that matches no parameter.
pub fn set_trainable(network: Network, patterns: &[String]) -> Result<Network, String> {
    let mut selector =
        Selector { path: ParameterPath::default(), patterns, matched: vec![false; patterns.len()] };
    let network = network.map(&mut selector);
    match selector.matched.iter().position(|matched| !matched) {
        Some(idx) => Err(format!("the pattern `{}` matches no parameter", patterns[idx])),
        None => Ok(network),
    }
}

struct Selector<'a> {
    path: ParameterPath,
    patterns: &'a [String],
    matched: Vec<bool>,
}

impl ModuleMapper for Selector<'_> {
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
        let name = self.path.name();
        let mut trainable = false;
        for (pattern, matched) in self.patterns.iter().zip(&mut self.matched) {
            if matches(pattern, &name) {
                *matched = true;
                trainable = true;
            }
        }
        param.set_require_grad(trainable)
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
