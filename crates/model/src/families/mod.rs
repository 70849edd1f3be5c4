//! The families of networks. A file of this folder and a line of the list below make one.

mod inception_blocks;
mod separable;
mod timm_blocks;

use crate::architecture::Architecture;
use crate::descriptor::{Body, Family};
use burn::module::Module;

/// Declares the families: a module of this folder, and the type of its networks. The module has a static
/// `FAMILY`, the list `MEMBERS`, and a constant for each of its members.
macro_rules! families {
    ($($(#[doc = $doc:literal])+ $(#[cfg($cfg:meta)])? $module:ident::$body:ident;)+) => {
        $($(#[cfg($cfg)])? mod $module;)+

        /// A network of any architecture.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant)]
        pub enum Network {
            $($(#[doc = $doc])+ $(#[cfg($cfg)])? $body($module::$body),)+
        }

        /// The architectures of each family, the smallest first.
        pub(crate) static MEMBERS: &[&[Architecture]] = &[$($(#[cfg($cfg)])? $module::MEMBERS),+];

        /// Every family.
        pub(crate) static FAMILIES: &[&Family] = &[$($(#[cfg($cfg)])? &$module::FAMILY),+];

        impl Network {
            pub(crate) fn body(&self) -> &dyn Body {
                match self {
                    $($(#[cfg($cfg)])? Self::$body(network) => network,)+
                }
            }

            pub(crate) fn family(&self) -> &'static Family {
                match self {
                    $($(#[cfg($cfg)])? Self::$body(_) => &$module::FAMILY,)+
                }
            }
        }
    };
}

families! {
    /// ResNet-18 to ResNet-152.
    resnet::ResNet;
    /// EfficientNet-B0 to EfficientNet-B7.
    efficientnet::EfficientNet;
    /// VGG16.
    vgg::Vgg;
    /// DenseNet-121.
    densenet::DenseNet;
    /// MobileNetV2.
    mobilenet_v2::MobileNetV2;
    /// Xception.
    xception::Xception;
    /// InceptionV3.
    inception_v3::InceptionV3;
    /// Inception-ResNet-v2.
    inception_resnet_v2::InceptionResNetV2;
    /// MobileNet, the first.
    mobilenet::MobileNet;
    /// EfficientNet-Lite0 to EfficientNet-Lite2.
    efficientnet_lite::EfficientNetLite;
    /// ConvNeXt-Tiny and ConvNeXt-Small.
    convnext::ConvNext;
    /// ViT-S/16 and ViT-B/16.
    vision_transformer::VisionTransformer;
    /// Swin-T.
    swin::Swin;
    /// ResNet-50 of 2016.
    resnet_v2::ResNetV2;
    /// NASNetMobile.
    nasnet::NasNet;
    /// For tests.
    #[cfg(test)] toy::Toy;
}
