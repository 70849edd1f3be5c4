//! The enumerations that keys may have as their type.

use super::schema::{Described, Kind, words_of};
use dermx_eval::{Average, Border, Normalize, UnionAverage};
use dermx_gradcam::Output;
use dermx_kernels::Precision;
use dermx_model::{Architecture, BatchNormMode, Head, Padding, Variant};
use dermx_score::{ScoredRows, Unmarked};
use dermx_train::{AttentionLoss, Consensus, LastBatch, MapSize, Monitor, Sampling, Select};
use serde::{Deserialize, Serialize};

/// Weight of each class in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeighting {
    /// `max_k(count_k) / count_c`.
    MaxOverCount,
    /// `n / (k count_c)` of `n` images and `k` classes.
    Balanced,
    /// 1 for every class.
    None,
}

/// Weight of the images that have a label, beside that of those that have it not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "has to be \"none\", \"balanced\" or a list of numbers")]
pub enum PosWeight {
    /// By a rule.
    Rule(PosWeighting),
    /// A number for each label, in the order of the classes.
    Values(Vec<f64>),
}

/// The rules of [`PosWeight`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PosWeighting {
    /// 1 for every label.
    None,
    /// `(n - count_l) / count_l` of `n` images.
    Balanced,
}

impl Described for PosWeight {
    fn kind() -> Kind {
        let list = Box::new(Kind::List(Box::new(Kind::Number)));
        match words_of::<PosWeighting>() {
            Kind::Words(words) => Kind::WordsOr(words, list),
            other => other,
        }
    }
}

/// What happens when photos or patients are in two of training, validation and test, or photos in two
/// classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leaks {
    /// The run is refused.
    Refuse,
    /// They are named.
    Warn,
    /// Nobody looks.
    Ignore,
}

/// Whose logit is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The gold class.
    Gold,
    /// The class with the largest logit.
    Predicted,
}

/// Which pixel values a network is explained on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExplainInput {
    /// Those that it was trained on.
    #[default]
    Network,
    /// Red, green, blue from 0 to 255, whatever it was trained on.
    RawRgb,
}

/// What is done to see whether the maps depend on the network and the network on the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SanityCheck {
    /// Maps of the network with more and more random weights, from the output to the input.
    Randomization,
    /// Deletion, insertion and ROAD, for the maps and for two that never saw a network.
    Faithfulness,
    /// How far the maps move with a little noise, and whether their mass says how much a probability falls.
    Robustness,
}

/// The score on the validation photos that a search raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// The macro-F1.
    MacroF1,
    /// The accuracy.
    Accuracy,
}

macro_rules! words {
    ($($type:ty),* $(,)?) => {
        $(impl Described for $type {
            fn kind() -> Kind {
                words_of::<Self>()
            }
        })*
    };
}

words!(
    Architecture,
    AttentionLoss,
    Average,
    BatchNormMode,
    Border,
    ClassWeighting,
    Consensus,
    ExplainInput,
    Head,
    LastBatch,
    Leaks,
    MapSize,
    Monitor,
    Normalize,
    Objective,
    Output,
    Padding,
    Precision,
    Sampling,
    SanityCheck,
    ScoredRows,
    Select,
    Target,
    UnionAverage,
    Unmarked,
    Variant,
);
