//! Heat maps of several labels an image: one for each label, in a folder of the label's name.

use crate::config::SanityCheck;
use crate::error::{RunError, RunResult};
use crate::images::Images;
use crate::network::TrainedNetwork;
use dermx_gradcam::Output;

/// Images to explain, an image for each of its labels, and the label of each.
#[derive(Debug)]
pub struct LabelMaps {
    /// Called `<label>/<image_id>`.
    pub images: Images,
    /// The place of each one's label.
    pub targets: Vec<usize>,
}

impl LabelMaps {
    /// Those of `images` with these labels each, sorted by image; none of an image without a label.
    ///
    /// # Errors
    /// None that images can cause that were opened.
    pub fn new(images: &Images, labels: &[String], of_image: &[Vec<usize>]) -> RunResult<Self> {
        let (mut picks, mut targets) = (Vec::new(), Vec::new());
        for ((idx, image_id), own) in images.ids().iter().enumerate().zip(of_image) {
            for &label in own {
                picks.push((idx, format!("{}/{image_id}", labels[label])));
                targets.push(label);
            }
        }
        Ok(Self { images: images.picked(&picks)?, targets })
    }
}

impl TrainedNetwork {
    /// Whether maps of `output` and `checks` of them are there for this network.
    ///
    /// # Errors
    /// They are for one class an image, and it may have several.
    pub fn check_explained(&self, output: Output, checks: &[SanityCheck]) -> RunResult<()> {
        let what = match (&self.thresholds, output, checks) {
            (None, _, _) | (_, Output::Logit, []) => return Ok(()),
            (Some(_), Output::Probability, _) => "maps of a probability (softmax)",
            (Some(_), _, _) => "sanity checks of maps",
        };
        let message =
            format!("{what} are for networks of one class an image; this one gives several labels");
        Err(RunError::usage(message))
    }
}
