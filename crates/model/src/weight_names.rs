//! Names of weights in other programs.

use crate::architecture::Architecture;
use crate::config::NetworkConfig;
use crate::families::FAMILIES;
use crate::head::{ConceptHeadConfig, Head};
use crate::misfit::expected_shapes;
use burn::tensor::Device;
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// Whose names weights have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// Torchvision's, or those that a network has here where torchvision has none: timm's of an Xception,
    /// an Inception-ResNet-v2, a MobileNet or an EfficientNet-Lite. The ResNets of timm have torchvision's, too.
    Torchvision,
    /// Those of timm's EfficientNets, vision transformers and Swin transformers.
    Timm,
    /// Those of EfficientNet-PyTorch.
    EfficientNetPytorch,
    /// Those of no network here.
    Unknown,
}

impl Naming {
    /// The naming of a whole set of names.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let names: BTreeSet<&str> = names.collect();
        let is_own = || {
            FAMILIES.iter().any(|family| has_all(&names, family.marks))
                || !names.is_empty() && names.iter().all(|name| is_known(name))
        };
        match foreign_of(&names) {
            Some(foreign) => foreign.naming,
            None if is_own() => Self::Torchvision,
            None => Self::Unknown,
        }
    }

    /// The name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
            Self::EfficientNetPytorch => "EfficientNet-PyTorch",
            Self::Unknown => "unknown",
        }
    }
}

/// What weights of a family are called in another program.
pub(crate) struct ForeignNames {
    /// Whose names they are.
    pub naming: Naming,
    /// Names that all weights of that program have and no others.
    pub marks: &'static [&'static str],
    /// Torchvision's name of one of the names.
    pub to_own: fn(&str, &BTreeSet<&str>) -> Option<String>,
    /// What torchvision's name may be in that program.
    pub from_own: fn(&str) -> Vec<String>,
}

/// The name with its start replaced, if it is in the table of starts.
pub(crate) fn replaced<const N: usize>(name: &str, table: [(&str, &str); N]) -> Option<String> {
    table.iter().find_map(|(from, to)| Some(format!("{to}{}", name.strip_prefix(from)?)))
}

fn has_all(names: &BTreeSet<&str>, marks: &[&str]) -> bool {
    marks.iter().all(|name| names.contains(name))
}

/// The other program whose names they are.
fn foreign_of(names: &BTreeSet<&str>) -> Option<&'static ForeignNames> {
    let all = FAMILIES.iter().flat_map(|family| family.foreign);
    all.into_iter().find(|foreign| has_all(names, foreign.marks))
}

/// Torchvision's names of the weights `names`, in their order.
///
/// Names of another program that a family knows are replaced; others stay as they are.
pub fn torchvision_names<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let all: BTreeSet<&str> = names.clone().collect();
    let foreign = foreign_of(&all);
    names
        .map(|name| {
            let own = foreign.and_then(|foreign| (foreign.to_own)(name, &all));
            own.unwrap_or_else(|| name.to_string())
        })
        .collect()
}

/// Whether a network of any architecture has a weight of that name, here or in a program that its family
/// knows.
pub(crate) fn is_known(name: &str) -> bool {
    static KNOWN: OnceLock<BTreeSet<String>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let mut known = BTreeSet::new();
        for architecture in Architecture::all() {
            let torchvision = NetworkConfig::torchvision(architecture, 1);
            let normalized = NetworkConfig { head: Head::GapBn, ..torchvision };
            let concepts =
                NetworkConfig { concept_head: Some(ConceptHeadConfig::SMALLEST), ..torchvision };
            for network in [normalized, torchvision, concepts] {
                for name in expected_shapes(&network.init(&Device::flex())).into_keys() {
                    let foreign = architecture.family().foreign;
                    known.extend(foreign.iter().flat_map(|foreign| (foreign.from_own)(&name)));
                    known.insert(name);
                }
            }
        }
        known
    });
    known.contains(name)
}
