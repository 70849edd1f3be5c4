//! Finds the tensors of a network in a file, whatever prefix their names have.

use crate::architecture::Architecture;
use crate::config::NetworkConfig;
use crate::head::is_head;
use crate::misfit::{Misfit, expected_shapes};
use crate::parameter::{first_parts, is_unread_buffer, weight_beside};
use crate::weight_names::{Naming, is_known, torchvision_names};
use burn::tensor::Device;
use std::collections::{BTreeMap, BTreeSet};

/// Number of logits where the file has no matrix of a head: that of the published weights.
const NUM_IMAGENET_CLASSES: usize = 1000;

/// What compilers and distributed training insert between the parts of a name.
const WRAPPERS: [&str; 4] =
    ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "module"];

/// How many sets of names are compared with networks.
const MAX_SETS: usize = 16;

type Shapes = BTreeMap<String, Vec<usize>>;

/// Which network is looked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Its architecture; `None` finds the one that fits.
    pub architecture: Option<Architecture>,
    /// The prefix of its names, or the start of the prefix; `None` finds it.
    pub prefix: Option<&'a str>,
    /// Whether the head may be missing or different, as for weights that training starts from.
    pub without_head: bool,
    /// Whether tensors may be missing.
    pub partial: bool,
}

/// The tensors of one network in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// The architecture that fits, or is closest.
    pub architecture: Architecture,
    /// The network of torchvision's kind with the head that the shapes tell; `None` without its matrix.
    pub config: Option<NetworkConfig>,
    /// What stands before the names: one text, or one for the trunk and one for the head.
    pub prefixes: Vec<String>,
    /// Whose names they are.
    pub naming: Naming,
    /// The names in the file by torchvision's names.
    pub names: BTreeMap<String, String>,
    /// How they differ from the network.
    pub misfit: Misfit,
    /// Names in the file that do not belong to the network.
    pub outside: Vec<String>,
}

/// Why no network, or more than one, was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// No name is one of a network here.
    #[error("none of its {num_tensors} tensors has the name of a weight of a network here, as \
             torchvision or timm call them (such as `conv1.weight`, `features.0.0.weight`, \
             `conv_stem.weight`); there are {}", shown(.names))]
    NoNames {
        /// How many tensors there are.
        num_tensors: usize,
        /// Their names.
        names: Vec<String>,
    },
    /// Several sets of tensors fit.
    #[error("it holds weights of several networks, whose names start with {}", shown(.prefixes))]
    Ambiguous {
        /// What stands before the names of each.
        prefixes: Vec<String>,
    },
    /// No set of tensors has the prefix that was asked for.
    #[error("no weights of a network have the prefix `{prefix}`; the prefixes in it are: {}", shown(.found))]
    NoPrefix {
        /// What was asked for.
        prefix: String,
        /// What there is.
        found: Vec<String>,
    },
    /// Two tensors have names that mean the same.
    #[error("`{one}` and `{other}` are both torchvision's `{name}`")]
    Twice {
        /// Torchvision's name.
        name: String,
        /// A name in the file.
        one: String,
        /// Another one.
        other: String,
    },
}

/// The first names in a message.
fn shown(names: &[String]) -> String {
    const MAX_SHOWN: usize = 8;
    let quoted = |name: &String| match name.is_empty() {
        true => "none".to_string(),
        false => format!("`{name}`"),
    };
    let mut shown: Vec<String> = names.iter().take(MAX_SHOWN).map(quoted).collect();
    if names.len() > MAX_SHOWN {
        shown.push(format!("and {} more", names.len() - MAX_SHOWN));
    }
    shown.join(", ")
}

