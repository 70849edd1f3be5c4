"""Loads a `weights.safetensors` of dermx into torchvision's network: `network = load(path)`."""

import json

import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn


def load(path):
    """The network in inference mode: images [n, 3, height, width], standardized, to logits."""
    with safe_open(path, "pt") as file:
        told = json.loads(file.metadata()["dermx"])
    weights = load_file(path)
    network = getattr(torchvision.models, told["architecture"])(num_classes=told["num_classes"])
    is_resnet = told["architecture"].startswith("resnet")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = told["batch_norm_epsilon"]
        if isinstance(module, nn.Conv2d) and told["padding"] == "tf":
            pad_as_tensorflow(module)
    if told["variant"] == "v1" and hasattr(network.layer1[0], "conv3"):
        for block in [network.layer2[0], network.layer3[0], network.layer4[0]]:
            block.conv1.stride, block.conv2.stride = (2, 2), (1, 1)
    if told["last_stride"] == 1:
        for module in (network.layer4 if is_resnet else network.features[6]).modules():
            if isinstance(module, nn.Conv2d):
                module.stride = (1, 1)
    matrix = weights["fc.weight" if is_resnet else "classifier.1.weight"]
    linear = nn.Linear(matrix.shape[1], matrix.shape[0])
    norm = nn.BatchNorm1d(matrix.shape[1], eps=1e-3) if told["head"] == "gap_bn" else nn.Identity()
    if told["head"] == "flatten":
        network.avgpool = nn.Identity()
    if is_resnet:
        network.fc, network.fc_bn = linear, norm
        network.fc.register_forward_pre_hook(lambda _, inputs: network.fc_bn(inputs[0]))
    else:
        network.classifier = nn.Sequential(norm, linear)
    network.load_state_dict(weights)
    return network.eval()


def pad_as_tensorflow(conv):
    """Has `conv` pad its input so that `ceil(side / stride)` cells come out, more below and right."""

    def padded(_, inputs):
        sides = zip(inputs[0].shape[2:], conv.kernel_size, conv.stride)
        zeros = [max(0, (-(-side // s) - 1) * s + k - side) for side, k, s in sides]
        low, left = zeros[0] // 2, zeros[1] // 2
        return nn.functional.pad(inputs[0], (left, zeros[1] - left, low, zeros[0] - low))

    conv.padding = (0, 0)
    conv.register_forward_pre_hook(padded)
