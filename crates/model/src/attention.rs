//! Where tokens attend to each other.

/// The attention of a network whose tokens are a class token and, after it, patches of the image that all
/// attend to each other in every layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attention {
    /// Names by which [`crate::Network::forward_tapped_at`] shows how much each token attends to each,
    /// `[batch, heads, tokens, tokens]`, layer by layer. They are no taps of feature maps.
    pub names: Vec<String>,
    /// Side of a patch in pixels; the last patches may reach beyond the image at the right and below.
    pub patch_px: usize,
}
