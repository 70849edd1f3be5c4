"""Writes golden.json: fuzzy scores of maps and masks by their definition in NumPy.

    pip install numpy==2.4.6
    python generate.py
"""

import json
import pathlib

import numpy as np


def fuzzy_scores(a, s):
    tp = np.minimum(a, s).sum()
    tn = np.minimum(1 - a, 1 - s).sum()
    with np.errstate(invalid="ignore"):
        scores = {
            "f1": 2 * tp / (a.sum() + s.sum()),
            "sensitivity": tp / s.sum(),
            "specificity": tn / (1 - s).sum(),
            "mass": (a * s).sum() / a.sum(),
            "iou": tp / np.maximum(a, s).sum(),
            "negative_predictive_value": tn / (1 - a).sum(),
        }
    return {name: None if np.isnan(score) else float(score) for name, score in scores.items()}


def main():
    rng = np.random.default_rng(3)
    golden = []
    for share in [0.0, 0.01, 0.1, 0.3, 0.5, 0.9, 1.0]:
        for power in [1, 4, None]:
            num_pixels = int(rng.integers(50, 300))
            a = np.zeros(num_pixels) if power is None else np.floor(rng.random(num_pixels) ** power * 255) / 255
            s = (rng.random(num_pixels) < share).astype(np.float64)
            scores = fuzzy_scores(a, s)
            mask = "".join("1" if pixel else "0" for pixel in s)
            golden.append({"map_x255": np.round(a * 255).astype(int).tolist(), "mask": mask, "scores": scores})
    text = json.dumps(golden, separators=(",", ":")).replace('{"map_x255"', '\n{"map_x255"')
    pathlib.Path(__file__).with_name("golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
