//! WGPU beside the processor: every layer, whole networks, and the command.
//!
//! Without a device the tests say so and pass; with `DERMX_WGPU=required` they fail. A Vulkan driver in
//! software is a device, too (Debian: `mesa-vulkan-drivers`).

mod closeness;
mod command;
#[path = "../cli/dermx.rs"]
#[allow(dead_code, reason = "the other tests of the command use more of it")]
mod dermx;
mod layers;
mod networks;

use burn::tensor::{Device, DeviceType};

/// The first device of WGPU; `None` where there is none and none is required.
fn wgpu() -> Option<Device> {
    let device = Device::enumerate(DeviceType::Wgpu).first().cloned();
    if device.is_none() {
        let is_required = std::env::var("DERMX_WGPU").is_ok_and(|value| value == "required");
        assert!(!is_required, "DERMX_WGPU=required, and WGPU finds no device");
        eprintln!("SKIPPED: WGPU finds no device (Debian: apt-get install mesa-vulkan-drivers)");
    }
    device
}
