//! Checks that compute again: epochs and predictions.

use super::table::Checks;
use super::{Epochs, Subject};
use crate::certificate::read_metrics;
use crate::error::{RunError, RunResult};
use crate::fitting;
use crate::images::Images;
use crate::network::TrainedNetwork;
use crate::run_folder::THRESHOLDS;
use crate::thresholds::Thresholds;
use crate::train;
use crate::training_data::open_photos;
use dermx_model::{WeightsFile, export_weights, with_unread_buffers, write_safetensors};
use dermx_train::{
    Checkpoint, CheckpointStore, EpochMetrics, Observer, StepReport, TrainError, read_checkpoint,
    replay,
};
use dermx_work::{ProgressBar, Watch};

/// How to go on after a stop.
const AGAIN: &str = "the run is as it was; start `dermx verify` again";

/// Trains the chosen epochs once more and compares what they come to with the log.
pub fn check_epochs(
    subject: &Subject<'_>,
    epochs: Option<&Epochs>,
    table: &mut Checks,
) -> RunResult<()> {
    let log = read_metrics(&subject.folder.metrics())?;
    let chosen = chosen(epochs, log.len() as u32)?;
    let (Some(&first), Some(&last)) = (chosen.first(), chosen.last()) else { return Ok(()) };
    let Some((data, manifest)) = &subject.images.training else { return Ok(()) };
    let network =
        fitting::starting_network(subject.config, subject.seed, subject.context.device())?;
    let expected = &subject.certificate.result.starting_weights_hash;
    table.compare("starting weights", &fitting::weights_hash(&network)?, expected, "their hash");
    let split = data.split_csv();
    let begun = (manifest, split.as_slice());
    let fit_config =
        fitting::fit_config(subject.config, subject.seed, data, begun, subject.context.session)?;
    let start = newest_before(subject, first)?;
    let from = start.as_ref().map_or("the start".to_string(), |checkpoint| {
        let state = &checkpoint.state;
        format!("the checkpoint after epoch {}, step {}", state.epochs_done, state.steps_done)
    });
    let num_done = start.as_ref().map_or(0, |checkpoint| checkpoint.state.epochs_done);
    let num_images = data.training.images.images.len();
    let mut watcher = Watcher::new(subject, (last - num_done) as usize * num_images);
    let found = replay(
        &fit_config,
        data.sets(),
        network,
        subject.context.device(),
        start.as_ref(),
        last,
        &mut watcher,
    )?;
    watcher.progress.finish("trained again");
    let found = found.ok_or_else(|| RunError::stopped(AGAIN))?;
    for epoch in chosen {
        let what = format!("epoch {epoch}");
        let idx = epoch as usize - 1;
        match difference(&found.history[idx], &log[idx]) {
            None => table.equal(&what, format!("trained again from {from}")),
            Some(difference) => {
                table.differ(&what, format!("trained again from {from}: {difference}"));
            }
        }
    }
    if let Some(network) = found.network {
        let device = subject.context.device();
        if let Some(again) = Thresholds::choose(subject.config, data, &network, device)? {
            let found = blake3::hash(&again.to_bytes()?).to_string();
            let certified = subject.certificate.result.files.get(THRESHOLDS);
            let expected = certified.map_or("", String::as_str);
            table.compare(THRESHOLDS, &found, expected, "chosen again");
        }
        // Files of earlier versions do not say what they are.
        let is_described = WeightsFile::open(&subject.folder.weights())?.description().is_some();
        let found = match is_described {
            true => fitting::weights_file(&network, subject.config)?,
            false => write_safetensors(&with_unread_buffers(export_weights(&network)))?,
        };
        let found = blake3::hash(&found).to_string();
        let expected = &subject.certificate.result.weights_file_hash;
        table.compare("weights.safetensors", &found, expected, "trained again");
    }
    Ok(())
}

