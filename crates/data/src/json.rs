//! JSON whose errors say where they are, in the words of who wrote the file.

use crate::text::{MAX_EXCERPT, shortened};
use crate::{DataError, file};
use serde::de::{DeserializeOwned, DeserializeSeed};
use std::fs::File;
use std::io::{BufReader, Read};
use std::marker::PhantomData;
use std::path::Path;

/// Bytes that are read at once.
const BUFFER: usize = 1 << 16;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// What the parser says of types of Rust and of JSON, in plain words; in this order.
const WORDS: [(&str, &str); 31] = [
    ("invalid type: ", "found "),
    ("invalid value: ", "found "),
    ("invalid length ", "found the length "),
    ("unknown variant ", "found "),
    ("found sequence", "found a list"),
    ("found map", "found an object"),
    ("found string ", "found the text "),
    ("found integer ", "found the number "),
    ("found floating point ", "found the number "),
    ("found boolean ", "found "),
    ("found unit", "found nothing"),
    (", expected ", "; expected "),
    ("expected f64", "expected a number"),
    ("expected f32", "expected a number"),
    ("expected u64", "expected a whole number from 0"),
    ("expected u32", "expected a whole number from 0 to 4294967295"),
    ("expected u16", "expected a whole number from 0 to 65535"),
    ("expected u8", "expected a whole number from 0 to 255"),
    ("expected usize", "expected a whole number from 0"),
    ("expected i64", "expected a whole number"),
    ("expected a sequence", "expected a list"),
    ("expected an array of length ", "expected a list of the length "),
    ("expected a map", "expected an object"),
    ("expected a string", "expected a text"),
    ("expected path string", "expected a text"),
    ("expected a boolean", "expected true or false"),
    ("expected struct ", "expected an object, "),
    ("EOF while parsing", "the file ends inside of"),
    ("trailing characters", "found more after the end"),
    ("recursion limit exceeded", "found too many lists and objects in each other"),
    ("expected value", "expected a value"),
];

/// The value in the file `path`.
///
/// # Errors
/// A file that cannot be read; as [`parse`].
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, DataError> {
    parse(path, &file::read(path)?)
}

/// The value in `bytes`, the content of the file `path`.
///
/// # Errors
/// With the place as a JSON path or, outside of every key, as line and column; as a byte where the
/// text is not UTF-8.
pub fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, DataError> {
    let text = text(path, "", bytes)?;
    serde_json::from_str(text).map_err(|error| locate::<T>(path, text, error))
}

/// A value in each line of `bytes`, the content of the file `path`.
///
/// # Errors
/// As [`parse`], with the line before the place.
pub fn parse_lines<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<Vec<T>, DataError> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let lines = bytes.split(|&byte| byte == b'\n').enumerate();
    lines.map(|(line_idx, line)| parse_line(path, line_idx + 1, line)).collect()
}

/// The value in line `line` (from 1) of the file `path`.
///
/// # Errors
/// As [`parse_lines`].
pub fn parse_line<T: DeserializeOwned>(
    path: &Path,
    line: usize,
    bytes: &[u8],
) -> Result<T, DataError> {
    let place = format!("line {line}");
    let text = text(path, &place, bytes)?;
    serde_json::from_str(text).map_err(|error| {
        let located = locate::<T>(path, text, error);
        // The text is one line, which is not the first of the file.
        let within = located.place.strip_prefix("line 1 ").unwrap_or(&located.place);
        let message = located.message.replace(" at line 1 column ", " at column ");
        DataError::invalid(path, format!("{place}, {within}"), message)
    })
}

/// The value in the file `path`, which is not held in memory as text.
///
/// # Errors
/// As [`read`]; bytes that are not UTF-8 have the place of what they are in.
pub fn read_stream<T: DeserializeOwned>(path: &Path) -> Result<T, DataError> {
    read_seed(path, PhantomData::<T>)
}

/// The same of a value whose reading takes choices.
///
/// # Errors
/// As [`read_stream`].
pub fn read_seed<T, S>(path: &Path, seed: S) -> Result<T, DataError>
where
    S: for<'de> DeserializeSeed<'de, Value = T> + Clone,
{
    let open = || -> Result<_, DataError> {
        let file = File::open(path).map_err(|error| DataError::io(path, &error))?;
        Ok(BufReader::with_capacity(BUFFER, file))
    };
    let mut json = serde_json::Deserializer::from_reader(open()?);
    let value = seed.clone().deserialize(&mut json);
    let error = match value.and_then(|value| json.end().map(|()| value)) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let mut start = [0; MARK.len()];
    if open()?.read_exact(&mut start).is_ok() && start == MARK {
        return Err(marked(path));
    }
    // The file is read again (slower, so only now).
    let mut json = serde_json::Deserializer::from_reader(open()?);
    let (place, error) = path_of(&mut json, seed, error);
    match error.io_error_kind() {
        Some(kind) => Err(DataError::io(path, &kind.into())),
        None => Err(in_place(path, &place, &error, "")),
    }
}

fn marked(path: &Path) -> DataError {
    let message = "found a byte order mark; expected JSON in UTF-8 without one";
    DataError::invalid(path, "byte 0", message)
}

/// The text in UTF-8 at `place` of the file.
fn text<'a>(path: &Path, place: &str, bytes: &'a [u8]) -> Result<&'a str, DataError> {
    if bytes.starts_with(MARK) {
        return Err(marked(path));
    }
    str::from_utf8(bytes).map_err(|error| {
        let separator = if place.is_empty() { "" } else { ", " };
        let place = format!("{place}{separator}byte {}", error.valid_up_to());
        DataError::invalid(path, place, "found bytes that are not UTF-8; expected JSON in UTF-8")
    })
}

