"""Writes `logits.json`: what torchvision's networks say with weights and images by a rule.

    pip install torch==2.15.0 torchvision==0.29.2
    python generate.py
"""

import json
from pathlib import Path

import numpy as np
import torch
import torchvision

NUM_CLASSES = 5


def numbers(count, place, low, high):
    """The rule: `count` numbers in [low, high) for the tensor at `place`; repeated in mod.rs."""
    i = np.arange(count, dtype=np.uint64)
    step = (i * i * np.uint64(31) + i * np.uint64(7919) + np.uint64(place * 104729)) % np.uint64(10007)
    return torch.from_numpy((low + (high - low) * (step.astype(np.float64) / 10007)).astype(np.float32))


def bounds(name, shape):
    """Low and high of the values of a tensor."""
    if len(shape) > 1:
        bound = float(np.sqrt(6 / np.prod(shape[1:], dtype=np.float64)))
        return -bound, bound
    if name.endswith("running_var"):
        return 0.5, 1.5
    return (0.3, 0.9) if name.endswith("weight") else (-0.2, 0.2)


logits = {}
images = numbers(2 * 3 * 64 * 64, 1000, -2, 2).reshape(2, 3, 64, 64)
for arch in ["resnet18", "resnet50"]:
    network = getattr(torchvision.models, arch)(num_classes=NUM_CLASSES).eval()
    weights = network.state_dict()
    names = sorted(name for name in weights if not name.endswith("num_batches_tracked"))
    for place, name in enumerate(names):
        shape = weights[name].shape
        weights[name] = numbers(weights[name].numel(), place, *bounds(name, shape)).reshape(shape)
    network.load_state_dict(weights)
    with torch.no_grad():
        logits[arch] = network(images).tolist()
(Path(__file__).parent / "logits.json").write_text(json.dumps(logits, indent=1) + "\n")
