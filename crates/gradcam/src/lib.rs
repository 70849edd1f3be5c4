//! Heat maps of what a network's output depends on, and overlays.
//!
//! This crate sees tensors and plain slices; it knows nothing of data sets, masks or file names.

mod attribution;
mod cam;
mod eigen;
mod explainer;
mod faithfulness;
mod imputation;
mod method;
mod overlay;
mod perturbation;

pub use explainer::{ExplainError, Explainer, Explanation, Heatmap, Noise};
pub use faithfulness::{Faithfulness, faithfulness, relevance_order};
pub use method::{Method, Output, Settings};
pub use overlay::{blend_heatmap, outline_mask};
