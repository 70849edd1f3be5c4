//! What scoring came to, as data and as files.

use crate::diagnoses::{DIAGNOSES, Diagnosis, diagnoses_csv};
use crate::error::{ScoreError, ScoreResult};
use crate::json::to_json;
use crate::per_image::{PER_IMAGE, per_image_csv};
use dermx_data::write_atomic;
use dermx_eval::{EvalRecord, MapRow};
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
}

impl Scorecard {
    /// Writes `eval.json`, `per_image.csv` and, with predictions, `diagnoses.csv` into `folder`, which is
    /// made if it is not there. Of an earlier scoring in it nothing stays that this one does not have.
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
    use super::{EVAL, Scorecard};
    use crate::diagnoses::{DIAGNOSES, Diagnosis};
    use dermx_eval::EvalRecord;

    #[test]
    fn what_an_earlier_scoring_left_goes_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let diagnosis = Diagnosis {
            image_id: "a".into(),
            gold_idx: 0,
            predicted_idx: 1,
            probabilities: Vec::new(),
        };
        let record = EvalRecord { classes: vec!["A".into(), "B".into()], ..EvalRecord::default() };
        let card = Scorecard { rows: Vec::new(), record, diagnoses: Some(vec![diagnosis]) };
        card.write(folder.path()).unwrap();
        let path = folder.path().join(DIAGNOSES);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "image_id,gold,predicted\na,A,B\n");
        Scorecard { diagnoses: None, ..card }.write(folder.path()).unwrap();
        assert!(!path.exists() && folder.path().join(EVAL).exists());
    }
}
