"""Writes golden.json: raw maps of pytorch-grad-cam for networks with rule-made weights.

    python generate.py > golden.json

Made with torch 2.15.0, torchvision 0.29.2, timm 1.0.31, grad-cam 1.5.7, numpy 2.x on a CPU.

Weights and images follow the rule of crates/model/tests/networks/mod.rs, so they are not stored. The
raw map is what the method computes before it is scaled to [0, 1] and resized: the negative part cut
off, except for EigenCAM, whose sign is arbitrary and which is stored whole. pytorch-grad-cam has no methods
for attention; those are computed here by their equations, of the matrices that timm's network multiplies.
"""

import json
import re
import sys

import numpy as np
import timm
import torch
import torchvision
from pytorch_grad_cam import (
    EigenCAM,
    GradCAM,
    GradCAMPlusPlus,
    HiResCAM,
    LayerCAM,
    ScoreCAM,
    XGradCAM,
)
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

METHODS = {
    "grad_cam": GradCAM,
    "grad_cam_plus_plus": GradCAMPlusPlus,
    "xgrad_cam": XGradCAM,
    "hires_cam": HiResCAM,
    "layer_cam": LayerCAM,
    "eigen_cam": EigenCAM,
}
SIZE = (300, 400)
NUM_CLASSES = 3
TARGET = 1
U64 = np.uint64


def mix(seed):
    """SplitMix64."""
    with np.errstate(over="ignore"):
        z = np.asarray(seed, dtype=U64) + U64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> U64(30))) * U64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> U64(27))) * U64(0x94D049BB133111EB)
        return z ^ (z >> U64(31))


def fractions(seed, count):
    with np.errstate(over="ignore"):
        indices = np.arange(count, dtype=U64) + U64(seed)
    return (mix(indices) >> U64(40)).astype(np.float32) / np.float32(1 << 24)


def seeded(name, shape, seed):
    fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
    bound = np.sqrt(np.float32(6.0) / np.float32(fan_in))
    leaf = name.rsplit(".", 1)[-1]
    if len(shape) == 1 and leaf == "weight":
        low, high = 0.3, 0.9
    elif len(shape) == 1 and leaf == "running_var":
        low, high = 0.5, 1.5
    elif len(shape) == 1:
        low, high = -0.2, 0.2
    else:
        low, high = -bound, bound
    low, high = np.float32(low), np.float32(high)
    state = U64(seed)
    for byte in name.encode():
        state = mix(state ^ U64(byte))
    values = low + (high - low) * fractions(state, int(np.prod(shape)))
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def seeded_network(build, seed, own_name=lambda name: name):
    network = build(num_classes=NUM_CLASSES)
    state = network.state_dict()
    for name, tensor in state.items():
        if not name.endswith(("num_batches_tracked", "relative_position_index")):
            state[name] = seeded(own_name(name), tuple(tensor.shape), seed)
    network.load_state_dict(state)
    return network.eval()


def seeded_images(shape, seed):
    values = np.float32(4.0) * fractions(mix(U64(seed)), int(np.prod(shape))) - np.float32(2.0)
    return torch.from_numpy(values.reshape(shape))


# Torchvision's names of the weights of timm's vision transformer.
OF_TIMM = {
    "cls_token": "class_token",
    "pos_embed": "encoder.pos_embedding",
    "patch_embed.proj": "conv_proj",
    "norm": "encoder.ln",
    "head": "heads.head",
    "norm1": "ln_1",
    "norm2": "ln_2",
    "attn.qkv": "self_attention.in_proj",
    "attn.proj": "self_attention.out_proj",
    "mlp.fc1": "mlp.0",
    "mlp.fc2": "mlp.3",
}


def of_timm(name):
    block = re.fullmatch(r"blocks\.(\d+)\.(.+)", name)
    start, rest = (f"encoder.layers.encoder_layer_{block[1]}.", block[2]) if block else ("", name)
    layer, _, leaf = rest.rpartition(".")
    if not layer:
        return OF_TIMM[rest]
    return start + OF_TIMM[layer] + ("_" if layer == "attn.qkv" else ".") + leaf


