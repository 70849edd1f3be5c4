//! What the files of any format say, before images, gold classes and the choices of a data set are joined to
//! it.

use dermx_data::{ImageSize, Region};
use std::path::PathBuf;

/// What annotation files say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Annotations {
    /// The images that the files list, also those that nobody read, each once.
    pub images: Vec<AnnotatedImage>,
    /// What raters said, in the order of the files.
    pub readings: Vec<RawReading>,
    /// What the files hold and is not read, each a part of a sentence with its number: "3 key points".
    pub skipped: Vec<String>,
}

/// An image as a format names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotatedImage {
    /// Its file name, which may have folders, or its id.
    pub name: String,
    /// Its size, where the format tells it.
    pub size: Option<ImageSize>,
    /// Its gold classes, where the format tells them.
    pub gold: Vec<String>,
}

/// What one rater said of one image. Without regions and labels: that there is nothing to see.
#[derive(Debug, Clone, PartialEq)]
pub struct RawReading {
    /// The image, as in [`AnnotatedImage::name`].
    pub image: String,
    /// Who.
    pub rater: String,
    /// The size of the image, where the format tells it.
    pub size: Option<ImageSize>,
    /// Labels of the whole image.
    pub labels: Vec<String>,
    /// What was marked.
    pub regions: Vec<Region>,
    /// The file, for messages.
    pub file: PathBuf,
}