/// Finds the network that is `wanted` among tensors of the given shapes.
///
/// A name is split at the first place after which it is the name of a weight of a known network. The
/// part before is its prefix, and names with the same prefix are a set. A set fits if no weight of
/// the network is missing in it or has another shape. If none fits alone, all sets together may: a
/// trunk in `backbone.`, a head in `head.`.
///
/// The result may differ from the network; [`Located::misfit`] says how.
///
/// # Errors
/// No name of a network, several sets that fit, or no set with the prefix.
pub fn locate(shapes: &Shapes, wanted: &Wanted<'_>) -> Result<Located, LocateError> {
    let sets = sets_of(shapes);
    if sets.is_empty() {
        let names = shapes.keys().cloned().collect();
        return Err(LocateError::NoNames { num_tensors: shapes.len(), names });
    }
    let mut sets = chosen(sets, wanted)?;
    // The largest first; of equal ones the first by name.
    sets.sort_by_key(|set| std::cmp::Reverse(set.names.len()));
    sets.truncate(MAX_SETS);
    let all = merged(&sets);
    let mut fits = Vec::new();
    for set in &sets {
        fits.push(set.fit(shapes, wanted)?);
    }
    let complete: Vec<usize> =
        (0..fits.len()).filter(|&idx| fits[idx].misfit.is_complete()).collect();
    let fit = match complete.as_slice() {
        [only] => fits.swap_remove(*only),
        [] if sets.len() == 1 => fits.remove(0),
        [] => {
            let together = match &all {
                Some(all) => Some(all.fit(shapes, wanted)?)
                    .filter(|fit| wanted.partial || fit.misfit.is_complete()),
                None => None,
            };
            // A set of only a few names holds additional layers, not another network.
            let is_clear = sets[0].names.len() >= 2 * sets[1].names.len();
            match together {
                Some(fit) => fit,
                None if wanted.partial && !is_clear => {
                    return Err(LocateError::Ambiguous { prefixes: prefixes(&sets) });
                }
                None => fits.remove(0),
            }
        }
        several => {
            let sets: Vec<NameSet> = several.iter().map(|&idx| sets[idx].clone()).collect();
            return Err(LocateError::Ambiguous { prefixes: prefixes(&sets) });
        }
    };
    Ok(fit.with_strangers(shapes, wanted))
}

/// Names in a file that a network may have, behind what stands before them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NameSet {
    prefixes: Vec<String>,
    /// The names in the file by what follows the prefix.
    names: BTreeMap<String, String>,
}

/// The sets of names, by prefix.
fn sets_of(shapes: &Shapes) -> Vec<NameSet> {
    let mut sets: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    for name in shapes.keys() {
        if let Some(at) = start_of_known(name) {
            let names = sets.entry(&name[..at]).or_default();
            names.insert(without_wrappers(&name[at..]), name.clone());
        }
    }
    let set = |(prefix, names): (&str, _)| NameSet { prefixes: vec![prefix.to_string()], names };
    sets.into_iter().map(set).collect()
}

/// Where the name of a weight starts in `name`, if one does.
fn start_of_known(name: &str) -> Option<usize> {
    let starts = [0].into_iter().chain(name.match_indices('.').map(|(at, _)| at + 1));
    let is_start = |&at: &usize| {
        // At the start of a name a wrapper is a prefix like any other.
        if WRAPPERS.contains(&name[at..].split('.').next().unwrap_or_default()) {
            return false;
        }
        let rest = without_wrappers(&name[at..]);
        // A buffer that is not read counts as known if the weight beside it is.
        is_known(&weight_beside(&rest).unwrap_or(rest))
    };
    starts.into_iter().find(is_start)
}

/// A name without the wrappers of parts of the network: `layer1._orig_mod.0.bn1.bias` is
/// `layer1.0.bn1.bias`.
fn without_wrappers(name: &str) -> String {
    if !WRAPPERS.iter().any(|wrapper| name.contains(wrapper)) {
        return name.to_string();
    }
    let parts: Vec<&str> = name.split('.').filter(|part| !WRAPPERS.contains(part)).collect();
    parts.join(".")
}

fn prefixes(sets: &[NameSet]) -> Vec<String> {
    sets.iter().flat_map(|set| set.prefixes.clone()).collect()
}

/// The sets that are asked for by prefix.
fn chosen(sets: Vec<NameSet>, wanted: &Wanted<'_>) -> Result<Vec<NameSet>, LocateError> {
    let Some(prefix) = wanted.prefix else { return Ok(sets) };
    let found = prefixes(&sets);
    let dotted = format!("{}.", prefix.trim_end_matches('.'));
    let is_equal = |set: &NameSet| set.prefixes.iter().any(|one| *one == prefix || *one == dotted);
    let starts = |set: &NameSet| set.prefixes.iter().any(|one| one.starts_with(&dotted));
    let has_equal = sets.iter().any(is_equal);
    let sets: Vec<NameSet> = sets
        .into_iter()
        .filter(|set| if has_equal { is_equal(set) } else { starts(set) })
        .collect();
    match sets.is_empty() {
        true => Err(LocateError::NoPrefix { prefix: prefix.to_string(), found }),
        false => Ok(sets),
    }
}

/// All sets together, if no name is in two of them.
fn merged(sets: &[NameSet]) -> Option<NameSet> {
    let mut all = NameSet { prefixes: prefixes(sets), names: BTreeMap::new() };
    for (name, in_file) in sets.iter().flat_map(|set| &set.names) {
        if all.names.insert(name.clone(), in_file.clone()).is_some() {
            return None;
        }
    }
    Some(all)
}