def as_map(images, is_channels_last):
    """From tokens [batch, 1 + patches, channels] to maps without the class token; maps of channels last to first."""
    height, width = (-(-side // 16) for side in images.shape[2:])

    def transform(output):
        if output.ndim == 4:
            return output.permute(0, 3, 1, 2) if is_channels_last else output
        cells = output[:, 1:].reshape(len(output), height, width, -1)
        return cells.permute(0, 3, 1, 2)

    return transform


def attention_maps(network, images):
    """Rollout and gradient-weighted relevance of timm's vision transformer."""
    seen = []

    def keep(_module, _inputs, output):
        output.retain_grad()
        seen.append(output)

    for block in network.blocks:
        block.attn.fused_attn = False
    hooks = [block.attn.attn_drop.register_forward_hook(keep) for block in network.blocks]
    network(images)[0, TARGET].backward()
    for hook in hooks:
        hook.remove()
    identity = torch.eye(seen[0].shape[-1], dtype=torch.float64)
    rollout, relevance = identity, identity
    for attention in seen:
        weights, gradient = attention.detach().double()[0], attention.grad.double()[0]
        rollout = (weights.mean(0) + identity) / 2 @ rollout
        relevance = relevance + (weights * gradient).clamp(min=0).mean(0) @ relevance
    shape = tuple(-(-side // 16) for side in images.shape[2:])
    found = {"attention_rollout": rollout, "attention_relevance": relevance}
    return {name: matrix[0, 1:].reshape(shape).numpy() for name, matrix in found.items()}


def raw_map(method, network, layer, images):
    targets = [ClassifierOutputTarget(TARGET)]
    is_channels_last = isinstance(network, torchvision.models.SwinTransformer)
    transform = as_map(images, is_channels_last)
    with method(model=network, target_layers=[layer], reshape_transform=transform) as cam:
        cam(input_tensor=images, targets=targets)
        activations = cam.activations_and_grads.activations[0].detach().numpy()
        gradients = cam.activations_and_grads.gradients
        gradients = gradients[0].detach().numpy() if gradients else None
        values = cam.get_cam_image(images, layer, targets, activations, gradients, False)[0]
    return values if method is EigenCAM else np.maximum(values, 0)


def case(name, network, layer_name, layer, size, methods, seed):
    images = seeded_images((1, 3, *size), seed)
    with torch.no_grad():
        logits = network(images)[0].tolist()
    found = {name: raw_map(method, network, layer, images) for name, method in methods.items()}
    if hasattr(network, "blocks"):
        found |= attention_maps(network, images)
    maps = {
        name: {
            "shape": list(values.shape),
            "values": [float(f"{value:.7g}") for value in values.ravel()],
        }
        for name, values in found.items()
        if values.any()  # Of a last normalization Grad-CAM++ may leave nothing, which tells nothing.
    }
    return {
        "network": name,
        "layer": layer_name,
        "size": list(size),
        "image_seed": seed,
        "logits": logits,
        "maps": maps,
    }


def main():
    torch.manual_seed(0)
    resnet18 = seeded_network(torchvision.models.resnet18, 1)
    resnet50 = seeded_network(torchvision.models.resnet50, 1)
    b4 = seeded_network(torchvision.models.efficientnet_b4, 1)
    convnext = seeded_network(torchvision.models.convnext_tiny, 1)
    vit_b = seeded_network(torchvision.models.vit_b_16, 1)
    vit = "vit_small_patch16_224"
    swin = seeded_network(torchvision.models.swin_t, 1)
    sizes = {"dynamic_img_size": True, "dynamic_img_pad": True}
    vit_s = seeded_network(lambda **more: timm.create_model(vit, **sizes, **more), 1, of_timm)
    norm = "encoder.layers.encoder_layer_11.ln_1"
    cases = [
        case("resnet50", resnet50, "layer4", resnet50.layer4, SIZE, METHODS, 2),
        case("resnet50", resnet50, "layer3.2", resnet50.layer3[2], (97, 131), METHODS, 3),
        case("resnet18", resnet18, "layer4", resnet18.layer4, (64, 96), {"score_cam": ScoreCAM}, 4),
        case("efficientnet_b4", b4, "features.8", b4.features[8], SIZE, METHODS, 5),
        case("efficientnet_b4", b4, "features.5", b4.features[5], (97, 131), METHODS, 6),
        case("convnext_tiny", convnext, "features.7", convnext.features[7], (224, 300), METHODS, 7),
        case("vit_b_16", vit_b, norm, vit_b.encoder.layers[11].ln_1, (224, 224), METHODS, 8),
        case("swin_t", swin, "norm", swin.norm, (224, 224), METHODS, 11),
        case("swin_t", swin, "features.3.1", swin.features[3][1], (97, 131), METHODS, 12),
        case(vit, vit_s, norm, vit_s.blocks[11].norm1, (128, 192), METHODS, 9),
        case(vit, vit_s, "encoder.layers.encoder_layer_8", vit_s.blocks[8], (97, 131), METHODS, 10),
    ]
    json.dump({"weight_seed": 1, "num_classes": NUM_CLASSES, "target": TARGET, "cases": cases},
              sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
