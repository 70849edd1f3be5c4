//! What a step of training allocates; in a process of its own, since it counts all allocations.

#![allow(unsafe_code, reason = "an allocator that counts")]

#[allow(dead_code, reason = "the other tests use more of it")]
mod tiny;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use dermx_model::export_weights;
use dermx_train::{
    CheckpointStore, EpochMetrics, FitConfig, LabelledPhotos, NamedGradients, Observer, Optimizer,
    Photos, Sets, StepReport, TrainError, cross_entropy, fit, targets,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use tiny::{NUM_IMAGES, SIZE, TestResult, config, photos, resnet18};

#[global_allocator]
static COUNTED: Counted = Counted;

static NUM_BYTES: AtomicUsize = AtomicUsize::new(0);

struct Counted;

// SAFETY: all memory is the system's.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        NUM_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, allocation: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(allocation, layout) }
    }
}

fn num_bytes() -> usize {
    NUM_BYTES.load(Ordering::Relaxed)
}

/// Bytes allocated so far, after each step.
#[derive(Default)]
struct Counts(Vec<usize>);

impl Observer for Counts {
    fn on_step(&mut self, _: &StepReport) {
        self.0.push(num_bytes());
    }

    fn on_epoch(&mut self, _: &[EpochMetrics]) -> Result<(), TrainError> {
        Ok(())
    }

    fn should_stop(&self) -> bool {
        false
    }
}

const BATCH_SIZE: usize = 2;

/// Of the second to the last step of an epoch, the largest.
fn bytes_of_a_step(
    photos: &Photos,
    folder: &Path,
    ema_decay: Option<f64>,
) -> Result<usize, Box<dyn Error>> {
    let class_idx: Vec<usize> = (0..NUM_IMAGES).map(|idx| idx % 2).collect();
    let labelled = LabelledPhotos::new(photos, &class_idx);
    let sets = Sets { training: labelled, validation: None };
    let config = FitConfig { ema_decay, batch_size: BATCH_SIZE, ..config(1, 1e-3) };
    let store = CheckpointStore::new(folder.join(format!("{ema_decay:?}")));
    let mut counts = Counts::default();
    fit(&config, sets, resnet18("*")?, &Device::flex(), &store, &mut counts)?;
    assert_eq!(counts.0.len(), NUM_IMAGES / BATCH_SIZE);
    counts.0.windows(2).map(|pair| pair[1] - pair[0]).max().ok_or_else(|| "no steps".into())
}

/// Of the passes of a batch, and of a step of the optimizer, whose network nobody else holds, or
/// somebody does.
fn bytes_by_hand(is_shared: bool) -> Result<[usize; 2], Box<dyn Error>> {
    let device = Device::flex().autodiff();
    let mut network = resnet18("*")?.train();
    let mut optimizer = Optimizer::new(config(1, 1e-3).optimizer);
    let mut bytes = [0; 2];
    // The first step makes the moments.
    for _ in 0..2 {
        let start = num_bytes();
        let shape = [BATCH_SIZE, 3, SIZE.height as usize, SIZE.width as usize];
        let logits = network.forward(Tensor::ones(shape, &device));
        let targets = TensorData::new(targets(&[0, 1], 1.0, &[1.0; 2], 0.0), [BATCH_SIZE, 2]);
        let loss = cross_entropy(logits, Tensor::from_data(targets, &device));
        let gradients = NamedGradients::take(&network, loss.backward());
        let passed = num_bytes();
        let shared = is_shared.then(|| network.clone());
        network = optimizer.step(network, &gradients, 1e-3)?;
        drop(shared);
        bytes = [passed - start, num_bytes() - passed];
    }
    Ok(bytes)
}

/// One test, since tests at the same time would count each other's.
#[test]
fn a_step_copies_no_weights_with_a_moving_average_or_without() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let weights = export_weights(&resnet18("*")?);
    let of_weights: usize = weights.values().map(|tensor| 4 * tensor.values.len()).sum();
    let [passes, step] = bytes_by_hand(false)?;
    assert!(step < of_weights / 100, "{step} of {of_weights}");
    let [_, shared_step] = bytes_by_hand(true)?;
    assert!(shared_step > of_weights / 100 * 99, "{shared_step} of {of_weights}");
    for ema_decay in [None, Some(0.9)] {
        let of_step = bytes_of_a_step(&photos, folder.path(), ema_decay)?;
        println!(
            "{ema_decay:?}: {of_step} bytes a step, {passes} in passes, {of_weights} of weights"
        );
        assert!(of_step < passes + of_weights / 20, "{ema_decay:?}: {of_step}, {passes} in passes");
    }
    Ok(())
}
