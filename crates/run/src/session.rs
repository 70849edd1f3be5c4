//! What computes: the backends that this program has, the devices that they find, and a session on one.

use crate::error::{RunError, RunResult};
use burn::tensor::{Device, Tensor};
use dermx_data::{Disk, FileSystem};
use dermx_kernels::Precision;
use dermx_work::PanicLog;
use serde::Serialize;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::Arc;

/// One of Burn's backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BackendKind {
    /// The processor, with the project's own kernels.
    Cpu,
    /// Vulkan, Metal, DirectX 12 or OpenGL, whatever the machine has.
    Wgpu,
    /// NVIDIA's.
    Cuda,
}

/// A device of a backend as a user names it: `cpu`, `wgpu`, `wgpu:1`, `cuda:0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backend {
    /// The backend.
    pub kind: BackendKind,
    /// Which of its devices, from 0.
    pub idx: usize,
}

/// Whether kernels are chosen by measuring them, and operations are fused.
pub const IS_TUNED: bool = cfg!(feature = "tune");

impl BackendKind {
    /// All, whether this binary has them or not.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Wgpu, Self::Cuda];

    /// Its name on the command line, which is that of the Cargo feature, too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }

    /// Whether this binary was built with it.
    pub fn is_built_in(self) -> bool {
        match self {
            Self::Cpu => true,
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Cuda => cfg!(feature = "cuda"),
        }
    }

    fn why_not_built_in(self) -> Option<String> {
        let name = self.name();
        (!self.is_built_in()).then(|| {
            format!(
                "this binary was built without {name}; `cargo xtask STAGE ... --backend {name}` \
                 builds and runs one with it (`cargo build --release -p dermx-cli --features {name}` \
                 builds it alone)"
            )
        })
    }

    /// The devices that there are; none without a driver, or in a binary without the backend.
    pub fn devices(self, panics: &PanicLog) -> Vec<Device> {
        // Drivers are libraries of others: whatever they do, the answer is that there is nothing.
        catch_unwind(|| self.enumerate()).unwrap_or_else(|_| {
            panics.take();
            Vec::new()
        })
    }

    fn enumerate(self) -> Vec<Device> {
        match self {
            Self::Cpu => vec![Device::flex()],
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::enumerate(burn::tensor::DeviceType::Wgpu).to_vec(),
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::enumerate(burn::tensor::DeviceType::Cuda).to_vec(),
            #[allow(unreachable_patterns, reason = "which are left depends on the features")]
            _ => Vec::new(),
        }
    }
}

impl Backend {
    /// The processor.
    pub const CPU: Self = Self { kind: BackendKind::Cpu, idx: 0 };

    /// Refuses a backend that this binary does not have, whatever the devices of this machine.
    ///
    /// # Errors
    /// Says how to build it.
    pub fn check_built_in(self, panics: &PanicLog) -> RunResult<()> {
        self.kind.why_not_built_in().map_or(Ok(()), |reason| Err(self.refused(&reason, panics)))
    }

    fn refused(self, reason: &str, panics: &PanicLog) -> RunError {
        RunError::usage(format!("--backend {self}: {reason}\n{}", inventory(panics)))
    }

    /// The device and its name, or why there is none.
    fn open(self, panics: &PanicLog) -> Result<(Device, String), String> {
        let Self { kind, idx } = self;
        let name = kind.name();
        if let Some(reason) = kind.why_not_built_in() {
            return Err(reason);
        }
        let mut devices = kind.devices(panics);
        if idx >= devices.len() {
            let missing = match kind {
                BackendKind::Cuda => "an NVIDIA driver (libcuda.so.1) and a GPU that it can see",
                _ => "a Vulkan, Metal or DirectX 12 driver and a device that it can see",
            };
            return Err(match devices.len() {
                0 => format!("no device was found; it needs {missing}"),
                1 => format!("there is only one device, {name}:0"),
                number => {
                    format!("there are only {number} devices, {name}:0 to {name}:{}", number - 1)
                }
            });
        }
        let device = devices.swap_remove(idx);
        let name = probe(&device, panics)
            .map_err(|reason| format!("the device does not work: {reason}"))?;
        Ok((device, name))
    }
}

