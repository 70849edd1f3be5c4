//! Files of weights as commands name them.

use crate::description::Description;
use crate::error::{RunError, RunResult};
use crate::pretrained;
use crate::usual_normalization::UsualNormalization;
use dermx_model::{
    Architecture, Computation, ElementType, LocateError, Located, NamedTensor, NetworkConfig,
    Padding, UnreadObject, Variant, Wanted, WeightsError, WeightsFile, WeightsFormat,
    is_unread_buffer, locate, write_described_safetensors,
};
use std::collections::BTreeMap;
use std::path::Path;

/// What a user says of weights in a file; what is `None` is found out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// Which network they are of.
    pub architecture: Option<Architecture>,
    /// What stands before their names.
    pub prefix: Option<&'a str>,
    /// Where the network pads.
    pub padding: Option<Padding>,
    /// Epsilon of its batch normalizations.
    pub epsilon: Option<f64>,
    /// Whether tensors may be missing or have other shapes.
    pub partial: bool,
    /// Whether its head does not matter.
    pub without_head: bool,
}

/// The weights of one network in a file.
#[derive(Debug)]
pub struct Found {
    /// The file.
    pub file: WeightsFile,
    /// Which of its tensors they are.
    pub located: Located,
    /// The network; `None` without the matrix of its head.
    pub config: Option<NetworkConfig>,
    /// What the file says of the network.
    pub description: Option<Description>,
}

/// Opens a `.pth`, safetensors or Keras file, or weights that were fetched under this name.
///
/// # Errors
/// A file that is not there, is damaged, or holds no tensors.
pub fn open(weights: &Path) -> RunResult<WeightsFile> {
    Ok(WeightsFile::open(&pretrained::resolve(weights)?)?)
}

/// What `file` says of its network, if it was written here.
///
/// # Errors
/// A damaged description.
pub fn description(path: &Path, file: &WeightsFile) -> RunResult<Option<Description>> {
    let parsed = file.description().map(Description::parse).transpose();
    parsed.map_err(|message| RunError::in_file(path, message))
}

/// Finds the weights of one network in a file as [`open`] finds it; says aloud what was taken for
/// granted, and what is left out.
///
/// # Errors
/// See [`open`]; weights that fit no network, or another than the one that is asked for; several sets
/// of weights; a network that is not computed here.
pub fn find(path: &Path, request: &Request<'_>) -> RunResult<Found> {
    find_in(path, open(path)?, request)
}

/// As [`find`], in a file that is open.
///
/// # Errors
/// As [`find`].
pub fn find_in(path: &Path, file: WeightsFile, request: &Request<'_>) -> RunResult<Found> {
    let bad_data = |message: String| RunError::in_file(path, message);
    let description = description(path, &file)?;
    let described = description.as_ref().map(|description| description.architecture);
    if let (Some(described), Some(asked)) = (described, request.architecture)
        && described != asked
    {
        let message =
            format!("the file says that its network is {described}, but {asked} was asked for");
        return Err(bad_data(message));
    }
    let wanted = Wanted {
        architecture: request.architecture.or(described),
        prefix: request.prefix,
        without_head: request.without_head,
        partial: request.partial,
    };
    let located = locate(&file.shapes(), &wanted);
    let located = located.map_err(|error| bad_data(with_advice(&error, &file)))?;
    if !located.misfit.is_empty() && !request.partial {
        return Err(bad_data(misfit_message(&file, &located, wanted.architecture.is_some())));
    }
    let is_fetched = path.to_str().is_some_and(pretrained::is_published);
    let config = match &description {
        Some(description) => Some(chosen(path, description, &located, request)?),
        None => {
            let claimed = file.claimed_architecture();
            let computation = Computation::of(located.architecture, located.naming, claimed);
            let computation = computation.map_err(|error| bad_data(error.to_string()))?;
            if !is_fetched {
                report_doubt(path, &file, &located, &computation, request);
            }
            check_padding(located.architecture, request.padding)?;
            located.config.map(|config| NetworkConfig {
                variant: computation.variant.unwrap_or(config.variant),
                padding: request.padding.unwrap_or(computation.padding),
                batch_norm_epsilon: Some(request.epsilon.unwrap_or(computation.epsilon)),
                ..config
            })
        }
    };
    report_places(path, &file, &located, wanted.architecture.is_none());
    Ok(Found { file, located, config, description })
}

