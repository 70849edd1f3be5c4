//! The named places of a network at which a caller sees the activations.

use crate::layout::{channels_first, channels_last};
use burn::tensor::Tensor;
use dermx_kernels::concat;

/// A caller's function for the activations at named taps.
pub(crate) struct Tap<'a> {
    /// The taps that are called; all of them if there is no list.
    pub names: Option<&'a [&'a str]>,
    /// Called with the name and the activation, channels first. The forward pass continues with the
    /// tensor that it returns.
    pub call: &'a mut dyn FnMut(&str, Tensor<4>) -> Tensor<4>,
}

impl Tap<'_> {
    /// Whether the tap `name` is called.
    pub fn wants(&self, name: &str) -> bool {
        self.names.is_none_or(|names| names.contains(&name))
    }

    /// Whether the attention `name` is shown: only where the caller asks for it by name, since it is no
    /// activation of a layer.
    pub fn wants_attention(&self, name: &str) -> bool {
        self.names.is_some_and(|names| names.contains(&name))
    }

    /// How much tokens attend to each other, with which the forward pass continues. The caller sees it as
    /// it is, `[batch, heads, tokens, tokens]`.
    pub fn apply_attention(&mut self, name: &str, weights: Tensor<4>) -> Tensor<4> {
        (self.call)(name, weights)
    }

    /// [`Self::apply`] to tokens of which the first is the class token and the others are the cells of
    /// `grid`, row by row: the caller sees them as feature maps, and does not see the class token.
    ///
    /// # Shapes
    /// - `tokens` and output: `[batch, 1, 1 + height * width, channels]`
    pub fn apply_to_tokens(
        &mut self,
        name: &str,
        tokens: Tensor<4>,
        grid: [usize; 2],
    ) -> Tensor<4> {
        if !self.wants(name) {
            return tokens;
        }
        let [batch, _, num_tokens, channels] = tokens.dims();
        let num_cells = num_tokens - 1;
        let class = tokens.clone().narrow(2, 0, 1);
        let cells = tokens.narrow(2, 1, num_cells).reshape([batch, grid[0], grid[1], channels]);
        let cells = self.apply(name, cells).reshape([batch, 1, 1, num_cells * channels]);
        concat(class, cells).reshape([batch, 1, num_tokens, channels])
    }

    /// The activation with which the forward pass continues after the tap `name`.
    ///
    /// # Shapes
    /// - `x` and output: `[batch, height, width, channels]`
    pub fn apply(&mut self, name: &str, x: Tensor<4>) -> Tensor<4> {
        match self.wants(name) {
            true => channels_last((self.call)(name, channels_first(x))),
            false => x,
        }
    }
}
