//! A network of one convolution, for tests: what a family has to say, and that nothing else is needed.

use super::Network;
use crate::architecture::Architecture;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::descriptor::{Blueprint, Body, Descriptor, Family, HeadNames};
use crate::head::{Head, Pooling};
use crate::layers::{ConvNorm, Layers, Tracer, conv_norm};
use crate::layout::channels_last;
use crate::parameter::first_parts;
use crate::tap::Tap;
use crate::weight_names::Naming;
use burn::module::Module;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};
use dermx_kernels::Activation;

pub(super) const MEMBERS: &[Architecture] = &[TOY];

pub(super) static FAMILY: Family = Family {
    name: "a toy",
    head: HeadNames {
        linear: "toy_head",
        norm: "toy_norm",
        parts: &["toy_head", "toy_norm"],
        hidden: None,
    },
    heads: &[Head::Gap, Head::GapBn],
    variants: &[Variant::Torchvision],
    paddings: &[Padding::Torchvision],
    stage: |name| first_parts(name, 1),
    block: |name| first_parts(name, 1),
    marks: &["toy_conv.0.weight"],
    foreign: &[],
    timm: Naming::Unknown,
    timm_has_tf: false,
    normalization: "imagenet",
    keras_normalization: None,
};

const TOY: Architecture = Architecture {
    descriptor: &Descriptor {
        family: &FAMILY,
        name: "toy",
        blueprint: &Size { channels: 8 },
        input_side_px: 32,
        weights: &[("toy", "toy-01234567.pth")],
        recipe: None,
        blurred: &[],
    },
};

struct Size {
    channels: usize,
}

impl Blueprint for Size {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::Toy(Toy {
            toy_conv: Layers::of(config, device).conv_norm([3, self.channels], 3, 2),
            pooling: Pooling::new(config, 0.0, device),
            toy_norm: config.head_norm(device),
            toy_head: config.head_linear(device),
        })
    }

    fn num_features(&self) -> usize {
        self.channels
    }

    fn feature_size(&self, _: &NetworkConfig, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| side.div_ceil(2))
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct Toy {
    toy_conv: ConvNorm,
    pooling: Pooling,
    toy_norm: Option<BatchNorm>,
    toy_head: Linear,
}

impl Body for Toy {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let (conv, norm) = &self.toy_conv;
        let x = conv_norm(conv, norm, channels_last(images), None, Activation::Relu);
        let x = tap.apply(self.last_tap(), x);
        self.toy_head.forward(self.pooling.forward(x, self.toy_norm.as_ref(), tap))
    }

    fn trace(&self, tracer: &mut Tracer) {
        tracer.conv_norm(&self.toy_conv);
    }

    fn tap_names(&self) -> Vec<String> {
        vec![self.last_tap().to_string()]
    }

    fn last_tap(&self) -> &'static str {
        "toy_conv"
    }

    fn pooling(&self) -> Option<&Pooling> {
        Some(&self.pooling)
    }
}

#[cfg(test)]
mod tests {
    use super::TOY;
    use crate::{
        Architecture, BatchNormMode, Head, Naming, NetworkConfig, Wanted, expected_shapes, is_head,
        locate, set_trainable, stages,
    };
    use burn::tensor::{Device, Tensor};

    #[test]
    fn one_file_and_one_line_make_a_network_known_everywhere() {
        assert_eq!("toy".parse(), Ok(TOY));
        assert_eq!(serde_json::from_str::<Architecture>("\"toy\"").expect("is read"), TOY);
        let message = "top".parse::<Architecture>().expect_err("refused");
        assert!(message.ends_with(", toy"), "{message}");
        assert!(is_head("toy_head.weight") && !is_head("toy_conv.0.weight"));

        let config = NetworkConfig { head: Head::GapBn, ..NetworkConfig::torchvision(TOY, 5) };
        let network = config.init(&Device::flex());
        assert_eq!(stages(&network), ["head", "toy_conv"]);
        let mut seen = Vec::new();
        let images = Tensor::ones([2, 3, 7, 9], &Device::flex());
        let logits = network.forward_tapped(images, &mut |name, x| {
            seen.push((name.to_string(), x.dims()));
            x
        });
        assert_eq!(logits.dims(), [2, 5]);
        let [height, width] = config.feature_size([7, 9]);
        assert_eq!(seen[0], ("toy_conv".to_string(), [2, 8, height, width]));
        assert_eq!(seen.len(), network.tap_names().len());

        let shapes = expected_shapes(&network);
        let located = locate(&shapes, &Wanted::default()).expect("found");
        assert_eq!((located.architecture, located.naming), (TOY, Naming::Torchvision));
        assert_eq!(located.config.map(|found| found.head), Some(Head::GapBn));
        assert!(located.misfit.is_empty());
        let patterns = ["head.*".to_string()];
        set_trainable(network, &patterns, BatchNormMode::ByBlock).expect("has a head");
    }
}
