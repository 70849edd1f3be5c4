"""Writes golden.json: how concentrated maps are, by SciPy and by definition, and by Quantus.

    pip install numpy==2.4.6 scipy==1.17.1 quantus==0.6.0
    python generate.py

Quantus adds 1e-7 to every pixel for the sparseness and 1e-12 in the logarithm of the complexity, so that its values
are near, and equal for the number of pixels. Attribution localisation is that of a mask beside each map.
"""

import json
import pathlib
import warnings

import numpy as np
from quantus.functions.normalise_func import normalise_by_max
from quantus.metrics.complexity import Complexity, EffectiveComplexity, Sparseness
from quantus.metrics.localisation import AttributionLocalisation
from scipy.stats import entropy

warnings.filterwarnings("ignore")
QUIET = {"disable_warnings": True}


def quantus(metric, values):
    """As the metric's own preparation leaves the map: absolute and divided by its maximum."""
    a = normalise_by_max(np.abs(values)).reshape(1, 1, 1, -1)
    return float(metric.evaluate_batch(x_batch=a.copy(), a_batch=a.copy())[0])


def localisation(values, mask):
    # The metric compares the mask with the size of the third image on.
    a = np.clip(values, 0, None).reshape(1, 1, 1, -1)
    x = np.zeros((3, 1, 1, values.size))
    metric = AttributionLocalisation(**QUIET, abs=True, normalise=False)
    found = metric.evaluate_batch(x_batch=x[:1], a_batch=a, s_batch=mask.reshape(1, 1, 1, -1))
    return None if np.isnan(found[0]) else float(found[0])


def gini(values):
    """Half the mean absolute difference of all pairs, of the mean."""
    a = np.abs(values)
    return float(np.abs(a[:, None] - a[None, :]).mean() / (2 * a.mean()))


def case(values, mask):
    found = {"values": values.tolist(), "mask": mask.astype(int).tolist()}
    if values.any():
        found |= {
            "gini": gini(values),
            "entropy": float(entropy(np.abs(values))),
            "sparseness": quantus(Sparseness(**QUIET), values),
            "complexity": quantus(Complexity(**QUIET), values),
            "localisation": localisation(values, mask),
        }
    found["effective_complexity"] = quantus(EffectiveComplexity(**QUIET), values)
    return found


def main():
    rng = np.random.default_rng(77)
    one = np.zeros(20)
    one[3] = 0.4
    ramp = np.array([1.0, 1e-5, 1.01e-5, 0.99e-5, 1e-7, 0.0])
    maps = [
        rng.random(60),
        rng.normal(size=80),
        np.maximum(rng.normal(size=100), 0),
        rng.integers(0, 3, 50).astype(float),
        np.exp(4 * rng.normal(size=90)),
        one,
        ramp,
        np.full(12, 0.25),
        np.zeros(9),
        np.array([0.5]),
    ]
    masks = [rng.random(values.size) < 0.3 for values in maps]
    golden = [case(values.round(8), mask) for values, mask in zip(maps, masks)]
    text = json.dumps(golden, separators=(",", ":")).replace('{"values"', '\n{"values"')
    pathlib.Path(__file__).with_name("golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
