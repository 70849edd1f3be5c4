"""Writes golden.json: raw maps of pytorch-grad-cam for networks with rule-made weights.

    python generate.py > golden.json

Made with torch 2.15.0, torchvision 0.29.2, grad-cam 1.5.7, numpy 2.x on a CPU.

Weights and images follow the rule of crates/model/tests/networks/mod.rs, so they are not stored. The
raw map is what the method computes before it is scaled to [0, 1] and resized: the negative part cut
off, except for EigenCAM, whose sign is arbitrary and which is stored whole.
"""

import json
import sys

import numpy as np
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
    leaf = name.rsplit(".", 1)[1]
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


def seeded_network(build, seed):
    network = build(weights=None, num_classes=NUM_CLASSES)
    state = network.state_dict()
    for name, tensor in state.items():
        if not name.endswith("num_batches_tracked"):
            state[name] = seeded(name, tuple(tensor.shape), seed)
    network.load_state_dict(state)
    return network.eval()


def seeded_images(shape, seed):
    values = np.float32(4.0) * fractions(mix(U64(seed)), int(np.prod(shape))) - np.float32(2.0)
    return torch.from_numpy(values.reshape(shape))


def raw_map(method, network, layer, images):
    targets = [ClassifierOutputTarget(TARGET)]
    with method(model=network, target_layers=[layer]) as cam:
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
    maps = {}
    for method_name, method in methods.items():
        values = raw_map(method, network, layer, images)
        maps[method_name] = {
            "shape": list(values.shape),
            "values": [float(f"{value:.7g}") for value in values.ravel()],
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
    cases = [
        case("resnet50", resnet50, "layer4", resnet50.layer4, SIZE, METHODS, 2),
        case("resnet50", resnet50, "layer3.2", resnet50.layer3[2], (97, 131), METHODS, 3),
        case("resnet18", resnet18, "layer4", resnet18.layer4, (64, 96), {"score_cam": ScoreCAM}, 4),
        case("efficientnet_b4", b4, "features.8", b4.features[8], SIZE, METHODS, 5),
        case("efficientnet_b4", b4, "features.5", b4.features[5], (97, 131), METHODS, 6),
    ]
    json.dump({"weight_seed": 1, "num_classes": NUM_CLASSES, "target": TARGET, "cases": cases},
              sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
