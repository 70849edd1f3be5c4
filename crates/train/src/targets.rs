//! What photos should yield beside their class.

use crate::draw::Draw;
use crate::masks::ConceptMasks;
use dermx_data::AugmentConfig;

/// Values of each photo, such as further labels or columns of a table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    /// Names of the columns.
    pub names: Vec<String>,
    /// `[photos, names.len()]` in row-major order.
    pub values: Vec<f32>,
}

/// What is known of photos beside their class.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    /// Values of each photo.
    pub columns: Columns,
    /// Where experts outlined concepts.
    pub masks: Option<ConceptMasks>,
}

/// What the images of a batch should yield.
#[derive(Debug, Clone, Default)]
pub struct BatchTargets {
    /// The class of each image.
    pub classes: Vec<usize>,
    /// What share of each image is its own, where they are mixed.
    pub share: f32,
    /// [`Columns::values`] of the images, `[batch, columns]` in row-major order.
    pub columns: Vec<f32>,
    /// The masks, where there are some.
    pub masks: Option<BatchMasks>,
}

/// Masks of a batch, augmented as its images are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BatchMasks {
    /// Which images of the batch an expert looked at; the other fields are of these alone.
    pub known: Vec<usize>,
    /// Height and width of the masks.
    pub size: [usize; 2],
    /// How much experts outlined each pixel, in \[0, 1\]: `[known, concepts, height, width]` in row-major order.
    pub values: Vec<f32>,
    /// Whether a concept was outlined in the photo, 0 or 1: `[known, concepts]` in row-major order.
    pub present: Vec<f32>,
}

impl Targets {
    /// Those of the photos `draws`, augmented as the photos are.
    pub(crate) fn of(
        &self,
        draws: &[Draw],
        augment: &AugmentConfig,
        seed: u64,
        epoch: u32,
    ) -> (Vec<f32>, Option<BatchMasks>) {
        let num_columns = self.columns.names.len();
        let row = |draw: &Draw| {
            let row = draw.idx * num_columns..(draw.idx + 1) * num_columns;
            self.columns.values.get(row).unwrap_or_default()
        };
        let columns = draws.iter().flat_map(row).copied().collect();
        let masks = self.masks.as_ref().map(|masks| masks.batch(draws, augment, seed, epoch));
        (columns, masks)
    }
}
