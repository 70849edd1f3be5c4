//! Running a search: its folder, its trials, its table.

mod folder;
mod results;
mod trial;
mod workers;

pub use folder::SearchFolder;
pub use results::results;
pub use workers::run;
