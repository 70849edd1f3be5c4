//! One output of a network, asked for images and for changed copies of an image.

use crate::error::ExplainError;
use crate::host::values;
use crate::method::Output;
use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Int, Tensor, TensorData};
use dermx_model::Network;

/// Changed images that go through the network together.
pub(crate) const BATCH: usize = 16;

/// A network in inference mode, and which number of its output counts.
#[derive(Debug)]
pub(crate) struct Probe {
    pub network: Network,
    output: Output,
}

impl Probe {
    /// A probe of a copy of `network`, whose weights and running statistics stay as they are.
    pub fn new(network: &Network, output: Output) -> Self {
        Self { network: network.valid(), output }
    }

    /// Logits of `images`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.network.forward(images)
    }

    /// Logits of `images`, checked to have the classes `targets`.
    ///
    /// # Errors
    /// A class that does not exist.
    pub fn logits(&self, images: &Tensor<4>, targets: &[usize]) -> Result<Tensor<2>, ExplainError> {
        let logits = self.network.forward(images.clone());
        self.outputs(logits.clone(), targets)?;
        Ok(logits)
    }

    /// The output of its target for each row of `logits`, `[batch, 1]`.
    ///
    /// # Errors
    /// A class that does not exist.
    pub fn outputs(&self, logits: Tensor<2>, targets: &[usize]) -> Result<Tensor<2>, ExplainError> {
        let [batch, num_classes] = logits.dims();
        if let Some(target) = targets.iter().find(|&&target| target >= num_classes) {
            let message = format!("class {target} of {num_classes}");
            return Err(ExplainError::Targets(message));
        }
        let targets: Vec<i32> = targets.iter().map(|&target| target as i32).collect();
        let targets =
            Tensor::<2, Int>::from_data(TensorData::new(targets, [batch, 1]), &logits.device());
        let outputs = match self.output {
            Output::Logit => logits,
            Output::Probability => softmax(logits, 1),
        };
        Ok(outputs.gather(1, targets))
    }

    /// The output of class `target` for each of the images `changed`, which have the shape of `image`;
    /// no more than [`BATCH`] of them are held at once.
    ///
    /// # Shapes
    /// - `image`: `[1, planes, height, width]`
    /// - each of `changed`: as `image`, in row-major order
    ///
    /// # Errors
    /// A class that does not exist.
    pub fn outputs_of_changed(
        &self,
        image: &Tensor<4>,
        target: usize,
        changed: impl Iterator<Item = Vec<f32>>,
    ) -> Result<Vec<f32>, ExplainError> {
        let [_, num_planes, height, width] = image.dims();
        let mut changed = changed.peekable();
        let mut outputs = Vec::new();
        while changed.peek().is_some() {
            let mut batch = Vec::with_capacity(BATCH * num_planes * height * width);
            let mut num_images = 0;
            for image in changed.by_ref().take(BATCH) {
                batch.extend(image);
                num_images += 1;
            }
            let data = TensorData::new(batch, [num_images, num_planes, height, width]);
            let logits = self.forward(Tensor::from_data(data, &image.device()));
            outputs.extend(values(self.outputs(logits, &vec![target; num_images])?));
        }
        Ok(outputs)
    }
}
