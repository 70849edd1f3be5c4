//! Class activation maps and overlays.
//!
//! This crate sees tensors and plain slices; it knows nothing of data sets, masks or file names.

mod grad_cam;
mod overlay;

pub use grad_cam::{Explanation, GradCam, GradCamError, Heatmap};
pub use overlay::{blend_heatmap, outline_mask};
