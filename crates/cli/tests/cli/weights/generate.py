"""Writes what PyTorch's networks say with weights and images by a rule.

    pip install torch==2.15.0 torchvision==0.29.2 timm==1.0.31 safetensors==0.8.0
    python generate.py

`logits.json`: torchvision's networks. `timm.json`: timm's EfficientNets whose weights have the same
names. `described.json`: networks that `examples/load_weights.py` builds from what a file says.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from safetensors.torch import save_file

HERE = Path(__file__).parent
ROOT = HERE.parents[4]
NAMES = ROOT / "crates/model/tests/weight_names"
NUM_CLASSES = 5
# With it the logits of an EfficientNet depend on the image; with 1 they hardly do.
EFFICIENTNET_VARIANCE = 0.3
sys.path.insert(0, str(ROOT / "examples"))
from load_weights import load  # noqa: E402


def numbers(count, place, low, high):
    """The rule: `count` numbers in [low, high) for the tensor at `place`; repeated in mod.rs."""
    i = np.arange(count, dtype=np.uint64)
    step = (i * i * np.uint64(31) + i * np.uint64(7919) + np.uint64(place * 104729)) % np.uint64(10007)
    return torch.from_numpy((low + (high - low) * (step.astype(np.float64) / 10007)).astype(np.float32))


def bounds(name, shape, variance):
    """Low and high of the values of a tensor; `variance` is what batch normalization divides by."""
    if len(shape) > 1:
        bound = float(np.sqrt(6 / np.prod(shape[1:], dtype=np.float64)))
        return -bound, bound
    if name.endswith("running_var"):
        return 0.5 * variance, 1.5 * variance
    return (0.3, 0.9) if name.endswith("weight") else (-0.2, 0.2)


def by_rule(shapes, variance=1.0):
    """Weights of these shapes by torchvision's names."""
    return {
        name: numbers(int(np.prod(shapes[name])), place, *bounds(name, shapes[name], variance)).reshape(shapes[name])
        for place, name in enumerate(sorted(shapes))
    }


def images(height, width):
    return numbers(2 * 3 * height * width, 1000, -2, 2).reshape(2, 3, height, width)


def shapes_of(network):
    return {k: tuple(v.shape) for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}


def run(network, size):
    with torch.no_grad():
        logits = network.eval()(images(*size))
    assert (logits[0] - logits[1]).abs().max() > 0.02, logits
    return logits.tolist()


def of_torchvision():
    found = {}
    for arch in ["resnet18", "resnet50"]:
        network = getattr(torchvision.models, arch)(num_classes=NUM_CLASSES)
        network.load_state_dict(by_rule(shapes_of(network)), strict=False)
        found[arch] = run(network, (64, 64))
    return found


def of_timm():
    names = [(NAMES / f"efficientnet_b0_{whose}.txt").read_text().split() for whose in ["timm", "torchvision"]]
    found = {}
    for arch in ["efficientnet_b0", "tf_efficientnet_b0"]:
        network = timm.create_model(arch, num_classes=NUM_CLASSES)
        to_torchvision = dict(zip(*names))
        shapes = {to_torchvision[name]: shape for name, shape in shapes_of(network).items()}
        weights = by_rule(shapes, EFFICIENTNET_VARIANCE)
        counters = {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}
        own = {name: weights[to_torchvision[name]] for name in shapes_of(network)}
        network.load_state_dict({**counters, **own})
        # Even sides, for which the paddings differ, and odd ones.
        found[arch] = {f"{h}x{w}": run(network, (h, w)) for h, w in [(64, 96), (65, 97)]}
    return found


DESCRIBED = [
    # Architecture, head, last stride, variant, padding, epsilon, size.
    ("resnet18", "gap", 1, "torchvision", "torchvision", 1e-5, (64, 96)),
    ("resnet18", "gap_bn", 1, "torchvision", "torchvision", 0.1, (64, 96)),
    ("resnet18", "flatten", 2, "torchvision", "torchvision", 1e-5, (64, 96)),
    ("resnet50", "flatten", 1, "v1", "torchvision", 1.001e-5, (64, 96)),
    ("resnet50", "gap", 2, "v1", "torchvision", 1.001e-5, (65, 97)),
    ("efficientnet_b0", "gap", 1, "torchvision", "torchvision", 0.01, (64, 96)),
    ("efficientnet_b0", "gap_bn", 2, "torchvision", "tf", 1e-3, (64, 96)),
    ("efficientnet_b0", "flatten", 1, "torchvision", "tf", 1e-5, (65, 97)),
]


def described(arch, head, last_stride, variant, padding, epsilon, size):
    """What a file says, and what the network of `examples/load_weights.py` says of the images."""
    told = {
        "format": 1,
        "architecture": arch,
        "num_classes": NUM_CLASSES,
        "head": head,
        "variant": variant,
        "padding": padding,
        "batch_norm_epsilon": epsilon,
        "last_stride": last_stride,
        "input_size": list(size),
        "normalization": "imagenet",
        "classes": [f"disease {k}" for k in range(NUM_CLASSES)],
    }
    shapes = shapes_of(getattr(torchvision.models, arch)(num_classes=NUM_CLASSES))
    matrix, norm = ("fc.weight", "fc_bn") if arch.startswith("resnet") else ("classifier.1.weight", "classifier.0")
    num_features = shapes[matrix][1]
    if head == "gap_bn":
        shapes.update({f"{norm}.{part}": (num_features,) for part in ["weight", "bias", "running_mean", "running_var"]})
    if head == "flatten":
        cells = [-(-side // (16 * last_stride)) for side in size]
        shapes[matrix] = (NUM_CLASSES, num_features * cells[0] * cells[1])
    weights = by_rule(shapes, 1.0 if arch.startswith("resnet") else EFFICIENTNET_VARIANCE)
    counters = {
        f"{name.removesuffix('running_mean')}num_batches_tracked": torch.tensor(0)
        for name in shapes
        if name.endswith("running_mean")
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        save_file({**weights, **counters}, path, metadata={"dermx": json.dumps(told)})
        return {"description": json.dumps(told, separators=(",", ":")), "logits": run(load(path), size)}


def write(name, value):
    (HERE / name).write_text(json.dumps(value, indent=1) + "\n")


write("logits.json", of_torchvision())
write("timm.json", of_timm())
write("described.json", [described(*case) for case in DESCRIBED])
