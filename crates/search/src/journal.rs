//! The journal: one line of JSON for each thing that happened, only ever appended to.

use crate::error::SearchError;
use crate::space::Params;
use dermx_data::json;
use dermx_work::Outcome;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Something that happened in a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The search began; the first line.
    Began {
        /// Number of trials that may run at once: a trial knows of those that came so many before it.
        window: usize,
    },
    /// A trial got its parameters.
    Asked {
        /// Its number, from 0.
        trial: usize,
        /// What it tries.
        params: Params,
    },
    /// A trial finished an epoch.
    Epoch {
        /// Its number.
        trial: usize,
        /// The epoch, from 1.
        epoch: u32,
        /// Its score.
        value: f64,
    },
    /// A trial ended.
    Ended {
        /// Its number.
        trial: usize,
        /// How.
        outcome: Outcome,
    },
}

/// `event` as a line of a journal.
///
/// # Errors
/// A score that is not finite, which JSON cannot hold.
pub fn to_line(event: &Event) -> Result<String, SearchError> {
    if let &Event::Epoch { trial, epoch, value } = event
        && !value.is_finite()
    {
        return Err(SearchError::NotFinite { trial, epoch, value });
    }
    let line = serde_json::to_string(event);
    line.map(|line| line + "\n").map_err(|error| SearchError::Internal(error.to_string()))
}

/// The events of a journal, and the number of bytes that they take.
///
/// What follows the last line break was being written when the program ended; the caller cuts it off
/// before it goes on.
///
/// # Errors
/// A line that is no event.
pub fn read_journal(bytes: &[u8]) -> Result<(Vec<Event>, usize), SearchError> {
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    let lines = bytes[..whole].split_inclusive(|&byte| byte == b'\n');
    let event = |(line_idx, line): (usize, &[u8])| {
        let line_no = line_idx + 1;
        json::parse_line(Path::new(""), line_no, line).map_err(|error| {
            let within = error.place.strip_prefix(&format!("line {line_no}, "));
            let message = format!("is no event: {}: {}", within.unwrap_or_default(), error.message);
            SearchError::Journal { line: line_no, message }
        })
    };
    let events: Result<Vec<Event>, SearchError> = lines.enumerate().map(event).collect();
    Ok((events?, whole))
}

#[cfg(test)]
mod tests {
    use super::{Event, read_journal};
    use dermx_work::Failure;

    #[test]
    fn a_line_that_is_no_event_is_bad_data_with_its_place() {
        let began = "{\"event\":\"began\",\"window\":2}\n";
        let (events, num_bytes) = read_journal(format!("{began}{{\"event\"").as_bytes()).unwrap();
        assert_eq!((events, num_bytes), (vec![Event::Began { window: 2 }], began.len()));
        for (line, expected) in [
            (
                &b"{\"event\": \"\xe9\"}\n"[..],
                "line 2: is no event: byte 11: found bytes that are not",
            ),
            (b"{\"event\": \"ended\"}\n", "line 2: is no event: "),
            (b"\n", "the file ends inside of a value"),
        ] {
            let error = read_journal(&[began.as_bytes(), line].concat()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(error.failure(), Failure::BadData);
        }
    }
}
