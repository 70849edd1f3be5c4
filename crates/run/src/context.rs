//! What everything that computes is handed.

use crate::error::RunResult;
use crate::session::Session;
use burn::tensor::Device;
use dermx_work::{ProgressBar, Watch};

/// What computes, and who watches.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// What computes.
    pub session: &'a Session,
    /// Who is told of progress, and who may stop the work.
    pub watch: Watch<'a>,
}

impl<'a> Context<'a> {
    /// `session`, of whose progress nobody is told, and whose work nobody stops.
    pub const fn silent(session: &'a Session) -> Self {
        Self { session, watch: Watch::SILENT }
    }

    /// The device that computes.
    pub fn device(&self) -> &'a Device {
        self.session.device()
    }

    /// Work called `name` begins, of `total` units.
    pub fn start(&self, name: &str, total: usize, unit: &str) -> Box<dyn ProgressBar> {
        self.watch.progress.start(name, total, unit)
    }

    /// # Errors
    /// Somebody asked to stop.
    pub fn check(&self, how_to_go_on: &str) -> RunResult<()> {
        Ok(self.watch.check(how_to_go_on)?)
    }
}
