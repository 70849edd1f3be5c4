//! The last batch of an epoch, where images are left.

#[allow(dead_code, reason = "the other tests use more of it")]
use crate::tiny;

use burn::tensor::Device;
use dermx_data::{ImageSize, Normalization};
use dermx_model::{Architecture, BatchNormMode, Head, Network, NetworkConfig, set_trainable};
use dermx_train::{
    CheckpointStore, EpochMetrics, FitConfig, LabelledPhotos, LastBatch, Observer, Photos,
    Sampling, Sets, StepReport, TrainError, fit,
};
use std::error::Error;
use std::path::Path;
use tiny::{NUM_IMAGES, StopAfter, TestResult, config, photos, resnet18, train};

/// Numbers of images of each step, and the metrics.
#[derive(Default)]
struct Record {
    num_images: Vec<usize>,
    num_steps: Vec<usize>,
    history: Vec<EpochMetrics>,
}

impl Observer for Record {
    fn on_step(&mut self, report: &StepReport) {
        self.num_images.push(report.num_images);
        self.num_steps.push(report.num_steps);
    }

    fn on_epoch(&mut self, history: &[EpochMetrics]) -> Result<(), TrainError> {
        self.history = history.to_vec();
        Ok(())
    }

    fn should_stop(&self) -> bool {
        false
    }
}

fn record(
    config: &FitConfig,
    photos: &Photos,
    folder: &Path,
    network: Network,
) -> Result<Record, TrainError> {
    let class_idx: Vec<usize> = (0..photos.len()).map(|idx| idx % 2).collect();
    let labelled = LabelledPhotos::new(photos, &class_idx);
    let sets = Sets { training: labelled, validation: None };
    let store = CheckpointStore::new(folder);
    let mut record = Record::default();
    fit(config, sets, network, &Device::flex(), &store, &mut record)?;
    Ok(record)
}

#[test]
fn images_that_are_left_are_kept_merged_or_dropped() -> TestResult {
    use LastBatch::{Drop, Keep, Merge};
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    // Ten images: batches of 3 leave one, batches of 4 two.
    let cases: [(usize, usize, Option<LastBatch>, &[usize]); 6] = [
        (3, 1, None, &[3, 3, 4]),
        (3, 1, Some(Drop), &[3, 3, 3]),
        (4, 1, Some(Merge), &[4, 6]),
        // Steps of two batches: 3 + 3 and a batch of 4.
        (3, 2, None, &[6, 4]),
        // Of three: 3 + 3 + 4 in one step, or 3 + 3 + 3 and a step of one image.
        (3, 3, None, &[10]),
        (3, 3, Some(Keep), &[9, 1]),
    ];
    for (idx, (batch_size, accumulation_steps, last_batch, expected)) in
        cases.into_iter().enumerate()
    {
        // Where each class is drawn as often, as many images are drawn.
        let sampling = [Sampling::Shuffle, Sampling::Balanced][idx % 2];
        let config =
            FitConfig { batch_size, accumulation_steps, last_batch, sampling, ..config(1, 1e-3) };
        let checkpoints = folder.path().join(idx.to_string());
        let found = record(&config, &photos, &checkpoints, resnet18("fc.*")?)?;
        let what = format!("{batch_size} {accumulation_steps} {last_batch:?}");
        assert_eq!(found.num_images, expected, "{what}");
        assert_eq!(found.num_steps, vec![expected.len(); expected.len()], "{what}");
        assert_eq!(found.history[0].num_images, expected.iter().sum::<usize>(), "{what}");
        assert_eq!(config.images_per_epoch(NUM_IMAGES), found.history[0].num_images, "{what}");
        // A cosine ends at 0 only if it counts the steps that are made.
        assert!(found.history[0].learning_rate < 1e-15, "{what}: {:?}", found.history);
    }
    Ok(())
}

