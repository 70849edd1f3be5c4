//! Scores on parts of the images: by disease, skin tone, age, and right or wrong diagnosis.

use dermx_data::Dataset;
use dermx_eval::{MapRow, PartRecord, part_record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// In a part, rows of fewer images have no score, unless the user asks for another number.
pub const MIN_IMAGES: usize = 20;

/// What the images are parted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variable {
    /// The gold diagnosis.
    Disease,
    /// `skin_tone` of the metadata.
    SkinTone,
    /// `age` of the metadata.
    Age,
    /// Whether the predicted class is the gold class: `right` or `wrong`.
    Correct,
}

impl Variable {
    /// As the configuration and `eval.json` have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disease => "disease",
            Self::SkinTone => "skin_tone",
            Self::Age => "age",
            Self::Correct => "correct",
        }
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
                if let Some(value) = self.value(*variable, image_id) {
                    parts.entry(value).or_default().push(image_id);
                }
            }
            let record = |(value, ids): (String, Vec<&str>)| (value, self.part(&ids, min_images));
            (variable.name().to_string(), parts.into_iter().map(record).collect())
        };
        variables.iter().map(by).collect()
    }

    fn value(&self, variable: Variable, image_id: &str) -> Option<String> {
        let image = self.dataset.image(image_id)?;
        Some(match variable {
            Variable::Disease => image.diagnosis.clone(),
            Variable::SkinTone => image.skin_tone.clone(),
            Variable::Age => image.age.clone(),
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
