"""Writes the files beside this one with PyTorch.

    pip install torch==2.15.0 safetensors==0.8.0 numpy==2.4.6
    python generate.py
"""

import argparse
import datetime
import enum
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
LEGACY = {"_use_new_zipfile_serialization": False}

torch.manual_seed(0)
base = torch.randn(4, 6)
flat = torch.randn(40)
tensors = OrderedDict(
    {
        "plain": torch.randn(2, 3, 2, 2),
        "scalar": torch.tensor(-1.5),
        "empty": torch.zeros(0, 3),
        "bits": torch.tensor([float("inf"), float("-inf"), -0.0, 1e-45, 3.4028234663852886e38]),
        "transposed": torch.randn(3, 5).t(),
        "permuted": torch.randn(2, 3, 4).permute(2, 0, 1),
        "channels_last": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "shared.whole": base,
        "shared.columns": base[:, 1:5:2],
        "shared.row": base[2],
        "shared.same": base,
        "flat.first": flat[:24].view(4, 6),
        "flat.second": flat[24:].view(2, 8),
        "expanded": torch.tensor([[1.0], [2.0]]).expand(2, 4),
        "diagonal": torch.randn(4, 4).diagonal(),
        "half": torch.tensor([1.0, -2.5, 65504.0, 6e-8, float("inf")], dtype=torch.float16),
        "brain": torch.tensor([1.0, -2.5, 3.4e38, 1e-40, 0.1], dtype=torch.bfloat16),
        "double": torch.tensor([0.1, 1e300, -1e-300, 16777217.0], dtype=torch.float64),
        "bn.num_batches_tracked": torch.tensor(7),
        "int": torch.tensor([-3, 100000], dtype=torch.int32),
        "short": torch.tensor([-3, 1000], dtype=torch.int16),
        "char": torch.tensor([-3, 100], dtype=torch.int8),
        "byte": torch.tensor([3, 200], dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
        "parameter": torch.nn.Parameter(torch.randn(3)),
    }
)
torch.save(tensors, HERE / "zip.pth")
torch.save(tensors, HERE / "legacy.pth", **LEGACY)
expected = {name: tensor.detach().float().contiguous().clone() for name, tensor in tensors.items()}
save_file(expected, HERE / "expected.safetensors")

# A checkpoint as training programs write it: of a network on several devices, with its optimizer.
network = torch.nn.Sequential(
    OrderedDict(conv1=torch.nn.Conv2d(3, 4, 3, bias=False), bn1=torch.nn.BatchNorm2d(4))
)
optimizer = torch.optim.Adam(network.parameters())
network(torch.randn(2, 3, 8, 8)).square().sum().backward()
optimizer.step()
checkpoint = {
    "epoch": 3,
    "best": 0.25,
    "name": "conv",
    "none": None,
    "state_dict": torch.nn.DataParallel(network).state_dict(),
    "optimizer": optimizer.state_dict(),
}
torch.save(checkpoint, HERE / "checkpoint.pth")
torch.save({"model": network.state_dict()}, HERE / "model_legacy.pth", **LEGACY)
save_file({k: v.float() for k, v in network.state_dict().items()}, HERE / "network.safetensors")



class Mode(enum.Enum):
    FAST = "fast"


class Settings(dict):
    """A dictionary with attributes, as configurations often are."""

    def __init__(self):
        super().__init__(rate=0.1)
        self.name = "settings"


# What training programs save beside weights: objects of all kinds.
beside = {
    "epoch": 90,
    "arch": "resnet18",
    "state_dict": {f"module._orig_mod.{k}": v for k, v in network.state_dict().items()},
    "best_acc1": torch.tensor(76.5),
    "optimizer": optimizer.state_dict(),
    "args": argparse.Namespace(lr=0.1, data=Path("photos"), classes=["a", "b"]),
    "accuracy": np.float64(0.75),
    "curve": np.linspace(0, 1, 5),
    "path": Path("runs") / "one",
    "when": datetime.datetime(2026, 5, 4, 3, 2, 1),
    "size": torch.Size([3, 4]),
    "dtype": torch.float16,
    "device": torch.device("cpu"),
    "mode": Mode.FAST,
    "settings": Settings(),
    "tags": {"x"},
    "number": 1 + 2j,
    "bytes": b"\x00\xff",
    "counts": Counter("aab"),
    "groups": defaultdict(list, a=[1]),
    "hyper_parameters": {"loss": torch.nn.CrossEntropyLoss(), "layers": (1, 2)},
    "rng": torch.get_rng_state()[:16],
    3: "a key that is a number",
}
torch.save(beside, HERE / "beside.pth")
torch.save(beside, HERE / "beside_legacy.pth", **LEGACY)

# A whole network instead of its weights: refused by name.
torch.save(network, HERE / "whole_network.pth")
