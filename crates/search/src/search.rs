//! Where a search stands, as its journal tells it.

use crate::error::SearchError;
use crate::journal::Event;
use crate::pruner::Pruner;
use crate::sampler::SamplerName;
use crate::space::Space;
use crate::trial::Trial;
use dermx_work::Outcome;
use std::collections::BTreeSet;

/// How to search.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What is searched.
    pub space: Space,
    /// How parameters are chosen.
    pub sampler: SamplerName,
    /// Seed of what is drawn.
    pub seed: u64,
    /// Which trials end early; none without it.
    pub pruner: Option<Pruner>,
    /// Number of trials; every point of the space without it.
    pub max_trials: Option<usize>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Run this trial, from its checkpoint if it has one; `event`, if any, goes into the journal first.
    Run {
        /// The trial.
        trial: Trial,
        /// What happened.
        event: Option<Event>,
    },
    /// Others have to end first.
    Wait,
    /// All trials are under way or done.
    Done,
}

/// A search: its trials, and which of them this process is at work on.
///
/// With a window of `w`, the parameters and the end of trial `k` depend on the trials up to `k - w`
/// alone, and it begins when those have ended. So up to `w` trials can run at once, and the table in
/// the end is the same however long each takes.
#[derive(Debug)]
pub struct Search {
    settings: Settings,
    window: usize,
    trials: Vec<Trial>,
    running: BTreeSet<usize>,
}

impl Search {
    /// The search that `events` tell of, of which the first is [`Event::Began`].
    ///
    /// # Errors
    /// A number of trials that is not known, or events that contradict each other.
    pub fn new(settings: Settings, events: &[Event]) -> Result<Self, SearchError> {
        let is_endless =
            settings.sampler == SamplerName::Tpe || settings.space.num_points().is_none();
        if is_endless && settings.max_trials.is_none() {
            let message = "is missing; ranges and the sampler `tpe` never come to an end";
            return Err(SearchError::setting("search.max_trials", message));
        }
        if settings.sampler == SamplerName::Grid && settings.space.num_points().is_none() {
            let message = "has ranges; the sampler `grid` needs lists";
            return Err(SearchError::setting("search.space", message));
        }
        let [Event::Began { window }, events @ ..] = events else {
            let message = "does not tell that the search began".to_string();
            return Err(SearchError::Journal { line: 1, message });
        };
        let window = (*window).max(1);
        let mut search = Self { settings, window, trials: Vec::new(), running: BTreeSet::new() };
        for (event_idx, event) in events.iter().enumerate() {
            let line = event_idx + 2;
            search.apply(event).map_err(|message| SearchError::Journal { line, message })?;
        }
        Ok(search)
    }

    /// Number of trials that may run at once.
    pub const fn window(&self) -> usize {
        self.window
    }

    /// All trials so far.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Number of trials in all.
    pub fn num_trials(&self) -> usize {
        let num_points = match self.settings.sampler {
            SamplerName::Tpe => None,
            SamplerName::Grid | SamplerName::Random => self.settings.space.num_points(),
        };
        let limits = [num_points, self.settings.max_trials];
        limits.into_iter().flatten().min().unwrap_or(0)
    }

    /// What to do next: a trial that was begun before, else a new one.
    ///
    /// # Errors
    /// A range that the sampler cannot draw from.
    pub fn next_trial(&mut self) -> Result<Next, SearchError> {
        let num_trials = self.num_trials();
        let is_open = |trial: &&Trial| {
            trial.number < num_trials
                && trial.outcome.is_none()
                && !self.running.contains(&trial.number)
        };
        if let Some(trial) = self.trials.iter().find(is_open).cloned() {
            self.running.insert(trial.number);
            return Ok(Next::Run { trial, event: None });
        }
        let number = self.trials.len();
        if number >= num_trials {
            return Ok(Next::Done);
        }
        let history = self.known_to(number);
        if history.iter().any(|trial| trial.outcome.is_none()) {
            return Ok(Next::Wait);
        }
        let Settings { space, sampler, seed, .. } = &self.settings;
        let Some(params) = sampler.suggest(space, *seed, number, &history)? else {
            return Ok(Next::Done);
        };
        let event = Event::Asked { trial: number, params };
        self.apply(&event).map_err(SearchError::Contradiction)?;
        self.running.insert(number);
        Ok(Next::Run { trial: self.trials[number].clone(), event: Some(event) })
    }

    /// Trial `number` scored `value` after `epoch`; the event is `None` if that is in the journal.
    ///
    /// # Errors
    /// A trial that was not begun, or an epoch that does not follow.
    pub fn report(
        &mut self,
        number: usize,
        epoch: u32,
        value: f64,
    ) -> Result<Option<Event>, SearchError> {
        let known = self.trials.get(number).map_or(0, |trial| trial.epochs.len());
        if epoch as usize <= known {
            return Ok(None);
        }
        let event = Event::Epoch { trial: number, epoch, value };
        self.apply(&event).map_err(SearchError::Contradiction)?;
        Ok(Some(event))
    }

    /// Whether trial `number` ends after its last epoch because others did better.
    pub fn is_pruned(&self, number: usize) -> bool {
        let trial = self.trials.get(number);
        self.settings
            .pruner
            .zip(trial)
            .is_some_and(|(pruner, trial)| pruner.prunes(trial, &self.known_to(number)))
    }

    /// Trial `number` ended.
    ///
    /// # Errors
    /// A trial that was not begun or has ended.
    pub fn end(&mut self, number: usize, outcome: Outcome) -> Result<Event, SearchError> {
        let event = Event::Ended { trial: number, outcome };
        self.apply(&event).map_err(SearchError::Contradiction)?;
        self.running.remove(&number);
        Ok(event)
    }

    /// The trials that trial `number` may know of.
    fn known_to(&self, number: usize) -> Vec<&Trial> {
        let num_known = (number + 1).saturating_sub(self.window);
        self.trials.iter().take(num_known).collect()
    }

    fn apply(&mut self, event: &Event) -> Result<(), String> {
        let next = self.trials.len();
        match event {
            Event::Began { .. } => Err("the search began twice".to_string()),
            Event::Asked { trial, params } if *trial == next => {
                self.trials.push(Trial {
                    number: next,
                    params: params.clone(),
                    epochs: Vec::new(),
                    outcome: None,
                });
                Ok(())
            }
            Event::Asked { trial, .. } => Err(format!("found trial {trial}, expected {next}")),
            Event::Epoch { trial, epoch, value } => {
                let open = self.open(*trial)?;
                let expected = open.epochs.len() + 1;
                if *epoch as usize != expected {
                    return Err(format!("trial {trial}: found epoch {epoch}, expected {expected}"));
                }
                open.epochs.push(*value);
                Ok(())
            }
            Event::Ended { trial, outcome } => {
                self.open(*trial)?.outcome = Some(outcome.clone());
                Ok(())
            }
        }
    }

    fn open(&mut self, number: usize) -> Result<&mut Trial, String> {
        match self.trials.get_mut(number) {
            None => Err(format!("trial {number} did not begin")),
            Some(trial) if trial.outcome.is_some() => Err(format!("trial {number} has ended")),
            Some(trial) => Ok(trial),
        }
    }
}
