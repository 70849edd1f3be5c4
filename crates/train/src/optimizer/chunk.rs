//! How a parameter is divided among threads.

/// Number of values that one thread moves at a time.
pub(super) const CHUNK: usize = 1 << 14;
