//! Panics of libraries, as messages.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

/// Remembers the first panic of any thread. A device's own thread panics before those that wait for
/// it, and only its message tells what went wrong.
///
/// Whoever owns the process calls [`Self::record`] in its panic hook. Without a hook the log stays
/// empty, and what was caught speaks for itself.
#[derive(Debug, Clone, Default)]
pub struct PanicLog(Arc<Mutex<Option<String>>>);

impl PanicLog {
    /// Notes a panic, unless one is noted already.
    pub fn record(&self, panic: &(dyn Any + Send)) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| panic_message(panic));
    }

    /// The first panic since this was last called.
    pub fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Why the panic `caught` happened: the first that was noted, or what it says itself.
    pub fn reason(&self, caught: &(dyn Any + Send)) -> String {
        self.take().unwrap_or_else(|| panic_message(caught))
    }
}

/// What a panic says.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_string())
}

#[cfg(test)]
mod tests {
    use super::PanicLog;

    #[test]
    fn the_first_panic_that_was_noted_is_the_reason() {
        let log = PanicLog::default();
        assert_eq!(log.reason(&"caught"), "caught");
        log.record(&"device lost");
        log.record(&"channel closed".to_string());
        assert_eq!(log.clone().reason(&"caught"), "device lost");
        assert_eq!(log.reason(&1), "no message");
    }
}
