//! The finished epochs of a run in the forms that people read: lines of JSON, CSV, TensorBoard.

use crate::run_folder::SeedFolder;
use dermx_data::{append_to, write_atomic};
use dermx_report::{LoggedStep, event_file};
use dermx_table::csv;
use dermx_train::{EpochMetrics, TrainError, ValidationMetrics};
use std::io::Write;
use std::path::Path;

/// Writes `metrics.jsonl`, `metrics.csv` and the event file, all of them functions of `history`: a run
/// that was resumed has the files of an undisturbed one.
///
/// # Errors
/// A folder that cannot be written to, a full disk.
pub fn write(folder: &SeedFolder, history: &[EpochMetrics]) -> Result<(), TrainError> {
    let path = folder.metrics();
    let lines = lines(history)
        .map_err(|error| TrainError::Io { path: path.clone(), source: error.into() })?;
    write_atomic(&path, &lines)?;
    write_atomic(&folder.metrics_csv(), &metrics_csv(history))?;
    let steps: Vec<LoggedStep> = history.iter().map(logged).collect();
    append(&folder.event_file(), &event_file(&steps))
}

fn lines(history: &[EpochMetrics]) -> serde_json::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for metrics in history {
        serde_json::to_writer(&mut lines, metrics)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// One row an epoch; the columns are the scalars of the first epoch.
fn metrics_csv(history: &[EpochMetrics]) -> Vec<u8> {
    let names = history.first().map(scalars).unwrap_or_default();
    let names = names.into_iter().map(|(name, _, _)| name);
    let header = std::iter::once("epoch".to_string()).chain(names).collect::<Vec<_>>();
    let rows = history.iter().map(|metrics| {
        let values = scalars(metrics).into_iter().map(|(_, _, value)| value.to_string());
        std::iter::once(metrics.epoch.to_string()).chain(values).collect()
    });
    csv(std::iter::once(header).chain(rows))
}

fn logged(metrics: &EpochMetrics) -> LoggedStep {
    let scalars = scalars(metrics).into_iter();
    LoggedStep {
        step: u64::from(metrics.epoch),
        scalars: scalars.map(|(_, tag, value)| (tag, value)).collect(),
    }
}

/// The numbers of an epoch: name in the table, tag in TensorBoard, value.
fn scalars(metrics: &EpochMetrics) -> Vec<(String, String, f64)> {
    // Named one by one, so that a new number is not forgotten here.
    let EpochMetrics {
        epoch: _,
        train_loss,
        train_accuracy,
        learning_rate,
        num_images: _,
        weights_hash: _,
        skipped_steps: _,
        train_loss_parts,
        validation,
    } = metrics;
    let mut scalars = vec![
        named("train_loss", "train/loss", *train_loss),
        named("train_accuracy", "train/accuracy", *train_accuracy),
        named("learning_rate", "learning_rate", *learning_rate),
    ];
    for (part, value) in train_loss_parts {
        scalars.push((format!("train_loss_{part}"), format!("train/loss_{part}"), *value));
    }
    if let Some(ValidationMetrics { loss, accuracy, macro_f1 }) = validation {
        scalars.extend([
            named("val_loss", "validation/loss", *loss),
            named("val_accuracy", "validation/accuracy", *accuracy),
            named("val_macro_f1", "validation/macro_f1", *macro_f1),
        ]);
    }
    scalars
}

fn named(name: &str, tag: &str, value: f64) -> (String, String, f64) {
    (name.to_string(), tag.to_string(), value)
}

/// Makes the file hold `bytes`: what it lacks is appended, for TensorBoard keeps the file open while a
/// run goes on and would not see one that takes its place. A torn record at the end is one that it
/// waits for.
fn append(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let error = |source| TrainError::Io { path: path.to_path_buf(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(error)?;
    }
    // A link would be read and appended to; a file takes its place.
    let found =
        if path.is_symlink() { Vec::new() } else { std::fs::read(path).unwrap_or_default() };
    let Some(missing) = bytes.strip_prefix(found.as_slice()).filter(|_| !found.is_empty()) else {
        return Ok(write_atomic(path, bytes)?);
    };
    let mut file = append_to(path).map_err(error)?;
    file.write_all(missing).and_then(|()| file.sync_all()).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::{append, metrics_csv};
    use dermx_train::{EpochMetrics, ValidationMetrics};
    use std::collections::BTreeMap;

    fn epoch(epoch: u32, validation: Option<ValidationMetrics>) -> EpochMetrics {
        EpochMetrics {
            epoch,
            train_loss: 1.5,
            train_accuracy: 0.25,
            learning_rate: 1e-7,
            num_images: 8,
            weights_hash: "abc".into(),
            skipped_steps: 0,
            train_loss_parts: BTreeMap::new(),
            validation,
        }
    }

    #[test]
    fn the_table_has_the_numbers_that_there_are() {
        let text = |history: &[_]| String::from_utf8(metrics_csv(history)).unwrap();
        assert_eq!(
            text(&[epoch(1, None), epoch(2, None)]),
            "epoch,train_loss,train_accuracy,learning_rate\n\
             1,1.5,0.25,0.0000001\n2,1.5,0.25,0.0000001\n"
        );
        let validation = ValidationMetrics { loss: 2.0, accuracy: 0.5, macro_f1: 0.75 };
        assert_eq!(
            text(&[epoch(1, Some(validation))]),
            "epoch,train_loss,train_accuracy,learning_rate,val_loss,val_accuracy,val_macro_f1\n\
             1,1.5,0.25,0.0000001,2,0.5,0.75\n"
        );
    }

    #[test]
    fn a_file_is_completed_or_else_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("file");
        for bytes in [&b"abc"[..], b"abcdef", b"abcdef", b"abd", b"ab"] {
            append(&path, bytes).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
    }
}
