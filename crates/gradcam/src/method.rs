//! The methods by name.

use crate::error::ExplainError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How an explanation is computed.
///
/// `A_c` are the feature maps of the explained layer, `G_c = d y / d A_c` the gradients of the
/// explained output `y`, and sums over `ij` run over the cells of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Method {
    /// `relu(sum_c alpha_c A_c)`, `alpha_c = mean_ij G_cij`.
    ///
    /// # Source
    /// Selvaraju et al., 2017, <https://arxiv.org/abs/1610.02391>, equations 1 and 2.
    GradCam,
    /// As [`Self::GradCam`] with `alpha_c = sum_ij a_cij relu(G_cij)` and
    /// `a_cij = G_cij^2 / (2 G_cij^2 + G_cij^3 sum_ab A_cab + 1e-6)`.
    ///
    /// # Source
    /// Chattopadhay et al., 2018, <https://arxiv.org/abs/1710.11063>, equations 7 and 19.
    GradCamPlusPlus,
    /// As [`Self::GradCam`] with `alpha_c = sum_ij G_cij A_cij / (sum_ab A_cab + 1e-7)`.
    ///
    /// # Source
    /// Fu et al., 2020, <https://arxiv.org/abs/2008.02312>.
    XGradCam,
    /// `relu(sum_c G_c A_c)`, cell by cell.
    ///
    /// # Source
    /// Draelos and Carin, 2020, <https://arxiv.org/abs/2011.08891>.
    HiResCam,
    /// `relu(sum_c relu(G_c) A_c)`, cell by cell.
    ///
    /// # Source
    /// Jiang et al., 2021, <https://doi.org/10.1109/TIP.2021.3089943>.
    LayerCam,
    /// The first principal component of the cells' features, which no class has a part in: with the
    /// mean feature taken off, the projection on the first right singular vector, with the sign
    /// that makes its largest absolute value positive, then `relu`.
    ///
    /// # Source
    /// Muhammad and Yeasin, 2020, <https://arxiv.org/abs/2008.00299>; the sign is that of Chung and
    /// Ying, 2025, <https://doi.org/10.3390/app15137562>, equation 13.
    EigenCam,
    /// As [`Self::GradCam`] with `alpha = softmax_c(y(x * up(A_c)))`: each feature map, brought to
    /// \[0, 1\] and to the size of the image, is laid over it as a mask.
    ///
    /// # Source
    /// Wang et al., 2020, <https://arxiv.org/abs/1910.01279>.
    ScoreCam,
    /// `x * mean_k d y(x (k + 1/2) / n) / d x`, summed over colors, positive part: the way from an
    /// image of the mean color to `x` in n = [`Settings::num_steps`]
    /// steps.
    ///
    /// # Source
    /// Sundararajan et al., 2017, <https://arxiv.org/abs/1703.01365>, equation 3 (midpoint rule).
    IntegratedGradients,
    /// The largest absolute value over colors of the mean gradient `d y / d x` of
    /// [`Settings::num_samples`] noisy images.
    ///
    /// # Source
    /// Smilkov et al., 2017, <https://arxiv.org/abs/1706.03825>.
    SmoothGrad,
    /// How much `y` falls when a square of the mean color covers a pixel: the mean over the squares
    /// that do, positive part. The last square of a row or column ends at the border.
    ///
    /// # Source
    /// Zeiler and Fergus, 2014, <https://arxiv.org/abs/1311.2901>, section 4.2.
    Occlusion,
    /// How much of each patch reaches the class token: its row of `R = B_L ... B_1`, where
    /// `B_l = (mean_h A_lh + I) / 2` and `A_lh` says how much the tokens attend to each other in head h of
    /// layer l; no class has a part in it. For vision transformers.
    ///
    /// # Source
    /// Abnar and Zuidema, 2020, <https://arxiv.org/abs/2005.00928>, section 3.
    AttentionRollout,
    /// The class token's row of `R = (I + B_L) ... (I + B_1)` with
    /// `B_l = mean_h relu(A_lh d y / d A_lh)`, cell by cell. For vision transformers.
    ///
    /// # Source
    /// Chefer et al., 2021, <https://arxiv.org/abs/2103.15679>, equations 5 and 6.
    AttentionRelevance,
}