impl Found {
    /// How `config` computes otherwise than the network that the weights were made for: key, value
    /// there, value here. Where names leave it open, what is assumed of them counts unless
    /// `trust_config`.
    pub fn differences(
        &self,
        config: &NetworkConfig,
        trust_config: bool,
    ) -> Vec<(&'static str, String, String)> {
        let Located { architecture, naming, .. } = self.located;
        let (variant, padding, epsilon) = match &self.description {
            Some(told) => (told.variant, told.padding, told.batch_norm_epsilon),
            None => {
                let claimed = self.file.claimed_architecture();
                match Computation::of(architecture, naming, claimed) {
                    Ok(found) if found.doubt.is_none() || !trust_config => {
                        (found.variant.unwrap_or(config.variant), found.padding, found.epsilon)
                    }
                    _ => return Vec::new(),
                }
            }
        };
        let word = |variant| if variant == Variant::V1 { "v1" } else { "torchvision" };
        // Keras' epsilon differs from torchvision's by a thousandth of itself.
        let is_near = (epsilon / config.epsilon() - 1.0).abs() < 0.01;
        let here = if is_near { epsilon } else { config.epsilon() };
        let mut all = vec![
            ("variant", word(variant).to_string(), word(config.variant).to_string()),
            ("padding", padding.name().to_string(), config.padding.name().to_string()),
            ("batch_norm_epsilon", format!("{epsilon:e}"), format!("{here:e}")),
        ];
        all.retain(|(_, there, here)| there != here);
        all
    }

    /// Name of the standardization of their images, as the file says or as it is usual; `path` is what the file was
    /// opened as.
    pub fn normalization(&self, path: &Path) -> Option<&str> {
        let told = self.description.as_ref().and_then(|told| told.normalization.as_deref());
        let usual = || UsualNormalization::of(path, &self.file, self.located.architecture);
        told.or_else(|| usual().map(|usual| usual.name))
    }

    /// The tensors by torchvision's names, as 32-bit floats; says which were converted.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(&mut self, path: &Path) -> RunResult<BTreeMap<String, NamedTensor>> {
        let mut counts: BTreeMap<ElementType, usize> = BTreeMap::new();
        let used: Vec<&String> = self.located.names.values().collect();
        for tensor in self.file.tensors().filter(|tensor| !is_unread_buffer(tensor.name)) {
            if used.iter().any(|name| *name == tensor.name) {
                *counts.entry(tensor.element).or_default() += 1;
            }
        }
        counts.remove(&ElementType::F32);
        for (element, count) in counts {
            let name = element.name();
            tracing::info!("{}: {count} {name} tensors become 32-bit floats", path.display());
        }
        Ok(self.file.read_named(&self.located.names)?)
    }
}

/// The bytes of a file of weights with what `description` says of them.
///
/// # Errors
/// Tensors whose shapes and values disagree.
pub fn to_bytes(
    tensors: &BTreeMap<String, NamedTensor>,
    counters: &BTreeMap<String, i64>,
    description: &Description,
) -> RunResult<Vec<u8>> {
    let text = serde_json::to_string(description)
        .map_err(|error| RunError::internal(error.to_string()))?;
    Ok(write_described_safetensors(tensors, counters, &text)?)
}

/// `error` of weights that were read from `path`.
pub fn error_in(path: &Path, error: WeightsError) -> RunError {
    RunError::from(error).context(format!("{}: ", path.display()))
}

fn with_advice(error: &LocateError, file: &WeightsFile) -> String {
    match error {
        LocateError::NoNames { .. } => {
            let objects = file.objects().iter().take(4);
            let objects =
                objects.map(|object| format!("; `{}` is a {}", object.place, object.class));
            let objects: String = objects.collect();
            let is_pickle =
                matches!(file.format(), WeightsFormat::PthZip | WeightsFormat::PthLegacy);
            match objects.is_empty() || !is_pickle {
                true => error.to_string(),
                false => format!("{error}{objects}; save the weights alone, `model.state_dict()`"),
            }
        }
        LocateError::Ambiguous { .. } => format!(
            "{error}; choose one: --prefix on the command line, model.weights_prefix in a \
             configuration"
        ),
        _ => error.to_string(),
    }
}

/// Why weights were refused: what is missing and what is there instead.
fn misfit_message(file: &WeightsFile, located: &Located, is_asked_for: bool) -> String {
    let Located { architecture, misfit, .. } = located;
    let counts = misfit.counts();
    let mut message = match is_asked_for {
        true => format!("the weights do not fit {architecture}: {misfit} ({counts})"),
        false => format!(
            "the weights do not fit any network here; closest is {architecture}: {misfit} ({counts})"
        ),
    };
    if let Some(claimed) = file.claimed_architecture() {
        message += &format!("; the file says that they are of a `{claimed}`");
    }
    let matrix = architecture.head_matrix();
    let head = matrix.trim_end_matches("1.weight").trim_end_matches("weight");
    let layer = misfit.unexpected.iter().find(|name| name.starts_with(head));
    if let Some(layer) = layer.filter(|_| misfit.missing.contains(&matrix)) {
        message += &format!(
            "; `{layer}` is of a head of several layers: if all but one are dropout, rename that one \
             to `{matrix}` in PyTorch, else the network cannot be computed here"
        );
    }
    let objects = file.objects().iter().filter(|object| {
        located.prefixes.iter().any(|prefix| {
            let own = object.place.strip_prefix(prefix.as_str());
            own.is_some_and(|own| misfit.missing.iter().any(|name| name == own))
        })
    });
    for UnreadObject { place, class } in objects.take(4) {
        message += &format!("; `{place}` is a {class}, which is not read as a tensor");
    }
    message
}

