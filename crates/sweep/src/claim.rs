//! Who works on a unit, agreed upon through files in a folder that all workers see.
//!
//! For each unit there are files `UNIT.1`, `UNIT.2`, ... in `claims/`, one for each time that somebody
//! began to work on it, and in the end one file in `accepted/`. Two things are asked of the folder:
//! a file is made for one caller only ([`SharedFolder::create_new`]), and is replaced as a whole.
//!
//! Why no result is lost or counted twice:
//! - Whoever makes `UNIT.g` holds the unit; only one can. The next number is made only when the
//!   holder of `g` said that it ended, or gave no sign of life for as long as a lease. So numbers
//!   grow, and the file with the largest is the claim that counts.
//! - A holder that was only slow sees the larger number at its next sign of life, and gives up.
//! - Should two hold a unit for a moment, both do the same work with the same result, one after the
//!   other: the run folder has a lock of its own. What counts is who makes the file in `accepted/`,
//!   and only one can.
//! - A claim without result is taken over in the end, so no unit is forgotten.
//!
//! Clocks are not compared between machines: a sign of life is a number that grows, and who waits
//! for one measures the time on its own clock.

use dermx_work::Failure;
use serde::{Deserialize, Serialize};
use std::io;

/// The folder that workers share.
pub trait SharedFolder {
    /// Makes the file `name` with this content; `false` if it is there already. Of several callers one
    /// gets `true`, and nobody sees a part of the content.
    ///
    /// # Errors
    /// What the operating system says.
    fn create_new(&self, name: &str, bytes: &[u8]) -> io::Result<bool>;

    /// Replaces the file `name`, or makes it; a reader sees the old content or the new.
    ///
    /// # Errors
    /// What the operating system says.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// The content of `name`; `None` without such a file.
    ///
    /// # Errors
    /// What the operating system says.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
}

/// One worker's claim on a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Who: process, machine, job.
    pub owner: String,
    /// What became of it.
    pub state: State,
    /// Grows with every sign of life.
    pub beat: u64,
    /// When that was in seconds since 1970 on the owner's clock; for people.
    pub unix_s: u64,
    /// When the claim was made, likewise.
    pub since_unix_s: u64,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The owner is at work, if it lives.
    Working,
    /// It stopped before the end, and left what the next one goes on from.
    Stopped,
    /// It cannot be done as it is.
    Failed {
        /// What sort of failure it was.
        failure: Failure,
        /// The error.
        message: String,
    },
    /// The result was handed in.
    Done,
}

/// Where a unit stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It has its result.
    Accepted,
    /// Nobody works on it; who wants to, makes the claim of this generation.
    Free {
        /// The number of the next claim.
        generation: u32,
    },
    /// Somebody works on it, or died at it.
    Held(Sighting),
}

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The number of the claim.
    pub generation: u32,
    /// Its beat.
    pub beat: u64,
}

/// A claim of one's own.
#[derive(Debug, Clone)]
pub struct Hold {
    unit: String,
    generation: u32,
    claim: Claim,
}

fn claim_file(unit: &str, generation: u32) -> String {
    format!("claims/{unit}.{generation}")
}

fn accepted_file(unit: &str) -> String {
    format!("accepted/{unit}")
}

/// The newest claim on `unit` and its number.
///
/// # Errors
/// What the folder says.
pub fn latest(folder: &impl SharedFolder, unit: &str) -> io::Result<Option<(u32, Claim)>> {
    let mut newest = None;
    for generation in 1.. {
        let Some(bytes) = folder.read(&claim_file(unit, generation))? else { break };
        newest = Some((generation, bytes));
    }
    Ok(newest.map(|(generation, bytes)| {
        // One that nobody can read gives no sign of life, and is taken over.
        let claim = serde_json::from_slice(&bytes).unwrap_or_else(|error| Claim {
            owner: format!("unreadable ({error})"),
            state: State::Working,
            beat: 0,
            unix_s: 0,
            since_unix_s: 0,
        });
        (generation, claim)
    }))
}

/// What was handed in as the result of `unit`.
///
/// # Errors
/// What the folder says.
pub fn accepted(folder: &impl SharedFolder, unit: &str) -> io::Result<Option<Vec<u8>>> {
    folder.read(&accepted_file(unit))
}

/// Where `unit` stands.
///
/// # Errors
/// What the folder says.
pub fn standing(folder: &impl SharedFolder, unit: &str) -> io::Result<Standing> {
    if accepted(folder, unit)?.is_some() {
        return Ok(Standing::Accepted);
    }
    Ok(match latest(folder, unit)? {
        None => Standing::Free { generation: 1 },
        Some((generation, Claim { state: State::Working, beat, .. })) => {
            Standing::Held(Sighting { generation, beat })
        }
        Some((generation, _)) => Standing::Free { generation: generation + 1 },
    })
}

/// Claims `unit` as number `generation`, which is that of [`Standing::Free`], or one more than that of
/// a claim without a sign of life. `None` if another was quicker.
///
/// # Errors
/// What the folder says.
pub fn claim(
    folder: &impl SharedFolder,
    unit: &str,
    generation: u32,
    owner: &str,
    unix_s: u64,
) -> io::Result<Option<Hold>> {
    let claim = Claim {
        owner: owner.to_string(),
        state: State::Working,
        beat: 0,
        unix_s,
        since_unix_s: unix_s,
    };
    let hold = Hold { unit: unit.to_string(), generation, claim };
    let is_mine = folder.create_new(&hold.file(), &hold.bytes()?)?;
    Ok(is_mine.then_some(hold))
}

impl Hold {
    /// The number of the claim.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The seconds since the claim was made.
    pub fn seconds(&self, unix_s: u64) -> u64 {
        unix_s.saturating_sub(self.claim.since_unix_s)
    }

    /// Gives a sign of life; `false` when another has taken over, and the work is to be left to it.
    ///
    /// # Errors
    /// What the folder says.
    pub fn beat(&mut self, folder: &impl SharedFolder, unix_s: u64) -> io::Result<bool> {
        if !self.is_newest(folder)? {
            return Ok(false);
        }
        self.claim.beat += 1;
        self.claim.unix_s = unix_s;
        folder.replace(&self.file(), &self.bytes()?)?;
        Ok(true)
    }

    /// Hands in the result; `false` if there is one already. The claim ends.
    ///
    /// # Errors
    /// What the folder says.
    pub fn accept(
        &mut self,
        folder: &impl SharedFolder,
        result: &[u8],
        unix_s: u64,
    ) -> io::Result<bool> {
        let is_first = folder.create_new(&accepted_file(&self.unit), result)?;
        self.end(folder, State::Done, unix_s)?;
        Ok(is_first)
    }

    /// Says what became of the claim, so that the next one need not wait.
    ///
    /// # Errors
    /// What the folder says.
    pub fn end(&mut self, folder: &impl SharedFolder, state: State, unix_s: u64) -> io::Result<()> {
        self.claim.state = state;
        self.claim.unix_s = unix_s;
        folder.replace(&self.file(), &self.bytes()?)
    }

    fn is_newest(&self, folder: &impl SharedFolder) -> io::Result<bool> {
        Ok(folder.read(&claim_file(&self.unit, self.generation + 1))?.is_none())
    }

    fn file(&self) -> String {
        claim_file(&self.unit, self.generation)
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(&self.claim)?)
    }
}
