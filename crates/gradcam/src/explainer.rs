//! Explains batches of images with any method.

use crate::attribution::Noise;
use crate::error::ExplainError;
use crate::heatmap::Heatmap;
use crate::host::rows;
use crate::method::{Method, Settings, Sight};
use crate::probe::Probe;
use crate::{attention, attribution, cam, eigen, perturbation};
use burn::tensor::Tensor;
use dermx_model::Network;

/// The explanation of a batch.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Logits of each image, `[batch][num_classes]`.
    pub logits: Vec<Vec<f32>>,
    /// The map of each image.
    pub heatmaps: Vec<Heatmap>,
}

/// A method that explains a network.
///
/// In inference mode the images of a batch do not influence each other, so one backward pass of the
/// summed outputs serves all of them, and the layers before the explained one run without a tape.
#[derive(Debug)]
pub struct Explainer {
    probe: Probe,
    method: Method,
    settings: Settings,
    layer: String,
}

impl Explainer {
    /// An explainer of `network` at the tap `layer` (the last convolutional block when `None`).
    ///
    /// The network is copied into inference mode: explaining changes neither its weights nor its
    /// running statistics.
    ///
    /// # Errors
    /// A layer that the network does not have, a method that looks at attention where there is none, or
    /// settings that [`Settings::check`] refuses.
    pub fn new(
        network: &Network,
        method: Method,
        settings: Settings,
        layer: Option<&str>,
    ) -> Result<Self, ExplainError> {
        let names = network.tap_names();
        let layer = layer.unwrap_or(network.last_tap());
        if !names.iter().any(|name| name == layer) {
            let known = names.join(", ");
            return Err(ExplainError::UnknownLayer { layer: layer.to_string(), known });
        }
        settings.check()?;
        if method.sight() == Sight::Attention && network.attention().is_none() {
            let (method, network) = (method.name(), network.kind());
            return Err(ExplainError::NoAttention { method, network });
        }
        let probe = Probe::new(network, settings.output);
        Ok(Self { probe, method, settings, layer: layer.to_string() })
    }

    /// The same method and layer for another network of the same kind, for example with other
    /// weights.
    pub fn with_network(&self, network: &Network) -> Self {
        let Self { method, settings, ref layer, .. } = *self;
        let probe = Probe::new(network, settings.output);
        Self { probe, method, settings, layer: layer.clone() }
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The explained tap; none for methods that look at the image itself, or at all attention.
    pub fn layer(&self) -> Option<&str> {
        self.method.uses_layer().then_some(self.layer.as_str())
    }

    /// Explains the output of class `targets[i]` for image `i`.
    ///
    /// # Shapes
    /// - `images`: `[batch, 3, height, width]` on a plain device, standardized
    ///
    /// # Errors
    /// Targets that do not fit, or a layer that the logits do not depend on.
    pub fn explain(
        &self,
        images: Tensor<4>,
        targets: &[usize],
        noise: Noise<'_>,
    ) -> Result<Explanation, ExplainError> {
        let batch = images.dims()[0];
        if targets.len() != batch {
            let message = format!("{} targets for {batch} images", targets.len());
            return Err(ExplainError::Targets(message));
        }
        match self.method {
            Method::EigenCam | Method::ScoreCam => self.explain_forward(images, targets),
            Method::IntegratedGradients => {
                let (logits, attributions) = self.attributions(images, targets)?;
                Ok(explanation(logits, attribution::positive_part(attributions)))
            }
            Method::SmoothGrad => {
                let (logits, maps) =
                    attribution::smooth_grad(&self.probe, images, targets, &self.settings, noise)?;
                Ok(explanation(logits, maps))
            }
            Method::Occlusion => {
                let logits = self.probe.logits(&images, targets)?;
                let heatmaps =
                    perturbation::occlusion(&self.probe, &images, targets, &self.settings)?;
                Ok(Explanation { logits: rows(logits), heatmaps })
            }
            Method::AttentionRollout | Method::AttentionRelevance => {
                self.explain_attention(images, targets)
            }
            _ => self.explain_backward(images, targets),
        }
    }

    /// Maps from the feature maps and their gradients.
    fn explain_backward(
        &self,
        images: Tensor<4>,
        targets: &[usize],
    ) -> Result<Explanation, ExplainError> {
        let mut features = None;
        let layers = [self.layer.as_str()];
        let logits = self.probe.network.forward_tapped_at(images, &layers, &mut |_, x| {
            let leaf = x.detach().autodiff().require_grad();
            features = Some(leaf.clone());
            leaf
        });
        let no_gradient = || ExplainError::NoGradient(self.layer.clone());
        let features = features.ok_or_else(no_gradient)?;
        let gradients = self.probe.outputs(logits.clone(), targets)?.sum().backward();
        let gradient = features.grad(&gradients).ok_or_else(no_gradient)?;
        let maps = cam::maps(self.method, features.without_autodiff(), gradient);
        Ok(explanation(logits.without_autodiff(), maps))
    }

    /// Maps from the feature maps alone, or with further forward passes.
    fn explain_forward(
        &self,
        images: Tensor<4>,
        targets: &[usize],
    ) -> Result<Explanation, ExplainError> {
        let mut features = None;
        let layers = [self.layer.as_str()];
        let logits = self.probe.network.forward_tapped_at(images.clone(), &layers, &mut |_, x| {
            features = Some(x.clone());
            x
        });
        self.probe.outputs(logits.clone(), targets)?;
        let features = features.ok_or_else(|| ExplainError::NoGradient(self.layer.clone()))?;
        let heatmaps = match self.method {
            Method::EigenCam => eigen::eigen_cam(features),
            _ => perturbation::score_cam(&self.probe, &images, features, targets)?,
        };
        Ok(Explanation { logits: rows(logits), heatmaps })
    }

    /// Maps from how much tokens attend to each other.
    fn explain_attention(
        &self,
        images: Tensor<4>,
        targets: &[usize],
    ) -> Result<Explanation, ExplainError> {
        let network = &self.probe.network;
        let (method, kind) = (self.method.name(), network.kind());
        let no_attention = ExplainError::NoAttention { method, network: kind };
        let attention = network.attention().ok_or(no_attention)?;
        let [_, _, height, width] = images.dims();
        let grid = [height, width].map(|side| side.div_ceil(attention.patch_px));
        let (logits, maps) = match self.method {
            Method::AttentionRollout => {
                attention::rollout(&self.probe, images, targets, &attention.names)?
            }
            _ => attention::relevance(&self.probe, images, targets, &attention.names)?,
        };
        let map = |values| Heatmap { height: grid[0], width: grid[1], values };
        Ok(Explanation { logits: rows(logits), heatmaps: maps.into_iter().map(map).collect() })
    }

    /// The logits and the signed attributions of [`Method::IntegratedGradients`], before colors are
    /// summed and negative ones cut: they sum up to `y(x) - y(0)`.
    ///
    /// # Shapes
    /// - `images` and the attributions: `[batch, 3, height, width]`
    ///
    /// # Errors
    /// Targets that do not fit.
    pub fn attributions(
        &self,
        images: Tensor<4>,
        targets: &[usize],
    ) -> Result<(Tensor<2>, Tensor<4>), ExplainError> {
        let num_steps = self.settings.num_steps;
        attribution::integrated_gradients(&self.probe, images, targets, num_steps)
    }
}

/// `maps` is `[batch, 1, height, width]`.
fn explanation(logits: Tensor<2>, maps: Tensor<4>) -> Explanation {
    Explanation { logits: rows(logits), heatmaps: Heatmap::of_batch(maps) }
}
