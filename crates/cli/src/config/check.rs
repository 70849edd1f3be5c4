//! What the types of a configuration do not rule out.

use super::document::Document;
use super::sections::Config;
use dermx_data::{ImageSize, Normalization};
use std::collections::BTreeSet;

/// The smallest side whose last feature maps of a ResNet still have a cell, in pixels.
const MIN_INPUT_PX: u32 = 32;

/// The largest side that is not a slip of the pen, in pixels.
const MAX_SIDE_PX: u32 = 8192;

impl Config {
    /// Adds everything that is out of range to `problems`.
    pub(super) fn check(&self, document: &Document, problems: &mut Vec<String>) {
        let mut require = |holds: bool, path: &str, message: String| {
            if !holds {
                problems.push(format!("{}: `{path}` {message}", document.place(path)));
            }
        };
        let seeds: BTreeSet<u64> = self.run.seeds.iter().copied().collect();
        require(!seeds.is_empty(), "run.seeds", "has to name at least one seed".into());
        require(seeds.len() == self.run.seeds.len(), "run.seeds", "names a seed twice".into());
        // TOML's integers end there, and the resolved configuration is written as TOML.
        let largest_seed = seeds.last().copied().unwrap_or(0);
        require(i64::try_from(largest_seed).is_ok(), "run.seeds", "has to stay below 2^63".into());

        let classes: BTreeSet<&String> = self.data.classes.iter().collect();
        require(classes.len() >= 2, "data.classes", "has to name at least two classes".into());
        require(
            classes.len() == self.data.classes.len(),
            "data.classes",
            "names a class twice".into(),
        );
        for (folder, class) in &self.data.class_names {
            require(
                classes.contains(class),
                &format!("data.class_names.{folder}"),
                format!("is `{class}`, which is not in data.classes"),
            );
        }

        let in_range = |size: ImageSize, min: u32| {
            (min..=MAX_SIDE_PX).contains(&size.height) && (min..=MAX_SIDE_PX).contains(&size.width)
        };
        require(
            in_range(self.input.size, MIN_INPUT_PX),
            "input.size",
            format!("has to lie between {MIN_INPUT_PX} and {MAX_SIDE_PX} pixels a side"),
        );
        require(
            in_range(self.evaluate.size, 1),
            "evaluate.size",
            format!("has to lie between 1 and {MAX_SIDE_PX} pixels a side"),
        );
        let presets = Normalization::PRESETS;
        require(
            presets.contains(&self.input.normalization.as_str()),
            "input.normalization",
            format!("is `{}`; there are: {}", self.input.normalization, presets.join(", ")),
        );

        for message in self.augment.config().problems() {
            require(false, "augment", format!(": {message}"));
        }
        require(!self.model.trainable.is_empty(), "model.trainable", "names no parameter".into());
        let train = &self.train;
        require(train.epochs > 0, "train.epochs", "has to be at least 1".into());
        require(train.batch_size > 0, "train.batch_size", "has to be at least 1".into());
        require(
            train.learning_rate > 0.0 && train.learning_rate.is_finite(),
            "train.learning_rate",
            "has to be positive".into(),
        );
        for (path, beta) in [("train.beta_1", train.beta_1), ("train.beta_2", train.beta_2)] {
            require((0.0..1.0).contains(&beta), path, "has to lie in [0, 1)".into());
        }
        require(
            train.epsilon > 0.0 && train.epsilon.is_finite(),
            "train.epsilon",
            "has to be positive".into(),
        );
        require(self.explain.batch_size > 0, "explain.batch_size", "has to be at least 1".into());
        if let Some(synthetic) = &self.synthetic {
            let num_classes = self.data.classes.len();
            require(
                synthetic.num_images >= num_classes && synthetic.num_train_images >= num_classes,
                "synthetic",
                "needs at least one test and one training image for each class".into(),
            );
        }
    }
}