#[test]
fn a_merged_batch_is_the_batch_of_all_its_images() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let run = |batch_size, last_batch, name: &str| {
        let config = FitConfig { batch_size, last_batch, ..config(1, 1e-3) };
        train(&config, &photos, &folder.path().join(name), StopAfter::NEVER, resnet18("fc.*")?)
    };
    // 9 and the one that is left are all ten images.
    let whole = run(NUM_IMAGES, None, "whole")?;
    assert_eq!(run(9, None, "merged")?, whole);
    assert_ne!(run(9, Some(LastBatch::Keep), "kept")?, whole);
    // Two that are left stay a batch of their own.
    assert_eq!(run(8, None, "two")?, run(8, Some(LastBatch::Keep), "two kept")?);
    Ok(())
}

#[test]
fn a_run_stopped_inside_an_epoch_goes_on_with_the_merged_batch() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let config = FitConfig { batch_size: 3, checkpoint_every: Some(1), ..config(2, 1e-3) };
    let run = |name: &str, num_steps| {
        train(&config, &photos, &folder.path().join(name), num_steps, resnet18("fc.*")?)
    };
    let undisturbed = run("undisturbed", StopAfter::NEVER)?;
    // Steps of 3, 3 and 4 images.
    for num_steps in [2, 5] {
        let name = format!("stopped-{num_steps}");
        assert!(run(&name, num_steps)?.0.is_none());
        assert_eq!(run(&name, StopAfter::NEVER)?, undisturbed, "after {num_steps} steps");
    }
    Ok(())
}

/// The first of the tiny photos alone, at another size.
fn one_photo(folder: &Path, size: ImageSize) -> Result<Photos, Box<dyn Error>> {
    photos(folder)?;
    let items = vec![("photo 0".to_string(), folder.join("0.png"))];
    let normalization = Normalization::preset("imagenet").ok_or("no such preset")?;
    Ok(Photos::open(items, size, normalization, true)?)
}

#[test]
fn a_single_image_is_learned_where_batch_normalization_is_defined() -> TestResult {
    let folder = tempfile::tempdir()?;
    let large = one_photo(folder.path(), ImageSize { height: 32, width: 64 })?;
    let small = one_photo(folder.path(), ImageSize { height: 32, width: 32 })?;
    let config = config(2, 1e-3);
    let run = |photos: &Photos, config: &FitConfig, name: &str, network| {
        record(config, photos, &folder.path().join(name), network)
    };
    // The last feature maps are 1 x 2.
    assert_eq!(run(&large, &config, "large", resnet18("*")?)?.num_images, [1, 1]);
    // They are 1 x 1: one value a channel, whatever becomes of the last batch.
    for last_batch in [None, Some(LastBatch::Keep), Some(LastBatch::Merge)] {
        let config = FitConfig { last_batch, ..config.clone() };
        let message = match run(&small, &config, "small", resnet18("*")?) {
            Ok(_) => "success".to_string(),
            Err(error) => error.to_string(),
        };
        assert!(message.contains("one value a channel"), "{last_batch:?}: {message}");
        assert!(message.contains("1 images with train.batch_size = 4"), "{message}");
    }
    // Running statistics are defined.
    let patterns = ["fc.*".to_string()];
    let frozen = set_trainable(resnet18("*")?, &patterns, BatchNormMode::Frozen)?;
    assert_eq!(run(&small, &config, "frozen", frozen)?.num_images, [1, 1]);
    // Pooled features are one value a channel, whatever the size.
    let head = NetworkConfig {
        head: Head::GapBn,
        ..NetworkConfig::torchvision(Architecture::RESNET18, 2)
    };
    let all = ["*".to_string()];
    let network = set_trainable(head.init(&Device::flex()), &all, BatchNormMode::Train)?;
    let message = run(&large, &config, "head", network).err().map(|error| error.to_string());
    assert!(message.is_some_and(|message| message.contains("one value a channel")));
    let config = FitConfig { last_batch: Some(LastBatch::Drop), ..config };
    let message =
        run(&large, &config, "dropped", resnet18("*")?).err().map(|error| error.to_string());
    let expected = "leaves nothing of 1 training images with train.batch_size = 4";
    assert!(message.is_some_and(|message| message.contains(expected)));
    Ok(())
}
