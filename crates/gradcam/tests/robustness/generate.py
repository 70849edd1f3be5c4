"""Writes golden.json: Quantus' sensitivities, Lipschitz estimate and infidelity of a rule-made network.

    python generate.py > golden.json

Made with quantus 0.6.0, torch 2.15.0, torchvision 0.29.2, numpy 2.4.6 on a CPU. Quantus is given the noise and the squares
instead of drawing them, and Grad-CAM written here from the paper, each cell of a map 32x32 times, as it wants maps as large as
images. Weights and images follow the rule of crates/model/tests/networks/mod.rs.
"""

import json
import sys
from pathlib import Path

import numpy as np
import quantus
import torch
import torchvision

sys.path.insert(0, str(Path(__file__).parent.parent / "pytorch_grad_cam"))
from generate import TARGET, fractions, mix, seeded_images, seeded_network  # noqa: E402

SIDE = 64
NUM_NOISY = 10
NUM_SQUARES = 32
CELL = 32
QUIET = {"disable_warnings": True, "display_progressbar": False}


def grad_cam(model, inputs, targets, **_):
    kept = []

    def keep(_module, _inputs, output):
        output.retain_grad()
        kept.append(output)

    hook = model.layer4.register_forward_hook(keep)
    logits = model(torch.as_tensor(np.asarray(inputs), dtype=torch.float32))
    hook.remove()
    logits[torch.arange(len(targets)), torch.as_tensor(targets)].sum().backward()
    weights = kept[0].grad.mean(dim=(2, 3), keepdim=True)
    maps = torch.relu((weights * kept[0]).sum(dim=1)).detach().numpy()
    return np.kron(maps, np.ones((1, CELL, CELL), dtype=np.float32))[:, None]


def noise(image):
    draws = fractions(mix(np.uint64(9)), NUM_NOISY * image.size).reshape(NUM_NOISY, *image.shape)
    return np.float32(0.2) * (np.float32(2) * draws - np.float32(1))


def moved(metric, network, image, maps, **options):
    """A metric with our noise in place of its own."""
    copies = iter(image + one for one in noise(image))
    score = metric(
        nr_samples=NUM_NOISY, perturb_func=lambda arr, indices, **_: next(copies).reshape(1, -1), **QUIET, **options
    )
    return float(score(network, image, np.array([TARGET]), maps, explain_func=grad_cam, device="cpu")[0])


def squares():
    side = SIDE // 4
    draws = fractions(mix(np.uint64(10)), 2 * NUM_SQUARES)
    tops, lefts = (draws.reshape(-1, 2) * np.float32(SIDE - side + 1)).astype(int).T
    for top, left in zip(tops, lefts):
        inside = np.zeros((SIDE, SIDE), dtype=bool)
        inside[top : top + side, left : left + side] = True
        yield inside


def infidelity(network, image, attribution):
    """What Quantus has of an attribution of contributions: it multiplies it by the image, all of which goes in a square."""
    changed = [image * ~inside for inside in squares()]
    # Two rounds of sixteen squares, in the place of its own blocks.
    copies = iter(changed)
    score = quantus.Infidelity(
        n_perturb_samples=2,
        perturb_patch_sizes=[16],
        perturb_func=lambda arr, indices, **_: next(copies).reshape(1, -1),
        **QUIET,
    )
    of_values = attribution / (3 * image)
    return float(score(network, image, np.array([TARGET]), of_values, softmax=True, device="cpu")[0])


def best_factor(network, image, attribution):
    with torch.no_grad():
        images = np.concatenate([image] + [image * ~inside for inside in squares()])
        p = torch.softmax(network(torch.from_numpy(images)), 1)[:, TARGET].double().numpy()
    falls = p[0] - p[1:]
    masses = np.array([attribution[0, 0][inside].sum(dtype=np.float64) for inside in squares()])
    return float((masses * falls).sum() / (masses**2).sum()), falls


def main():
    network = seeded_network(torchvision.models.resnet18, 1).eval()
    image = (seeded_images((1, 3, SIDE, SIDE), 7) + 0.5).numpy()
    maps = grad_cam(network, image, [TARGET])
    attribution = fractions(mix(np.uint64(11)), SIDE * SIDE).reshape(1, 1, SIDE, SIDE)
    factor, falls = best_factor(network, image, attribution)
    lipschitz = moved(quantus.LocalLipschitzEstimate, network, image, maps)
    json.dump(
        {
            "max_sensitivity": moved(quantus.MaxSensitivity, network, image, maps),
            "avg_sensitivity": moved(quantus.AvgSensitivity, network, image, maps),
            # A distance of maps whose cells are there 32x32 times is 32 times as large.
            "local_lipschitz": lipschitz / CELL,
            "infidelity": infidelity(network, image, factor * attribution),
            "mean_square_fall": float((falls**2).mean()),
        },
        sys.stdout,
    )
    print()


if __name__ == "__main__":
    main()
