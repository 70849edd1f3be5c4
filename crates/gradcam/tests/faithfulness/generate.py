"""Writes golden.json: deletion, insertion and ROAD of a rule-made network and order of pixels.

    python generate.py > golden.json

Made with torch 2.15.0, torchvision 0.29.2, grad-cam 1.5.7, numpy 2.x on a CPU. ROAD fills in with
pytorch-grad-cam's imputer, without its noise; deletion and insertion are written here from the paper.
Weights and images follow the rule of crates/model/tests/networks/mod.rs.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torchvision
from pytorch_grad_cam.metrics.perturbation_confidence import (
    RemoveLeastRelevantFirst,
    RemoveMostRelevantFirst,
)
from pytorch_grad_cam.metrics.road import NoisyLinearImputer

sys.path.insert(0, str(Path(__file__).parent.parent / "pytorch_grad_cam"))
from generate import TARGET, fractions, mix, seeded_images, seeded_network  # noqa: E402

SIZE = (60, 100)
NUM_STEPS = 20


def probability(network, images):
    with torch.no_grad():
        return torch.softmax(network(images), 1)[:, TARGET].double().numpy()


def curve(network, start, end, order):
    images = []
    for step in range(NUM_STEPS + 1):
        image = start.clone().reshape(3, -1)
        chosen = order[: len(order) * step // NUM_STEPS]
        image[:, chosen] = end.reshape(3, -1)[:, chosen]
        images.append(image.reshape(start.shape))
    return probability(network, torch.stack(images))


def main():
    network = seeded_network(torchvision.models.resnet18, 1)
    image = seeded_images((1, 3, *SIZE), 7)[0] + 0.5
    noise = fractions(mix(np.uint64(8)), SIZE[0] * SIZE[1])
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    distances = ((rows - 20) ** 2 + (columns - 30) ** 2).astype(np.float32).ravel()
    order = np.argsort(distances - noise, kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.arange(len(order), 0, -1) / len(order)
    relevance = torch.from_numpy(ranks.reshape(SIZE))

    distances = torch.arange(11) - 5.0
    kernel = torch.exp(-0.5 * (distances / 5) ** 2)
    kernel = (kernel[:, None] * kernel[None, :]) / kernel.sum() ** 2
    blurred = torch.nn.functional.conv2d(image[:, None], kernel[None, None], padding=5)[:, 0]

    imputer = NoisyLinearImputer(noise=0)
    percents = range(10, 100, 10)
    least, most = (
        np.concatenate([probability(network, one(p, imputer)(image, relevance)[None]) for p in percents])
        for one in (RemoveLeastRelevantFirst, RemoveMostRelevantFirst)
    )
    deletion = curve(network, image, torch.zeros_like(image), order)
    insertion = curve(network, blurred, image, order)
    print(json.dumps({
        "deletion": np.trapezoid(deletion) / NUM_STEPS,
        "insertion": np.trapezoid(insertion) / NUM_STEPS,
        "road": float(np.mean((least - most) / 2)),
        "spread": float(max(np.ptp(deletion), np.ptp(insertion))),
        "road_spread": float(np.ptp(most)),
    }))


if __name__ == "__main__":
    main()