/// What computes: a device of a backend, and how many threads. A value that is passed on: several may be
/// open in one process.
#[derive(Debug, Clone)]
pub struct Session {
    backend: Backend,
    device: Device,
    description: String,
    panics: PanicLog,
    /// `None` for the process's own threads.
    threads: Option<Arc<rayon::ThreadPool>>,
    files: Arc<dyn FileSystem>,
}

impl Session {
    /// The processor, with the process's own threads.
    pub fn cpu() -> Self {
        Self {
            backend: Backend::CPU,
            device: Device::flex(),
            description: "cpu (burn-flex)".to_string(),
            panics: PanicLog::default(),
            threads: None,
            files: Arc::new(Disk),
        }
    }

    /// Opens the device of `backend` and computes something on it. `panics` tells what went wrong on
    /// threads of the device; it stays empty unless a panic hook records into it.
    ///
    /// # Errors
    /// A backend that this program does not have, a device that is not there or does not work.
    pub fn open(backend: Backend, panics: &PanicLog) -> RunResult<Self> {
        if backend.kind == BackendKind::Cpu {
            return Ok(Self { panics: panics.clone(), ..Self::cpu() });
        }
        let opened = backend.open(panics);
        let (device, name) = opened.map_err(|reason| backend.refused(&reason, panics))?;
        let tuned = if IS_TUNED { ", tuned" } else { "" };
        let description = format!("{backend} ({name}{tuned})");
        tracing::info!("computing on {description}");
        if IS_TUNED {
            tracing::info!("kernels are measured when they are first used, which takes minutes");
        }
        Ok(Self { backend, device, description, panics: panics.clone(), ..Self::cpu() })
    }

    /// The same with `num_threads` threads of its own. Results do not depend on their number.
    ///
    /// # Errors
    /// Threads that the operating system refuses.
    pub fn with_threads(self, num_threads: usize) -> RunResult<Self> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(num_threads).build();
        let pool = pool.map_err(|error| RunError::os(error.to_string()))?;
        Ok(Self { threads: Some(Arc::new(pool)), ..self })
    }

    /// The same with checkpoints that are written through `files` instead of straight to the disk: a test
    /// lets any call fail.
    #[must_use]
    pub fn with_files(self, files: Arc<dyn FileSystem>) -> Self {
        Self { files, ..self }
    }

    /// What writes checkpoints.
    pub(crate) fn files(&self) -> Arc<dyn FileSystem> {
        Arc::clone(&self.files)
    }

    /// Does `work` on the threads of this session.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.threads {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// The device.
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// The device as a user names it.
    pub const fn backend(&self) -> Backend {
        self.backend
    }

    /// The backend: results of others have other roundings.
    pub const fn kind(&self) -> BackendKind {
        self.backend.kind
    }

    /// In words, as certificates have it: `cpu (burn-flex)`, `wgpu:0 (llvmpipe)`.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The panics of the device's threads.
    pub const fn panics(&self) -> &PanicLog {
        &self.panics
    }

    /// Number of threads that compute on the processor.
    pub fn num_threads(&self) -> usize {
        self.threads
            .as_ref()
            .map_or_else(rayon::current_num_threads, |pool| pool.current_num_threads())
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            BackendKind::Cpu => f.write_str("cpu"),
            kind => write!(f, "{}:{}", kind.name(), self.idx),
        }
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, idx) = text.split_once(':').unwrap_or((text, "0"));
        let kind = BackendKind::ALL.into_iter().find(|kind| kind.name() == name);
        match (kind, idx.parse()) {
            (Some(BackendKind::Cpu), _) if text == "cpu" => Ok(Self::CPU),
            (Some(kind), Ok(idx)) if kind != BackendKind::Cpu => Ok(Self { kind, idx }),
            _ => Err("write cpu, wgpu or cuda, or for one of several devices wgpu:1".to_string()),
        }
    }
}

