//! Several trials at once, on threads: when the process ends, however it ends, all of them do.

use super::folder::{Journal, SearchFolder};
use super::results::results;
use super::trial::{Attempt, forget_checkpoints, run_trial};
use crate::config::{Config, SearchConfig};
use crate::context::Context;
use crate::error::{RunError, RunResult};
use crate::training_data::TrainingData;
use dermx_search::{Next, Outcome, Search, SearchError, Trial};
use dermx_work::ProgressBar;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What the trials of a search share.
struct Work<'a> {
    context: Context<'a>,
    config: &'a SearchConfig,
    folder: &'a SearchFolder,
    state: Mutex<State>,
    changed: Condvar,
    /// The photos of the last trial, and its configuration.
    photos: Mutex<Option<(Config, Arc<TrainingData>)>>,
}

struct State {
    search: Search,
    journal: Journal,
    progress: Box<dyn ProgressBar>,
    num_ended: usize,
    failure: Option<RunError>,
}

/// Runs all trials, up to `jobs` at once, and returns them.
///
/// # Errors
/// What ends a search: missing data, a full disk, a request to stop.
pub fn run_trials(
    config: &SearchConfig,
    folder: &SearchFolder,
    (search, journal): (Search, Journal),
    jobs: usize,
    context: Context<'_>,
) -> RunResult<Vec<Trial>> {
    let jobs = jobs.min(search.window());
    let ended = search.trials().iter().filter(|trial| trial.outcome.is_some());
    let ended: Vec<usize> = ended.map(|trial| trial.number).collect();
    for &number in &ended {
        forget_checkpoints(&folder.trial(number))?;
    }
    let num_ended = ended.len();
    let mut progress = context.start("search", search.num_trials(), "trials");
    progress.skip(num_ended);
    let state = State { search, journal, progress, num_ended, failure: None };
    let work = Work {
        context,
        config,
        folder,
        state: Mutex::new(state),
        changed: Condvar::new(),
        photos: Mutex::default(),
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| work.context.session.install(|| work.work()));
        }
    });
    let state = work.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    let State { search, progress, num_ended, failure, .. } = state;
    progress.finish(&format!("{num_ended} of {} trials ended", search.num_trials()));
    match failure {
        Some(failure) => Err(failure),
        None => Ok(search.trials().to_vec()),
    }
}

impl Work<'_> {
    /// Runs one trial after another until none is left, or one failure ends the search.
    fn work(&self) {
        let panics = self.context.session.panics();
        while let Some(trial) = self.next() {
            let result = run_trial(panics, || self.attempt(&trial));
            let result = result.and_then(|outcome| self.end(&trial, outcome));
            if let Err(failure) = result {
                self.lock().failure.get_or_insert(failure);
            }
            self.changed.notify_all();
        }
        self.changed.notify_all();
    }

    fn attempt(&self, trial: &Trial) -> RunResult<Option<Outcome>> {
        let config = &self.config.trial(&trial.params)?;
        let data = &*self.data(config)?;
        let folder = &self.folder.trial(trial.number);
        let objective = self.config.objective;
        Attempt { config, data, objective, folder, context: self.context }.run(&mut |scores| {
            for (epoch, &value) in (1..).zip(scores) {
                self.report(trial.number, epoch, value)?;
            }
            Ok(self.is_pruned(trial.number))
        })
    }

    /// The next trial, in the journal; waits while others have to end first.
    fn next(&self) -> Option<Trial> {
        let mut state = self.lock();
        loop {
            if state.failure.is_some() || self.context.is_stopping() {
                return None;
            }
            match state.begin() {
                Ok(Next::Run { trial, .. }) => return Some(trial),
                Ok(Next::Done) => return None,
                Ok(Next::Wait) => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Err(failure) => {
                    state.failure.get_or_insert(failure);
                    return None;
                }
            }
        }
    }

    /// The photos of a trial: those of the last one, if it reads and splits them alike.
    ///
    /// # Errors
    /// Missing data, or a split that cannot be made.
    fn data(&self, config: &Config) -> RunResult<Arc<TrainingData>> {
        let mut last = self.photos.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, data)) = last.as_ref()
            && (&known.data, &known.split, &known.input)
                == (&config.data, &config.split, &config.input)
        {
            return Ok(Arc::clone(data));
        }
        let data = Arc::new(TrainingData::read(config)?);
        *last = Some((config.clone(), Arc::clone(&data)));
        Ok(data)
    }

    /// Notes the score of an epoch.
    ///
    /// # Errors
    /// A full disk.
    fn report(&self, number: usize, epoch: u32, value: f64) -> RunResult<()> {
        let mut state = self.lock();
        if let Some(event) = state.search.report(number, epoch, value).map_err(internal)? {
            state.journal.append(&event)?;
            let num_ended = state.num_ended;
            state.progress.set(num_ended, &format!("trial {number} epoch {epoch}: {value:.3}"));
        }
        Ok(())
    }

    /// Whether the trial ends because others did better.
    fn is_pruned(&self, number: usize) -> bool {
        self.lock().search.is_pruned(number)
    }

    /// Notes how a trial ended, and brings the table up to date.
    fn end(&self, trial: &Trial, outcome: Option<Outcome>) -> RunResult<()> {
        let Some(outcome) = outcome else { return Ok(()) };
        let mut state = self.lock();
        let event = state.search.end(trial.number, outcome).map_err(internal)?;
        state.journal.append(&event)?;
        state.num_ended += 1;
        forget_checkpoints(&self.folder.trial(trial.number))?;
        results(self.config, state.search.trials())?.write(self.folder)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of another thread is caught before it can hold the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(&mut self) -> RunResult<Next> {
        let next = self.search.next_trial().map_err(internal)?;
        if let Next::Run { event: Some(event), .. } = &next {
            self.journal.append(event)?;
        }
        Ok(next)
    }
}

fn internal(error: SearchError) -> RunError {
    RunError::internal(error.to_string())
}
