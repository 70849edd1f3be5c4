"""Writes golden.json: binary cross-entropy of several labels, as PyTorch computes it.

    pip install torch==2.15 && python generate.py

Logits are functions of their index (`mod.rs` has the same rule), from far below to far above 0; labels are 0 and 1, and
in one case shares of mixed images.
"""

import json
from pathlib import Path

import torch

BATCH, LABELS = 5, 3
WEIGHTS = {"one": [1.0, 1.0, 1.0], "several": [3.0, 0.25, 12.5]}


def logits():
    idx = torch.arange(BATCH * LABELS, dtype=torch.int64)
    values = ((idx * 7919 + 31) * 2654435761 % 4294967296).double() / 4294967296
    # Some are so far from 0 that 32-bit exponentials overflow.
    scale = torch.where(idx % 5 == 4, 240.0, 8.0)
    return ((values - 0.5) * scale).float().reshape(BATCH, LABELS)


def labels():
    return (torch.arange(BATCH * LABELS) * 5 % 7 < 3).float().reshape(BATCH, LABELS)


def case(weights, share):
    z = logits().requires_grad_()
    targets = share * labels() + (1 - share) * labels().roll(1, 0)
    loss = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(WEIGHTS[weights]))(z, targets)
    loss.backward()
    return {
        "pos_weight": WEIGHTS[weights],
        "share": share,
        "loss": loss.item(),
        "gradient": z.grad.flatten().tolist(),
    }


def main():
    golden = {
        "torch": torch.__version__,
        "labels": labels().flatten().tolist(),
        "logits": logits().flatten().tolist(),
        "cases": [case("one", 1.0), case("several", 1.0), case("several", 0.75)],
    }
    Path(__file__).with_name("golden.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
