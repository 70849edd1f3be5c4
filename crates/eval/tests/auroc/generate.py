"""Writes golden.json: DeLong's variance and paired test by their definition over all pairs of images, and points of
scikit-learn's ROC curve.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
    python generate.py
"""

import json
import pathlib

import numpy as np
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

SPECIFICITIES = [0.0, 0.5, 0.8, 0.9, 0.95, 1.0]


def components(p, is_class):
    """The means over either side of psi(X, Y), 1 for X > Y, a half for X = Y, over all pairs."""
    inside, outside = p[is_class][:, None], p[~is_class][None, :]
    psi = (inside > outside) + 0.5 * (inside == outside)
    return psi.mean(axis=1), psi.mean(axis=0)


def variance(v10, v01):
    if min(len(v10), len(v01)) < 2:
        return None
    return float(v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01))


def interval(estimate, var, lowest):
    if var is None:
        return None
    half = norm.ppf(0.975) * np.sqrt(var)
    return [float(max(estimate - half, lowest)), float(min(estimate + half, 1))]


def area(p, is_class):
    if is_class.all() or not is_class.any():
        return None
    v10, v01 = components(p, is_class)
    auroc, var = float(v10.mean()), variance(v10, v01)
    assert np.isclose(auroc, roc_auc_score(is_class, p), atol=1e-14)
    return {"auroc": auroc, "variance": var, "interval": interval(auroc, var, 0)}


def difference(one, other, is_class):
    """By the covariance matrix of both areas, as DeLong et al. write it."""
    if is_class.all() or not is_class.any():
        return None
    (a10, a01), (b10, b01) = components(one, is_class), components(other, is_class)
    apart = float(a10.mean() - b10.mean())
    if min(len(a10), len(a01)) < 2:
        return {"difference": apart, "variance": None, "interval": None, "z": None, "p": None}
    s = np.cov(np.stack([a10, b10])) / len(a10) + np.cov(np.stack([a01, b01])) / len(a01)
    contrast = np.array([1, -1])
    var = float(contrast @ s @ contrast)
    if np.array_equal(one, other):
        var, z = 0.0, 0.0
    elif var < 1e-15:
        var, z = 0.0, None if apart else 0.0
    else:
        z = apart / np.sqrt(var)
    return {
        "difference": apart,
        "variance": var,
        "interval": interval(apart, var, -1),
        "z": z,
        "p": None if z is None else float(2 * norm.sf(abs(z))),
    }


def points(p, is_class):
    """At each specificity threshold (null above all values), sensitivity and specificity."""
    if is_class.all() or not is_class.any():
        return None
    false_positive, sensitivity, thresholds = roc_curve(is_class, p, drop_intermediate=False)
    found = []
    for specificity in SPECIFICITIES:
        allowed = 1 - false_positive >= specificity - 1e-12
        best = int(np.argmax(np.where(allowed, sensitivity, -1)))
        threshold = float(thresholds[best])
        found.append(
            [
                threshold if np.isfinite(threshold) else None,
                float(sensitivity[best]),
                float(1 - false_positive[best]),
            ]
        )
    return found


def case(one, other, is_class):
    return {
        "one": one.tolist(),
        "other": other.tolist(),
        "is_of_class": is_class.tolist(),
        "areas": [area(one, is_class), area(other, is_class)],
        "difference": difference(one, other, is_class),
        "points": points(one, is_class),
    }


def drawn(rng, num_images, share, digits):
    is_class = rng.random(num_images) < share
    values = rng.normal(size=num_images) + is_class
    one, other = (np.round(values + rng.normal(size=num_images), digits) for _ in range(2))
    return case(one, other, is_class)


def main():
    rng = np.random.default_rng(44)
    constant = np.full(6, 0.25)
    half = np.arange(6) % 2 == 0
    golden = [
        drawn(rng, 120, 0.4, 6),
        drawn(rng, 80, 0.1, 6),
        drawn(rng, 60, 0.5, 0),
        drawn(rng, 9, 0.5, 1),
        case(constant, rng.random(6).round(3), half),
        case(constant, constant, half),
        # Nothing varies; one image of the class; no other image; one image; none.
        case(half.astype(float), 1.0 - half, half),
        case(np.array([0.5, 0.5, 0.1]), np.array([0.1, 0.2, 0.3]), np.array([True, False, False])),
        case(np.array([0.5, 0.4]), np.array([0.1, 0.2]), np.array([True, True])),
        case(np.array([0.5]), np.array([0.5]), np.array([False])),
        case(np.array([]), np.array([]), np.array([], dtype=bool)),
    ]
    text = json.dumps(golden, separators=(",", ":")).replace('{"one"', '\n{"one"')
    pathlib.Path(__file__).with_name("golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
