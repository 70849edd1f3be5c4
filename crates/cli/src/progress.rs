//! Progress of long work: a bar on a terminal, plain lines elsewhere.

use crate::terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Time between two plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Progress through a known amount of work.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    name: String,
    last_line: Instant,
    plain: bool,
}

impl Progress {
    /// Progress of `name` through `total` units, called `unit` (for example "img").
    pub fn new(name: impl Into<String>, total: usize, unit: &str) -> Self {
        let name = name.into();
        let quiet = terminal::is_quiet();
        let plain = !quiet && !std::io::stderr().is_terminal();
        let target = match quiet || plain {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let bar = ProgressBar::with_draw_target(Some(total as u64), target);
        let template =
            format!("{{prefix}} [{{bar:24}}] {{pos}}/{{len}} {unit} {{msg}} {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(name.clone());
        Self { bar, name, last_line: Instant::now(), plain }
    }

    /// Work that was finished before, for example by an interrupted run.
    pub fn skip(&self, units: usize) {
        self.bar.set_position(units as u64);
        self.bar.reset_eta();
    }

    /// The work stands at `units`; `message` says more about it.
    pub fn set(&mut self, units: usize, message: String) {
        if self.plain && self.last_line.elapsed() >= LINE_INTERVAL {
            let left = self.bar.eta().as_secs();
            let total = self.bar.length().unwrap_or(0);
            eprintln!("{}: {units}/{total} {message} {left} s left", self.name);
            self.last_line = Instant::now();
        }
        self.bar.set_message(message);
        self.bar.set_position(units as u64);
    }

    /// Ends the bar and says how it went.
    pub fn finish(self, message: &str) {
        self.bar.finish_and_clear();
        if !terminal::is_quiet() {
            eprintln!("{}: {message}", self.name);
        }
    }
}
