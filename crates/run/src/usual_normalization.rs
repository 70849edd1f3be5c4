//! How images are standardized for weights whose file does not say it.

use crate::pretrained;
use dermx_model::{Architecture, WeightsFile, WeightsFormat};
use std::path::Path;

/// How images of weights are standardized, where the file does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsualNormalization {
    /// Its name.
    pub name: &'static str,
    /// Whether that holds for Keras' own weights, and is assumed of others in Keras' files.
    pub is_assumed: bool,
}

impl UsualNormalization {
    /// That of weights of `architecture` in `file`, which was opened as `path`. `None` where they are neither published
    /// nor Keras'.
    pub fn of(path: &Path, file: &WeightsFile, architecture: Architecture) -> Option<Self> {
        if path.to_str().is_some_and(pretrained::is_published) {
            return Some(Self { name: architecture.normalization(), is_assumed: false });
        }
        let is_keras = matches!(file.format(), WeightsFormat::KerasZip | WeightsFormat::KerasHdf5);
        let name = architecture.keras_normalization().filter(|_| is_keras)?;
        Some(Self { name, is_assumed: true })
    }
}

#[cfg(test)]
mod tests {
    use super::UsualNormalization;
    use dermx_data::Normalization;
    use dermx_model::{Architecture, WeightsFile};
    use std::path::Path;

    #[test]
    fn every_network_names_a_standardization_that_there_is() {
        for one in Architecture::all() {
            for name in [one.normalization()].into_iter().chain(one.keras_normalization()) {
                assert!(Normalization::preset(name).is_some(), "{one}: {name}");
            }
        }
    }

    #[test]
    fn files_of_keras_and_published_ones_have_a_usual_standardization() {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests");
        let usual = |opened: &str, as_what: &str, architecture| {
            let file = WeightsFile::open(&tests.join(opened)).expect("a file");
            let usual = UsualNormalization::of(Path::new(as_what), &file, architecture);
            usual.map(|usual| (usual.name, usual.is_assumed))
        };
        let keras = "keras_file/small.weights.h5";
        let vgg = Architecture::VGG16;
        assert_eq!(usual(keras, "a.h5", vgg), Some(("keras-caffe", true)));
        assert_eq!(usual(keras, "a.h5", Architecture::MOBILENET_V2), Some(("keras-tf", true)));
        // Keras' EfficientNets standardize images themselves.
        assert_eq!(usual(keras, "a.h5", Architecture::EFFICIENTNET_B0), None);
        let other = "keras_file/small.safetensors";
        assert_eq!(usual(other, "a.safetensors", vgg), None);
        assert_eq!(usual(other, "vgg16", vgg), Some(("imagenet", false)));
        let (lite, inception) = (Architecture::EFFICIENTNET_LITE0, Architecture::INCEPTION_V3);
        let kept = "a/efficientnet-lite0-57934424.pth";
        assert_eq!(usual(other, kept, lite), Some(("efficientnet-lite", false)));
        assert_eq!(usual(other, "inception_v3", inception), Some(("keras-tf", false)));
    }
}
