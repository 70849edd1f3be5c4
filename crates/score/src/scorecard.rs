//! What scoring came to, as data and as files.

use crate::diagnoses::{DIAGNOSES, Diagnosis, diagnoses_csv};
use crate::error::{ScoreError, ScoreResult};
use crate::json::to_json;
use crate::per_image::{PER_IMAGE, per_image_csv};
use crate::scored_maps::{MAPS, maps_csv};
use dermx_data::write_atomic;
use dermx_eval::{EvalRecord, MapRow, ScoredMap};
use std::path::Path;

/// The name of the file of scores.
pub const EVAL: &str = "eval.json";

/// The scores of one network, or of maps of another program.
#[derive(Debug, Clone, PartialEq)]
pub struct Scorecard {
    /// One row for each (image, rater, characteristic or union).
    pub rows: Vec<MapRow>,
    /// Their means; the shape of `eval.json`.
    pub record: EvalRecord,
    /// The diagnosis of each scored image, in order; none without predictions.
    pub diagnoses: Option<Vec<Diagnosis>>,
    /// One for each image with a map; none where localization was not asked for.
    pub maps: Vec<ScoredMap>,
}

impl Scorecard {
    /// Writes `eval.json`, `per_image.csv`, with predictions `diagnoses.csv`, and with localization `maps.csv` into
    /// `folder`, which is made if it is not there. Of an earlier scoring in it nothing stays that this one does not have.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn write(&self, folder: &Path) -> ScoreResult<()> {
        std::fs::create_dir_all(folder).map_err(|error| ScoreError::io(folder, &error))?;
        write_atomic(&folder.join(PER_IMAGE), &per_image_csv(&self.rows))?;
        if let Some(diagnoses) = &self.diagnoses {
            let csv = diagnoses_csv(diagnoses, &self.record.classes);
            write_atomic(&folder.join(DIAGNOSES), &csv)?;
        } else {
            remove(&folder.join(DIAGNOSES))?;
        }
        match self.maps.is_empty() {
            true => remove(&folder.join(MAPS))?,
            false => write_atomic(&folder.join(MAPS), &maps_csv(&self.maps))?,
        }
        write_record(&self.record, folder)
    }
}

/// Removes the file `path` if it is there.
///
/// # Errors
/// A folder that cannot be written to.
pub fn remove(path: &Path) -> ScoreResult<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(ScoreError::io(path, &error))
        }
        _ => Ok(()),
    }
}

/// Writes `record` as `eval.json` into `folder`, which is made if it is not there.
///
/// # Errors
/// A folder that cannot be written to.
pub fn write_record(record: &EvalRecord, folder: &Path) -> ScoreResult<()> {
    std::fs::create_dir_all(folder).map_err(|error| ScoreError::io(folder, &error))?;
    Ok(write_atomic(&folder.join(EVAL), &to_json(record)?)?)
}

#[cfg(test)]
mod tests {
    use super::{EVAL, MAPS, Scorecard};
    use crate::diagnoses::{DIAGNOSES, Diagnosis};
    use dermx_eval::{EvalRecord, ScoredMap};

    #[test]
    fn what_an_earlier_scoring_left_goes_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let diagnosis = Diagnosis {
            image_id: "a".into(),
            gold_idx: 0,
            predicted_idx: 1,
            probabilities: Vec::new(),
            logits: Vec::new(),
        };
        let record = EvalRecord { classes: vec!["A".into(), "B".into()], ..EvalRecord::default() };
        let (rows, diagnoses) = (Vec::new(), Some(vec![diagnosis]));
        let maps = vec![ScoredMap { image_id: "a".into(), ..ScoredMap::default() }];
        let card = Scorecard { rows, record, diagnoses, maps };
        card.write(folder.path()).unwrap();
        let path = folder.path().join(DIAGNOSES);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "image_id,gold,predicted\na,A,B\n");
        let maps = folder.path().join(MAPS);
        assert!(std::fs::read_to_string(&maps).unwrap().ends_with("\na,,,,,,,,,\n"));
        Scorecard { diagnoses: None, maps: Vec::new(), ..card }.write(folder.path()).unwrap();
        assert!(!path.exists() && !maps.exists() && folder.path().join(EVAL).exists());
    }
}
