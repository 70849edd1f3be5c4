//! Maps from feature maps and their gradients.

use crate::method::Method;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

/// The maps of a batch; see [`Method`] for the equations.
///
/// # Shapes
/// - `features`, `gradient`: `[batch, channels, height, width]`
/// - output: `[batch, 1, height, width]`, not negative
pub(crate) fn maps(method: Method, features: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
    let weighted = match method {
        Method::GradCamPlusPlus => features.clone() * plus_plus_weights(features, gradient),
        Method::XGradCam => {
            let sums = sum_cells(features.clone()) + 1e-7;
            let alpha = sum_cells(gradient * features.clone() / sums);
            features * alpha
        }
        Method::HiResCam => features * gradient,
        Method::LayerCam => features * relu(gradient),
        _ => {
            // Not `mean_dims`: on WGPU Burn 0.22.1 takes wrong means of maps that are one cell high.
            let num_cells = gradient.dims()[2] * gradient.dims()[3];
            features * (sum_cells(gradient) / num_cells as f32)
        }
    };
    relu(weighted.sum_dim(1))
}

fn plus_plus_weights(features: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
    let square = gradient.clone() * gradient.clone();
    let cube = square.clone() * gradient.clone();
    let denominator = square.clone() * 2.0 + sum_cells(features) * cube + 1e-6;
    sum_cells(relu(gradient) * (square / denominator))
}

/// `[batch, channels, 1, 1]`.
fn sum_cells(x: Tensor<4>) -> Tensor<4> {
    x.sum_dim(3).sum_dim(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    /// `[1, 2, 2, 2]`.
    fn tensor(values: [f32; 8]) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values.to_vec(), [1, 2, 2, 2]), &Device::flex())
    }

    /// The 3x3 sums of 0 to 15 as a 4x4 image, minus 50 and minus 75, before their ReLU.
    fn features() -> Tensor<4> {
        tensor([-5.0, 4.0, 31.0, 40.0, -30.0, -21.0, 6.0, 15.0])
    }

    /// Of the sum of the first five minus that of the last three after the ReLU, which passes no
    /// gradient where a feature is negative.
    fn gradient() -> Tensor<4> {
        tensor([0.0, 1.0, 1.0, 1.0, 0.0, 0.0, -1.0, -1.0])
    }

    fn map(method: Method) -> Vec<f32> {
        maps(method, features(), gradient()).into_data().iter::<f32>().collect()
    }

    #[track_caller]
    fn assert_close(found: &[f32], expected: [f32; 4]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4 * expected.max(1.0), "{found} {expected}");
        }
    }

    #[test]
    fn maps_of_a_small_network_by_hand() {
        // Means of the gradient 3/4 and -1/2 (the network is that of captum's tests).
        assert_close(&map(Method::GradCam), [11.25, 13.5, 20.25, 22.5]);
        // Cell by cell: 0, 4, 31 - 6, 40 - 15; and without the negative gradients 0, 4, 31, 40.
        assert_close(&map(Method::HiResCam), [0.0, 4.0, 25.0, 25.0]);
        assert_close(&map(Method::LayerCam), [0.0, 4.0, 31.0, 40.0]);
        // Sums of the features 70 and -30; alpha (4 + 31 + 40) / 70 and -(6 + 15) / -30 = 0.7.
        let alpha = 75.0 / 70.0;
        let cell = |one: f32, other: f32| (alpha * one + 0.7 * other).max(0.0);
        let expected = [cell(-5.0, -30.0), cell(4.0, -21.0), cell(31.0, 6.0), cell(40.0, 15.0)];
        assert_close(&map(Method::XGradCam), expected);
        // alpha 3 * 1 / (2 + 70) for the first, 0 for the second, which has no positive gradient.
        let expected = [0.0, 4.0, 31.0, 40.0].map(|value| value * 3.0 / 72.0);
        assert_close(&map(Method::GradCamPlusPlus), expected);
    }
}