/// Refuses bfloat16 where the project's own kernels do not compute.
///
/// # Errors
/// [`Precision::Bf16`] on another backend than the processor.
pub fn check_precision(kind: BackendKind, precision: Precision) -> RunResult<()> {
    if precision == Precision::F32 || kind == BackendKind::Cpu {
        return Ok(());
    }
    let message = format!("precision bf16 is for the backend cpu, not for {}", kind.name());
    Err(RunError::bad_config(message))
}

/// Computes 1 + 1 on `device`; the device's name.
fn probe(device: &Device, panics: &PanicLog) -> Result<String, String> {
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        let sum = Tensor::<1>::ones([1], device) + 1.0;
        let sum = sum.try_into_data().map_err(|error| error.to_string())?;
        match sum.iter::<f32>().next() {
            Some(2.0) => Ok(name(device)),
            found => Err(format!("1 + 1 gave {found:?}")),
        }
    }));
    attempt.unwrap_or_else(|panic| Err(panics.reason(panic.as_ref())))
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn name(device: &Device) -> String {
    device.identity().map_or("the processor".to_string(), |identity| identity.name)
}

#[cfg(not(any(feature = "wgpu", feature = "cuda")))]
fn name(_: &Device) -> String {
    "the processor".to_string()
}

/// A backend and what it finds on this machine.
#[derive(Debug, Serialize)]
pub struct BackendReport {
    /// The backend.
    pub backend: BackendKind,
    /// Whether this binary has it.
    pub built_in: bool,
    /// Whether its kernels are chosen by measuring them, and operations are fused.
    pub tuned: bool,
    /// Its devices.
    pub devices: Vec<DeviceReport>,
}

/// A device.
#[derive(Debug, Serialize)]
pub struct DeviceReport {
    /// What `--backend` takes.
    pub backend: String,
    /// Its name, if it works.
    pub name: Option<String>,
    /// Why it does not work.
    pub error: Option<String>,
}

/// Every backend, with each of its devices tried.
pub fn backend_reports(panics: &PanicLog) -> Vec<BackendReport> {
    let report = |kind: BackendKind| BackendReport {
        backend: kind,
        built_in: kind.is_built_in(),
        tuned: IS_TUNED && kind != BackendKind::Cpu && kind.is_built_in(),
        devices: kind
            .devices(panics)
            .iter()
            .enumerate()
            .map(|(idx, device)| {
                let result = probe(device, panics);
                let backend = Backend { kind, idx }.to_string();
                DeviceReport { backend, name: result.clone().ok(), error: result.err() }
            })
            .collect(),
    };
    BackendKind::ALL.into_iter().map(report).collect()
}

/// What this binary can do, one line a backend.
fn inventory(panics: &PanicLog) -> String {
    let lines = BackendKind::ALL.map(|kind| {
        let found = match kind {
            BackendKind::Cpu => "always".to_string(),
            _ if !kind.is_built_in() => "not built in".to_string(),
            _ => format!("{} devices found", kind.devices(panics).len()),
        };
        format!("  {}: {found}\n", kind.name())
    });
    format!("This binary has:\n{}`dermx backends` lists the devices.", lines.concat())
}

#[cfg(test)]
mod tests {
    use super::{Backend, BackendKind};

    #[test]
    fn backends_are_names_with_the_number_of_a_device() {
        let parsed = |text: &str| text.parse::<Backend>();
        assert_eq!(parsed("cpu"), Ok(Backend::CPU));
        assert_eq!(parsed("wgpu"), Ok(Backend { kind: BackendKind::Wgpu, idx: 0 }));
        assert_eq!(parsed("cuda:1"), Ok(Backend { kind: BackendKind::Cuda, idx: 1 }));
        for wrong in ["", "gpu", "cpu:0", "cpu:1", "wgpu:", "cuda:-1", "cuda:a", "CUDA"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Backend { kind: BackendKind::Cuda, idx: 1 }.to_string(), "cuda:1");
        assert_eq!(Backend::CPU.to_string(), "cpu");
    }
}
