//! Errors of JSON in the words of who wrote the file.

use dermx_data::DataError;

/// What types of Rust are in plain words.
const WORDS: [(&str, &str); 7] = [
    ("expected f64", "expected a number"),
    ("expected u64", "expected a whole number"),
    ("expected u32", "expected a whole number"),
    ("expected u8", "expected a whole number from 0 to 255"),
    ("expected a sequence", "expected a list"),
    ("expected an array of length 2", "expected two numbers"),
    ("expected a boolean", "expected true or false"),
];

/// The error without names of types.
pub(crate) fn plain_words(mut error: DataError) -> DataError {
    for (raw, plain) in WORDS {
        error.message = error.message.replace(raw, plain);
    }
    error
}
