//! `dermx watch`: how a run trains.

use crate::args::WatchArgs;
use crate::error::{CliError, CliResult};
use crate::live_view::{draw, epoch_line, state_text};
use crate::terminal::print;
use dermx_run::{RunState, WatchedRun};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::prelude::CrosstermBackend;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Stdout};
use std::path::Path;
use std::time::Duration;

/// Time between two looks at the files of the run.
const INTERVAL: Duration = Duration::from_secs(1);

/// Draws the curves of a run until `q`; where nobody looks, prints a line for each epoch until the run ends.
///
/// # Errors
/// No run, files that cannot be read, a terminal that cannot be drawn on.
pub fn run(args: &WatchArgs) -> CliResult<()> {
    let watched = WatchedRun::open(&args.run)?;
    let is_seen = io::stdout().is_terminal() && io::stdin().is_terminal();
    match (args.once, is_seen) {
        (true, _) => print_lines(&watched, |_| true),
        (false, false) => print_lines(&watched, |state| state != RunState::AtWork),
        (false, true) => show(&watched),
    }
}

/// Prints a line for each epoch, of those that are finished already, too, until the run is in a state that
/// `ends`; then how it stands.
fn print_lines(watched: &WatchedRun, ends: impl Fn(RunState) -> bool) -> CliResult<()> {
    let mut num_printed: BTreeMap<u64, usize> = BTreeMap::new();
    loop {
        let standing = watched.standing()?;
        for seed in &standing.seeds {
            let printed = num_printed.entry(seed.seed).or_default();
            for metrics in seed.epochs.iter().skip(*printed) {
                print(epoch_line(seed.seed, standing.num_epochs, metrics))?;
            }
            *printed = seed.epochs.len();
        }
        if ends(standing.state) {
            return print(state_text(&standing) + "\n");
        }
        std::thread::sleep(INTERVAL);
    }
}

/// Draws on the terminal until `q`, Esc or Ctrl-C.
fn show(watched: &WatchedRun) -> CliResult<()> {
    let failed = |error: io::Error| CliError::io(Path::new("the terminal"), &error);
    let mut screen = Screen::open().map_err(failed)?;
    loop {
        let standing = watched.standing()?;
        screen.0.draw(|frame| draw(frame, &standing)).map_err(failed)?;
        if event::poll(INTERVAL).map_err(failed)? {
            let event = event::read().map_err(failed)?;
            if matches!(event, Event::Key(key) if is_end(key)) {
                return Ok(());
            }
        }
    }
}

fn is_end(key: KeyEvent) -> bool {
    let is_ctrl_c = key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL;
    is_ctrl_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
}

/// A terminal that is drawn on, and given back as it was.
struct Screen(ratatui::Terminal<CrosstermBackend<Stdout>>);

impl Screen {
    fn open() -> io::Result<Self> {
        enable_raw_mode()?;
        let terminal = ratatui::Terminal::new(CrosstermBackend::new(io::stdout()));
        // From here on the terminal is given back, whatever happens.
        let screen = Self(terminal.inspect_err(|_| drop(disable_raw_mode()))?);
        execute!(io::stdout(), EnterAlternateScreen)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = disable_raw_mode();
        let _ = execute!(io::stdout(), LeaveAlternateScreen);
        let _ = self.0.show_cursor();
    }
}
