//! Progress and requests to stop.

/// Who is told how far work is.
pub trait Progress: Sync {
    /// Work called `name` begins, of `total` units called `unit` (for example "img").
    fn start(&self, name: &str, total: usize, unit: &str) -> Box<dyn ProgressBar>;
}

/// One piece of work under way.
pub trait ProgressBar: Send {
    /// So many units were finished before, for example by an interrupted run.
    fn skip(&mut self, units: usize);

    /// The work stands at `units`; `message` says more about it.
    fn set(&mut self, units: usize, message: &str);

    /// The work is done; `message` says how it went.
    fn finish(self: Box<Self>, message: &str);
}

/// Who may ask work to stop.
pub trait Cancel: Sync {
    /// Whether somebody asked. Work looks after every step, and saves what can be gone on with.
    fn is_requested(&self) -> bool;

    /// Work begins (`true`) or ends (`false`) that has to end by itself when somebody asks, since only
    /// then what it did is saved; on several threads several may go on at once. At all other times the
    /// process may be ended: what is on disk is whole.
    fn hold(&self, is_begun: bool) {
        let _ = is_begun;
    }
}

/// Who watches a piece of work.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Who is told how far it is.
    pub progress: &'a dyn Progress,
    /// Who may stop it.
    pub cancel: &'a dyn Cancel,
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watch<'static> {
    /// Nobody is told, and nobody stops the work.
    pub const SILENT: Self = Self { progress: &Nobody, cancel: &Nobody };
}

impl Watch<'_> {
    /// # Errors
    /// Somebody asked to stop; `how_to_go_on` tells what to do then.
    pub fn check(&self, how_to_go_on: &str) -> Result<(), Stopped> {
        match self.cancel.is_requested() {
            true => Err(Stopped(how_to_go_on.to_string())),
            false => Ok(()),
        }
    }

    /// Marks work that saves when somebody asks to stop ([`Cancel::hold`]), until the value is dropped.
    #[must_use = "the work is marked until this is dropped"]
    pub fn hold(&self) -> Held<'_> {
        self.cancel.hold(true);
        Held(self.cancel)
    }
}

/// Work goes on that saves when somebody asks to stop.
pub struct Held<'a>(&'a dyn Cancel);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.hold(false);
    }
}

impl std::fmt::Debug for Held<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

/// Work was stopped on request; holds how to go on with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stopped on request; {0}")]
pub struct Stopped(pub String);

struct Nobody;

impl Progress for Nobody {
    fn start(&self, _: &str, _: usize, _: &str) -> Box<dyn ProgressBar> {
        Box::new(Self)
    }
}

impl ProgressBar for Nobody {
    fn skip(&mut self, _: usize) {}

    fn set(&mut self, _: usize, _: &str) {}

    fn finish(self: Box<Self>, _: &str) {}
}

impl Cancel for Nobody {
    fn is_requested(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::{Cancel, Watch};
    use std::sync::atomic::{AtomicIsize, Ordering};

    struct Always;

    impl Cancel for Always {
        fn is_requested(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_request_is_an_error_that_says_how_to_go_on() {
        assert_eq!(Watch::SILENT.check("start again"), Ok(()));
        let watch = Watch { cancel: &Always, ..Watch::SILENT };
        let message = watch.check("start again").unwrap_err().to_string();
        assert_eq!(message, "stopped on request; start again");
    }

    struct Counted(AtomicIsize);

    impl Cancel for Counted {
        fn is_requested(&self) -> bool {
            false
        }

        fn hold(&self, is_begun: bool) {
            self.0.fetch_add(if is_begun { 1 } else { -1 }, Ordering::SeqCst);
        }
    }

    #[test]
    fn work_is_held_until_its_mark_is_dropped() {
        let cancel = Counted(AtomicIsize::new(0));
        let watch = Watch { cancel: &cancel, ..Watch::SILENT };
        let num_held = || cancel.0.load(Ordering::SeqCst);
        let one = watch.hold();
        let other = watch.hold();
        assert_eq!(num_held(), 2);
        drop(one);
        assert_eq!(num_held(), 1);
        drop(other);
        assert_eq!(num_held(), 0);
    }
}
