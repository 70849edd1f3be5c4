"""Writes the safetensors files beside this one with Python's `safetensors`.

    pip install safetensors==0.8.0 numpy==2.4.6
    python generate.py
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent


def bits(*values):
    """32-bit floats of these bits."""
    return np.array(values, dtype=np.uint32).view(np.float32)


# The values are repeated in main.rs.
plain = {
    "fc.weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 4,
    "bn1.running_mean": bits(0x3F800001, 0xBF7FFFFF, 0x00000001, 0x80000000),
    "special": bits(0x7F800000, 0xFF800000, 0x7FC00001, 0x7F7FFFFF, 0x00800000),
    "scalar": np.array(-1.5, dtype=np.float32),
    "empty": np.zeros((0, 3), dtype=np.float32),
    "conv1.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2) - 12,
}
save_file(plain, HERE / "plain.safetensors")

# As PyTorch users save a `state_dict`: with metadata and a 64-bit counter.
counted = {"bn1.num_batches_tracked": np.array(7, dtype=np.int64), "fc.bias": bits(0x3E99999A)}
save_file(counted, HERE / "counted.safetensors", metadata={"format": "pt"})

for dtype in [np.float16, np.float64]:
    name = np.dtype(dtype).name
    save_file({"fc.bias": np.ones(2, dtype=dtype)}, HERE / f"{name}.safetensors")

# NumPy has no 16-bit floats of the other kind; PyTorch 2.15.0 wrote this one.
try:
    import torch
    from safetensors.torch import save_file as save_torch
except ImportError:
    print("without PyTorch, bfloat16.safetensors stays as it is")
else:
    save_torch({"fc.bias": torch.ones(2, dtype=torch.bfloat16)}, HERE / "bfloat16.safetensors")

# Torchvision 0.29.2's names, in its order.
try:
    from torchvision.models import resnet18
except ImportError:
    print("without torchvision, resnet18_names.txt stays as it is")
else:
    (HERE / "resnet18_names.txt").write_text("\n".join(resnet18().state_dict()) + "\n")
