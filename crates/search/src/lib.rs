//! The search for hyper-parameters: which parameters the next trial gets, which trials end early, the
//! journal from which a search goes on, and the folder in which it stands.
//!
//! What comes next is a function of the journal: no clock, no networks. How a trial is done is the business
//! of a [`dermx_work::Work`]: a [`Runner`] has it run trials on threads, appends each [`Event`] to the
//! journal, and writes the table. Who runs trials elsewhere builds the [`Search`] from what they report.

mod base;
mod error;
mod folder;
mod journal;
mod pruner;
mod results;
mod runner;
mod sampler;
mod search;
mod space;
mod table;
mod trial;

pub use base::{Base, assignments};
pub use dermx_work::Outcome;
pub use error::{SearchError, SearchResult};
pub use folder::{Journal, SearchFolder};
pub use journal::{Event, read_journal, to_line};
pub use pruner::Pruner;
pub use results::Results;
pub use runner::Runner;
pub use sampler::SamplerName;
pub use search::{Next, Search, Settings};
pub use space::{Domain, Params, Space};
pub use table::{Row, ranking};
pub use trial::Trial;
