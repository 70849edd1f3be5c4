//! A frozen trunk costs in training what it costs in prediction: memory, counted by the allocator
//! and by the kernels.

#![allow(unsafe_code)]

mod networks;

use burn::module::Module;
use burn::tensor::Device;
use dermx_kernels::take_peak_bytes;
use dermx_model::{Architecture, BatchNormMode, NetworkConfig, set_trainable};
use networks::seeded_images;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator, which counts bytes.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all work is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's contract is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's contract is the system's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes in use while `work` runs, over those before it.
fn peak(work: impl FnOnce()) -> usize {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    take_peak_bytes();
    work();
    PEAK.load(Ordering::Relaxed) - before + take_peak_bytes()
}

#[test]
fn a_pass_over_a_frozen_trunk_takes_the_memory_of_prediction() {
    let device = Device::flex();
    let config = NetworkConfig::torchvision(Architecture::EFFICIENTNET_B4, 6);
    let network = config.init(&device).valid();
    let shape = [2, 3, 300, 400];
    let head = ["head.*".to_string()];
    let frozen = set_trainable(network.clone(), &head, BatchNormMode::Frozen);
    let frozen = frozen.expect("a head").train();
    // Lazy weights are drawn before anything is counted.
    network.forward(seeded_images([1, 3, 32, 32], 1, &device));
    let inference = peak(|| drop(network.forward(seeded_images(shape, 1, &device))));
    let training = peak(|| {
        let images = seeded_images(shape, 1, &device.clone().autodiff());
        frozen.forward(images).sum().backward();
    });
    let ratio = training as f64 / inference as f64;
    println!("inference {inference} bytes, frozen trunk {training} bytes, ratio {ratio:.3}");
    assert!(ratio < 1.2, "{ratio}");
    // As a control, at a size that needs less: a pass of which all learns keeps its activations.
    let all = set_trainable(network.clone(), &["*".to_string()], BatchNormMode::Train);
    let all = all.expect("matches").train();
    let [small, with_tape] = [&frozen, &all].map(|network| {
        let images = seeded_images([2, 3, 64, 96], 1, &device.clone().autodiff());
        peak(|| drop(network.forward(images)))
    });
    assert!(with_tape > 3 * small, "{with_tape} and {small} bytes");
}
