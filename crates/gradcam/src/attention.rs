//! Maps from how much the tokens of a vision transformer attend to each other.

use crate::error::ExplainError;
use crate::host::values;
use crate::probe::Probe;
use burn::tensor::Tensor;

/// What is known of one layer: how the tokens of an image are mixed, `[tokens, tokens]` in row-major order.
type Mixing = Vec<f64>;

/// Logits, and the map of each image; see [`crate::Method::AttentionRollout`].
pub(crate) fn rollout(
    probe: &Probe,
    images: Tensor<4>,
    targets: &[usize],
    names: &[String],
) -> Result<(Tensor<2>, Vec<Vec<f32>>), ExplainError> {
    let mut layers = Vec::with_capacity(names.len());
    let logits = probe.network.forward_tapped_at(images, &as_strs(names), &mut |_, weights| {
        layers.push(Layer::new(weights.clone(), None));
        weights
    });
    probe.outputs(logits.clone(), targets)?;
    let maps = (0..targets.len()).map(|image| {
        let rows = layers.iter().map(|layer| halved(layer.mean(image, |weight, _| weight)));
        of_patches(&rows.collect::<Vec<_>>())
    });
    let maps = maps.collect();
    Ok((logits, maps))
}

/// Logits, and the map of each image; see [`crate::Method::AttentionRelevance`].
pub(crate) fn relevance(
    probe: &Probe,
    images: Tensor<4>,
    targets: &[usize],
    names: &[String],
) -> Result<(Tensor<2>, Vec<Vec<f32>>), ExplainError> {
    let mut tapped = Vec::with_capacity(names.len());
    let logits = probe.network.forward_tapped_at(images, &as_strs(names), &mut |_, weights| {
        let is_first = !weights.device().is_autodiff();
        let weights = if is_first { weights.autodiff() } else { weights };
        // The gradient of what is added is that of the sum.
        let nothing = weights.zeros_like().detach().require_grad();
        tapped.push((weights.clone().without_autodiff(), nothing.clone()));
        weights + nothing
    });
    let gradients = probe.outputs(logits.clone(), targets)?.sum().backward();
    let layers: Vec<Layer> = tapped
        .into_iter()
        .map(|(weights, nothing)| Layer::new(weights, nothing.grad(&gradients)))
        .collect();
    let maps = (0..targets.len()).map(|image| {
        let positive = |weight: f64, gradient: f64| (weight * gradient).max(0.0);
        let rows = layers.iter().map(|layer| with_identity(layer.mean(image, positive)));
        of_patches(&rows.collect::<Vec<_>>())
    });
    let maps = maps.collect();
    Ok((logits.without_autodiff(), maps))
}

fn as_strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// The attention of one layer in all images, and its gradient.
struct Layer {
    /// `[batch, heads, tokens, tokens]`.
    weights: Vec<f32>,
    /// The same, or nothing.
    gradient: Vec<f32>,
    num_heads: usize,
    num_tokens: usize,
}

impl Layer {
    fn new(weights: Tensor<4>, gradient: Option<Tensor<4>>) -> Self {
        let [_, num_heads, num_tokens, _] = weights.dims();
        let gradient = gradient.map(values).unwrap_or_default();
        Self { weights: values(weights), gradient, num_heads, num_tokens }
    }

    /// The mean over heads of what `of` makes of each weight and its gradient, which is 0 if there is none.
    fn mean(&self, image: usize, of: impl Fn(f64, f64) -> f64) -> Mixing {
        let len = self.num_tokens * self.num_tokens;
        let mut means = vec![0.0; len];
        for head in image * self.num_heads..(image + 1) * self.num_heads {
            for (idx, mean) in means.iter_mut().enumerate() {
                let at = head * len + idx;
                let gradient = self.gradient.get(at).map_or(0.0, |one| f64::from(*one));
                *mean += of(f64::from(self.weights[at]), gradient);
            }
        }
        means.iter_mut().for_each(|mean| *mean /= self.num_heads as f64);
        means
    }
}

/// `(A + I) / 2`.
fn halved(mixing: Mixing) -> Mixing {
    with_identity(mixing).into_iter().map(|value| value / 2.0).collect()
}

/// `A + I`.
fn with_identity(mut mixing: Mixing) -> Mixing {
    let num_tokens = mixing.len().isqrt();
    mixing.iter_mut().step_by(num_tokens + 1).for_each(|value| *value += 1.0);
    mixing
}

/// The first row of `B_L ... B_1` without its first number: what reaches the class token of each patch.
fn of_patches(layers: &[Mixing]) -> Vec<f32> {
    let num_tokens = layers.first().map_or(0, |layer| layer.len().isqrt());
    let mut row = vec![0.0; num_tokens];
    row.iter_mut().take(1).for_each(|class| *class = 1.0);
    for layer in layers.iter().rev() {
        let mut next = vec![0.0; num_tokens];
        for (share, mixed) in row.iter().zip(layer.chunks(num_tokens)) {
            for (next, mixed) in next.iter_mut().zip(mixed) {
                *next += share * mixed;
            }
        }
        row = next;
    }
    row.into_iter().skip(1).map(|value| value as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    /// `[1, 2, 3, 3]`: two heads of a class token and two patches.
    fn map(values: [f32; 18]) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values.to_vec(), [1, 2, 3, 3]), &Device::flex())
    }

    /// Means of the heads: 1/2 1/4 1/4, 0 1 0, 1/2 0 1/2.
    fn first() -> Tensor<4> {
        map([
            1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, //
            0.0, 0.5, 0.5, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0,
        ])
    }

    /// Means of the heads: 0 1/2 1/2, 1 0 0, 0 0 1.
    fn second() -> Tensor<4> {
        map([
            0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, //
            0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0,
        ])
    }

    #[test]
    fn rollout_of_two_layers_by_hand() {
        let layers = [first(), second()]
            .map(|weights| halved(Layer::new(weights, None).mean(0, |weight, _| weight)));
        // The last layer passes 1/2, 1/4, 1/4 on to the class token. Of the first one the class token's row
        // is 3/4 1/8 1/8, that of the first patch 0 1 0, and that of the second 1/4 0 3/4:
        // 1/2 1/8 + 1/4 1 + 1/4 0 = 5/16, and 1/2 1/8 + 1/4 0 + 1/4 3/4 = 1/4.
        assert_eq!(of_patches(&layers), [0.3125, 0.25]);
    }

    #[test]
    fn relevance_of_two_layers_by_hand() {
        // Of the first layer the second head counts twice, and the first not at all; of the last one the
        // first head speaks against the class.
        let mut of_first = [0.0; 18];
        of_first[9..].fill(2.0);
        let mut of_second = [-3.0; 18];
        of_second[9..].fill(4.0);
        let positive = |weight: f64, gradient: f64| (weight * gradient).max(0.0);
        let layers =
            [(first(), map(of_first)), (second(), map(of_second))].map(|(weights, gradient)| {
                with_identity(Layer::new(weights, Some(gradient)).mean(0, positive))
            });
        // B_1 = I + (0 + 2 A) / 2 with A of the second head: rows 1 1/2 1/2, 0 2 0 and 0 0 2. B_2 = I + (0 +
        // 4 A) / 2: the class token's row is 1 0 2. Its product with B_1: 1 1/2 (1/2 + 2 * 2).
        assert_eq!(of_patches(&layers), [0.5, 4.5]);
    }
}
