//! Why images cannot be explained.

/// Why a batch cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The network has no tap of that name.
    #[error("the network has no layer `{layer}`; there are: {known}")]
    UnknownLayer {
        /// The name asked for.
        layer: String,
        /// The names there are.
        known: String,
    },
    /// There is not one target class for each image, or a class does not exist.
    #[error("targets do not fit the batch: {0}")]
    Targets(String),
    /// An order or a map has not one entry for each pixel.
    #[error("an order or a map of {found} pixels for an image of {expected}")]
    Order {
        /// Pixels in the order.
        found: usize,
        /// Pixels of the image.
        expected: usize,
    },
    /// The network has no tokens that attend to each other.
    #[error(
        "{method} explains vision transformers, whose tokens all attend to each other; this network is {network}"
    )]
    NoAttention {
        /// The name of the method.
        method: &'static str,
        /// What the network is called: "a ResNet".
        network: &'static str,
    },
    /// The logits do not depend on the layer.
    #[error("the logits do not depend on layer `{0}`")]
    NoGradient(String),
    /// A setting is 0 that has to be at least 1.
    #[error(
        "explaining needs at least one step, one sample, and squares of at least one pixel every pixel or \
         more; found {num_steps} steps, {num_samples} samples, squares of {patch_px} pixels every \
         {stride_px} pixels"
    )]
    Setting {
        /// Steps of integrated gradients.
        num_steps: usize,
        /// Noisy images of SmoothGrad.
        num_samples: usize,
        /// Side of the square of occlusion, in pixels.
        patch_px: usize,
        /// Distance from one square to the next, in pixels.
        stride_px: usize,
    },
    /// Squares with gaps between them.
    #[error(
        "occlusion with squares of {patch_px} pixels every {stride_px} pixels would leave pixels that \
         no square covers; the stride has to be at most the square's side"
    )]
    Gaps {
        /// Side of the square, in pixels.
        patch_px: usize,
        /// Distance from one square to the next, in pixels.
        stride_px: usize,
    },
}
