//! Explaining a batch: what every method shares.

use crate::{Method, Output, Settings};
use crate::{attribution, cam, eigen, perturbation};
use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Int, Tensor, TensorData};
use dermx_model::Network;

/// The raw map of one image: non-negative, before normalization and resizing.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// Rows of the explained feature maps, or of the image.
    pub height: usize,
    /// Columns of the explained feature maps, or of the image.
    pub width: usize,
    /// Values in row-major order.
    pub values: Vec<f32>,
}

/// What is said about a batch.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Logits of each image, `[batch][num_classes]`.
    pub logits: Vec<Vec<f32>>,
    /// The map of each image.
    pub heatmaps: Vec<Heatmap>,
}

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
    /// There is not one place in the order for each pixel.
    #[error("an order of {found} pixels for an image of {expected}")]
    Order {
        /// Pixels in the order.
        found: usize,
        /// Pixels of the image.
        expected: usize,
    },
    /// The logits do not depend on the layer.
    #[error("the logits do not depend on layer `{0}`")]
    NoGradient(String),
    /// A setting that has to be at least 1.
    #[error(
        "explaining needs at least one step, one sample, and squares of at least one pixel every pixel or \
         more; found {} steps, {} samples, squares of {} pixels every {} pixels",
        .0.num_steps, .0.num_samples, .0.patch_px, .0.stride_px
    )]
    Setting(Settings),
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

/// The next number of a standard normal distribution for the image at that place of the batch.
///
/// Only [`Method::SmoothGrad`] draws; each image has a stream of its own, so that it gets the same
/// map in any batch.
pub type Noise<'a> = &'a mut dyn FnMut(usize) -> f32;

/// A method that explains a network.
///
/// In inference mode the images of a batch do not influence each other, so one backward pass of the
/// summed outputs serves all of them, and the layers before the explained one run without a tape.
#[derive(Debug)]
pub struct Explainer {
    network: Network,
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
    /// A layer that the network does not have, or settings that [`Settings::check`] refuses.
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
        Ok(Self { network: network.valid(), method, settings, layer: layer.to_string() })
    }

    /// The same method and layer for another network of the same kind, for example with other
    /// weights.
    pub fn with_network(&self, network: &Network) -> Self {
        let Self { method, settings, ref layer, .. } = *self;
        Self { network: network.valid(), method, settings, layer: layer.clone() }
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The explained tap; none for methods that look at the image itself.
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
                    attribution::smooth_grad(self, images, targets, &self.settings, noise)?;
                Ok(explanation(logits, maps))
            }
            Method::Occlusion => {
                let logits = self.logits(&images, targets)?;
                let heatmaps = perturbation::occlusion(self, &images, targets, &self.settings)?;
                Ok(Explanation { logits: rows(logits), heatmaps })
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
        let logits = self.network.forward_tapped_at(images, &layers, &mut |_, x| {
            let leaf = x.detach().autodiff().require_grad();
            features = Some(leaf.clone());
            leaf
        });
        let no_gradient = || ExplainError::NoGradient(self.layer.clone());
        let features = features.ok_or_else(no_gradient)?;
        let gradients = self.outputs(logits.clone(), targets)?.sum().backward();
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
        let logits = self.network.forward_tapped_at(images.clone(), &layers, &mut |_, x| {
            features = Some(x.clone());
            x
        });
        self.outputs(logits.clone(), targets)?;
        let features = features.ok_or_else(|| ExplainError::NoGradient(self.layer.clone()))?;
        let heatmaps = match self.method {
            Method::EigenCam => eigen::eigen_cam(features),
            _ => perturbation::score_cam(self, &images, features, targets)?,
        };
        Ok(Explanation { logits: rows(logits), heatmaps })
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
        attribution::integrated_gradients(self, images, targets, num_steps)
    }

    /// Logits of `images`.
    pub(crate) fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.network.forward(images)
    }

    /// Logits of `images`, whose number and classes fit `targets`.
    pub(crate) fn logits(
        &self,
        images: &Tensor<4>,
        targets: &[usize],
    ) -> Result<Tensor<2>, ExplainError> {
        let logits = self.network.forward(images.clone());
        self.outputs(logits.clone(), targets)?;
        Ok(logits)
    }

    /// The explained outputs `[batch, 1]`.
    pub(crate) fn outputs(
        &self,
        logits: Tensor<2>,
        targets: &[usize],
    ) -> Result<Tensor<2>, ExplainError> {
        let [batch, num_classes] = logits.dims();
        if let Some(target) = targets.iter().find(|&&target| target >= num_classes) {
            let message = format!("class {target} of {num_classes}");
            return Err(ExplainError::Targets(message));
        }
        let targets: Vec<i32> = targets.iter().map(|&target| target as i32).collect();
        let targets =
            Tensor::<2, Int>::from_data(TensorData::new(targets, [batch, 1]), &logits.device());
        let outputs = match self.settings.output {
            Output::Logit => logits,
            Output::Probability => softmax(logits, 1),
        };
        Ok(outputs.gather(1, targets))
    }
}

/// `maps` is `[batch, 1, height, width]`.
fn explanation(logits: Tensor<2>, maps: Tensor<4>) -> Explanation {
    Explanation { logits: rows(logits), heatmaps: heatmaps(maps) }
}

fn rows(logits: Tensor<2>) -> Vec<Vec<f32>> {
    let num_columns = logits.dims()[1];
    values(logits).chunks(num_columns.max(1)).map(<[f32]>::to_vec).collect()
}

fn heatmaps(maps: Tensor<4>) -> Vec<Heatmap> {
    let [_, _, height, width] = maps.dims();
    values(maps)
        .chunks((height * width).max(1))
        .map(|values| Heatmap { height, width, values: values.to_vec() })
        .collect()
}

pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}
