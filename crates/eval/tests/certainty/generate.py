"""Writes golden.json: scores of all probabilities by scikit-learn, SciPy and torchmetrics, DeLong's interval of the mean
AUROC of several networks by pairs.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 torch==2.15.0 torchmetrics==1.9.0
    python generate.py
"""

import json
import pathlib

import numpy as np
import torch
from scipy.special import log_softmax, softmax
from scipy.stats import norm
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from torchmetrics.functional.classification import multiclass_calibration_error


def ece(gold, p):
    return float(
        multiclass_calibration_error(torch.tensor(p), torch.tensor(gold), p.shape[1], n_bins=15, norm="l1")
    )


def scores(gold, z, temperature):
    """micro AUROC, micro AUPRC, Brier, log loss; with the temperature Brier, log loss, calibration error."""
    classes = np.arange(z.shape[1])
    labels = (gold[:, None] == classes).astype(int)
    p, calibrated = softmax(z, axis=1), softmax(z / temperature, axis=1)
    nll = -log_softmax(z, axis=1)[np.arange(len(gold)), gold].mean()
    assert abs(nll - log_loss(gold, p, labels=classes)) < 1e-9
    return [
        float(roc_auc_score(labels.ravel(), p.ravel())),
        float(average_precision_score(labels, p, average="micro")),
        float(brier_score_loss(gold, p, labels=classes, scale_by_half=False)),
        float(nll),
        float(brier_score_loss(gold, calibrated, labels=classes, scale_by_half=False)),
        float(log_loss(gold, calibrated, labels=classes)),
        ece(gold, calibrated),
    ]


def over_networks(gold, networks, temperatures):
    return [float(np.mean(one)) for one in zip(*(scores(gold, *pair) for pair in zip(networks, temperatures)))]


def delong(gold, networks, class_idx):
    """The 95 % interval of the mean AUROC, from the mean over networks of every pair's comparison."""
    wins = []
    for z in networks:
        p = softmax(z, axis=1)[:, class_idx]
        inside, outside = p[gold == class_idx], p[gold != class_idx]
        wins.append((inside[:, None] > outside) + 0.5 * (inside[:, None] == outside))
    wins = np.mean(wins, axis=0)
    rows, columns = wins.mean(axis=1), wins.mean(axis=0)
    half = norm.ppf(0.975) * np.sqrt(rows.var(ddof=1) / len(rows) + columns.var(ddof=1) / len(columns))
    return [max(wins.mean() - half, 0.0), min(wins.mean() + half, 1.0)]


def intervals(gold, networks, temperatures, resamples):
    resampled = [over_networks(gold[one], [z[one] for z in networks], temperatures) for one in resamples]
    found = [np.quantile(values, [0.025, 0.975]).tolist() for values in zip(*resampled)]
    error, (low, high) = over_networks(gold, networks, temperatures)[-1], found[-1]
    found[-1] = [min(max(0, 2 * error - high), error), max(min(1, 2 * error - low), error)]
    return found


def case(rng, num_classes, num_images, temperatures):
    gold = rng.integers(0, num_classes, num_images)
    gold[:num_classes] = np.arange(num_classes)
    networks = []
    for _ in temperatures:
        z = rng.normal(size=(num_images, num_classes))
        z[np.arange(num_images), gold] += 1
        # Halves, so that some probabilities are equal.
        networks.append(np.round(4 * z) / 2)
    resamples = rng.integers(0, num_images, (30, num_images))
    return {
        "gold": gold.tolist(),
        "logits": [z.tolist() for z in networks],
        "probabilities": [softmax(z, axis=1).tolist() for z in networks],
        "temperatures": temperatures,
        "resamples": resamples.tolist(),
        "scores": over_networks(gold, networks, temperatures),
        "intervals": intervals(gold, networks, temperatures, resamples),
        "delong": [delong(gold, networks, class_idx) for class_idx in range(num_classes)],
    }


def main():
    rng = np.random.default_rng(31)
    golden = [case(rng, 4, 40, [1.75]), case(rng, 3, 30, [0.5, 2.25, 3.0])]
    text = json.dumps(golden, separators=(",", ":")).replace('{"gold"', '\n{"gold"')
    pathlib.Path(__file__).with_name("golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
