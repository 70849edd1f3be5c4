//! JSON as every file and every command has it.

use crate::error::{ScoreError, ScoreResult};

/// Pretty JSON with a final newline.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn to_json(value: &impl serde::Serialize) -> ScoreResult<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| ScoreError::internal(error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}
