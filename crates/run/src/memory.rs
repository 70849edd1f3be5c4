//! Whether there is memory for a training: an estimate before the first step.

use crate::config::Config;
use crate::error::{RunError, RunResult};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use dermx_kernels::Precision;
use dermx_model::Network;
use std::path::Path;

const BYTES_PER_VALUE: u64 = 4;
const GIB: f64 = (1_u64 << 30) as f64;

/// What a training step needs at the least, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Need {
    /// Gradients and moments of the parameters that learn; the weights are there already.
    parameters: u64,
    /// Feature maps that the backward pass reads.
    maps: u64,
}

/// Memory that can still be had, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Free {
    bytes: u64,
    /// What limits it, in words.
    limit: &'static str,
    /// Whether nothing helps once it is used up.
    is_final: bool,
}

/// Compares what a training step of `network` needs with what there is, as far as the system tells.
///
/// # Errors
/// It certainly does not fit; where it might, with swap or when other programs end, that is a warning.
pub fn check(config: &Config, network: &Network, num_images: usize) -> RunResult<()> {
    let batch = config.train.batch_size.min(num_images);
    let need = Need::of(config, network, batch);
    let total = need.parameters + need.maps;
    let short = || free().into_iter().filter(move |free| free.bytes < total);
    let Some(worst) = short().find(|free| free.is_final).or_else(|| short().next()) else {
        return Ok(());
    };
    let message = message(config, batch, need, &worst);
    match worst.is_final {
        true => Err(RunError::internal(message)),
        false => {
            tracing::warn!("{message}");
            Ok(())
        }
    }
}

fn message(config: &Config, batch: usize, need: Need, free: &Free) -> String {
    let gib = |bytes: u64| bytes as f64 / GIB;
    let [height, width] = <[u32; 2]>::from(config.input.size);
    format!(
        "out of memory: a training step of {} on {} images of {height} x {width} pixels needs {:.1} GiB or \
         more ({:.1} for feature maps, {:.1} for gradients and moments), and there are {:.1} ({}); lower \
         train.batch_size and raise train.accumulation_steps by the same factor, which trains alike but for \
         batch normalization, or lower input.size",
        config.model.architecture.name(),
        batch,
        gib(need.parameters + need.maps),
        gib(need.maps),
        gib(need.parameters),
        gib(free.bytes),
        free.limit,
    )
}

impl Need {
    /// Every convolution's output stays for the backward pass, of all layers if the first learns;
    /// measured peaks are 1.1 (EfficientNet-B4) to 1.5 times (ResNet-50) what this gives
    /// (`experiments/2026-11-27-cpu.md`). Of a network whose first layers are frozen only the largest
    /// layer is certain, with what it reads.
    fn of(config: &Config, network: &Network, batch: usize) -> Self {
        let size = <[u32; 2]>::from(config.input.size).map(|side| side as usize);
        let shapes = network.conv_shapes(batch, size);
        let num_values = |channels: usize, [height, width]: [usize; 2]| {
            (batch * channels) as u64 * (height * width) as u64
        };
        let inputs = shapes.iter().map(|shape| num_values(shape.in_channels, shape.in_size));
        let outputs = shapes.iter().map(|shape| num_values(shape.out_channels, shape.out_size()));
        let mut learning = Learning::default();
        network.visit(&mut learning);
        let num_values = match learning.is_first {
            true => outputs.sum(),
            false => inputs.zip(outputs).map(|(read, made)| read + made).max().unwrap_or(0),
        };
        // What convolutions multiply may be kept in half the bytes.
        let map_bytes = match config.train.precision {
            Precision::F32 => BYTES_PER_VALUE,
            Precision::Bf16 => BYTES_PER_VALUE / 2,
        };
        let num_kept = 1 + config.train.optimizer.config().num_states() as u64;
        let num_copies = if config.train.max_skipped_steps > 0 { 2 * num_kept } else { num_kept };
        Self {
            parameters: learning.num_values * num_copies * BYTES_PER_VALUE,
            maps: num_values * map_bytes,
        }
    }
}

/// Counts the values that learn.
#[derive(Default)]
struct Learning {
    num_values: u64,
    num_parameters: usize,
    /// Whether one of the first layer learns: a convolution and its batch normalization.
    is_first: bool,
}

impl ModuleVisitor for Learning {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let is_learning = param.is_require_grad();
        self.is_first |= is_learning && self.num_parameters < 3;
        self.num_parameters += 1;
        if is_learning {
            self.num_values += param.val().shape().num_elements() as u64;
        }
    }
}

/// Every limit that the system tells of.
#[cfg(target_os = "linux")]
fn free() -> Vec<Free> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let proc = |name: &str| read(&Path::new("/proc").join(name)).unwrap_or_default();
    let mut found = Vec::new();
    let memory = proc("meminfo");
    let kib = |name: &str| field(&memory, name).map(|kib| kib * 1024);
    if let Some(bytes) = kib("MemAvailable:") {
        found.push(Free { bytes, limit: "free memory of the machine", is_final: false });
    }
    if let (Some(total), Some(swap)) = (kib("MemTotal:"), kib("SwapTotal:")) {
        found.push(Free { bytes: total + swap, limit: "all of the machine's", is_final: true });
    }
    let used = field(&proc("self/status"), "VmSize:").map(|kib| kib * 1024);
    if let (Some(limit), Some(used)) = (field(&proc("self/limits"), "Max address space"), used) {
        let bytes = limit.saturating_sub(used);
        found.push(Free { bytes, limit: "what `ulimit -v` leaves", is_final: true });
    }
    let group = proc("self/cgroup");
    let group = group.lines().find_map(|line| line.strip_prefix("0::/"));
    let root = Path::new("/sys/fs/cgroup");
    for folder in group.map(|group| root.join(group)).iter().flat_map(|group| group.ancestors()) {
        if !folder.starts_with(root) {
            break;
        }
        let number = |name: &str| read(&folder.join(name))?.trim().parse::<u64>().ok();
        let used = read(&folder.join("memory.stat")).and_then(|stat| field(&stat, "anon"));
        if let (Some(limit), Some(used)) = (number("memory.max"), used) {
            let bytes = limit.saturating_sub(used);
            found.push(Free { bytes, limit: "what the container or job leaves", is_final: true });
        }
    }
    found
}

#[cfg(not(target_os = "linux"))]
fn free() -> Vec<Free> {
    Vec::new()
}

/// The first number behind `name` in the line that begins with it; `None` of "unlimited".
#[cfg(target_os = "linux")]
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{field, free};

    #[test]
    fn numbers_are_found_behind_their_names() {
        let limits = "Limit        Soft Limit   Hard Limit   Units\n\
                      Max address space         3145728000   unlimited    bytes\n";
        assert_eq!(field(limits, "Max address space"), Some(3_145_728_000));
        assert_eq!(
            field("Max address space  unlimited unlimited bytes", "Max address space"),
            None
        );
        assert_eq!(field("MemAvailable:   12 kB\nSwap: 1 kB", "MemAvailable:"), Some(12));
        assert_eq!(field("MemFree: 12 kB", "MemAvailable:"), None);
    }

    #[test]
    fn the_system_tells_of_memory() {
        let free = free();
        assert!(free.iter().any(|free| !free.is_final && free.bytes > 0), "{free:?}");
        assert!(free.iter().any(|free| free.is_final && free.bytes > 0), "{free:?}");
    }
}
