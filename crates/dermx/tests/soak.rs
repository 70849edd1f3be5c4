//! One process that works for hours needs no more memory and no more open files than in the beginning.
//!
//! `cargo xtask torture soak` makes 10,000 maps, 200 epochs and 1,000 reports (`DERMX_TORTURE=full`), the
//! ordinary tests a small part. Linux alone tells a process what it holds.
#![cfg(target_os = "linux")]

use dermx::{
    Context, Experiment, Method, Model, Progress, ProgressBar, Session, SynthConfig, Targets,
    Watch, synthesize,
};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

type TestResult = Result<(), Box<dyn Error>>;

const MEGABYTE: f64 = 1e6;
/// Growth that is none: what allocators keep, in bytes; 60 kB of each of 200 epochs.
const NOISE: f64 = 12.0 * MEGABYTE;
/// The same of few epochs: whether what a checkpoint took is given back at once is chance.
const NOISE_OF_FEW_EPOCHS: f64 = 150.0 * MEGABYTE;
/// Growth allowed, in bytes an item.
const SLOPE: f64 = MEGABYTE / 1000.0;

/// What this process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// Memory, in bytes.
    memory: f64,
    /// Open file descriptors.
    num_files: usize,
}

/// Of memory what is the process's own, in memory or swapped out: pages of the program's file come and go as the system
/// likes.
fn held() -> Result<Held, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let bytes_of = |key: &str| -> Result<f64, Box<dyn Error>> {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).ok_or("no such line")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024.0)
    };
    let memory = bytes_of("RssAnon:")? + bytes_of("VmSwap:")?;
    Ok(Held { memory, num_files: fs::read_dir("/proc/self/fd")?.count() })
}

/// Expects that `samples`, taken evenly over `num_items`, are flat from their second quarter on, but for
/// `noise` bytes: the first is when caches fill. The least of a quarter counts: what is held for a moment only is no leak.
fn assert_flat(what: &str, num_items: usize, samples: &[Held], noise: f64) {
    let quarter = samples.len() / 4;
    assert!(quarter > 0, "{what}: {} samples", samples.len());
    let least = |part: &[Held]| Held {
        memory: part.iter().map(|held| held.memory).fold(f64::INFINITY, f64::min),
        num_files: part.iter().map(|held| held.num_files).min().unwrap_or(0),
    };
    let early = least(&samples[quarter..2 * quarter]);
    let late = least(&samples[3 * quarter..]);
    let growth = late.memory - early.memory;
    let allowed = noise + SLOPE * num_items as f64 / 2.0;
    eprintln!(
        "{what}: {num_items} items, memory {:.1} MB and then {:+.1} MB, {} and then {} open files",
        early.memory / MEGABYTE,
        growth / MEGABYTE,
        early.num_files,
        late.num_files,
    );
    assert!(growth < allowed, "{what}: memory grew by {growth} bytes of {allowed}");
    assert!(late.num_files <= early.num_files, "{what}: more open files");
}

/// Notes what is held whenever progress is told.
#[derive(Default, Clone)]
struct Samples(Arc<Mutex<Vec<Held>>>);

impl Samples {
    fn take(&self) {
        let held = held().expect("/proc");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(held);
    }

    fn all(&self) -> Vec<Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ProgressBar for Samples {
    fn skip(&mut self, _: usize) {}
    fn set(&mut self, _: usize, _: &str) {
        self.take();
    }
    fn finish(self: Box<Self>, _: &str) {}
}

impl Progress for Samples {
    fn start(&self, _: &str, _: usize, _: &str) -> Box<dyn ProgressBar> {
        Box::new(self.clone())
    }
}

/// A run of a tiny network on synthetic data in `folder`.
fn experiment(folder: &Path, run: &str, num_epochs: usize) -> Result<Experiment, Box<dyn Error>> {
    let data = folder.join("data");
    if !data.exists() {
        let sizes = SynthConfig { num_images: 12, num_train_images: 24, seed: 0 };
        synthesize(&data, &sizes, Watch::SILENT)?;
    }
    let keys = [
        format!("data.train={}", data.join("train").display()),
        format!("data.test={}", data.join("dermx").display()),
        format!("data.test_images={}", data.join("dermx/images").display()),
        format!("synthetic.root={}", data.display()),
        "synthetic.num_images=12".to_string(),
        "synthetic.num_train_images=24".to_string(),
        "model.architecture=efficientnet_b0".to_string(),
        "input.size=[32, 40]".to_string(),
        "evaluate.size=[60, 80]".to_string(),
        format!("run.epochs={num_epochs}"),
        "run.seeds=[0]".to_string(),
        "train.batch_size=4".to_string(),
        "report.num_gallery_images=3".to_string(),
    ];
    Ok(Experiment::open_with("quickstart.toml", &keys)?.in_folder(folder.join(run)))
}

#[test]
fn maps_epochs_and_reports_leave_memory_and_open_files_as_they_were() -> TestResult {
    let is_full = std::env::var("DERMX_TORTURE").is_ok_and(|count| count == "full");
    let (num_maps, num_epochs, num_reports) =
        if is_full { (10_000, 200, 1000) } else { (480, 8, 24) };
    let folder = tempfile::tempdir()?;
    let session = Session::cpu();
    let silent = Context::silent(&session);

    let samples = Samples::default();
    let watch = Watch { progress: &samples, ..Watch::SILENT };
    let long = experiment(folder.path(), "long", num_epochs)?;
    long.train_only(&Context { session: &session, watch })?;
    let noise = if is_full { NOISE } else { NOISE_OF_FEW_EPOCHS };
    assert_flat("epochs", num_epochs, &samples.all(), noise);

    experiment(folder.path(), "run", 2)?.train(&silent)?;
    let run = folder.path().join("run");
    let model = Model::open_on(&run, None, &session)?;
    let photos = model.photos(folder.path().join("data/dermx/images"))?;
    let samples = Samples::default();
    for _ in 0..num_maps / photos.ids().len() {
        let maps = model.explain(&photos, Method::GradCam, Targets::Predicted)?;
        assert_eq!(maps.len(), photos.ids().len());
        samples.take();
    }
    assert_flat("maps", num_maps, &samples.all(), NOISE);

    let finished = Experiment::resume(&run)?;
    let samples = Samples::default();
    for _ in 0..num_reports {
        finished.report(folder.path().join("report"), &silent)?;
        samples.take();
    }
    assert_flat("reports", num_reports, &samples.all(), NOISE);
    eprintln!("3 of 3 as expected");
    Ok(())
}
