"""Writes the goldens beside this file with timm's networks.

    pip install torch==2.15.0 torchvision==0.29.2 timm==1.0.31 numpy
    python generate.py [NETWORK...]

As `../torchvision/generate.py`, whose rules for images and weights are used; of weights of batch normalization
`rule` makes something else of them here and in `main.rs`.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import timm
import torch

HERE = Path(__file__).parent
SPEC = importlib.util.spec_from_file_location("torchvisions", HERE.parent / "torchvision/generate.py")
common = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(common)

# What the networks are called here and in timm.
NETWORKS = {
    "xception": "legacy_xception",
    "mobilenetv1_100": "mobilenetv1_100",
    "efficientnet_lite0": "efficientnet_lite0",
    "efficientnet_lite1": "efficientnet_lite1",
    "efficientnet_lite2": "efficientnet_lite2",
    "inception_resnet_v2": "inception_resnet_v2",
}
# Name, batch, height, width, whether batch statistics are used.
CASES = [
    ("128x192", 1, 128, 192, False),
    ("97x131", 2, 97, 131, False),
    ("97x131_train", 2, 97, 131, True),
]
# An Inception leaves two cells of 97x131: the variance of four values in a batch would be mostly rounding error.
CASES_OF_INCEPTIONS = [CASES[0], ("139x203", 2, 139, 203, False), ("139x203_train", 2, 139, 203, True)]
# Whose gradients of parameters are compared. At the other size a window that Xception pools has two values so near
# each other that rounding chooses between them.
WITH_PARAMETERS = ["97x131", "97x131_train"]
# Rounding the input moves some gradients of an Inception-ResNet-v2 at 139x203 by 7 tolerances.
WITH_PARAMETERS_OF_INCEPTIONS = ["128x192", "139x203_train"]
# Of a family's other members no gradients of parameters and nothing of training is compared.
OTHERS = ["efficientnet_lite1", "efficientnet_lite2"]


def following(layer, names):
    """What follows a batch normalization: an activation, one before a depthwise convolution, or a sum."""
    block, _, last = layer.rpartition(".")
    if last.isdigit():
        return "activation" if f"{block}.{int(last) + 3}.weight" in names else "sum"
    is_mobile = "conv_stem.weight" in names
    is_lite = "conv_head.weight" in names
    is_plain = block != "" and f"{block}.conv_pwl.weight" not in names
    if last == "bn3" and is_lite:
        return "sum"
    if last == "bn2" and is_plain:
        return "sum" if is_lite else "depthwise"
    if last == "bn1" and is_mobile and not is_plain:
        return "depthwise"
    return "activation"


def rule(name, shape, names):
    """The weights of `seeded_weights` in networks/mod.rs, away from the kinks of activations: a channel is nearly
    always on or nearly always off, and one that is filtered alone next is on."""
    values = common.seeded(name, shape)
    layer, kind = name.rsplit(".", 1)
    if f"{layer}.running_mean" in names:
        place = following(layer, names)
        if kind == "weight":
            values = values * np.float32(0.25 if place == "sum" else 0.75)
        elif kind == "bias" and place == "activation":
            values = values + np.copysign(np.float32(1.3), values)
        elif kind == "bias" and place == "depthwise":
            values = np.abs(values) + np.float32(1.3)
    return torch.from_numpy(values.reshape(shape).astype(np.float32))


def build(name):
    network = timm.create_model(NETWORKS[name], num_classes=common.NUM_CLASSES)
    for module in network.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    names = set(network.state_dict())
    for key, tensor in network.state_dict().items():
        if "num_batches" not in key:
            tensor.copy_(rule(key, tuple(tensor.shape), names))
    return network.double()


def taps(network, name):
    """The module whose output each tap sees, by the tap's name."""
    modules = dict(network.named_modules())
    if name == "xception":
        found = ["act1", "act2", "act3", "act4"]
        found += [f"block{number}{part}" for number in range(1, 13) for part in ["", ".rep"]]
        return {tap: modules[tap] for tap in found}
    if name == "inception_resnet_v2":
        found = network.layer_names.copy()
        for repeat in ["repeat", "repeat_1", "repeat_2"]:
            found += [f"{repeat}.{idx}{part}" for idx in range(len(modules[repeat])) for part in ["", ".conv2d"]]
        return {tap: modules[tap] for tap in [*found, "block8.conv2d"]}
    found = ["bn1"] + (["bn2"] if "conv_head.weight" in network.state_dict() else [])
    for stage_idx, stage in enumerate(network.blocks):
        found.append(f"blocks.{stage_idx}")
        for block_idx, block in enumerate(stage):
            found.append(f"blocks.{stage_idx}.{block_idx}")
            if hasattr(block, "conv_pwl"):
                found.append(f"blocks.{stage_idx}.{block_idx}.bn3")
    seen = {tap: modules[tap] for tap in found}
    if name.startswith("efficientnet"):
        seen["dropout"] = modules["global_pool"]
    return seen


def main():
    """Writes all goldens, or those of the networks that are named."""
    torch.manual_seed(0)
    common.taps = taps
    common.MEASURED = (3, 192, 256)
    file = HERE / "layouts.json"
    chosen = sys.argv[1:]
    layouts = json.loads(file.read_text()) if chosen else {}
    layouts |= {name: common.layout(timm.create_model(NETWORKS[name])) for name in chosen or NETWORKS}
    file.write_text(json.dumps(layouts, indent=1) + "\n")
    for name in chosen or NETWORKS:
        cases, with_parameters = (CASES[:2], []) if name in OTHERS else (CASES, WITH_PARAMETERS)
        if name == "inception_resnet_v2":
            cases, with_parameters = CASES_OF_INCEPTIONS, WITH_PARAMETERS_OF_INCEPTIONS
        common.write_golden(HERE, name, build(name), cases, with_parameters)


if __name__ == "__main__":
    main()