/// The network that the file describes, changed by what was asked for.
fn chosen(
    path: &Path,
    description: &Description,
    located: &Located,
    request: &Request<'_>,
) -> RunResult<NetworkConfig> {
    check_padding(description.architecture, request.padding)?;
    let config = description.network_config();
    let path = path.display();
    // Where training starts, the configuration says what is computed.
    let is_said = !request.without_head;
    if let Some(padding) =
        request.padding.filter(|_| is_said).filter(|padding| *padding != config.padding)
    {
        let (asked, found) = (padding.name(), config.padding.name());
        tracing::warn!("{path}: --padding {asked} is used; the file says {found}");
    }
    if let Some(epsilon) =
        request.epsilon.filter(|_| is_said).filter(|epsilon| *epsilon != config.epsilon())
    {
        tracing::warn!("{path}: --epsilon {epsilon} is used; the file says {}", config.epsilon());
    }
    let of_shapes = located.config.map_or(config.input_size, |config| config.input_size);
    Ok(NetworkConfig {
        padding: request.padding.unwrap_or(config.padding),
        batch_norm_epsilon: request.epsilon.or(config.batch_norm_epsilon),
        input_size: description.input_size.unwrap_or(of_shapes),
        ..config
    })
}

/// Refuses a padding that the network is not computed with.
fn check_padding(architecture: Architecture, padding: Option<Padding>) -> RunResult<()> {
    match padding {
        Some(padding) if !architecture.takes_padding(padding) => {
            let name = padding.name();
            let families = Architecture::families(|one| one.takes_padding(padding));
            let message = format!("--padding {name} is for {families}, not for {architecture}");
            Err(RunError::usage(message))
        }
        _ => Ok(()),
    }
}

/// Says which other networks have the same names, and what was assumed.
fn report_doubt(
    path: &Path,
    file: &WeightsFile,
    located: &Located,
    computation: &Computation,
    request: &Request<'_>,
) {
    let Some(doubt) = &computation.doubt else { return };
    // Who says how the network computes needs no assumption.
    if request.padding.is_some() || request.epsilon.is_some() {
        return;
    }
    let (path, architecture) = (path.display(), located.architecture);
    let (padding, epsilon) = (computation.padding.name(), computation.epsilon);
    let claimed = match file.claimed_architecture() {
        Some(claimed) => format!("the file calls its network `{claimed}`, which is not known; "),
        None => String::new(),
    };
    let options = match architecture.takes_padding(Padding::Tf) {
        false => "`dermx weights convert` writes down once that they are ordinary ones".to_string(),
        true => "change it with --padding and --epsilon (model.padding and \
                  model.batch_norm_epsilon in a configuration)"
            .to_string(),
    };
    tracing::warn!(
        "{path}: {claimed}computed as {architecture} with padding {padding} and epsilon {epsilon:e}; \
         {doubt}, and names cannot tell them apart; {options}"
    );
}

/// Says where in the file the weights are, and what is not among them.
fn report_places(path: &Path, file: &WeightsFile, located: &Located, was_found: bool) {
    let (path, shapes) = (path.display(), file.shapes());
    if was_found {
        tracing::info!("{path}: the weights are of a {}", located.architecture);
    }
    if located.prefixes.iter().any(|prefix| !prefix.is_empty()) {
        let prefixes: Vec<String> =
            located.prefixes.iter().map(|prefix| format!("`{prefix}`")).collect();
        tracing::info!("{path}: names of weights start with {}", prefixes.join(" and "));
    }
    // Numbers beside the weights, such as the best accuracy, are no layers.
    let is_layer = |name: &&String| shapes[*name].iter().product::<usize>() > 1;
    let outside: Vec<&String> = located.outside.iter().filter(is_layer).collect();
    if !outside.is_empty() {
        let shown: Vec<String> = outside.iter().take(4).map(|name| format!("`{name}`")).collect();
        let others = outside.len() - shown.len();
        let others = if others > 0 { format!(" and {others} more") } else { String::new() };
        tracing::warn!(
            "{path}: tensors beside the network are not used: {}{others}",
            shown.join(", ")
        );
    }
}
