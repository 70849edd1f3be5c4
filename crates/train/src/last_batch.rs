//! How an epoch is cut into batches.

use serde::{Deserialize, Serialize};

/// What happens to the last images of an epoch if they do not fill a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastBatch {
    /// They are a smaller batch.
    Keep,
    /// They are left out of the epoch.
    Drop,
    /// They join the batch before them.
    Merge,
}

/// Numbers of images of an epoch's batches; `batch_size` is at least 1.
///
/// Without a `choice`, a single image joins the batch before it, and several are a smaller batch.
pub(crate) fn batch_sizes(
    num_images: usize,
    batch_size: usize,
    choice: Option<LastBatch>,
) -> Vec<usize> {
    let mut sizes = vec![batch_size; num_images / batch_size];
    let num_left = num_images % batch_size;
    if num_left == 0 {
        return sizes;
    }
    let choice = choice.unwrap_or(match num_left {
        1 => LastBatch::Merge,
        _ => LastBatch::Keep,
    });
    match (choice, sizes.last_mut()) {
        (LastBatch::Drop, _) => {}
        (LastBatch::Merge, Some(last)) => *last += num_left,
        (LastBatch::Keep | LastBatch::Merge, _) => sizes.push(num_left),
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::LastBatch::{Drop, Keep, Merge};
    use super::batch_sizes;

    #[test]
    fn images_that_are_left_are_kept_merged_or_dropped() {
        for (num_images, batch_size, [unsaid, keep, merge, drop]) in [
            (8, 4, [&[4, 4][..]; 4]),
            (10, 4, [&[4, 4, 2], &[4, 4, 2], &[4, 6], &[4, 4]]),
            (9, 4, [&[4, 5], &[4, 4, 1], &[4, 5], &[4, 4]]),
            (5, 4, [&[5], &[4, 1], &[5], &[4]]),
            // There is no batch before.
            (3, 4, [&[3], &[3], &[3], &[]]),
            (1, 4, [&[1], &[1], &[1], &[]]),
            // Batches of one are full.
            (3, 1, [&[1, 1, 1]; 4]),
            (1, 1, [&[1]; 4]),
            (0, 4, [&[]; 4]),
        ] {
            let sizes = |choice| batch_sizes(num_images, batch_size, choice);
            let what = format!("{num_images} images, {batch_size} a batch");
            assert_eq!(sizes(None), unsaid, "{what}");
            assert_eq!(sizes(Some(Keep)), keep, "{what}");
            assert_eq!(sizes(Some(Merge)), merge, "{what}");
            assert_eq!(sizes(Some(Drop)), drop, "{what}");
        }
    }
}