impl NameSet {
    /// How the set fits the network that is wanted, or the one that it fits best.
    fn fit(&self, shapes: &Shapes, wanted: &Wanted<'_>) -> Result<Located, LocateError> {
        let names = self.torchvision_names()?;
        let own: Shapes = names
            .iter()
            .map(|(name, in_file)| (name.clone(), shapes.get(in_file).cloned().unwrap_or_default()))
            .collect();
        let architectures = match wanted.architecture {
            Some(architecture) => vec![architecture],
            None => Architecture::all().collect(),
        };
        let best = candidates_among(&architectures, &own).into_iter().next();
        let Candidate { architecture, config, misfit } = best.unwrap_or(Candidate {
            architecture: Architecture::RESNET18,
            config: None,
            misfit: Misfit::default(),
        });
        let misfit = if wanted.without_head { misfit.without(is_head) } else { misfit };
        Ok(Located {
            architecture,
            config,
            prefixes: self.prefixes.clone(),
            naming: Naming::of(self.names.keys().map(String::as_str)),
            names,
            misfit,
            outside: Vec::new(),
        })
    }

    /// The names in the file by torchvision's names.
    fn torchvision_names(&self) -> Result<BTreeMap<String, String>, LocateError> {
        let renamed = torchvision_names(self.names.keys().map(String::as_str));
        let mut names = BTreeMap::new();
        for (name, in_file) in renamed.into_iter().zip(self.names.values()) {
            if let Some(one) = names.insert(name.clone(), in_file.clone()) {
                return Err(LocateError::Twice { name, one, other: in_file.clone() });
            }
        }
        Ok(names)
    }
}

/// A network that weights might be of, and how they differ from it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its architecture.
    pub architecture: Architecture,
    /// The network with the head that the weights tell; `None` where they tell none.
    pub config: Option<NetworkConfig>,
    /// The differences.
    pub misfit: Misfit,
}

/// How tensors of these shapes, by torchvision's names, differ from the networks of `architectures` with
/// the head that they tell, the best fit first.
fn candidates_among(architectures: &[Architecture], shapes: &Shapes) -> Vec<Candidate> {
    let candidate = |&architecture: &Architecture| {
        let config = NetworkConfig::of_shapes(architecture, shapes);
        let usual = NetworkConfig::torchvision(architecture, NUM_IMAGENET_CLASSES);
        let network = config.as_ref().unwrap_or(&usual).init(&Device::flex());
        let misfit = Misfit::between(&expected_shapes(&network), shapes);
        Candidate { architecture, config, misfit }
    };
    let mut candidates: Vec<Candidate> = architectures.iter().map(candidate).collect();
    candidates.sort_by_key(|candidate| candidate.misfit.num_differences());
    candidates
}

impl Located {
    /// Adds the names of no known weight. Those with the prefix of this network count as its layers, but for
    /// what published weights have beside it.
    fn with_strangers(self, shapes: &Shapes, wanted: &Wanted<'_>) -> Self {
        let mut located = self;
        let not_computed = located.architecture.descriptor.blueprint.not_computed();
        let known: BTreeSet<&String> = located.names.values().collect();
        let strangers: Vec<String> =
            shapes.keys().filter(|name| !known.contains(name)).cloned().collect();
        for name in strangers {
            let prefix = located.prefixes.iter().find(|prefix| name.starts_with(prefix.as_str()));
            let own = prefix.map(|prefix| name[prefix.len()..].to_string());
            // Older Swin transformers keep what separates windows; it follows from the image's size.
            let is_mask = name.ends_with(".attn_mask");
            match own.filter(|own| !is_mask && !located.names.contains_key(own)) {
                Some(own) if not_computed.contains(&first_parts(&own, 1)) => {
                    located.outside.push(name);
                }
                Some(own) => {
                    let is_left_out =
                        is_unread_buffer(&own) || wanted.without_head && is_head(&own);
                    if !is_left_out {
                        located.misfit.unexpected.push(own.clone());
                    }
                    located.names.insert(own, name);
                }
                None => located.outside.push(name),
            }
        }
        located.misfit.unexpected.sort_unstable();
        located
    }
}

/// How tensors of these shapes, by torchvision's names, differ from each network with their number of
/// classes, the best fit first.
pub fn candidates(shapes: &Shapes) -> Vec<Candidate> {
    candidates_among(&Architecture::all().collect::<Vec<_>>(), shapes)
}
