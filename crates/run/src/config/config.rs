//! A complete configuration.

use super::augmenting::AugmentSection;
use super::declare::section;
use super::explaining::ExplainSection;
use super::sections::{
    DataSection, EvaluateSection, InputSection, ModelSection, ReportSection, RunSection,
    SlurmSection, Split, StudySection, SyntheticSection,
};
use super::training::{EarlyStoppingSection, TrainSection};
use dermx_eval::HeatmapScoring;
use dermx_model::NetworkConfig;
use dermx_score::ScoringChoices;

section! {
    /// A complete configuration: the value of every key.
    Config {
        /// Seeds and output.
        run: RunSection, section;
        /// Images and classes.
        data: DataSection, section;
        /// Which of the training images are for validation; patients are never split.
        split: Split, choice;
        /// The synthetic data set, if it is one.
        synthetic: Option<SyntheticSection>, optional(SyntheticSection);
        /// The network.
        model: ModelSection, section;
        /// What the network sees.
        input: InputSection, section;
        /// Augmentation.
        augment: AugmentSection, section;
        /// The loop.
        train: TrainSection, section;
        /// When to stop early, if at all.
        early_stopping: Option<EarlyStoppingSection>, optional(EarlyStoppingSection);
        /// Heat maps.
        explain: ExplainSection, section;
        /// Scoring.
        evaluate: EvaluateSection, section;
        /// The page.
        report: ReportSection, section;
        /// What only the study did.
        study: StudySection, section;
        /// What a sweep asks Slurm for; nothing to a run.
        slurm: Option<SlurmSection>, optional(SlurmSection);
    }
}

impl Config {
    /// What the network is built from.
    pub fn network(&self) -> NetworkConfig {
        NetworkConfig {
            architecture: self.model.architecture,
            head: self.model.head,
            num_classes: self.data.classes.len(),
            variant: self.model.variant,
            padding: self.model.padding,
            batch_norm_epsilon: self.model.batch_norm_epsilon,
            last_stride: self.model.last_stride,
            input_size: [self.input.size.height as usize, self.input.size.width as usize],
            concept_head: self.train.objective.concept_head(),
        }
    }

    /// Which masks are scored, and how their scores are averaged.
    pub fn scoring_choices(&self) -> ScoringChoices {
        let (section, study) = (&self.evaluate, &self.study);
        ScoringChoices {
            rows: section.rows,
            union_rows: study.union_rows.unwrap_or(section.rows),
            unmarked: section.unmarked,
            average: section.average,
            union_average: study.union_average,
            class_exchange: study.class_exchange.clone(),
            classes: self.data.classes.clone(),
            maps: self.heatmap_scoring(),
            localization: true,
            by: section.by.clone(),
            ..ScoringChoices::default()
        }
    }

    /// How maps are prepared for scoring.
    const fn heatmap_scoring(&self) -> HeatmapScoring {
        let section = &self.evaluate;
        HeatmapScoring {
            size: [section.size.height as usize, section.size.width as usize],
            normalize: section.normalize,
            quantize: section.quantize,
            border: section.border,
        }
    }
}
