//! Gradient-weighted class activation maps.

use burn::module::Module;
use burn::tensor::{Int, Tensor, TensorData, activation::relu};
use dermx_model::Network;

/// The raw map of one image: non-negative, before normalization and resizing.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// Rows of the explained feature maps.
    pub height: usize,
    /// Columns of the explained feature maps.
    pub width: usize,
    /// Values in row-major order.
    pub values: Vec<f32>,
}

/// What one forward and one tail backward say about a batch.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Logits of each image, `[batch][num_classes]`.
    pub logits: Vec<Vec<f32>>,
    /// The map of each image.
    pub heatmaps: Vec<Heatmap>,
}

/// Why a batch cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum GradCamError {
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
    /// The logits do not depend on the layer.
    #[error("the logits do not depend on layer `{0}`")]
    NoGradient(String),
}

/// Grad-CAM of a network at one layer.
///
/// `map = relu(sum_c alpha_c A_c)` with `alpha_c = mean_ij d y / d A_cij`: `A` are the feature maps
/// at the layer and `y` is the logit of the target class. In inference mode the images of a batch
/// do not influence each other, so one backward pass of the summed logits serves all of them, and
/// the layers before the explained one run without a tape.
///
/// # Source
/// Selvaraju et al., 2017, <https://arxiv.org/abs/1610.02391>, equations 1 and 2.
#[derive(Debug)]
pub struct GradCam {
    network: Network,
    layer: String,
}

impl GradCam {
    /// An explainer of `network` at the tap `layer` (the last block when `None`).
    ///
    /// The network is copied into inference mode: explaining changes neither its weights nor its
    /// running statistics.
    ///
    /// # Errors
    /// A layer that the network does not have.
    pub fn new(network: &Network, layer: Option<&str>) -> Result<Self, GradCamError> {
        let names = network.tap_names();
        let layer = layer.unwrap_or(network.last_tap());
        if !names.iter().any(|name| name == layer) {
            let known = names.join(", ");
            return Err(GradCamError::UnknownLayer { layer: layer.to_string(), known });
        }
        Ok(Self { network: network.valid(), layer: layer.to_string() })
    }

    /// The explained tap.
    pub fn layer(&self) -> &str {
        &self.layer
    }

    /// Explains the logit of `targets[i]` for image `i`.
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
    ) -> Result<Explanation, GradCamError> {
        let batch = images.dims()[0];
        if targets.len() != batch {
            let message = format!("{} targets for {batch} images", targets.len());
            return Err(GradCamError::Targets(message));
        }
        let mut features = None;
        let logits = self.network.forward_tapped(images, &mut |name, x| {
            if name != self.layer {
                return x;
            }
            let leaf = x.detach().autodiff().require_grad();
            features = Some(leaf.clone());
            leaf
        });
        let no_gradient = || GradCamError::NoGradient(self.layer.clone());
        let features = features.ok_or_else(no_gradient)?;
        let num_classes = logits.dims()[1];
        if let Some(target) = targets.iter().find(|&&target| target >= num_classes) {
            let message = format!("class {target} of {num_classes}");
            return Err(GradCamError::Targets(message));
        }
        let targets: Vec<i32> = targets.iter().map(|&target| target as i32).collect();
        let targets =
            Tensor::<2, Int>::from_data(TensorData::new(targets, [batch, 1]), &logits.device());
        let gradients = logits.clone().gather(1, targets).sum().backward();
        let gradient = features.grad(&gradients).ok_or_else(no_gradient)?;
        let alpha = gradient.mean_dims(&[2, 3]);
        let maps = relu((features.without_autodiff() * alpha).sum_dim(1));
        Ok(Explanation { logits: rows(logits.without_autodiff()), heatmaps: heatmaps(maps) })
    }
}

fn rows(logits: Tensor<2>) -> Vec<Vec<f32>> {
    let num_columns = logits.dims()[1];
    let values: Vec<f32> = logits.into_data().iter::<f32>().collect();
    values.chunks(num_columns.max(1)).map(<[f32]>::to_vec).collect()
}

fn heatmaps(maps: Tensor<4>) -> Vec<Heatmap> {
    let [_, _, height, width] = maps.dims();
    let values: Vec<f32> = maps.into_data().iter::<f32>().collect();
    values
        .chunks((height * width).max(1))
        .map(|values| Heatmap { height, width, values: values.to_vec() })
        .collect()
}
