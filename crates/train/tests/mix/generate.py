"""Writes golden.json: batches mixed by torchvision's MixUp and CutMix with given draws.

    pip install torch torchvision && python generate.py
"""

import json
from pathlib import Path

import torch
import torchvision
from torchvision.transforms import v2

NUM_IMAGES, HEIGHT, WIDTH, NUM_CLASSES = 3, 6, 8, 4
LABELS = [2, 0, 3]


def mixed(transform, share, column, row):
    """The mixed images and labels; the draws are taken from the arguments."""
    images = torch.arange(NUM_IMAGES * 3 * HEIGHT * WIDTH, dtype=torch.float32)
    images = (images * 37 % 101).reshape(NUM_IMAGES, 3, HEIGHT, WIDTH)
    transform._dist = type("Given", (), {"sample": lambda self, shape: torch.tensor(share)})()
    draws = iter([torch.tensor([column]), torch.tensor([row])])
    randint, torch.randint = torch.randint, lambda *_, **__: next(draws)
    images, labels = transform(images, torch.tensor(LABELS))
    torch.randint = randint
    return images.flatten().tolist(), labels.flatten().tolist()


def main():
    cases = []
    for share in [0.9, 0.25]:
        images, labels = mixed(v2.MixUp(num_classes=NUM_CLASSES), share, 0, 0)
        cases.append({"kind": "mixup", "share": share, "images": images, "labels": labels})
    for share, column, row in [(0.7, 3, 2), (0.3, 0, 5), (0.99, 4, 4), (0.01, 7, 0)]:
        images, labels = mixed(v2.CutMix(num_classes=NUM_CLASSES), share, column, row)
        case = {"kind": "cutmix", "share": share, "row": row, "column": column}
        cases.append(case | {"images": images, "labels": labels})
    golden = {
        "torchvision": torchvision.__version__.split("+")[0],
        "size": [HEIGHT, WIDTH],
        "classes": LABELS,
        "num_classes": NUM_CLASSES,
        "cases": cases,
    }
    path = Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden, indent=0) + "\n")


if __name__ == "__main__":
    main()
