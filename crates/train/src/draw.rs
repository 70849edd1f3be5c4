//! One image of an epoch.

use dermx_data::{AugmentConfig, AugmentParams, Random};

/// An image of an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// The photo.
    pub idx: usize,
    /// The name that its random numbers are drawn with: its id, and its repeat in the epoch if that
    /// is not 0.
    pub name: String,
}

impl Draw {
    /// The photo `id` at index `idx` of its list; `repeat` counts how often the epoch has seen it
    /// before.
    pub fn new(id: &str, idx: usize, repeat: usize) -> Self {
        let name = if repeat == 0 { id.to_string() } else { format!("{id}\n{repeat}") };
        Self { idx, name }
    }

    /// How the photo, and what belongs to it, is augmented in `epoch`.
    pub(crate) fn augmentation(
        &self,
        config: &AugmentConfig,
        seed: u64,
        epoch: u32,
    ) -> AugmentParams {
        config.draw(&mut Random::new(seed, "augment", u64::from(epoch), &self.name))
    }
}
