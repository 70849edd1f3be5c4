//! What files of weights say of their network beside names and shapes.

use crate::config::Config;
use dermx_data::{Normalization, json};
use dermx_model::{Architecture, ConceptHeadConfig, Head, NetworkConfig, Padding, Variant};
use serde::{Deserialize, Serialize};

/// The version of the format.
const FORMAT: u32 = 1;

/// The most concepts, and hidden values, of a head.
const MAX_HIDDEN: usize = 1_000_000;

/// The largest side of an image, in pixels.
const MAX_SIDE_PX: usize = 8192;

/// What names and shapes of weights do not say: how the network computes, what it takes, and what its
/// logits mean. It is the value `dermx`, JSON, of the metadata of the safetensors files that are written
/// here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Version of the format.
    pub format: u32,
    /// Which network.
    pub architecture: Architecture,
    /// Number of logits.
    pub num_classes: usize,
    /// Which head.
    pub head: Head,
    /// Which kind of ResNet.
    pub variant: Variant,
    /// Which padding.
    pub padding: Padding,
    /// Epsilon of the batch normalizations before the head.
    pub batch_norm_epsilon: f64,
    /// Stride of the last stage that has one.
    pub last_stride: usize,
    /// The head for concepts, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concept_head: Option<ConceptHeadConfig>,
    /// `[height, width]` of the images in pixels, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_size: Option<[usize; 2]>,
    /// Standardization of the images, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalization: Option<String>,
    /// Class names in the order of the logits, if they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// Whether an image may have several of the classes, each with a probability of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multilabel: bool,
}

impl Description {
    /// The network of `config`, of whose images and classes nothing is known.
    pub fn of_network(config: &NetworkConfig) -> Self {
        Self {
            format: FORMAT,
            architecture: config.architecture,
            num_classes: config.num_classes,
            head: config.head,
            variant: config.variant,
            padding: config.padding,
            batch_norm_epsilon: config.epsilon(),
            last_stride: config.last_stride,
            concept_head: config.concept_head,
            input_size: None,
            normalization: None,
            classes: None,
            multilabel: false,
        }
    }

    /// The network that a run of `config` trains.
    pub fn of_run(config: &Config) -> Self {
        let network = config.network();
        Self {
            input_size: Some(network.input_size),
            normalization: Some(config.input.normalization.clone()),
            classes: Some(config.data.classes.clone()),
            multilabel: config.train.is_multilabel(),
            ..Self::of_network(&network)
        }
    }

    /// What a file's `text` says.
    ///
    /// # Errors
    /// A newer version, or what no network can be.
    pub fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let not_ours = |error: serde_json::Error| {
            format!("its metadata `dermx` are damaged: {}", json::plain(&error.to_string()))
        };
        let version: Version = serde_json::from_str(text).map_err(not_ours)?;
        if version.format != FORMAT {
            let found = version.format;
            return Err(format!(
                "its metadata `dermx` are of format {found}, this program knows {FORMAT}; use the \
                 version of dermx that wrote it, or a newer one"
            ));
        }
        let description: Self = serde_json::from_str(text).map_err(not_ours)?;
        description.check().map_err(|problem| format!("its metadata `dermx`: {problem}"))?;
        Ok(description)
    }

    fn check(&self) -> Result<(), String> {
        let epsilon = self.batch_norm_epsilon;
        let side = 1..=MAX_SIDE_PX;
        let known = Normalization::PRESETS;
        if !matches!(self.last_stride, 1 | 2) {
            Err(format!("last_stride is {}; it has to be 1 or 2", self.last_stride))
        } else if !self.architecture.takes_last_stride(self.last_stride) {
            let (architecture, stride) = (self.architecture, self.last_stride);
            Err(format!("last_stride is {stride}, which a {architecture} does not have"))
        } else if !self.architecture.takes_head(self.head) {
            Err(format!("head is none of a {}", self.architecture))
        } else if self.concept_head.is_some() && !self.architecture.takes_concept_head() {
            Err(format!("concept_head is none of a {}", self.architecture))
        } else if self.concept_head.is_some_and(|head| !is_head(head)) {
            Err("concept_head is of a size that no head has".to_string())
        } else if self.num_classes == 0 {
            Err("num_classes is 0".to_string())
        } else if !NetworkConfig::is_epsilon(epsilon) {
            Err(format!("batch_norm_epsilon is {epsilon}; it has to be positive and at most 1"))
        } else if self.input_size.is_some_and(|size| !size.iter().all(|px| side.contains(px))) {
            Err(format!("input_size is {:?}", self.input_size.unwrap_or_default()))
        } else if self.normalization.as_ref().is_some_and(|name| !known.contains(&name.as_str())) {
            Err(format!("normalization is none of {}", known.join(", ")))
        } else if self.classes.as_ref().is_some_and(|names| names.len() != self.num_classes) {
            Err(format!("classes are not {} names", self.num_classes))
        } else if let Some(name) = self.classes.as_ref().and_then(|names| twice(names)) {
            Err(format!("two classes are called `{name}`"))
        } else if self.classes.iter().flatten().any(|name| name.chars().any(char::is_control)) {
            Err("a name of classes has control characters".to_string())
        } else {
            Ok(())
        }
    }

    /// What the network is built from.
    pub fn network_config(&self) -> NetworkConfig {
        let torchvision = NetworkConfig::torchvision(self.architecture, self.num_classes);
        NetworkConfig {
            head: self.head,
            variant: self.variant,
            padding: self.padding,
            batch_norm_epsilon: Some(self.batch_norm_epsilon),
            last_stride: self.last_stride,
            concept_head: self.concept_head,
            input_size: self.input_size.unwrap_or(torchvision.input_size),
            ..torchvision
        }
    }
}

/// Whether there can be such a head.
fn is_head(head: ConceptHeadConfig) -> bool {
    let sizes = 1..=MAX_HIDDEN;
    sizes.contains(&head.num_concepts)
        && sizes.contains(&head.num_hidden)
        && (0.0..1.0).contains(&head.dropout)
}

/// The first name that is there twice.
fn twice(names: &[String]) -> Option<&String> {
    names.iter().enumerate().find(|(idx, name)| names[..*idx].contains(name)).map(|(_, name)| name)
}
