//! Progress of long work: a bar on a terminal, plain lines elsewhere.

use crate::terminal::tell;
use dermx_table::visible;
use dermx_work::{Progress, ProgressBar};
use indicatif::{ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Time between two plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Progress on standard error.
#[derive(Debug, Clone, Copy)]
pub struct TerminalProgress {
    /// Whether the user wants none.
    pub quiet: bool,
}

impl Progress for TerminalProgress {
    fn start(&self, name: &str, total: usize, unit: &str) -> Box<dyn ProgressBar> {
        Box::new(TerminalBar::new(name, total, unit, self.quiet))
    }
}

/// Progress through a known amount of work.
#[derive(Debug)]
struct TerminalBar {
    bar: indicatif::ProgressBar,
    name: String,
    last_line: Instant,
    is_plain: bool,
    is_quiet: bool,
}

impl TerminalBar {
    fn new(name: &str, total: usize, unit: &str, is_quiet: bool) -> Self {
        let is_plain = !is_quiet && !std::io::stderr().is_terminal();
        let target = match is_quiet || is_plain {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let bar = indicatif::ProgressBar::with_draw_target(Some(total as u64), target);
        let template =
            format!("{{prefix}} [{{bar:24}}] {{pos}}/{{len}} {unit} {{msg}} {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        let name = visible(name).into_owned();
        bar.set_prefix(name.clone());
        Self { bar, name, last_line: Instant::now(), is_plain, is_quiet }
    }
}

impl ProgressBar for TerminalBar {
    fn skip(&mut self, units: usize) {
        self.bar.set_position(units as u64);
        self.bar.reset_eta();
    }

    fn set(&mut self, units: usize, message: &str) {
        if self.is_plain && self.last_line.elapsed() >= LINE_INTERVAL {
            let left = self.bar.eta().as_secs();
            let total = self.bar.length().unwrap_or(0);
            tell(format!("{}: {units}/{total} {message} {left} s left", self.name));
            self.last_line = Instant::now();
        }
        self.bar.set_message(message.to_string());
        self.bar.set_position(units as u64);
    }

    fn finish(self: Box<Self>, message: &str) {
        self.bar.finish_and_clear();
        if !self.is_quiet {
            tell(format!("{}: {message}", self.name));
        }
    }
}
