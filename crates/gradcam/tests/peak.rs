//! Memory that explaining holds at once; in a process of its own, since it counts all allocations.

#![allow(unsafe_code, reason = "an allocator that counts")]

#[path = "../../model/tests/networks/mod.rs"]
mod networks;

use burn::tensor::Device;
use dermx_gradcam::{Explainer, Method, Settings};
use dermx_model::{Architecture, Network};
use networks::{gap, seeded, seeded_images};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

#[global_allocator]
static COUNTED: Counted = Counted;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counted;

// SAFETY: all memory is the system's.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, allocation: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.dealloc(allocation, layout) }
    }
}

const SIDE: usize = 96;

/// The most bytes that explaining one image holds beside what was held before.
fn peak(network: &Network, method: Method, settings: Settings, layer: &str) -> usize {
    let explainer = Explainer::new(network, method, settings, Some(layer)).expect("a layer");
    let images = seeded_images([1, 3, SIDE, SIDE], 1, &Device::flex());
    let explain = || explainer.explain(images.clone(), &[1], &mut |_| 0.1).expect("explains");
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    drop(explain());
    PEAK.load(Ordering::Relaxed) - before
}

/// One test, since tests at the same time would count each other's.
#[test]
fn no_method_holds_more_than_a_batch_of_changed_images() {
    let network = seeded(&gap(Architecture::RESNET18, 3), 1);
    let defaults = Settings::default();
    let few = Settings { num_steps: 2, num_samples: 2, patch_px: 24, stride_px: 24, ..defaults };
    let many = Settings { num_steps: 20, num_samples: 20, stride_px: 6, ..few };
    let image = 3 * SIDE * SIDE * 4;
    let check = |what: &str, [few, many]: [usize; 2]| {
        println!("{what}: {few} bytes, {many} bytes");
        assert!(many < few + 4 * image, "{what}: {few} bytes, {many} bytes");
    };
    // What is made once for a process counts for none.
    peak(&network, Method::ScoreCam, few, "layer1");
    // 64 channels and 512, whose masks alone would be another 16 MB, of 54 images.
    check(
        "score_cam",
        ["layer1", "layer4"].map(|layer| peak(&network, Method::ScoreCam, few, layer)),
    );
    for method in [Method::IntegratedGradients, Method::SmoothGrad, Method::Occlusion] {
        let found = [few, many].map(|settings| peak(&network, method, settings, "layer4"));
        check(method.name(), found);
    }
}