/// Predicts the test images once more with the trained weights.
pub fn check_predictions(subject: &Subject<'_>, table: &mut Checks) -> RunResult<()> {
    let what = "predictions.csv";
    let Some(certified) = &subject.certificate.result.predictions_hash else {
        table.skip(what, "the run was trained without a test");
        return Ok(());
    };
    let path = subject.folder.predictions();
    let bytes =
        table.read(what, || std::fs::read(&path).map_err(|error| RunError::io(&path, &error)));
    let Some(bytes) = bytes else { return Ok(()) };
    table.compare(what, &blake3::hash(&bytes).to_string(), certified, "its hash");
    let Some((test, _)) = &subject.images.test else { return Ok(()) };
    let trained = table.read(what, || {
        TrainedNetwork::of_run(subject.config, subject.folder, subject.context.device())
    });
    let Some(trained) = trained else { return Ok(()) };
    let images = Images::of(open_photos(subject.config, test.photos.clone())?);
    subject.context.check(AGAIN)?;
    let again = train::predictions(subject.config, &trained, test, &images, subject.context)?;
    match first_difference(&again, &bytes) {
        None => table.equal(what, format!("{} images predicted again", images.ids().len())),
        Some(line) => table.differ(what, format!("predicted again, line {line} is another")),
    }
    Ok(())
}

/// The numbers of the chosen epochs, sorted.
fn chosen(epochs: Option<&Epochs>, num_epochs: u32) -> RunResult<Vec<u32>> {
    let mut chosen = match epochs {
        None => vec![num_epochs],
        Some(Epochs::All) => (1..=num_epochs).collect(),
        Some(Epochs::Some(chosen)) => chosen.clone(),
    };
    chosen.sort_unstable();
    chosen.dedup();
    match chosen.last() {
        Some(&last) if last > num_epochs => {
            let message = format!("--epochs names epoch {last}; the run has {num_epochs}");
            Err(RunError::usage(message))
        }
        _ => Ok(chosen),
    }
}

/// The newest checkpoint from which the epoch `first` can be trained.
fn newest_before(subject: &Subject<'_>, first: u32) -> RunResult<Option<Checkpoint>> {
    let folders = CheckpointStore::new(subject.folder.checkpoints()).list()?;
    for folder in folders.iter().rev() {
        let checkpoint = read_checkpoint(folder)?;
        if checkpoint.state.epochs_done < first {
            return Ok(Some(checkpoint));
        }
    }
    Ok(None)
}

/// What of an epoch is not as logged.
fn difference(found: &EpochMetrics, logged: &EpochMetrics) -> Option<String> {
    if found == logged {
        return None;
    }
    let weights = |metrics: &EpochMetrics| metrics.weights_hash.clone();
    Some(match weights(found) == weights(logged) {
        true => format!("found {found:?}, logged {logged:?}"),
        false => format!("weights {}, logged {}", weights(found), weights(logged)),
    })
}

/// The number (from 1) of the first line that is not the same in both texts.
fn first_difference(one: &[u8], other: &[u8]) -> Option<usize> {
    if one == other {
        return None;
    }
    let lines = |text: &[u8]| -> Vec<Vec<u8>> {
        text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
    };
    let (one, other) = (lines(one), lines(other));
    let num_same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    Some(num_same + 1)
}

/// Shows progress and passes on requests to stop.
struct Watcher<'a> {
    watch: Watch<'a>,
    progress: Box<dyn ProgressBar>,
    images_done: usize,
}

impl<'a> Watcher<'a> {
    fn new(subject: &Subject<'a>, num_images: usize) -> Self {
        let name = format!("verify seed {}", subject.seed);
        let progress = subject.context.start(&name, num_images, "img");
        Self { watch: subject.context.watch, progress, images_done: 0 }
    }
}

impl Observer for Watcher<'_> {
    fn on_step(&mut self, report: &StepReport) {
        self.images_done += report.num_images;
        self.progress.set(self.images_done, &format!("epoch {}", report.epoch));
    }

    fn on_epoch(&mut self, _: &[EpochMetrics]) -> Result<(), TrainError> {
        Ok(())
    }

    fn should_stop(&self) -> bool {
        self.watch.cancel.is_requested()
    }
}

#[cfg(test)]
mod tests {
    use super::{Epochs, chosen, first_difference};

    #[test]
    fn epochs_are_chosen_by_number_and_without_a_choice_the_last() {
        assert_eq!(chosen(None, 4).unwrap(), [4]);
        assert_eq!(chosen(Some(&Epochs::All), 3).unwrap(), [1, 2, 3]);
        assert_eq!(chosen(Some(&Epochs::Some(vec![3, 1, 3])), 4).unwrap(), [1, 3]);
        assert!(
            chosen(Some(&Epochs::Some(vec![5])), 4).unwrap_err().to_string().contains("epoch 5")
        );
    }

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(first_difference(b"a\nb\n", b"a\nb\n"), None);
        assert_eq!(first_difference(b"a\nb\n", b"a\nc\n"), Some(2));
        assert_eq!(first_difference(b"a\n", b"a\nb\n"), Some(2));
    }
}
