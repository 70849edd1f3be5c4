//! The sections that say how to train.

use super::declare::{choice, section};
use super::derive;
use super::schema::{MAX_BATCH, Range};
use super::words::{ClassWeighting, PosWeight, PosWeighting};
use dermx_kernels::Precision;
use dermx_model::ConceptHeadConfig;
use dermx_train::{
    AdamConfig, AttentionLoss, Consensus, EarlyStopping, LastBatch, MapSize, MixConfig, Monitor,
    OptimizerConfig, ParameterGroups, Sampling, Schedule, Select, SgdConfig,
    balanced_class_weights, class_weights,
};
use std::collections::BTreeMap;

choice! {
    /// What moves the weights. Frozen weights stay, whatever the decay.
    Optimizer by "name", default "adam" {
        /// Adam; weight decay is added to the gradient.
        Adam = "adam" {
            /// Decay of the first moment.
            beta_1: f32, default(0.9), Range::below(0.0, 1.0);
            /// Decay of the second moment.
            beta_2: f32, default(0.999), Range::below(0.0, 1.0);
            /// What keeps the denominator from 0.
            epsilon: f32, default(1e-8), Range::positive();
            /// How much weights decay.
            weight_decay: f32, default(0.0), Range::at_least(0.0);
        }
        /// Adam with decoupled weight decay.
        AdamW = "adamw" {
            /// Decay of the first moment.
            beta_1: f32, default(0.9), Range::below(0.0, 1.0);
            /// Decay of the second moment.
            beta_2: f32, default(0.999), Range::below(0.0, 1.0);
            /// What keeps the denominator from 0.
            epsilon: f32, default(1e-8), Range::positive();
            /// How much weights decay.
            weight_decay: f32, default(0.01), Range::at_least(0.0);
        }
        /// Stochastic gradient descent; weight decay is added to the gradient.
        Sgd = "sgd" {
            /// Share of the last movement that is kept.
            momentum: f32, default(0.9), Range::below(0.0, 1.0);
            /// Whether the gradient is looked up ahead of the movement.
            nesterov: bool, default(false);
            /// How much weights decay.
            weight_decay: f32, default(0.0), Range::at_least(0.0);
        }
    }
}

choice! {
    /// What the network learns by.
    LearningObjective by "name", default "cross_entropy" {
        /// The class of each image.
        CrossEntropy = "cross_entropy" {
            /// Exponent of the focal loss, which makes little of images that are learned already; 0 is plain
            /// cross-entropy.
            focal_gamma: f32, default(0.0), Range::closed(0.0, 10.0);
        }
        /// Several labels an image, each of the classes by itself: binary cross-entropy.
        MultiLabel = "multilabel" {
            /// Weight of the images that have a label in the loss, those without it weigh 1: "balanced" is their
            /// number over that of those with it; or a number for each class.
            pos_weight: PosWeight, default(PosWeight::Rule(PosWeighting::None));
        }
        /// The class, the concepts that experts outlined, and where class activation maps of the concepts look;
        /// data.train is a data set with outlines.
        Guided = "guided" {
            /// The concepts; none for all that are outlined in a training image.
            concepts: Vec<String>, default(vec![]), Range::Distinct(0);
            /// The raters whose outlines are learned; none for all.
            raters: Vec<String>, default(vec![]), Range::Distinct(0);
            /// How outlines of several raters become one mask: what "any", the "majority" or "all" of those
            /// who looked at an image outlined, or the share of raters who did, of those of the data set
            /// ("fuzzy_fixed") or of the image ("fuzzy_relative").
            consensus: Consensus, default(Consensus::FuzzyRelative);
            /// Whether the network tells the classes from the concepts, too, as the published head with a skip
            /// connection does; the concepts have to be named then.
            skip: bool, default(false);
            /// Number of hidden values of the head that tells the concepts, and with skip of that of the classes.
            num_hidden: usize, default(64), Range::Count(1, 1_000_000);
            /// Dropout of that head.
            dropout: f64, default(0.2), Range::below(0.0, 1.0);
            /// Weight of the loss of the concepts; that of the classes is 1.
            characteristics_weight: f32, default(1.0), Range::at_least(0.0);
            /// Weight of the loss of the maps; with 0 the concepts are learned alone.
            attention_weight: f32, default(10.0), Range::at_least(0.0);
            /// The loss of the maps: mean of sensitivity and specificity ("soft_se_sp"), "dice", squared
            /// difference over all concepts ("mse") or over those that were outlined ("mse_active").
            attention: AttentionLoss, default(AttentionLoss::SoftSeSp);
            /// Whether each map is brought to the range from 0 to 1.
            normalize: bool, default(true);
            /// Where maps and masks are compared: at the size of the masks, with "bilinear" or "nearest" maps,
            /// or at that of the "maps".
            map_size: MapSize, default(MapSize::Bilinear);
            /// Whether maps of concepts that the head does not find count as empty.
            only_predicted: bool, default(true);
        }
    }
}

