//! Scores on parts of the images: by disease, skin tone, age, and right or wrong diagnosis.

use crate::error::{ScoreError, ScoreResult};
use dermx_data::{Dataset, did_you_mean};
use dermx_eval::{MapRow, PartRecord, part_record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// In a part, rows of fewer images have no score, unless the user asks for another number.
pub const MIN_IMAGES: usize = 20;

/// What the images are parted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Variable {
    /// The gold class, under the name it was asked for: `class` or `disease`.
    Class(String),
    /// Whether the predicted class is the gold class: `right` or `wrong`.
    Correct,
    /// An attribute of the images.
    Attribute(String),
}

/// Names of the gold class.
const CLASS: [&str; 2] = ["class", "disease"];
const CORRECT: &str = "correct";

impl Variable {
    /// As the configuration and `eval.json` have it.
    pub fn name(&self) -> &str {
        match self {
            Self::Correct => CORRECT,
            Self::Class(name) | Self::Attribute(name) => name,
        }
    }

    /// Checks that the images have it.
    ///
    /// # Errors
    /// No such attribute.
    pub(crate) fn check(&self, dataset: &Dataset) -> ScoreResult<()> {
        let Self::Attribute(name) = self else { return Ok(()) };
        let attributes = &dataset.schema().image_attributes;
        if attributes.contains(name) {
            return Ok(());
        }
        let own = attributes.iter().map(String::as_str);
        let known: Vec<&str> = ["class", CORRECT].into_iter().chain(own).collect();
        Err(ScoreError::usage(format!(
            "images cannot be split by `{name}`{}; there are {} (attributes of a data set are named in its \
             dataset.toml)",
            did_you_mean(name, &known),
            known.join(", ")
        )))
    }
}

impl From<String> for Variable {
    fn from(name: String) -> Self {
        match name.as_str() {
            CORRECT => Self::Correct,
            class if CLASS.contains(&class) => Self::Class(name),
            _ => Self::Attribute(name),
        }
    }
}

impl From<Variable> for String {
    fn from(variable: Variable) -> Self {
        variable.name().to_owned()
    }
}

/// The scored images of one network.
pub struct ScoredImages<'a> {
    /// Their annotations.
    pub dataset: &'a Dataset,
    /// Their ids.
    pub image_ids: &'a [&'a str],
    /// Their scores.
    pub rows: &'a [MapRow],
    /// Whether the diagnosis of each is right, where there are predictions.
    pub correct: Option<&'a BTreeMap<&'a str, bool>>,
}

impl ScoredImages<'_> {
    /// The scores by variable and value.
    pub fn parts(
        &self,
        variables: &[Variable],
        min_images: usize,
    ) -> BTreeMap<String, BTreeMap<String, PartRecord>> {
        let by = |variable: &Variable| {
            let mut parts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for &image_id in self.image_ids {
                if let Some(value) = self.value(variable, image_id) {
                    parts.entry(value).or_default().push(image_id);
                }
            }
            let record = |(value, ids): (String, Vec<&str>)| (value, self.part(&ids, min_images));
            (variable.name().to_string(), parts.into_iter().map(record).collect())
        };
        variables.iter().map(by).collect()
    }

    /// How many images are in no part, by variable; only where there are some.
    pub fn num_without_value(&self, variables: &[Variable]) -> BTreeMap<String, usize> {
        let num = |variable: &Variable| {
            let ids = self.image_ids.iter();
            ids.filter(|image_id| self.value(variable, image_id).is_none()).count()
        };
        let counts = variables.iter().map(|one| (one.name().to_string(), num(one)));
        counts.filter(|(_, num)| *num > 0).collect()
    }

    fn value(&self, variable: &Variable, image_id: &str) -> Option<String> {
        let image = self.dataset.image(image_id)?;
        Some(match variable {
            Variable::Class(_) => image.gold_class()?.to_owned(),
            Variable::Attribute(name) => {
                Some(image.attribute(name)).filter(|value| !value.is_empty())?.to_owned()
            }
            Variable::Correct => match *self.correct?.get(image_id)? {
                true => "right".to_string(),
                false => "wrong".to_string(),
            },
        })
    }

    /// The score of the images `ids`, which are sorted.
    fn part(&self, ids: &[&str], min_images: usize) -> PartRecord {
        let is_in = |row: &&MapRow| ids.binary_search(&row.image_id.as_str()).is_ok();
        let rows: Vec<MapRow> = self.rows.iter().filter(is_in).cloned().collect();
        let correct: Option<Vec<bool>> = self
            .correct
            .map(|correct| ids.iter().filter_map(|id| correct.get(id).copied()).collect());
        part_record(ids.len(), &rows, correct.as_deref(), min_images)
    }
}
