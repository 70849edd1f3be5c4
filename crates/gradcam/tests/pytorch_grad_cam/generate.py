"""Writes golden.json: raw maps of pytorch-grad-cam for networks with rule-made weights.

    python generate.py > golden.json

Made with torch 2.15.0, torchvision 0.29.2, timm 1.0.31, Keras 3.15.1 on PyTorch, grad-cam 1.5.7, numpy 2.x on a CPU.

Weights and images follow the rule of crates/model/tests/networks/mod.rs, so they are not stored. The
raw map is what the method computes before it is scaled to [0, 1] and resized: the negative part cut
off, except for EigenCAM, whose sign is arbitrary and which is stored whole. pytorch-grad-cam has no methods
for attention; those are computed here by their equations, of the matrices that timm's network multiplies. Networks
that only Keras has are built by crates/model/tests/keras/generate.py.
"""

import importlib.util
import json
import os
import re
import sys
from collections import OrderedDict
from pathlib import Path

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
LAST = {name: METHODS[name] for name in ["grad_cam", "grad_cam_plus_plus"]}
MIDDLE = {name: METHODS[name] for name in ["grad_cam", "hires_cam"]}
KERAS = Path(__file__).resolve().parents[3] / "model/tests/keras/generate.py"
SIZE = (300, 400)
SMALL = (128, 160)
ODD = (139, 203)
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


def kept(network):
    """`network` whose layers leave what goes into them as it is: pytorch-grad-cam looks at it later."""
    for module in network.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    return network


def of_timm_model(name):
    return kept(seeded_network(lambda **more: timm.create_model(name, **more), 1))


def of_torchvision(name, **options):
    return kept(seeded_network(lambda **more: getattr(torchvision.models, name)(**more, **options), 1))


def with_last_activation(densenet):
    """Torchvision's DenseNet, whose last activation is a function, as modules."""
    parts = {
        "features": densenet.features,
        "relu": torch.nn.ReLU(),
        "pooling": torch.nn.AdaptiveAvgPool2d(1),
        "flat": torch.nn.Flatten(),
        "classifier": densenet.classifier,
    }
    return torch.nn.Sequential(OrderedDict(parts))


class KerasNetwork(torch.nn.Module):
    """A network of Keras' for images of one size, channels first; `layer` gives what the layer with that name here gives."""

    def __init__(self, originals, name, layer, size):
        super().__init__()
        network = originals.build(name, NUM_CLASSES, size)
        for own_name, variable in originals.variables(network).items():
            shape = tuple(originals.moved(variable.value).shape)
            variable.assign(originals.inverse(seeded(own_name, shape, 1)))
        output = network.get_layer(originals.taps(network)[layer]).output
        self.before = originals.keras.Model(network.input, output)
        self.layer = torch.nn.Identity()
        self.after = originals.keras.Model(output, network.output)

    def forward(self, images):
        return self.after(self.layer(self.before(images.permute(0, 2, 3, 1))))


def originals_of_keras():
    """The module that builds Keras' networks and knows the names here of their weights."""
    os.environ["KERAS_BACKEND"] = "torch"
    spec = importlib.util.spec_from_file_location("originals", KERAS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def attention_maps(network, images, target):
    """Rollout and gradient-weighted relevance of timm's vision transformer."""
    seen = []

    def keep(_module, _inputs, output):
        output.retain_grad()
        seen.append(output)

    for block in network.blocks:
        block.attn.fused_attn = False
    hooks = [block.attn.attn_drop.register_forward_hook(keep) for block in network.blocks]
    network(images)[0, target].backward()
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


def raw_map(method, network, layer, images, target):
    targets = [ClassifierOutputTarget(target)]
    is_channels_last = isinstance(network, (torchvision.models.SwinTransformer, KerasNetwork))
    transform = as_map(images, is_channels_last)
    with method(model=network, target_layers=[layer], reshape_transform=transform) as cam:
        cam(input_tensor=images, targets=targets)
        activations = cam.activations_and_grads.activations[0].detach().numpy()
        gradients = cam.activations_and_grads.gradients
        gradients = gradients[0].detach().numpy() if gradients else None
        values = cam.get_cam_image(images, layer, targets, activations, gradients, False)[0]
    return values if method is EigenCAM else np.maximum(values, 0)


def case(name, network, layer_name, layer, size, methods, seed, target=TARGET):
    images = seeded_images((1, 3, *size), seed)
    with torch.no_grad():
        logits = network(images)[0].tolist()
    found = {name: raw_map(method, network, layer, images, target) for name, method in methods.items()}
    if hasattr(network, "cls_token"):
        found |= attention_maps(network, images, target)
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
        "target": target,
        "logits": logits,
        "maps": maps,
    }


def cases_of_two(name, network, size, seed, target, layers):
    """The cases of a network's last layer, and of one in its middle."""
    modules = dict(network.named_modules())
    return [
        case(name, network, layer, modules[layer], size, methods, seed, target)
        for layer, methods in zip(layers, [LAST, MIDDLE])
    ]


def cases_of_keras(name, size, seed, target, layers):
    """As `cases_of_two`; of a NASNet only the last, since a cell sees two before it."""
    originals = originals_of_keras()
    found = []
    for layer, methods in zip(layers, [LAST, MIDDLE]):
        network = KerasNetwork(originals, name, layer, size).eval()
        found.append(case(name, network, layer, network.layer, size, methods, seed, target))
    return found


def cases_of_others():
    """Those of the networks that have fewer cases, of targets that leave more of a map than nothing."""
    torchvisions = {
        "vgg16": (13, 2, ["features.30", "features.23"]),
        "densenet121": (14, 0, ["relu", "features.transition2"]),
        "mobilenet_v2": (15, 1, ["features.18", "features.10"]),
    }
    timms = {
        "legacy_xception": (17, 1, ["act4", "block11"]),
        "mobilenetv1_100": (18, 0, ["blocks.4", "blocks.3"]),
        "efficientnet_lite0": (19, 1, ["bn2", "blocks.3"]),
    }
    cases = []
    for name, (seed, target, layers) in torchvisions.items():
        network = of_torchvision(name)
        network = with_last_activation(network) if name == "densenet121" else network
        cases += cases_of_two(name, network, SMALL, seed, target, layers)
    for name, (seed, target, layers) in timms.items():
        own_name = name.removeprefix("legacy_")
        cases += cases_of_two(own_name, of_timm_model(name), SMALL, seed, target, layers)
    inception = of_torchvision("inception_v3", aux_logits=False, init_weights=False)
    inception_resnet = of_timm_model("inception_resnet_v2")
    cases += cases_of_two("inception_v3", inception, ODD, 16, 0, ["Mixed_7c", "Mixed_7a"])
    cases += cases_of_two("inception_resnet_v2", inception_resnet, ODD, 20, 1, ["conv2d_7b", "repeat_1.9"])
    cases += cases_of_keras("resnet50v2", SMALL, 21, 1, ["post_relu", "conv4_block1"])
    return cases + cases_of_keras("nasnet_mobile", SMALL, 22, 0, ["relu"])


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
        *cases_of_others(),
    ]
    golden = {"weight_seed": 1, "num_classes": NUM_CLASSES, "cases": cases}
    json.dump(golden, sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