choice! {
    /// How the learning rate changes after the warm-up.
    LearningRateSchedule by "name", default "cosine" {
        /// The same at every step.
        Constant = "constant" {}
        /// Half a cosine, down to 0.
        Cosine = "cosine" {}
        /// Half cosines that start anew.
        CosineRestarts = "cosine_restarts" {
            /// Number of epochs of the first one.
            epochs: u32, default(10), Range::at_least(1.0);
            /// How many times as long each is as the one before.
            growth: u32, default(2), Range::at_least(1.0);
            /// What each ends at, as a part of the learning rate.
            end_factor: f64, default(0.0), Range::closed(0.0, 1.0);
        }
        /// Up along half a cosine, and down along another.
        OneCycle = "one_cycle" {
            /// Share of the steps in which it rises.
            rise: f64, default(0.3), Range::between(0.0, 1.0);
            /// What it starts from, as a part of the learning rate.
            start_factor: f64, default(0.04), Range::closed(0.0, 1.0);
            /// What it ends at, as a part of the learning rate.
            end_factor: f64, default(0.000004), Range::closed(0.0, 1.0);
        }
        /// Times a factor every few epochs.
        Step = "step" {
            /// Number of epochs from one change to the next.
            epochs: u32, default(30), Range::at_least(1.0);
            /// The factor of each change.
            factor: f64, default(0.1), Range::positive();
        }
        /// Times a factor when the monitored score gets no better.
        Plateau = "plateau" {
            /// Number of epochs that may pass without a better score.
            patience: u32, default(10);
            /// The factor of each change.
            factor: f64, default(0.1), Range::positive();
        }
    }
}

section! {
    /// The loop.
    TrainSection {
        /// Images a batch, which is what batch normalization sees.
        batch_size: usize, default(32), Range::Count(1, MAX_BATCH);
        /// What becomes of the last images of an epoch, where they are fewer than a batch: "keep" as a batch
        /// of their own, "drop", or "merge" into the batch before. With "auto" they are kept, but a single
        /// image is merged: batch normalization needs more.
        last_batch: Option<LastBatch>, word("auto");
        /// Number of batches whose gradients make one step of the optimizer.
        accumulation_steps: usize, default(1), Range::Count(1, MAX_BATCH);
        /// Which images an epoch sees: with "shuffle" every image once, with "balanced" every class equally
        /// often. With objective "multilabel" "balanced" draws with replacement, by the sum over an image's labels
        /// of one over their numbers of images.
        sampling: Sampling, default(Sampling::Shuffle);
        /// What is learned by.
        objective: LearningObjective, choice;
        /// Which optimizer.
        optimizer: Optimizer, choice;
        /// Whether parameters of one dimension decay, too: biases, and scale and shift of normalizations.
        decay_norms_and_biases: bool, default(true);
        /// The learning rate of each stage of the network is this times that of the stage behind it; the
        /// head has the whole rate.
        layer_decay: f64, default(1.0), Range::up_to(0.0, 1.0);
        /// Factors on the learning rate by patterns of names as in model.trainable, such as
        /// { "head.*" = 10 }. A parameter has the product of all that match it.
        rate_factors: BTreeMap<String, f64>, default(BTreeMap::new()), Range::at_least(0.0);
        /// Factors on weight decay, likewise.
        decay_factors: BTreeMap<String, f64>, default(BTreeMap::new()), Range::at_least(0.0);
        /// Learning rate that the schedule starts from.
        learning_rate: f64, derived("1e-4, and 1e-2 with sgd", derive::learning_rate),
            Range::Positive32;
        /// Which schedule of the learning rate.
        schedule: LearningRateSchedule, choice;
        /// Number of epochs in which the learning rate rises before that, step by step.
        warmup_epochs: u32, default(0);
        /// The largest norm of all gradients together.
        clip_norm: Option<f64>, word("none"), Range::positive();
        /// Number of steps of the whole run that may be skipped because a loss, a gradient, a running
        /// statistic, a weight or a moment is not finite; a skipped step changes nothing. The next one
        /// ends the run. From 1 on, each step begins with a copy of weights and moments.
        max_skipped_steps: usize, default(0), Range::Count(0, MAX_BATCH);
        /// Decay of a moving average of the weights, which is then scored and written instead.
        ema_decay: Option<f64>, word("none"), Range::below(0.0, 1.0);
        /// The first epoch, from 1, of stochastic weight averaging: from then on the mean of the weights at
        /// the ends of epochs is scored and written instead. Not with ema_decay.
        swa_start: Option<u32>, word("none"), Range::at_least(1.0);
        /// Weight of each class in the loss: "balanced" is n / (k count) of n images and k classes,
        /// "max_over_count" the largest count over its own.
        class_weights: ClassWeighting, default(ClassWeighting::None);
        /// The largest weight of a class.
        class_weight_cap: Option<f32>, word("none"), Range::positive();
        /// Share of the targets that is spread over all classes.
        label_smoothing: f32, default(0.0), Range::below(0.0, 1.0);
        /// What the convolutions of a training step multiply: "bf16" is bfloat16 with sums and weights of 32
        /// bits.
        precision: Precision, default(Precision::F32);
        /// Mixes images pixel by pixel, with a share from the beta distribution (alpha, alpha).
        mixup_alpha: Option<f64>, word("none"), Range::positive();
        /// Mixes rectangles of images, likewise; with both, each batch by one of the two.
        cutmix_alpha: Option<f64>, word("none"), Range::positive();
        /// Score on the validation photos that select, early_stopping and the schedule "plateau" go by.
        monitor: Option<Monitor>, word("none");
        /// Which weights are the result.
        select: Select, default(Select::Last);
    }
}

