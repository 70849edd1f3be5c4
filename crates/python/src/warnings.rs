//! What the library warns of, as Python's warnings.

use crate::DermxWarning;
use pyo3::prelude::*;
use std::ffi::CString;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Keeps the messages of warnings.
#[derive(Default, Clone)]
struct Kept(Arc<Mutex<Vec<String>>>);

/// What `work` comes to, and what it warned of.
pub fn gathered<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    let kept = Kept::default();
    let done = tracing::subscriber::with_default(kept.clone(), work);
    // A poisoned lock would only cost a warning.
    let messages = kept.0.lock().map(|mut messages| std::mem::take(&mut *messages));
    (done, messages.unwrap_or_default())
}

/// Warns of each, at the line that called the package.
///
/// # Errors
/// Somebody made errors of warnings.
pub fn warn(py: Python<'_>, messages: &[String]) -> PyResult<()> {
    // The function of the package that called this stands between.
    const CALLER: i32 = 2;
    let category = py.get_type::<DermxWarning>();
    for message in messages {
        let message = CString::new(message.replace('\0', " "))?;
        PyErr::warn(py, &category, &message, CALLER)?;
    }
    Ok(())
}

impl Subscriber for Kept {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Message(self));
    }

    // Nothing here is about spans.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Message<'a>(&'a Kept);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if let ("message", Ok(mut messages)) = (field.name(), self.0.0.lock()) {
            messages.push(format!("{value:?}"));
        }
    }
}
