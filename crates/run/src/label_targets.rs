//! Several labels an image: what the photos of a run have, and how much each label weighs.

use crate::config::{Config, LearningObjective, PosWeight, PosWeighting};
use crate::error::{RunError, RunResult};
use dermx_data::{LabelledFolder, Split};
use dermx_score::LABEL_SEPARATOR;
use dermx_train::{Columns, Targets, balanced_pos_weight, positives};
use std::collections::{BTreeMap, BTreeSet};

/// What a label's name may not hold: it separates names in tables, or folders in paths.
const RESERVED: [&str; 3] = [LABEL_SEPARATOR, "/", "\\"];

/// The sets of labels that occur, in order, as places of the names of labels. In a [`LabelledFolder`] of photos with
/// several labels each set is a class, so that splits keep the shares of all sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelSets {
    /// Names of the labels, in the order of the logits.
    pub labels: Vec<String>,
    /// The places of the names of each set, sorted.
    pub sets: Vec<Vec<usize>>,
}

impl LabelSets {
    /// The sets among `found`, and which of them each of `found` is.
    pub fn new(labels: &[String], found: &[Vec<usize>]) -> (Self, Vec<usize>) {
        let sets: Vec<Vec<usize>> =
            found.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
        let place: BTreeMap<&Vec<usize>, usize> =
            sets.iter().enumerate().map(|(idx, set)| (set, idx)).collect();
        let places = found.iter().map(|set| place[set]).collect();
        (Self { labels: labels.to_vec(), sets }, places)
    }

    /// Name of each set: those of its labels.
    pub fn names(&self) -> Vec<String> {
        self.sets.iter().map(|set| set_name(&self.labels, set)).collect()
    }

    /// What the photos of `images` should yield: 1 for each label that they have, 0 for the others.
    pub fn targets(&self, images: &LabelledFolder) -> Targets {
        let row = |image: &dermx_data::LabelledImage| {
            let set = self.sets.get(image.class_idx).map_or(&[][..], Vec::as_slice);
            (0..self.labels.len()).map(|label| f32::from(u8::from(set.contains(&label))))
        };
        let values = images.images.iter().flat_map(row).collect();
        let columns = Columns { names: self.labels.clone(), values };
        Targets { columns, ..Targets::default() }
    }

    /// A label that is not learned, or nothing to validate on, is a slip.
    ///
    /// # Errors
    /// No photo with some label is left for training, or none with any for validation.
    pub fn check_split(&self, split: &Split) -> RunResult<()> {
        let bad = |message: String| Err(RunError::bad_data(format!("split: {message}")));
        let counts = |part: &LabelledFolder| {
            positives(&self.targets(part).columns.values, self.labels.len())
        };
        let missing = |counts: Vec<usize>| -> Vec<&str> {
            let absent = self.labels.iter().zip(counts).filter(|(_, count)| *count == 0);
            absent.map(|(label, _)| label.as_str()).collect()
        };
        let [in_training, in_validation] = [&split.training, &split.validation].map(counts);
        if let Some(label) = missing(in_training).first() {
            return bad(format!("no photo of `{label}` is left for training; put fewer aside"));
        }
        let absent = missing(in_validation);
        if absent.len() == self.labels.len() {
            return bad("no photo with a label is left for validation; put more aside".to_string());
        }
        if let Some(first) = absent.first() {
            tracing::warn!(
                "no validation photo has the label `{first}`{}: its threshold stays {}",
                match absent.len() {
                    1 => String::new(),
                    num => format!(" (nor {} others)", num - 1),
                },
                crate::thresholds::USUAL
            );
        }
        Ok(())
    }
}

/// The names of the labels at these places, as tables have them.
pub fn set_name(labels: &[String], set: &[usize]) -> String {
    let names: Vec<&str> = set.iter().map(|&label| labels[label].as_str()).collect();
    names.join(LABEL_SEPARATOR)
}

/// Checks what the configuration says of labels by name.
///
/// # Errors
/// A name that cannot be told from several, weights that are not of the labels.
pub fn check(config: &Config) -> RunResult<()> {
    let LearningObjective::MultiLabel { pos_weight } = &config.train.objective else {
        return Ok(());
    };
    let labels = &config.data.classes;
    let is_bad = |label: &&String| {
        RESERVED.iter().any(|part| label.contains(part))
            || ["", ".", ".."].contains(&label.as_str())
    };
    if let Some(label) = labels.iter().find(is_bad) {
        let message = format!(
            "data.classes: the label `{label}` has `{}` in its name, or none; data.class_names may call it otherwise",
            RESERVED.join("`, `")
        );
        return Err(RunError::bad_config(message));
    }
    match pos_weight {
        PosWeight::Values(values) if values.len() != labels.len() => {
            let message = format!(
                "train.objective.pos_weight has {} numbers for {} labels ({})",
                values.len(),
                labels.len(),
                labels.join(", ")
            );
            Err(RunError::bad_config(message))
        }
        _ => Ok(()),
    }
}

/// Weight of the photos with each label, by those that are learned from.
pub fn pos_weight(weight: &PosWeight, training: Option<&Targets>) -> Vec<f32> {
    let (values, num_labels) = training.map_or((&[][..], 0), |targets| {
        (targets.columns.values.as_slice(), targets.columns.names.len())
    });
    match weight {
        PosWeight::Rule(PosWeighting::None) => vec![1.0; num_labels],
        PosWeight::Rule(PosWeighting::Balanced) => balanced_pos_weight(values, num_labels),
        PosWeight::Values(values) => values.iter().map(|&value| value as f32).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::LabelSets;
    use dermx_data::{LabelledFolder, LabelledImage};

    #[test]
    fn each_set_of_labels_is_a_class_and_yields_its_labels() {
        let labels = ["crust", "scale"].map(str::to_string);
        let found = [vec![1], vec![], vec![0, 1], vec![1]];
        let (sets, places) = LabelSets::new(&labels, &found);
        assert_eq!(sets.names(), ["", "crust|scale", "scale"]);
        assert_eq!(places, [2, 0, 1, 2]);
        let image = |(idx, &class_idx): (usize, &usize)| LabelledImage {
            id: idx.to_string(),
            path: idx.to_string().into(),
            class_idx,
        };
        let images = places.iter().enumerate().map(image).collect();
        let targets = sets.targets(&LabelledFolder { classes: sets.names(), images });
        assert_eq!(targets.columns.values, [0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0]);
    }
}