section! {
    /// Ends a run that no longer gets better by train.monitor.
    EarlyStoppingSection {
        /// Number of epochs without a better one after which the run ends.
        patience: u32, default(5), Range::at_least(1.0);
        /// An epoch is better if its score is better by more than this.
        min_delta: f64, default(0.0), Range::at_least(0.0);
    }
}

impl EarlyStoppingSection {
    /// When to stop.
    pub const fn stopping(&self) -> EarlyStopping {
        EarlyStopping { patience: self.patience, min_delta: self.min_delta }
    }
}

impl Optimizer {
    /// What an optimizer is built from.
    pub const fn config(&self) -> OptimizerConfig {
        match *self {
            Self::Adam { beta_1, beta_2, epsilon, weight_decay } => {
                OptimizerConfig::Adam(AdamConfig { beta_1, beta_2, epsilon, weight_decay })
            }
            Self::AdamW { beta_1, beta_2, epsilon, weight_decay } => {
                OptimizerConfig::AdamW(AdamConfig { beta_1, beta_2, epsilon, weight_decay })
            }
            Self::Sgd { momentum, nesterov, weight_decay } => {
                OptimizerConfig::Sgd(SgdConfig { momentum, nesterov, weight_decay })
            }
        }
    }
}

impl LearningRateSchedule {
    /// The schedule.
    pub const fn schedule(&self) -> Schedule {
        match *self {
            Self::Constant {} => Schedule::Constant,
            Self::Cosine {} => Schedule::Cosine,
            Self::CosineRestarts { epochs, growth, end_factor } => {
                Schedule::CosineRestarts { epochs, growth, end_factor }
            }
            Self::OneCycle { rise, start_factor, end_factor } => {
                Schedule::OneCycle { rise, start_factor, end_factor }
            }
            Self::Step { epochs, factor } => Schedule::Step { epochs, factor },
            Self::Plateau { patience, factor } => Schedule::Plateau { factor, patience },
        }
    }
}

impl LearningObjective {
    /// The head for concepts that the network has.
    pub fn concept_head(&self) -> Option<ConceptHeadConfig> {
        match self {
            Self::Guided { skip: true, concepts, num_hidden, dropout, .. } => {
                Some(ConceptHeadConfig {
                    num_concepts: concepts.len(),
                    num_hidden: *num_hidden,
                    dropout: *dropout,
                })
            }
            _ => None,
        }
    }
}

impl TrainSection {
    /// Whether an image may have several labels, each with a probability of its own.
    pub const fn is_multilabel(&self) -> bool {
        matches!(self.objective, LearningObjective::MultiLabel { .. })
    }

    /// Weight of each class in the loss, for classes of these numbers of images.
    pub fn class_weights(&self, counts: &[usize]) -> Vec<f32> {
        let weights = match self.class_weights {
            ClassWeighting::MaxOverCount => class_weights(counts),
            ClassWeighting::Balanced => balanced_class_weights(counts),
            ClassWeighting::None => vec![1.0; counts.len()],
        };
        let cap = self.class_weight_cap.unwrap_or(f32::INFINITY);
        weights.into_iter().map(|weight| weight.min(cap)).collect()
    }

    /// What differs between parameters.
    pub fn parameter_groups(&self) -> ParameterGroups {
        ParameterGroups {
            decay_norms_and_biases: self.decay_norms_and_biases,
            layer_decay: self.layer_decay,
            rate_factors: self.rate_factors.clone(),
            decay_factors: self.decay_factors.clone(),
        }
    }

    /// How images are mixed.
    pub const fn mix(&self) -> MixConfig {
        MixConfig { mixup_alpha: self.mixup_alpha, cutmix_alpha: self.cutmix_alpha }
    }
}
