//! The vision transformers.

mod names;
mod position;

use super::Network;
use crate::architecture::Architecture;
use crate::attention::Attention;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::descriptor::{Blueprint, Body, Descriptor, Family, HeadNames};
use crate::head::Head;
use crate::layers::{
    Dense, LayerNorm, Layers, Tracer, conv_biased_with, linear, linear_parameters,
};
use crate::layout::channels_last;
use crate::parameter::first_parts;
use crate::tap::Tap;
use crate::weight_names::{ForeignNames, Naming};
use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::nn::{Initializer, Linear};
use burn::tensor::{Device, Tensor};
use dermx_kernels::{
    Activation, ConvOptions, add_bias, attention, attention_mix, attention_weights, concat,
};

pub(super) const MEMBERS: &[Architecture] =
    &[Architecture::VIT_SMALL_PATCH16_224, Architecture::VIT_B_16];

pub(super) static FAMILY: Family = Family {
    name: "a vision transformer",
    head: HeadNames {
        linear: "heads.head",
        // It has no head with a batch normalization.
        norm: "heads.norm",
        parts: &["heads"],
        hidden: None,
    },
    heads: &[Head::Token],
    variants: &[Variant::Torchvision],
    paddings: &[Padding::Torchvision],
    stage,
    block: stage,
    marks: &["conv_proj.weight", "encoder.layers.encoder_layer_0.ln_1.weight"],
    foreign: &[
        ForeignNames {
            naming: Naming::Torchvision,
            marks: &["conv_proj.weight", "encoder.layers.encoder_layer_0.mlp.linear_1.weight"],
            to_own: names::of_old_torchvision,
            from_own: names::old_torchvision_names,
        },
        ForeignNames {
            naming: Naming::Timm,
            marks: &["patch_embed.proj.weight", "blocks.0.attn.qkv.weight"],
            to_own: names::of_timm,
            from_own: names::timm_names,
        },
    ],
    timm: Naming::Timm,
    timm_has_tf: false,
    normalization: "imagenet",
    keras_normalization: None,
};

/// `encoder.layers.encoder_layer_3`, `encoder.ln`, or the stem: all that makes tokens of an image.
fn stage(name: &str) -> &str {
    match first_parts(name, 2) {
        "encoder.layers" => first_parts(name, 3),
        "encoder.ln" => "encoder.ln",
        _ => "stem",
    }
}

/// With the names of torchvision, or of timm where torchvision has none.
#[allow(missing_docs)]
impl Architecture {
    pub const VIT_SMALL_PATCH16_224: Self = Self {
        descriptor: &Descriptor {
            family: &FAMILY,
            name: "vit_small_patch16_224",
            blueprint: &Width { channels: 384 },
            input_side_px: 224,
            weights: &[],
            recipe: None,
            blurred: &[],
        },
    };
    pub const VIT_B_16: Self = Self {
        descriptor: &Descriptor {
            family: &FAMILY,
            name: "vit_b_16",
            blueprint: &Width { channels: 768 },
            input_side_px: 224,
            weights: &[("vit_b_16", "vit_b_16-c867db91.pth")],
            recipe: None,
            blurred: &[],
        },
    };
}

/// Layers of the encoder.
const NUM_LAYERS: usize = 12;

/// Channels of a head of attention.
const HEAD_CHANNELS: usize = 64;

/// Channels between the linear layers of a token for each that it has.
const EXPANSION: usize = 4;

/// Side of a patch in pixels.
const PATCH_PX: usize = 16;

/// Rows and columns of the patches that have an embedding of their place of their own.
const POSITIONS: [usize; 2] = [14, 14];

/// Epsilon of the layer normalizations.
const EPSILON: f64 = 1e-6;

/// Channels of a token.
struct Width {
    channels: usize,
}

impl Blueprint for Width {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::VisionTransformer(VisionTransformer::new(self.channels, config, device))
    }

    fn num_features(&self) -> usize {
        self.channels
    }

    /// Nothing strides after the patches.
    fn takes_last_stride(&self, last_stride: usize) -> bool {
        last_stride == 2
    }

    fn feature_size(&self, _: &NetworkConfig, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| side.div_ceil(PATCH_PX))
    }
}

