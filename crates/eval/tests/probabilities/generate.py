"""Writes golden.json: scores of probabilities by scikit-learn, the calibration error by NumPy.

    pip install numpy==2.4.6 scikit-learn==1.9.1
    python generate.py
"""

import json
import pathlib

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

NUM_BINS = 15
NAMES = ["auroc", "auprc", "sensitivity_at_specificity_95", "sensitivity_at_specificity_80"]


def sensitivity_at(specificity, is_class, p):
    false_positive_rate, sensitivity, _ = roc_curve(is_class, p, drop_intermediate=False)
    return float(sensitivity[1 - false_positive_rate >= specificity - 1e-12].max())


def ranking(is_class, p):
    if is_class.all() or not is_class.any():
        return [None] * 4
    return [
        float(roc_auc_score(is_class, p)),
        float(average_precision_score(is_class, p)),
        sensitivity_at(0.95, is_class, p),
        sensitivity_at(0.80, is_class, p),
    ]


def bins(gold, p):
    """Number of images, mean probability and share of right ones, by bin."""
    top, right = p.max(axis=1), p.argmax(axis=1) == gold
    idx = np.digitize(top, np.arange(1, NUM_BINS) / NUM_BINS, right=True)
    rows = []
    for bin_idx in range(NUM_BINS):
        inside = idx == bin_idx
        num = int(inside.sum())
        rows.append([num, float(top[inside].mean()) if num else None, float(right[inside].mean()) if num else None])
    return rows


def calibration_error(gold, p):
    return sum(num / len(gold) * abs(right - top) for num, top, right in bins(gold, p) if num)


def mean(values):
    values = [value for value in values if value is not None]
    return float(np.mean(values)) if values else None


def scores(gold, p):
    """Of each class the four scores, then their means, then the calibration error."""
    classes = [ranking(gold == idx, p[:, idx]) for idx in range(p.shape[1])]
    return [*sum(classes, []), *(mean(column) for column in zip(*classes)), calibration_error(gold, p)]


def over_seeds(gold, seeds):
    return [mean(values) for values in zip(*(scores(gold, p) for p in seeds))]


def intervals(gold, seeds, resamples):
    resampled = [over_seeds(gold[images], [p[images] for p in seeds]) for images in resamples]
    found = []
    for values in zip(*resampled):
        defined = [value for value in values if value is not None]
        few = not defined or 2 * len(defined) < len(values)
        found.append(None if few else [float(bound) for bound in np.quantile(defined, [0.025, 0.975])])
    low, high = found[-1]
    error = over_seeds(gold, seeds)[-1]
    found[-1] = [min(max(0, 2 * error - high), error), max(min(1, 2 * error - low), error)]
    return found


def case(rng, num_classes, num_used, num_images, num_seeds, digits):
    gold = rng.integers(0, num_used, num_images)
    seeds = []
    for _ in range(num_seeds):
        logits = rng.normal(size=(num_images, num_classes))
        logits[np.arange(num_images), gold] += 1
        p = np.exp(2 * logits)
        # With few digits many values are equal; the largest stays the largest.
        p = np.round(p / p.sum(axis=1, keepdims=True), digits)
        p[np.arange(num_images), p.argmax(axis=1)] += 10.0 ** -(digits + 1)
        seeds.append(np.clip(p, 0, 1))
    resamples = rng.integers(0, num_images, (60, num_images))
    return {
        "names": NAMES,
        "num_classes": num_classes,
        "gold": gold.tolist(),
        "probabilities": [[[float(value) for value in row] for row in p] for p in seeds],
        "resamples": resamples.tolist(),
        "scores": [scores(gold, p) for p in seeds],
        "bins": [bins(gold, p) for p in seeds],
        "mean": over_seeds(gold, seeds),
        "intervals": intervals(gold, seeds, resamples),
    }


def main():
    rng = np.random.default_rng(23)
    golden = [
        case(rng, 2, 2, 60, 1, 6),
        case(rng, 6, 6, 90, 2, 2),
        case(rng, 4, 3, 25, 3, 1),
        case(rng, 3, 1, 8, 2, 3),
    ]
    text = json.dumps(golden, separators=(",", ":")).replace('{"names"', '\n{"names"')
    pathlib.Path(__file__).with_name("golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
