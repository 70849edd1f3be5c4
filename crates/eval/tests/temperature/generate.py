"""Writes golden.json: temperatures of validation logits by SciPy, Brier scores by scikit-learn.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
    python generate.py

The temperature is the root of the slope of the negative log-likelihood in 1 / T, and compared here with what SciPy
finds by the likelihood alone.
"""

import json
import pathlib

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, log_softmax, softmax
from sklearn.metrics import brier_score_loss, log_loss

RANGE = [0.01, 100.0]


def nll(z, gold, inverse):
    return float(-log_softmax(inverse * z, axis=1)[np.arange(len(gold)), gold].mean())


def slope(z, gold, inverse):
    p = softmax(inverse * z, axis=1)
    return float(((p * z).sum(axis=1) - z[np.arange(len(gold)), gold]).mean())


def fit(z, gold):
    if len(gold) == 0 or (z == z[:, :1]).all():
        return None
    low, high = 1 / RANGE[1], 1 / RANGE[0]
    if slope(z, gold, low) > 0:
        inverse, at_bound = low, True
    elif slope(z, gold, high) <= 0:
        inverse, at_bound = high, True
    else:
        inverse, at_bound = brentq(lambda b: slope(z, gold, b), low, high, xtol=1e-15, rtol=1e-15), False
        found = minimize_scalar(
            lambda t: nll(z, gold, np.exp(-t)), bounds=np.log(RANGE), method="bounded", options={"xatol": 1e-9}
        )
        assert abs(np.exp(found.x) * inverse - 1) < 1e-5, (np.exp(found.x), 1 / inverse)
    p = softmax(z, axis=1)
    # scikit-learn cuts smaller probabilities.
    if p.min() > 1e-15:
        assert np.isclose(nll(z, gold, 1.0), log_loss(gold, p, labels=np.arange(z.shape[1])), atol=1e-9)
    return {
        "temperature": 1 / inverse,
        "nll_before": nll(z, gold, 1.0),
        "nll_after": nll(z, gold, inverse),
        "at_bound": at_bound,
    }


def brier(z, gold):
    if len(gold) == 0:
        return None
    p = softmax(z, axis=1)
    one_hot = np.eye(z.shape[1])[gold]
    found = float(((p - one_hot) ** 2).sum(axis=1).mean())
    # Of two classes scikit-learn takes the probability of the second.
    labels = np.arange(z.shape[1])
    expected = brier_score_loss(gold, p[:, 1] if len(labels) == 2 else p, labels=labels, scale_by_half=False)
    assert np.isclose(found, expected, atol=1e-12)
    return float(expected)


def case(z, gold):
    z = np.round(z, 6)
    return {
        "logits": z.tolist(),
        "gold": gold.tolist(),
        "probabilities": softmax(z, axis=1).tolist() if len(gold) else [],
        "temperature": fit(z, gold),
        "brier": brier(z, gold),
    }


def drawn(rng, num_images, num_classes, scale, signal):
    gold = rng.integers(0, num_classes, num_images)
    z = rng.normal(size=(num_images, num_classes))
    z[np.arange(num_images), gold] += signal
    return case(scale * z, gold)


def sigmoid(rng, num_images):
    """One label by a sigmoid: rows of 0 and its logit."""
    z = np.round(rng.normal(size=num_images) * 3, 6)
    gold = (rng.random(num_images) < expit(z / 2.5)).astype(int)
    return case(np.stack([np.zeros(num_images), z], axis=1), gold)


def main():
    rng = np.random.default_rng(66)
    golden = [
        drawn(rng, 120, 6, 4.0, 1.0),
        drawn(rng, 80, 3, 0.2, 1.5),
        drawn(rng, 40, 2, 1.0, 0.5),
        sigmoid(rng, 90),
        # Too large logits for the range; right of all, wrong of all; constant; one image; one class; none.
        drawn(rng, 30, 4, 300.0, 1.0),
        case(np.eye(3) * 2, np.arange(3)),
        case(np.eye(3) * 2, np.array([1, 2, 0])),
        case(np.full((4, 3), 0.5), np.array([0, 1, 2, 0])),
        case(np.array([[0.3, 1.2, 0.1]]), np.array([0])),
        case(np.array([[0.3, 1.2], [2.0, 0.5], [1.0, 0.1]]), np.array([0, 0, 0])),
        case(np.zeros((0, 2)), np.zeros(0, dtype=int)),
    ]
    text = json.dumps(golden, separators=(",", ":")).replace('{"logits"', '\n{"logits"')
    pathlib.Path(__file__).with_name("golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