/// A vision transformer with patches of 16x16 pixels, in torchvision's layout.
///
/// It takes images of any size; sides that are no multiples of 16 are continued with zeros at the right and
/// below. Embeddings of places are learned for 14x14 patches, and interpolated for any other grid. Both is
/// as timm does with `dynamic_img_size` and `dynamic_img_pad` (torchvision refuses other sizes than 224).
///
/// # Source
/// Dosovitskiy et al., 2020, <https://arxiv.org/abs/2010.11929>; torchvision,
/// <https://github.com/pytorch/vision/blob/main/torchvision/models/vision_transformer.py>; timm,
/// <https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer.py>.
#[derive(Module, Debug)]
pub struct VisionTransformer {
    class_token: Param<Tensor<3>>,
    conv_proj: Conv2d,
    encoder: Encoder,
    heads: Heads,
}

/// All between the patches and the head.
#[derive(Module, Debug)]
pub struct Encoder {
    pos_embedding: Param<Tensor<3>>,
    layers: EncoderLayers,
    ln: LayerNorm,
}

/// The layers by their names.
#[derive(Module, Debug)]
pub struct EncoderLayers {
    encoder_layer__: Vec<EncoderLayer>,
}

/// Attention, then two linear layers of each token with a GELU between them; each after a normalization,
/// and added to its input.
#[derive(Module, Debug)]
pub struct EncoderLayer {
    ln_1: LayerNorm,
    self_attention: SelfAttention,
    ln_2: LayerNorm,
    /// At 1 and 2 torchvision has activation and dropout.
    mlp: (Dense, Option<Dense>, Option<Dense>, Dense),
}

/// Softmax attention of several heads.
#[derive(Module, Debug)]
pub struct SelfAttention {
    /// For queries, keys and values, one below the other.
    in_proj_weight: Param<Tensor<2>>,
    in_proj_bias: Param<Tensor<1>>,
    out_proj: Dense,
}

/// Torchvision's `heads`.
#[derive(Module, Debug)]
pub struct Heads {
    head: Linear,
}

impl VisionTransformer {
    fn new(channels: usize, config: &NetworkConfig, device: &Device) -> Self {
        let num_tokens = 1 + POSITIONS[0] * POSITIONS[1];
        let embedding = Initializer::Normal { mean: 0.0, std: 0.02 };
        let layers = (0..NUM_LAYERS).map(|_| EncoderLayer::new(channels, device)).collect();
        Self {
            class_token: Initializer::Zeros.init([1, 1, channels], device),
            conv_proj: Layers::of(config, device).patches([3, channels], PATCH_PX),
            encoder: Encoder {
                pos_embedding: embedding.init([1, num_tokens, channels], device),
                layers: EncoderLayers { encoder_layer__: layers },
                ln: LayerNorm::new(channels, EPSILON, device),
            },
            heads: Heads { head: config.head_linear(device) },
        }
    }

    /// The layers of the encoder and their names.
    fn layers(&self) -> impl Iterator<Item = (String, &EncoderLayer)> {
        let layers = &self.encoder.layers.encoder_layer__;
        layers.iter().enumerate().map(|(idx, layer)| (layer_name(idx), layer))
    }

    /// The class token and the patches, with the embeddings of their places.
    ///
    /// # Shapes
    /// - `patches`: `[batch, height, width, channels]`
    /// - output: `[batch, 1, 1 + height * width, channels]`
    fn tokens(&self, patches: Tensor<4>) -> Tensor<4> {
        let [batch, height, width, channels] = patches.dims();
        let num_cells = height * width;
        let places = self.encoder.pos_embedding.val();
        let of_class = places.clone().narrow(1, 0, 1) + self.class_token.val();
        let of_cells = places.narrow(1, 1, POSITIONS[0] * POSITIONS[1]);
        let of_cells = position::resized(of_cells, POSITIONS, [height, width]);
        // As one row of numbers an image, tokens follow each other like channels.
        let shift = concat(
            of_class.reshape([1, 1, 1, channels]),
            of_cells.reshape([1, 1, 1, num_cells * channels]),
        );
        let nothing = Tensor::zeros([batch, 1, 1, channels], &patches.device());
        let tokens = concat(nothing, patches.reshape([batch, 1, 1, num_cells * channels]));
        let tokens = add_bias(tokens, shift.reshape([-1]), Activation::None);
        tokens.reshape([batch, 1, 1 + num_cells, channels])
    }
}

fn layer_name(idx: usize) -> String {
    format!("encoder.layers.encoder_layer_{idx}")
}

impl EncoderLayer {
    fn new(channels: usize, device: &Device) -> Self {
        let inside = EXPANSION * channels;
        let (in_proj_weight, in_proj_bias) = linear_parameters([channels, 3 * channels], device);
        Self {
            ln_1: LayerNorm::new(channels, EPSILON, device),
            self_attention: SelfAttention {
                in_proj_weight,
                in_proj_bias,
                out_proj: Dense::new([channels; 2], device),
            },
            ln_2: LayerNorm::new(channels, EPSILON, device),
            mlp: (
                Dense::new([channels, inside], device),
                None,
                None,
                Dense::new([inside, channels], device),
            ),
        }
    }

