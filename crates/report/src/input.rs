//! What a report is made of.

use dermx_eval::EvalRecord;

/// Everything that one report shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReportInput {
    /// Heading of the page.
    pub title: String,
    /// What was run, in the order to show it: configuration, architecture, image size, seeds,
    /// backend, data set, machine, version, date.
    pub run_facts: Vec<(String, String)>,
    /// Scores over the seeds; the record of the one network where there is only one.
    pub evaluation: EvalRecord,
    /// Curves and scores of each seed; may be empty.
    pub per_seed: Vec<SeedInput>,
    /// Photos with what experts outlined and where the network looked; may be empty.
    pub gallery: Vec<GalleryItem>,
    /// Remarks and limits for the end of the page, a sentence or two each.
    pub notes: Vec<String>,
}

/// One trained network.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeedInput {
    /// The seed that it was trained with.
    pub seed: u64,
    /// Training history, in the order of the epochs; empty where it is not known.
    pub curves: Vec<EpochPoint>,
    /// Its scores.
    pub record: EvalRecord,
}

/// What was logged at the end of one epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EpochPoint {
    /// Number of the epoch, as logged.
    pub epoch: usize,
    /// Mean loss over the training images.
    pub train_loss: f64,
    /// Share of training images classified right, in `[0, 1]`.
    pub train_accuracy: f64,
    /// Mean loss over the validation images; `None` without validation.
    pub validation_loss: Option<f64>,
    /// Share of validation images classified right; `None` without validation.
    pub validation_accuracy: Option<f64>,
    /// Learning rate at the end of the epoch.
    pub learning_rate: f64,
}

/// One photo of the gallery, for one network.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GalleryItem {
    /// Identifier of the image.
    pub image_id: String,
    /// Its gold-standard diagnosis.
    pub gold: String,
    /// Seed of the network whose heat map is shown.
    pub seed: u64,
    /// Predicted diagnosis; `None` for maps that came without predictions.
    pub predicted: Option<String>,
    /// Probability of the predicted diagnosis, in `[0, 1]`.
    pub probability: Option<f64>,
    /// Number of raters whose outlines make up the union.
    pub num_raters: usize,
    /// Fuzzy F1 of the heat map with the union of the raters' masks; `None` where undefined.
    pub union_f1: Option<f64>,
    /// Share of the heat map's mass inside that union; `None` where undefined.
    pub union_mass: Option<f64>,
    /// Mean F1 of the raters' outlines, two by two; `None` below two raters.
    pub agreement: Option<f64>,
    /// The photo, as a JPEG file.
    pub photo_jpeg: Vec<u8>,
    /// The photo under the union of the raters' masks, as a JPEG file; `None` where nobody marked anything.
    pub mask_overlay_jpeg: Option<Vec<u8>>,
    /// The photo under the heat map, as a JPEG file.
    pub heatmap_overlay_jpeg: Vec<u8>,
    /// The same for other networks, each with its name.
    pub other_heatmaps: Vec<(String, Vec<u8>)>,
}
