//! Files of Keras: `.keras` archives, and HDF5 with weights alone or with a whole network.
//!
//! Nothing is executed: of the configuration only names and classes of layers are used, and a layer that is a
//! function of Python is refused by name.
//!
//! Tensors have the names of their layers, in PyTorch's words and layouts: `conv1_conv.weight`,
//! `conv1_bn.running_mean`. Those of Keras' own ResNets and EfficientNets have torchvision's names.

mod applications;
mod config;
mod layers;
mod layouts;

pub(crate) use applications::keras_epsilon;

use super::archive::Archive;
use super::contents::{Contents, UnreadObject};
use super::hdf5::{Dataset, Hdf5};
use super::input::{Fault, Input};
use config::Layer;
use std::collections::BTreeMap;
use std::ops::Range;

/// The entry of an archive that holds the weights.
const WEIGHTS: &str = "model.weights.h5";
const CONFIGURATION: &str = "config.json";
/// Where a whole network in HDF5 keeps its configuration.
const MODEL_CONFIG: &str = "model_config";
/// The group of the weights in such a file.
const MODEL_WEIGHTS: &str = "model_weights";
/// The attribute, or the start of several, of a group in which each layer has a group by its name.
const LAYER_NAMES: &str = "layer_names";
/// Groups of what belongs to training, by how Keras calls it.
const OPTIMIZERS: [&str; 2] = ["optimizer", "optimizer_weights"];
/// The group of the states of random numbers.
const RANDOM_STATE: &str = "seed_generator";
/// How deep in groups weights are looked for.
const MAX_DEPTH: usize = 32;
/// Longest path of a tensor in a file.
const MAX_PATH_BYTES: usize = 600;
/// Most objects that are listed.
const MAX_OBJECTS: usize = 50;

/// Whether an archive is of Keras.
pub fn is_keras(archive: &Archive) -> bool {
    archive.has(WEIGHTS)
}

/// What a `.keras` archive holds.
///
/// # Source
/// Keras 3, `keras/src/saving/saving_lib.py`.
pub fn zip_contents(input: &mut Input, archive: &Archive) -> Result<Contents, Fault> {
    let network = match archive.find(CONFIGURATION, input)? {
        Some(place) if place.end - place.start > config::MAX_BYTES => {
            let limit = config::MAX_BYTES;
            return Err(Fault::Format(format!("its configuration takes over {limit} bytes")));
        }
        Some(place) => Some(Layer::parse(&input.read(place)?)?),
        None => return Err(Fault::Format(format!("its entry `{CONFIGURATION}` is missing"))),
    };
    let place = archive.find(WEIGHTS, input)?.unwrap_or_default();
    contents(input, place, network)
}

/// What an HDF5 file of Keras holds.
///
/// # Source
/// Keras 3, `keras/src/legacy/saving/legacy_h5_format.py` and `keras/src/saving/saving_lib.py`.
pub fn hdf5_contents(input: &mut Input) -> Result<Contents, Fault> {
    let place = 0..input.num_bytes;
    contents(input, place, None)
}

/// What the HDF5 file at `place` holds; an archive says beside it what the network is made of.
fn contents(
    input: &mut Input,
    place: Range<u64>,
    network: Option<Layer>,
) -> Result<Contents, Fault> {
    let mut file = Hdf5::open(input, place)?;
    let root = file.object(file.root)?;
    let network = match file.text(&root, MODEL_CONFIG)? {
        Some(text) if network.is_none() => Layer::parse(text.as_bytes())?,
        _ => network.unwrap_or_default(),
    };
    let links = file.links(&root)?;
    let whole = links.iter().find(|(name, _)| name == MODEL_WEIGHTS);
    let start = whole.map_or(file.root, |(_, address)| *address);
    let group = file.object(start)?;
    let is_by_name = file.has_attribute(&group, LAYER_NAMES)?;
    let mut walk = Walk::new(file);
    if whole.is_some() && links.iter().any(|(name, _)| OPTIMIZERS.contains(&name.as_str())) {
        walk.note("optimizer", "Optimizer");
    }
    walk.group(start, &mut Vec::new(), &mut Vec::new())?;
    let layers = match is_by_name {
        true => layers::by_name(walk.datasets, &network),
        false => layers::by_class(walk.datasets, &walk.names, &network)?,
    };
    let mut contents = Contents { objects: walk.objects, ..Contents::default() };
    applications::fill(&mut contents, &layers, &network)?;
    Ok(contents)
}

/// A data set and its path.
type Placed = (Vec<String>, Dataset);

/// A walk through groups.
struct Walk<'a> {
    file: Hdf5<'a>,
    datasets: Vec<Placed>,
    /// What groups of variables say that their layer is called, by their paths.
    names: BTreeMap<Vec<String>, String>,
    objects: Vec<UnreadObject>,
}

impl<'a> Walk<'a> {
    fn new(file: Hdf5<'a>) -> Self {
        Self { file, datasets: Vec::new(), names: BTreeMap::new(), objects: Vec::new() }
    }

    /// Looks into the group at `address`, which is called `path` and lies in the groups at `above`.
    fn group(
        &mut self,
        address: u64,
        path: &mut Vec<String>,
        above: &mut Vec<u64>,
    ) -> Result<(), Fault> {
        let object = self.file.object(address).map_err(|fault| fault.at(path))?;
        if object.is_dataset() {
            let dataset = self.file.dataset(&object).map_err(|fault| fault.at(path))?;
            self.datasets.push((path.clone(), dataset));
            return Ok(());
        }
        let length: usize = path.iter().map(|part| part.len() + 1).sum();
        if above.contains(&address) || above.len() >= MAX_DEPTH || length > MAX_PATH_BYTES {
            return Err(Fault::Format("its groups are in themselves, or too deep".to_string()));
        }
        if let Some(name) = self.file.text(&object, "name").map_err(|fault| fault.at(path))? {
            self.names.insert(path.clone(), name);
        }
        above.push(address);
        for (name, address) in self.file.links(&object).map_err(|fault| fault.at(path))? {
            if path.is_empty() && OPTIMIZERS.contains(&name.as_str()) {
                self.note(&name, "Optimizer");
            } else if name == RANDOM_STATE {
                self.note(&path.join("."), "SeedGenerator");
            } else {
                path.push(name);
                self.group(address, path, above)?;
                path.pop();
            }
        }
        above.pop();
        Ok(())
    }

    /// Notes what is not read.
    fn note(&mut self, place: &str, class: &str) {
        if self.objects.len() < MAX_OBJECTS {
            let place = place.escape_debug().to_string();
            self.objects.push(UnreadObject { place, class: class.to_string() });
        }
    }
}

impl Fault {
    /// The fault of what is called `path` in a file.
    fn at(self, path: &[String]) -> Self {
        match self {
            Self::Format(message) if !path.is_empty() => {
                Self::Format(format!("`{}`: {message}", path.join("/").escape_debug()))
            }
            fault => fault,
        }
    }
}
