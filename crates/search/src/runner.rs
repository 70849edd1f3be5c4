//! Several trials at once, on threads: when the process ends, however it ends, all of them do.

use crate::base::Base;
use crate::error::{SearchError, SearchResult};
use crate::folder::{Journal, SearchFolder};
use crate::results::Results;
use crate::search::{Next, Search, Settings};
use crate::trial::Trial;
use dermx_work::{GoOn, Outcome, ProgressBar, Watch, Work, run_trial};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Runs the trials of a search.
#[derive(Debug)]
pub struct Runner<'a, W: ?Sized> {
    /// How a trial is done.
    pub work: &'a W,
    /// What is varied.
    pub base: &'a Base,
    /// The folder of the search.
    pub folder: &'a SearchFolder,
    /// Who is told how far it is, and who may stop it.
    pub watch: Watch<'a>,
}

/// What the threads of a search share.
struct Shared<'a, W: ?Sized> {
    runner: &'a Runner<'a, W>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    search: Search,
    journal: Journal,
    progress: Box<dyn ProgressBar>,
    num_ended: usize,
    failure: Option<SearchError>,
}

/// More threads than any machine has cores, which an operating system still gives.
const MAX_THREADS: usize = 1024;

impl<W: Work + ?Sized> Runner<'_, W> {
    /// Runs what is left of the search that the journal tells of, up to `jobs` trials at once, and
    /// writes what came out. A search that was interrupted ends with the results of an undisturbed one.
    ///
    /// # Errors
    /// A journal of another search, what ends a search (missing data, a full disk), or a request to
    /// stop.
    pub fn run(&self, settings: Settings, jobs: usize) -> SearchResult<Results> {
        let (search, journal) = self.folder.search(settings, jobs)?;
        let trials = self.run_trials(search, journal, jobs)?;
        self.watch.check("go on with the same command and --resume")?;
        let results = Results::of(self.work, self.base, &trials)?;
        results.write(self.folder)?;
        Ok(results)
    }

    fn run_trials(
        &self,
        search: Search,
        journal: Journal,
        jobs: usize,
    ) -> SearchResult<Vec<Trial>> {
        let jobs = jobs.min(search.window()).min(search.num_trials()).min(MAX_THREADS);
        let ended = search.trials().iter().filter(|trial| trial.outcome.is_some());
        let ended: Vec<usize> = ended.map(|trial| trial.number).collect();
        for &number in &ended {
            self.work.forget(&self.folder.trial(number))?;
        }
        let num_ended = ended.len();
        let mut progress = self.watch.progress.start("search", search.num_trials(), "trials");
        progress.skip(num_ended);
        let state = State { search, journal, progress, num_ended, failure: None };
        let shared = Shared { runner: self, state: Mutex::new(state), changed: Condvar::new() };
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| shared.work());
            }
        });
        let state = shared.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let State { search, progress, num_ended, failure, .. } = state;
        progress.finish(&format!("{num_ended} of {} trials ended", search.num_trials()));
        match failure {
            Some(failure) => Err(failure),
            None => Ok(search.trials().to_vec()),
        }
    }
}

impl<W: Work + ?Sized> Shared<'_, W> {
    /// Runs one trial after another until none is left, or one failure ends the search.
    fn work(&self) {
        while let Some(trial) = self.next() {
            let outcome = self.attempt(&trial);
            let result = outcome.and_then(|outcome| self.end(&trial, outcome));
            if let Err(failure) = result {
                self.lock().failure.get_or_insert(failure);
            }
            self.changed.notify_all();
        }
        self.changed.notify_all();
    }

    /// Runs a trial, from its checkpoint if it has one; `None` when it was stopped on request.
    fn attempt(&self, trial: &Trial) -> SearchResult<Option<Outcome>> {
        let Runner { work, base, folder, .. } = *self.runner;
        let config = base.resolve(work, &trial.params)?;
        let mut failure = None;
        let ended = run_trial(work, &config, &folder.trial(trial.number), &mut |scores| match self
            .report(trial.number, scores)
        {
            Ok(go_on) => go_on,
            Err(error) => {
                failure = Some(error);
                GoOn::No
            }
        });
        match failure {
            Some(failure) => Err(failure),
            None => Ok(ended?.map(|ended| ended.outcome)),
        }
    }

    /// The next trial, in the journal; waits while others have to end first.
    fn next(&self) -> Option<Trial> {
        let mut state = self.lock();
        loop {
            if state.failure.is_some() || self.runner.watch.cancel.is_requested() {
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

    /// Notes the scores of a trial's epochs; whether it goes on, or others did better.
    fn report(&self, number: usize, scores: &[f64]) -> SearchResult<GoOn> {
        let mut state = self.lock();
        for (epoch, &value) in (1..).zip(scores) {
            if let Some(event) = state.search.report(number, epoch, value)? {
                state.journal.append(&event)?;
                let num_ended = state.num_ended;
                let message = format!("trial {number} epoch {epoch}: {value:.3}");
                state.progress.set(num_ended, &message);
            }
        }
        Ok(if state.search.is_pruned(number) { GoOn::No } else { GoOn::Yes })
    }

    /// Notes how a trial ended, and brings the table up to date.
    fn end(&self, trial: &Trial, outcome: Option<Outcome>) -> SearchResult<()> {
        let Runner { work, base, folder, .. } = *self.runner;
        let Some(outcome) = outcome else { return Ok(()) };
        let mut state = self.lock();
        let event = state.search.end(trial.number, outcome)?;
        state.journal.append(&event)?;
        state.num_ended += 1;
        work.forget(&folder.trial(trial.number))?;
        Results::of(work, base, state.search.trials())?.write(folder)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of another thread is caught before it can hold the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(&mut self) -> SearchResult<Next> {
        let next = self.search.next_trial()?;
        if let Next::Run { event: Some(event), .. } = &next {
            self.journal.append(event)?;
        }
        Ok(next)
    }
}
