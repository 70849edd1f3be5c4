//! What was handed in for a unit.

use crate::claim::accepted;
use crate::error::{SweepError, SweepResult};
use crate::plan::Sweep;
use crate::unit::Unit;
use dermx_data::json;
use dermx_work::EndedTrial;
use serde::{Deserialize, Serialize};
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a file in `accepted/` holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Accepted {
    /// Who did it.
    pub owner: String,
    /// The number of the claim.
    pub generation: u32,
    /// Seconds that the last claim took.
    pub seconds: u64,
    /// How it went, if it is a trial: one that failed, too, has this as its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<EndedTrial>,
}

impl Accepted {
    /// What was accepted of `unit`, if something was.
    ///
    /// # Errors
    /// A folder that cannot be read, a damaged file.
    pub fn read(sweep: &Sweep, unit: &Unit) -> SweepResult<Option<Self>> {
        let bytes = accepted(&sweep.shared(), &unit.name).map_err(in_folder(sweep))?;
        let path = sweep.path().join("accepted").join(&unit.name);
        Ok(bytes.map(|bytes| json::parse(&path, &bytes)).transpose()?)
    }
}

/// Seconds since 1970.
pub fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |duration| duration.as_secs())
}

/// The error of the shared folder of `sweep`.
pub fn in_folder(sweep: &Sweep) -> impl Fn(io::Error) -> SweepError {
    let path = sweep.path().to_path_buf();
    move |error| SweepError::io(&path, &error)
}
