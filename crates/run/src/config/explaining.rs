//! The section that says how to explain.

use super::declare::{choice, section};
use super::schema::{MAX_BATCH, MAX_SIDE_PX, Range};
use super::words::{SanityCheck, Target};
use dermx_gradcam::{Method, Output, Settings};

/// The most times that an image is sent through the network for one map.
const MAX_PASSES: u32 = 100_000;

choice! {
    /// How an explanation is computed.
    ExplainMethod by "name", default "grad_cam" {
        /// Feature maps weighted by their mean gradients.
        GradCam = "grad_cam" {}
        /// Grad-CAM with weights from positive gradients.
        GradCamPlusPlus = "grad_cam_plus_plus" {}
        /// Grad-CAM with gradients weighted by activations.
        XGradCam = "xgrad_cam" {}
        /// Gradients times feature maps, cell by cell.
        HiResCam = "hires_cam" {}
        /// Positive gradients times feature maps, cell by cell.
        LayerCam = "layer_cam" {}
        /// The first principal component of the feature maps.
        EigenCam = "eigen_cam" {}
        /// Feature maps weighted by what the network says of the image under each.
        ScoreCam = "score_cam" {}
        /// The mean gradient on the way from an image of the mean color, times the image.
        IntegratedGradients = "integrated_gradients" {
            /// Number of steps.
            num_steps: usize, default(32), Range::Count(1, MAX_PASSES);
        }
        /// The mean gradient of noisy images.
        SmoothGrad = "smooth_grad" {
            /// Number of noisy images.
            num_samples: usize, default(16), Range::Count(1, MAX_PASSES);
            /// Standard deviation of the noise in percent of the range of an image's values.
            noise_percent: usize, default(15), Range::Count(0, 1000);
        }
        /// How much the output falls under a square of the mean color.
        Occlusion = "occlusion" {
            /// Side of the square, in pixels.
            patch_px: usize, default(48), Range::Count(1, MAX_SIDE_PX);
            /// Distance from one square to the next, in pixels; at most patch_px.
            stride_px: usize, default(24), Range::Count(1, MAX_SIDE_PX);
        }
        /// What reaches the class token of a vision transformer of each patch, by how much tokens attend to
        /// each other.
        AttentionRollout = "attention_rollout" {}
        /// The same with attention weighted by its gradients.
        AttentionRelevance = "attention_relevance" {}
    }
}

section! {
    /// Heat maps.
    ExplainSection {
        /// Which method.
        method: ExplainMethod, choice;
        /// "last", or the name of a tap.
        layer: String, default("last".into());
        /// Which class is explained.
        target: Target, default(Target::Gold);
        /// Whether its logit or its probability.
        output: Output, default(Output::Logit);
        /// Images a step.
        batch_size: usize, default(8), Range::Count(1, MAX_BATCH);
        /// Sanity checks: "randomization", "faithfulness", "robustness", several or none.
        sanity: Vec<SanityCheck>, default(vec![]), Range::Distinct(0);
    }
}

impl ExplainSection {
    /// The method.
    pub const fn method(&self) -> Method {
        match self.method {
            ExplainMethod::GradCam {} => Method::GradCam,
            ExplainMethod::GradCamPlusPlus {} => Method::GradCamPlusPlus,
            ExplainMethod::XGradCam {} => Method::XGradCam,
            ExplainMethod::HiResCam {} => Method::HiResCam,
            ExplainMethod::LayerCam {} => Method::LayerCam,
            ExplainMethod::EigenCam {} => Method::EigenCam,
            ExplainMethod::ScoreCam {} => Method::ScoreCam,
            ExplainMethod::IntegratedGradients { .. } => Method::IntegratedGradients,
            ExplainMethod::SmoothGrad { .. } => Method::SmoothGrad,
            ExplainMethod::Occlusion { .. } => Method::Occlusion,
            ExplainMethod::AttentionRollout {} => Method::AttentionRollout,
            ExplainMethod::AttentionRelevance {} => Method::AttentionRelevance,
        }
    }

    /// What the method needs to know; what others need is as usual.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings { output: self.output, ..Settings::default() };
        match self.method {
            ExplainMethod::IntegratedGradients { num_steps } => settings.num_steps = num_steps,
            ExplainMethod::SmoothGrad { num_samples, noise_percent } => {
                settings.num_samples = num_samples;
                settings.noise_percent = noise_percent;
            }
            ExplainMethod::Occlusion { patch_px, stride_px } => {
                settings.patch_px = patch_px;
                settings.stride_px = stride_px;
            }
            _ => {}
        }
        settings
    }
}
