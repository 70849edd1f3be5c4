//! Heat maps of what a network's output depends on, and overlays.
//!
//! This crate sees tensors and plain slices; it knows nothing of data sets, masks or file names.

mod attention;
mod attribution;
mod cam;
mod eigen;
mod error;
mod explainer;
mod faithfulness;
mod heatmap;
mod host;
mod imputation;
mod infidelity;
mod method;
mod overlay;
mod perturbation;
mod probe;
mod robustness;

pub use attribution::Noise;
pub use error::ExplainError;
pub use explainer::{Explainer, Explanation};
pub use faithfulness::{Faithfulness, faithfulness, relevance_order};
pub use heatmap::Heatmap;
pub use infidelity::infidelity;
pub use method::{Method, Output, Settings, Sight};
pub use overlay::{beside_color_bar, blend_heatmap, color_scale, draw_outlines, outline_mask};
pub use robustness::Robustness;
