//! A unit of work: what it is made of, and how one is done.

use crate::error::WorkError;
use crate::panic_log::panic_message;
use crate::resources::Resources;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::any::Any;
use std::path::Path;

/// A way to do units of work: what searches and sweeps are made over, and know of it.
///
/// A unit has a configuration, that is text which keys with values (`section.key=value`) change, and a
/// folder of its own, in which it leaves what it achieved and goes on from there.
pub trait Work: Sync {
    /// What a unit that is done leaves to its caller, beside what is in its folder.
    type Output;

    /// The configuration `source` with `overrides`, `section.key=value`, in their order.
    ///
    /// # Errors
    /// There is none, or it is wrong.
    fn resolve(&self, source: Source<'_>, overrides: &[String]) -> Result<Resolved, WorkError>;

    /// Does a unit to its end, from its checkpoint if it has one. Of a [`Kind::Trial`] `on_epoch` gets the
    /// scores of all finished epochs after each, higher is better, and says whether it goes on.
    ///
    /// # Errors
    /// Whatever keeps it from being done. [`crate::Failure::Internal`] is a fault of this unit: others may
    /// do better; [`crate::Failure::Locked`] says that another process is at work in the folder.
    fn run(
        &self,
        task: &Task<'_>,
        on_epoch: &mut OnEpoch<'_>,
    ) -> Result<Ended<Self::Output>, WorkError>;

    /// The override that gives `key` a value; unless an implementation knows better, as JSON.
    ///
    /// # Errors
    /// A value that no configuration can hold.
    fn assignment(&self, key: &str, value: &Value) -> Result<String, WorkError> {
        Ok(format!("{key}={value}"))
    }

    /// Makes what all units of a configuration need before any of them begins.
    ///
    /// # Errors
    /// It cannot be made.
    fn prepare(&self, config: &Resolved) -> Result<(), WorkError> {
        let _ = config;
        Ok(())
    }

    /// Removes from the folder of a unit that has ended what only going on with it needs.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    fn forget(&self, folder: &Path) -> Result<(), WorkError> {
        let _ = folder;
        Ok(())
    }

    /// Why [`Self::run`] panicked with `panic`.
    fn reason(&self, panic: &(dyn Any + Send)) -> String {
        panic_message(panic)
    }
}

/// Where a configuration is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'a> {
    /// A path, or another name that the work knows.
    Named(&'a str),
    /// Text.
    Text {
        /// What it is called in complaints.
        origin: &'a str,
        /// The text.
        text: &'a str,
    },
}

/// A configuration in full.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Its name, which is good for one of a file.
    pub name: String,
    /// The text of which it is resolved again without overrides. A line that begins with `#` is a comment.
    pub text: String,
    /// All keys and values that tell it from others.
    pub content: String,
    /// The same without the seed.
    pub content_of_group: String,
    /// The seeds that it asks for.
    pub seeds: Vec<u64>,
    /// What each of its units asks of a machine; enters neither of the contents.
    pub resources: Resources,
}

/// What is done in a unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A run: it is trained, tested and explained.
    #[default]
    Run,
    /// A trial of a search: it is trained, and scored on the validation photos.
    Trial,
}

impl Kind {
    /// Whether it is a run.
    pub fn is_run(&self) -> bool {
        *self == Self::Run
    }
}

/// A unit that is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// What is done.
    pub kind: Kind,
    /// Its configuration; a trial has one seed, the first.
    pub config: &'a Resolved,
    /// Its folder, which may have a part of the work in it.
    pub folder: &'a Path,
}

/// Gets the scores of all finished epochs, and says whether the unit goes on.
pub type OnEpoch<'a> = dyn FnMut(&[f64]) -> GoOn + Send + 'a;

/// Whether a unit goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoOn {
    /// It does.
    Yes,
    /// It ends here.
    No,
}

/// The epoch whose state is the result of a trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kept {
    /// The epoch, from 1.
    pub epoch: u32,
    /// Its score.
    pub value: f64,
}

/// How a unit ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended<T> {
    /// It ran as long as its configuration says.
    Finished {
        /// The epoch that counts, if it is a trial.
        kept: Option<Kept>,
        /// What it leaves to its caller.
        output: T,
    },
    /// `on_epoch` ended it.
    Cut {
        /// The epoch that would have counted.
        kept: Option<Kept>,
    },
    /// Somebody asked to stop; it can be gone on with.
    Stopped,
}
