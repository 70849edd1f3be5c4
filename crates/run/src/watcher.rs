//! Who watches a training: progress, logs, and requests to stop.

use crate::run_folder::SeedFolder;
use crate::training_log;
use dermx_data::append_to;
use dermx_train::{EpochMetrics, FitConfig, Observer, StepReport, TrainError, TrainState};
use dermx_work::{ProgressBar, Watch};
use std::io::Write;
use std::time::Instant;

/// Shows progress, writes the metrics, and passes on requests to stop.
pub struct Watcher<'a> {
    folder: SeedFolder,
    watch: Watch<'a>,
    progress: Box<dyn ProgressBar>,
    images_done: usize,
    images_per_epoch: usize,
    images_now: usize,
    start: Instant,
    epoch_start: Instant,
    loss: f64,
}

impl<'a> Watcher<'a> {
    /// Who watches the training of `seed`.
    pub fn new(
        seed: u64,
        config: &FitConfig,
        num_images: usize,
        folder: SeedFolder,
        watch: Watch<'a>,
    ) -> Self {
        let images_per_epoch = config.images_per_epoch(num_images);
        let total = images_per_epoch * config.epochs as usize;
        let now = Instant::now();
        Self {
            folder,
            watch,
            progress: watch.progress.start(&format!("seed {seed}"), total, "img"),
            images_done: 0,
            images_per_epoch,
            images_now: 0,
            start: now,
            epoch_start: now,
            loss: f64::NAN,
        }
    }

    /// Tells how the training ended.
    pub fn finish(self) {
        let seconds = self.start.elapsed().as_secs_f64();
        self.progress.finish(&match self.loss.is_nan() {
            // Resumed after the last step.
            true => "already trained".to_string(),
            false => format!("trained in {seconds:.0} s, loss of the last step {:.3}", self.loss),
        });
    }

    /// Times are for the reader: they may repeat after a resume, and never enter a result.
    fn write_timing(&mut self, epoch: u32) -> Result<(), TrainError> {
        let seconds = self.epoch_start.elapsed().as_secs_f64();
        let images_per_s = self.images_now as f64 / seconds;
        self.epoch_start = Instant::now();
        self.images_now = 0;
        let path = self.folder.timings();
        let line = format!(
            "{{\"epoch\": {epoch}, \"seconds\": {seconds:.3}, \"images_per_s\": {images_per_s:.2}}}\n"
        );
        let written = append_to(&path).and_then(|mut file| file.write_all(line.as_bytes()));
        written.map_err(|source| TrainError::Io { path, source })
    }
}

impl Observer for Watcher<'_> {
    fn on_step(&mut self, report: &StepReport) {
        self.images_now += report.num_images;
        self.images_done += report.num_images;
        self.loss = report.loss;
        let images_per_s = self.images_now as f64 / self.epoch_start.elapsed().as_secs_f64();
        let message =
            format!("epoch {} loss {:.3} {images_per_s:.1} img/s", report.epoch, report.loss);
        self.progress.set(self.images_done, &message);
    }

    fn on_skip(&mut self, error: &TrainError, num_skipped: usize) {
        tracing::warn!("a step was skipped, number {num_skipped} of this run: {error}");
    }

    fn on_resume(&mut self, state: &TrainState, damaged: &[String]) {
        for message in damaged {
            tracing::warn!("{message}; going on from the checkpoint before");
        }
        tracing::info!("resumed after epoch {}, step {}", state.epochs_done, state.steps_done);
    }

    fn on_epoch(&mut self, history: &[EpochMetrics]) -> Result<(), TrainError> {
        self.images_done = history.len() * self.images_per_epoch;
        match history.last() {
            Some(last) if self.images_now > 0 => self.write_timing(last.epoch)?,
            _ => self.progress.skip(self.images_done),
        }
        training_log::write(&self.folder, history)
    }

    fn should_stop(&self) -> bool {
        self.watch.cancel.is_requested()
    }
}
