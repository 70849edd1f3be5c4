//! One image of an epoch.

/// An image of an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// The photo.
    pub idx: usize,
    /// What the image's random numbers are named by: its id, and which repeat in the epoch it is.
    pub name: String,
}

impl Draw {
    /// The photo `id`, which stands at `idx` of its list, for the first time (`repeat` 0) or a later one in an epoch.
    pub fn new(id: &str, idx: usize, repeat: usize) -> Self {
        let name = if repeat == 0 { id.to_string() } else { format!("{id}\n{repeat}") };
        Self { idx, name }
    }
}
