"""Writes `networks.json`: timm's networks whose weights have the names and shapes of one of ours.

    pip install torch==2.15.0 torchvision==0.29.2 timm==1.0.31
    python generate.py

With how each computes: `same` for TensorFlow's padding, the epsilons of batch normalization, and whether it
blurs or averages where an ordinary network strides.
"""

import json
from pathlib import Path

import timm
import torch
import torchvision

RESNETS = [f"resnet{depth}" for depth in [18, 34, 50, 101, 152]]
EFFICIENTNETS = [f"efficientnet_b{size}" for size in range(8)]


def layout(network):
    return tuple(sorted((name, tuple(tensor.shape)) for name, tensor in network.state_dict().items()))


def kinds(network):
    return {type(module).__name__ for module in network.modules()}


found = {}
with torch.device("meta"):
    ours = {name: getattr(torchvision.models, name)(num_classes=1000) for name in RESNETS}
    ours |= {name: timm.create_model(name) for name in EFFICIENTNETS}
    by_layout = {layout(network): (name, kinds(network)) for name, network in ours.items()}
    for name in timm.list_models():
        try:
            network = timm.create_model(name, num_classes=1000)
        except Exception as error:  # Some need more arguments, or packages.
            print(f"{name}: {type(error).__name__}")
            continue
        if layout(network) not in by_layout:
            continue
        own, _ = by_layout[layout(network)]
        (epsilon,) = {m.eps for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)}
        names = kinds(network)
        found.setdefault(own, {})[name] = {
            "same": "Conv2dSame" in names,
            "epsilon": epsilon,
            "blurs": bool(names & {"BlurPool2d", "AvgPool2d"}),
        }
(Path(__file__).parent / "networks.json").write_text(json.dumps(found, indent=1) + "\n")
