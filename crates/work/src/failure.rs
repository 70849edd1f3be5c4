//! Kinds of failure.

use serde::{Deserialize, Serialize};

/// What sort of failure an error is, whichever crate it is from. A caller decides by it whether to try
/// again, to go on without, or which exit code to end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The arguments do not make sense together.
    Usage,
    /// Data are not what they have to be.
    BadData,
    /// A file or folder that is needed is not there.
    MissingInput,
    /// A fault of the program, or numbers that are not finite.
    Internal,
    /// Another process uses the folder, or it holds something else.
    Locked,
    /// The operating system refused to read or write.
    Io,
    /// Stopped on request; the work can be gone on with.
    Stopped,
    /// The configuration is wrong.
    BadConfig,
}
