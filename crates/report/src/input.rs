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
    /// How the photos of the gallery were chosen, in a sentence or two.
    pub gallery_choice: String,
    /// Colors of the heat maps from 0 to 1, at equal distances; none for no color bar.
    pub color_scale: Vec<Rgb>,
    /// What a paper says of these results; `None` where nothing is known that could be cited.
    pub citation: Option<Citation>,
    /// Remarks and limits for the end of the page, a sentence or two each.
    pub notes: Vec<String>,
}

/// Red, green and blue.
pub type Rgb = [u8; 3];

/// What tells these results from others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Citation {
    /// A short name for the key of an entry, as that of the run's folder.
    pub name: String,
    /// What a certificate is of (`seed 0`), and its hash.
    pub certificates: Vec<(String, String)>,
    /// The version of dermx.
    pub version: String,
    /// The name of the data set and the hash of its annotations.
    pub dataset: (String, String),
}

/// Why a photo is in the gallery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chosen {
    /// Among the first of its class.
    First,
    /// Among the best by F1.
    Best,
    /// Among the worst by F1.
    Worst,
    /// Drawn at random.
    Random,
}

/// A rater who outlined something, as drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RaterOutline {
    /// The rater's name.
    pub rater: String,
    /// Color of the outline.
    pub color: Rgb,
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
    /// Its gold class; empty without one.
    pub gold: String,
    /// Seed of the network whose heat map is shown; `None` for maps of another program.
    pub seed: Option<u64>,
    /// Predicted diagnosis; `None` for maps that came without predictions.
    pub predicted: Option<String>,
    /// Probability of the predicted diagnosis, in `[0, 1]`.
    pub probability: Option<f64>,
    /// Class that the heat map explains; `None` where it is not known.
    pub explained: Option<String>,
    /// Probability of that class, in `[0, 1]`.
    pub explained_probability: Option<f64>,
    /// Why it is shown; empty where all photos are.
    pub chosen: Vec<Chosen>,
    /// Raters whose outlines make up the union, with the colors of their outlines.
    pub raters: Vec<RaterOutline>,
    /// Fuzzy F1 of the heat map with the union of the raters' masks; `None` where undefined.
    pub union_f1: Option<f64>,
    /// Share of the heat map's mass in that union; `None` where undefined.
    pub union_mass: Option<f64>,
    /// Mean F1 of the raters' outlines, two by two; `None` below two raters.
    pub agreement: Option<f64>,
    /// The photo, as a JPEG file.
    pub photo_jpeg: Vec<u8>,
    /// The photo under the outlines of the raters, as a JPEG file; `None` where nobody marked anything.
    pub mask_overlay_jpeg: Option<Vec<u8>>,
    /// The photo under the heat map, as a JPEG file.
    pub heatmap_overlay_jpeg: Vec<u8>,
    /// The same for other networks, each with its name.
    pub other_heatmaps: Vec<(String, Vec<u8>)>,
}
