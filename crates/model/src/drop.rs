//! Dropout and stochastic depth; the caller draws the random numbers.

use crate::layout::{channels_first, channels_last};
use burn::tensor::{Tensor, TensorData};
use dermx_kernels::channel_scale;

/// What is dropped as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropUnit {
    /// Single values: dropout (Srivastava et al., 2014, <https://jmlr.org/papers/v15/srivastava14a.html>).
    Value,
    /// The whole activation of an image: stochastic depth (Huang et al., 2016,
    /// <https://arxiv.org/abs/1603.09382>), as torchvision's mode "row".
    Image,
}

/// The rate of stochastic depth in block `idx` of all, which grows from 0 to `last`; `num_blocks` are those of each
/// stage.
pub(crate) fn stochastic_depth_rate(last: f64, num_blocks: &[usize], idx: usize) -> f64 {
    let num_blocks: usize = num_blocks.iter().sum();
    last * idx as f64 / (num_blocks - 1) as f64
}

/// A tap at which training drops activations at random.
///
/// Networks draw no random numbers: whoever trains calls [`Self::apply`] at the tap. Prediction and
/// explanation leave the tap alone.
#[derive(Debug, Clone, PartialEq)]
pub struct DropSite {
    /// Name of the tap.
    pub name: String,
    /// Probability of being dropped.
    pub rate: f64,
    /// What is dropped as one.
    pub unit: DropUnit,
}

impl DropSite {
    /// Number of draws that [`Self::apply`] needs for each image of `x`.
    pub fn num_draws(&self, x: &Tensor<4>) -> usize {
        match self.unit {
            DropUnit::Value => x.dims()[1..].iter().product(),
            DropUnit::Image => 1,
        }
    }

    /// `x` with some units set to zero and the rest divided by `1 - rate`, so that the mean stays.
    ///
    /// A unit is dropped where its draw lies below the rate. `draws` holds, image after image,
    /// [`Self::num_draws`] uniform numbers in `[0, 1)`.
    ///
    /// # Shapes
    /// - `x` and output: `[batch, channels, height, width]`
    pub fn apply(&self, x: Tensor<4>, draws: &[f64]) -> Tensor<4> {
        let [batch, channels, height, width] = x.dims();
        let kept = (1.0 / (1.0 - self.rate)) as f32;
        let factor = |&draw: &f64| if draw < self.rate { 0.0 } else { kept };
        let factors: Vec<f32> = draws.iter().map(factor).collect();
        let device = x.device();
        match self.unit {
            DropUnit::Value => {
                let shape = [batch, channels, height, width];
                x * Tensor::from_data(TensorData::new(factors, shape), &device)
            }
            DropUnit::Image => {
                let factors = factors.into_iter().flat_map(|factor| vec![factor; channels]);
                let factors = TensorData::new(factors.collect::<Vec<f32>>(), [batch, channels]);
                let factors = Tensor::from_data(factors, &device);
                channels_first(channel_scale(channels_last(x), factors))
            }
        }
    }
}
