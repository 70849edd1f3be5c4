//! A network of any architecture, and its forward pass.

use crate::attention::Attention;
use crate::config::NetworkConfig;
use crate::drop::DropSite;
pub use crate::families::Network;
use crate::head::{ConceptHead, Pooling};
use crate::layers::Tracer;
use crate::tap::Tap;
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};
use dermx_kernels::cpu::ConvShape;

impl NetworkConfig {
    /// Builds the network on `device` with Burn's default initialization.
    pub fn init(&self, device: &Device) -> Network {
        self.architecture.descriptor.blueprint.build(self, device)
    }

    /// Builds the network on `device` for weights that are to be put into it: as [`Self::init`], but with zeros where
    /// that draws, which takes longer than a small network's training step.
    pub fn empty(&self, device: &Device) -> Network {
        self.init(device).map(&mut Zeros)
    }
}

/// Puts zeros where values would be drawn as soon as somebody looks.
struct Zeros;

impl ModuleMapper for Zeros {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if param.is_initialized() {
            return param;
        }
        let zeros = Tensor::zeros(param.lazy_shape(), &param.lazy_device());
        Param::initialized(param.id, zeros).set_require_grad(true)
    }
}

impl Network {
    /// The forward pass, which returns logits; `tap` is called at every named tap in execution order.
    ///
    /// The pass continues with the tensor that `tap` returns, so that a caller can look at, replace
    /// or detach an activation; training applies its [`DropSite`]s there. Batch normalization uses
    /// batch statistics only on an autodiff device and only while its training flag is on; freeze the
    /// network to explain it.
    ///
    /// # Shapes
    /// - `images`: `[batch, 3, height, width]`, standardized
    /// - output: `[batch, num_classes]`
    pub fn forward_tapped(
        &self,
        images: Tensor<4>,
        tap: &mut dyn FnMut(&str, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<2> {
        self.pass(images, Tap { names: None, call: tap })
    }

    /// As [`Self::forward_tapped`], but `tap` is called only at `names`, which may be those of
    /// [`Attention::names`], too. The result has the same
    /// bits; it takes less time, since layers without a tap between them are computed together.
    pub fn forward_tapped_at(
        &self,
        images: Tensor<4>,
        names: &[&str],
        tap: &mut dyn FnMut(&str, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<2> {
        self.pass(images, Tap { names: Some(names), call: tap })
    }

    /// Logits; [`Self::forward_tapped`] with taps that do nothing.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.forward_tapped_at(images, &[], &mut |_, x| x)
    }

    fn pass(&self, images: Tensor<4>, mut tap: Tap<'_>) -> Tensor<2> {
        self.body().forward_tapped(images, &mut tap)
    }

    /// All convolutions for `batch` images of `size` (height, width), without those of squeeze and
    /// excitation.
    pub fn conv_shapes(&self, batch: usize, size: [usize; 2]) -> Vec<ConvShape> {
        self.trace(batch, size).shapes
    }

    /// Whether, for a batch of one image of `size` (height, width), a batch normalization in training
    /// mode sees a single value for each channel: feature maps of one cell, or pooled ones. The
    /// variance is 0 then, so that the output does not depend on the image.
    pub fn normalizes_one_value(&self, size: [usize; 2]) -> bool {
        self.trace(1, size).normalizes_one_cell
    }

    fn trace(&self, batch: usize, size: [usize; 2]) -> Tracer {
        let mut tracer = Tracer { batch, size, shapes: Vec::new(), normalizes_one_cell: false };
        self.body().trace(&mut tracer);
        tracer
    }

    /// What it is called in messages: "a ResNet".
    pub fn kind(&self) -> &'static str {
        self.family().name
    }

    /// Names of the taps in execution order.
    ///
    /// They are torchvision's (or timm's) names of the modules whose output they see: every stage (`layer4`,
    /// `features.7`), every block (`layer4.2`, `features.7.1`), and in every block what comes
    /// before the sum: the last convolution (`layer4.2.conv3`) of a ResNet, before its batch
    /// normalization, and all of the branch (`features.7.1.block`) of an EfficientNet. Besides
    /// there are `stem` (the pooled first layer of a ResNet), `features.0` and `features.8` (first
    /// and last convolution of an EfficientNet), and `dropout` where the head has one. A head for concepts has
    /// those of [`crate::ConceptTaps`] and two for the classes.
    ///
    /// An Inception has its first layers and poolings, and each block; an Inception-ResNet-v2 in its repeated
    /// blocks (`repeat_1.7`) the last convolution (`repeat_1.7.conv2d`), too. A NASNet has each cell
    /// (`normal_12`), and `relu` after the last.
    ///
    /// A vision transformer has `conv_proj` (the patches) and in each layer the normalization before the
    /// attention and the layer itself. Their feature maps are the patches; the class token is not shown.
    /// After the attention of the last layer only the class token goes on, so that the last tap is the
    /// normalization before it. A Swin transformer has in each block `norm1`, `attn` and `mlp`, the last
    /// two before the sum, and `norm` at the end.
    pub fn tap_names(&self) -> Vec<String> {
        let mut names = self.body().tap_names();
        names.extend(self.body().pooling().into_iter().flat_map(Pooling::tap_names));
        names
    }

    /// The tap that class activation maps read unless told otherwise: the last feature maps.
    pub fn last_tap(&self) -> &'static str {
        self.body().last_tap()
    }

    /// What tells concepts, and the classes from them; see [`NetworkConfig::concept_head`].
    pub fn concept_head(&self) -> Option<&ConceptHead> {
        self.body().pooling().and_then(Pooling::concepts)
    }

    /// How its tokens attend to each other; `None` where there are no such tokens.
    pub fn attention(&self) -> Option<Attention> {
        self.body().attention()
    }

    /// The taps at which training drops activations at random, in execution order.
    pub fn drop_sites(&self) -> Vec<DropSite> {
        let mut sites = self.body().drop_sites();
        sites.extend(self.body().pooling().into_iter().flat_map(Pooling::drop_sites));
        sites
    }
}