/// The error with its JSON path, for which the text is parsed again (slower, so only now); outside
/// of every key, with line and column.
fn locate<T: DeserializeOwned>(path: &Path, text: &str, error: serde_json::Error) -> DataError {
    let mut json = serde_json::Deserializer::from_str(text);
    let (place, error) = path_of(&mut json, PhantomData::<T>, error);
    let mut found = String::new();
    if error.is_syntax() {
        found = format!("; found `{}`", text_at(text, error.line(), error.column()));
    }
    in_place(path, &place, &error, &found)
}

/// The JSON path of an error, and what is wrong there.
fn path_of<'de, R: serde_json::de::Read<'de>, S: DeserializeSeed<'de>>(
    json: &mut serde_json::Deserializer<R>,
    seed: S,
    error: serde_json::Error,
) -> (String, serde_json::Error) {
    let mut track = serde_path_to_error::Track::new();
    match seed.deserialize(serde_path_to_error::Deserializer::new(json, &mut track)) {
        Err(error) => (track.path().to_string(), error),
        Ok(_) => (String::new(), error), // a complete value, and something after it
    }
}

/// What is wrong, at a JSON path or, where there is none, at line and column.
fn in_place(path: &Path, place: &str, error: &serde_json::Error, found: &str) -> DataError {
    let message = plain(&error.to_string()) + found;
    // `.` is the file itself, and `?` a key that was not read.
    let place = place.trim_end_matches(['?', '.']);
    if !place.is_empty() {
        return DataError::invalid(path, shortened(place, MAX_EXCERPT), message);
    }
    let (line, column) = (error.line(), error.column());
    let message = message.replacen(&format!(" at line {line} column {column}"), "", 1);
    DataError::invalid(path, format!("line {line} column {column}"), message)
}

/// What the parser says, without the names of its types, and shortened.
pub fn plain(message: &str) -> String {
    let mut message = shortened(message, 2 * MAX_EXCERPT);
    for (raw, plain) in WORDS {
        message = message.replace(raw, plain);
    }
    message
}

/// The first characters from a line and a byte of it, both from 1.
fn text_at(text: &str, line: usize, column: usize) -> String {
    let line = text.split('\n').nth(line.saturating_sub(1)).unwrap_or_default().as_bytes();
    let start = column.saturating_sub(1).min(line.len());
    // A character has four bytes at most.
    let end = (start + 64).min(line.len());
    String::from_utf8_lossy(&line[start..end]).chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn refused<T: DeserializeOwned + std::fmt::Debug>(bytes: impl AsRef<[u8]>) -> String {
        parse::<T>(Path::new("a.json"), bytes.as_ref()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_said_in_plain_words() {
        type Numbers = BTreeMap<String, Vec<f64>>;
        for (text, expected) in [
            (r#"{"a": {}}"#, "a.json: a: found an object; expected a list at line 1 column 6"),
            (r#"{"a": [true]}"#, "a.json: a[0]: found `true`; expected a number"),
            (r#"{"a": ["x"]}"#, "a.json: a[0]: found the text \"x\"; expected a number"),
            (r#"[]"#, "a.json: line 1 column 0: found a list; expected an object"),
            (r#"{"a": [1"#, "a.json: a: the file ends inside of a list"),
            (r#"{} {}"#, "a.json: line 1 column 4: found more after the end; found `{}`"),
        ] {
            let message = refused::<Numbers>(text);
            assert!(message.starts_with(expected), "{message}");
        }
        assert!(
            refused::<Vec<u32>>("[-5]").contains("number `-5`; expected a whole number from 0 to")
        );
    }

    #[test]
    fn a_value_of_100_kb_is_not_printed_whole() {
        let long = "x".repeat(100_000);
        for text in [
            format!("{{\"a\": \"{long}\"}}"),
            format!("{{\"{long}\": 1}}"),
            format!("{{\"a\": {long}}}"),
        ] {
            let message = refused::<BTreeMap<String, Vec<f64>>>(text);
            assert!(message.len() < 1000, "{} bytes", message.len());
        }
    }

    #[test]
    fn a_line_is_named_with_the_place_in_it() {
        let parse = |bytes: &[u8]| {
            parse_lines::<BTreeMap<String, u32>>(Path::new("a.jsonl"), bytes)
                .map_err(|error| error.to_string())
        };
        assert_eq!(parse(b"").unwrap().len(), 0);
        assert_eq!(parse(b"{}\n{\"a\": 1}\n").unwrap().len(), 2);
        for (bytes, expected) in [
            (&b"{}\n{\"a\": \"x\"}\n"[..], "a.jsonl: line 2, a: found the text \"x\""),
            (b"{}\n{\"a\": \"\xff\"}\n", "a.jsonl: line 2, byte 7: found bytes that are not UTF-8"),
            (b"{}\n\n{}\n", "a.jsonl: line 2, column 0: the file ends inside of a value"),
            (b"{}\n{\n", "a.jsonl: line 2, column 1: the file ends inside of an object"),
        ] {
            let message = parse(bytes).unwrap_err();
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_named_in_a_stream_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, "\u{feff}{}").unwrap();
        let message = read_stream::<BTreeMap<String, u32>>(&path).unwrap_err().to_string();
        assert!(message.contains("byte 0: found a byte order mark"), "{message}");
    }
}
