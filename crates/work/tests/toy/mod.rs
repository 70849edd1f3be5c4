//! Units of work made by hand: the score of an epoch is a function of the configuration.

#![allow(dead_code, reason = "each test takes what it needs")]

use dermx_work::{
    Cancel, Ended, Failure, GoOn, Kept, Kind, OnEpoch, Resolved, Resources, Source, Task, Work,
    WorkError,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The configuration called `toy`, a key a line.
pub const TOY: &str = "run.epochs = 3\nrun.seeds = [0, 1]\nx = 1\ny = 0\n";

/// A score of `x - y` comes nearer by half with every epoch: after epoch e it is `(x - y) (1 - 0.5^e)`.
/// `x = "nan"` is a fault, `x = "panic"` a panic, `x = "absent"` a missing file.
#[derive(Debug, Default)]
pub struct Toy {
    /// Asks to stop when so many epochs were computed, if any.
    pub stop_after: Mutex<Option<usize>>,
    /// Whether to wait for another unit before the first epoch, to see whether there is one.
    pub waits_for_another: bool,
    /// How long an epoch takes.
    pub epoch_takes: Duration,
    /// How many epochs were computed in all units.
    pub num_epochs: AtomicUsize,
    /// How many units ran at once at most.
    pub most_at_once: AtomicUsize,
    /// How often each folder was worked in, by its name.
    pub attempts: Mutex<BTreeMap<String, usize>>,
    /// How many run now.
    pub num_running: AtomicUsize,
    /// Whether to stop.
    pub is_stopped: AtomicBool,
}

impl Cancel for Toy {
    fn is_requested(&self) -> bool {
        self.is_stopped.load(Ordering::SeqCst)
    }
}

impl Toy {
    /// One that is stopped after `num_epochs` epochs.
    pub fn stopped_after(num_epochs: usize) -> Self {
        Self { stop_after: Mutex::new(Some(num_epochs)), ..Self::default() }
    }

    fn compute(&self, score: f64, epoch: i32) -> f64 {
        std::thread::sleep(self.epoch_takes);
        let num = self.num_epochs.fetch_add(1, Ordering::SeqCst) + 1;
        if self.stop_after.lock().unwrap().is_some_and(|most| num >= most) {
            self.is_stopped.store(true, Ordering::SeqCst);
        }
        score * (1.0 - 0.5_f64.powi(epoch))
    }

    /// Waits until another unit runs, or for ten seconds.
    fn wait(&self) {
        let start = Instant::now();
        while self.most_at_once.load(Ordering::SeqCst) < 2 && start.elapsed().as_secs() < 10 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn train(
        &self,
        keys: &BTreeMap<String, String>,
        task: &Task<'_>,
        on_epoch: &mut OnEpoch<'_>,
    ) -> Result<Ended<()>, WorkError> {
        let number = |key: &str| keys[key].parse::<f64>().unwrap_or(f64::NAN);
        let score = match keys["x"].trim_matches('"') {
            "nan" => return Err(WorkError::new(Failure::Internal, "the loss is not finite")),
            "panic" => panic!("a fault of the toy"),
            "absent" => {
                return Err(WorkError::new(Failure::MissingInput, "absent.csv: no such file"));
            }
            _ => number("x") - number("y"),
        };
        // The checkpoint: the scores so far.
        let checkpoint = task.folder.join("checkpoint");
        let before = fs::read_to_string(&checkpoint).unwrap_or_default();
        let mut scores: Vec<f64> = before.lines().map(|line| line.parse().unwrap()).collect();
        while scores.len() < number("run.epochs") as usize {
            if self.is_requested() {
                return Ok(Ended::Stopped);
            }
            scores.push(self.compute(score, scores.len() as i32 + 1));
            let lines: Vec<String> = scores.iter().map(f64::to_string).collect();
            fs::write(&checkpoint, lines.join("\n")).unwrap();
            if task.kind == Kind::Trial && on_epoch(&scores) == GoOn::No {
                return Ok(Ended::Cut { kept: kept(&scores) });
            }
        }
        fs::write(task.folder.join("result"), format!("{:?}", scores.last())).unwrap();
        Ok(Ended::Finished { kept: kept(&scores), output: () })
    }
}

fn kept(scores: &[f64]) -> Option<Kept> {
    scores.last().map(|&value| Kept { epoch: scores.len() as u32, value })
}

fn keys(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.trim().to_string(), value.trim().to_string())).collect()
}

fn text(keys: &BTreeMap<String, String>) -> String {
    keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
}

impl Work for Toy {
    type Output = ();

    fn resolve(&self, source: Source<'_>, overrides: &[String]) -> Result<Resolved, WorkError> {
        let (name, found) = match source {
            Source::Text { origin, text } => (origin, text.to_string()),
            Source::Named("toy") => ("toy", TOY.to_string()),
            Source::Named(path) => {
                let missing = |error| WorkError::new(Failure::MissingInput, error);
                let text = fs::read_to_string(path).map_err(|error| missing(error.to_string()))?;
                (path, text)
            }
        };
        let mut keys = keys(&found);
        for assignment in overrides {
            let (key, value) = assignment.split_once('=').unwrap();
            if !keys.contains_key(key) && key != "split.fold" {
                let message = format!("{name}: `{key}` is not known");
                return Err(WorkError::new(Failure::BadConfig, message));
            }
            keys.insert(key.to_string(), value.to_string());
        }
        let seeds = keys["run.seeds"].trim_matches(['[', ']']).split(',');
        let seeds = seeds.map(|seed| seed.trim().parse().unwrap()).collect();
        let content = text(&keys);
        let mut of_group = keys.clone();
        of_group.remove("run.seeds");
        let name = Path::new(name).file_stem().unwrap().to_string_lossy().into_owned();
        let resources = Resources { cpus: Some(2), ..Resources::default() };
        Ok(Resolved {
            name,
            text: content.clone(),
            content,
            content_of_group: text(&of_group),
            seeds,
            resources,
        })
    }

    fn run(&self, task: &Task<'_>, on_epoch: &mut OnEpoch<'_>) -> Result<Ended<()>, WorkError> {
        fs::create_dir_all(task.folder).unwrap();
        let name = task.folder.file_name().unwrap().to_string_lossy().into_owned();
        *self.attempts.lock().unwrap().entry(name).or_default() += 1;
        let running = self.num_running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(running, Ordering::SeqCst);
        if self.waits_for_another {
            self.wait();
        }
        let ended = self.train(&keys(&task.config.text), task, on_epoch);
        self.num_running.fetch_sub(1, Ordering::SeqCst);
        ended
    }

    fn forget(&self, folder: &Path) -> Result<(), WorkError> {
        // It may be gone already.
        let _ = fs::remove_file(folder.join("checkpoint"));
        Ok(())
    }
}
