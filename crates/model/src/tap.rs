//! The named places of a network at which a caller sees the activations.

use crate::layout::{channels_first, channels_last};
use burn::tensor::Tensor;

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