/// What a method looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// The feature maps of a layer.
    Layer,
    /// The image itself.
    Image,
    /// How much the tokens of every layer attend to each other.
    Attention,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 12] = [
        Self::GradCam,
        Self::GradCamPlusPlus,
        Self::XGradCam,
        Self::HiResCam,
        Self::LayerCam,
        Self::EigenCam,
        Self::ScoreCam,
        Self::IntegratedGradients,
        Self::SmoothGrad,
        Self::Occlusion,
        Self::AttentionRollout,
        Self::AttentionRelevance,
    ];

    /// The name in configurations and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GradCam => "grad_cam",
            Self::GradCamPlusPlus => "grad_cam_plus_plus",
            Self::XGradCam => "xgrad_cam",
            Self::HiResCam => "hires_cam",
            Self::LayerCam => "layer_cam",
            Self::EigenCam => "eigen_cam",
            Self::ScoreCam => "score_cam",
            Self::IntegratedGradients => "integrated_gradients",
            Self::SmoothGrad => "smooth_grad",
            Self::Occlusion => "occlusion",
            Self::AttentionRollout => "attention_rollout",
            Self::AttentionRelevance => "attention_relevance",
        }
    }

    /// What the method looks at.
    pub const fn sight(self) -> Sight {
        match self {
            Self::GradCam
            | Self::GradCamPlusPlus
            | Self::XGradCam
            | Self::HiResCam
            | Self::LayerCam
            | Self::EigenCam
            | Self::ScoreCam => Sight::Layer,
            Self::IntegratedGradients | Self::SmoothGrad | Self::Occlusion => Sight::Image,
            Self::AttentionRollout | Self::AttentionRelevance => Sight::Attention,
        }
    }

    /// Whether the method looks at a layer that can be chosen.
    pub const fn uses_layer(self) -> bool {
        matches!(self.sight(), Sight::Layer)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{name}` is not a method; there are: {names}")
        })
    }
}

impl TryFrom<String> for Method {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<Method> for String {
    fn from(method: Method) -> Self {
        method.name().to_string()
    }
}

/// What the methods need to know beside the network; each looks at its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The number that is explained.
    pub output: Output,
    /// Integrated gradients: number of steps.
    pub num_steps: usize,
    /// SmoothGrad: number of noisy images.
    pub num_samples: usize,
    /// SmoothGrad: standard deviation of the noise, in percent of the range of the image's values.
    pub noise_percent: usize,
    /// Occlusion: side of the square, in pixels.
    pub patch_px: usize,
    /// Occlusion: distance from one square to the next, in pixels; at most the side of the square.
    pub stride_px: usize,
}

impl Settings {
    /// Whether squares every [`Self::stride_px`] leave pixels between them that none covers, of which
    /// [`Method::Occlusion`] could say nothing.
    pub const fn leaves_gaps(&self) -> bool {
        self.stride_px > self.patch_px
    }

    /// Checks them, whatever the method.
    ///
    /// # Errors
    /// A number of zero, or squares with gaps between them.
    pub fn check(&self) -> Result<(), ExplainError> {
        let Self { num_steps, num_samples, patch_px, stride_px, .. } = *self;
        if [num_steps, num_samples, patch_px, stride_px].contains(&0) {
            return Err(ExplainError::Setting { num_steps, num_samples, patch_px, stride_px });
        }
        match self.leaves_gaps() {
            true => Err(ExplainError::Gaps { patch_px, stride_px }),
            false => Ok(()),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            output: Output::Logit,
            num_steps: 32,
            num_samples: 16,
            noise_percent: 15,
            patch_px: 48,
            stride_px: 24,
        }
    }
}

/// The number of the network's output that is explained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The logit of the target class.
    #[default]
    Logit,
    /// Its probability (softmax).
    Probability,
}
