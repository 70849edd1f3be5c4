//! The search for hyper-parameters: which parameters the next trial gets, which trials end early, and
//! the journal from which a search goes on.
//!
//! Everything is a function of the journal: no files, no clock, no networks. The caller runs the
//! trials, appends each [`Event`] to a file, and builds the [`Search`] from it again.

mod error;
mod journal;
mod pruner;
mod sampler;
mod search;
mod space;
mod table;

pub use error::SearchError;
pub use journal::{Event, read_journal, to_line};
pub use pruner::Pruner;
pub use sampler::SamplerName;
pub use search::{Next, Outcome, Search, Settings, Trial};
pub use space::{Choices, Params, Space};
pub use table::{Row, ranking};