    /// Applies the layer that is called `name` to the class token and the patches of `grid`.
    fn forward_tapped(
        &self,
        tokens: Tensor<4>,
        grid: [usize; 2],
        name: &str,
        tap: &mut Tap<'_>,
    ) -> Tensor<4> {
        let x = self.ln_1.forward(tokens.clone());
        let x = tap.apply_to_tokens(&normalized(name), x, grid);
        let tokens = self.self_attention.forward_tapped(x, tokens, &attention_name(name), tap);
        let (expand, _, _, project) = &self.mlp;
        let x = expand.forward(self.ln_2.forward(tokens.clone()), Activation::Gelu);
        project.sum(x, None, Some(tokens))
    }

    fn trace(&self, tracer: &mut Tracer) {
        tracer.linear(&self.self_attention.in_proj_weight);
        self.self_attention.out_proj.trace(tracer);
        self.mlp.0.trace(tracer);
        self.mlp.3.trace(tracer);
    }
}

impl SelfAttention {
    /// Attention of the tokens `x` to each other, added to `tokens`.
    fn forward_tapped(
        &self,
        x: Tensor<4>,
        tokens: Tensor<4>,
        name: &str,
        tap: &mut Tap<'_>,
    ) -> Tensor<4> {
        let num_heads = x.dims()[3] / HEAD_CHANNELS;
        let (weight, bias) = (self.in_proj_weight.val(), self.in_proj_bias.val());
        let projected = linear(x, weight, bias, Activation::None);
        let mixed = match tap.wants_attention(name) {
            true => {
                let weights = attention_weights(projected.clone(), num_heads);
                attention_mix(tap.apply_attention(name, weights), projected)
            }
            false => attention(projected, num_heads, None),
        };
        self.out_proj.sum(mixed, None, Some(tokens))
    }
}

/// The tap of the normalization before the attention of the layer `name`.
fn normalized(name: &str) -> String {
    format!("{name}.ln_1")
}

/// The name of the attention of the layer `name`.
fn attention_name(name: &str) -> String {
    format!("{name}.self_attention")
}

/// Patches of images of that height and width, the last ones continued with zeros.
fn patch_options(size: [usize; 2]) -> ConvOptions {
    let [bottom, right] = size.map(|side| side.next_multiple_of(PATCH_PX) - side);
    ConvOptions { stride: [PATCH_PX; 2], padding: [0, 0, bottom, right], groups: 1 }
}

/// The tap of the patches.
const PATCHES: &str = "conv_proj";

impl Body for VisionTransformer {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let images = channels_last(images);
        let [_, height, width, _] = images.dims();
        let options = patch_options([height, width]);
        let patches = conv_biased_with(&self.conv_proj, images, options, Activation::None);
        let patches = tap.apply(PATCHES, patches);
        let [batch, height, width, channels] = patches.dims();
        let mut tokens = self.tokens(patches);
        for (idx, (name, layer)) in self.layers().enumerate() {
            tokens = layer.forward_tapped(tokens, [height, width], &name, tap);
            if idx + 1 < NUM_LAYERS {
                tokens = tap.apply_to_tokens(&name, tokens, [height, width]);
            }
        }
        let class = self.encoder.ln.forward(tokens.narrow(2, 0, 1));
        self.heads.head.forward(class.reshape([batch, channels]))
    }

    fn trace(&self, tracer: &mut Tracer) {
        tracer.size = tracer.size.map(|side| side.next_multiple_of(PATCH_PX));
        tracer.conv(&self.conv_proj);
        tracer.size = [1, 1 + tracer.size[0] * tracer.size[1]];
        self.layers().for_each(|(_, layer)| layer.trace(tracer));
    }

    fn tap_names(&self) -> Vec<String> {
        let mut names = vec![PATCHES.to_string()];
        names.extend(self.layers().flat_map(|(name, _)| [normalized(&name), name]));
        // Of what the last layer makes of the patches nothing reaches the logits.
        names.pop();
        names
    }

    fn last_tap(&self) -> &'static str {
        "encoder.layers.encoder_layer_11.ln_1"
    }

    fn attention(&self) -> Option<Attention> {
        let names = self.layers().map(|(name, _)| attention_name(&name)).collect();
        Some(Attention { names, patch_px: PATCH_PX })
    }
}
