//! Why a report cannot be made.

/// Input that contradicts itself, or a template that fails.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A confusion matrix does not have one row and one column for each class.
    #[error(
        "report input: confusion matrix {network_idx} has row lengths {found:?}, \
         expected {num_classes} rows of {num_classes} (one for each of its classes)"
    )]
    Matrix {
        /// Index into the confusion matrices of `evaluation`.
        network_idx: usize,
        /// Length of each row.
        found: Vec<usize>,
        /// Number of classes.
        num_classes: usize,
    },
    /// A picture of the gallery is not a JPEG file.
    #[error(
        "report input: gallery image {image_id:?}: {field} has {num_bytes} bytes \
         that do not start like a JPEG file (FF D8)"
    )]
    NotJpeg {
        /// Identifier of the image.
        image_id: String,
        /// Field of [`GalleryItem`](crate::GalleryItem).
        field: &'static str,
        /// Length of what was found there.
        num_bytes: usize,
    },
    /// A template of this crate fails; an error of the program.
    #[error("report template: {0:#}")]
    Template(#[from] minijinja::Error),
}
