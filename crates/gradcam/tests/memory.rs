//! Memory over a thousand maps; in a process of its own, since it looks at the whole process.

#[path = "../../model/tests/networks/mod.rs"]
mod networks;

use burn::tensor::Device;
use dermx_gradcam::{Explainer, Method, Settings};
use dermx_model::Architecture;
use networks::{gap, seeded, seeded_images};

const NUM_MAPS: usize = 1000;
const BATCH: usize = 8;

/// Memory of this process in KiB, where the system tells.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[test]
fn a_thousand_maps_leave_memory_flat() {
    let network = seeded(&gap(Architecture::RESNET18, 3), 1);
    let explainer =
        Explainer::new(&network, Method::GradCam, Settings::default(), None).expect("a layer");
    let mut early = None;
    for step in 0..NUM_MAPS / BATCH {
        let images = seeded_images([BATCH, 3, 32, 32], step as u64, &Device::flex());
        explainer.explain(images, &[1; BATCH], &mut |_| 0.0).expect("explains");
        if step == NUM_MAPS / BATCH / 4 {
            early = resident_kib();
        }
    }
    let (Some(early), Some(late)) = (early, resident_kib()) else { return };
    assert!(late < early + 8 * 1024, "{early} KiB after a quarter, {late} KiB after all");
}
