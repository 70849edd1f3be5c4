"""Writes golden.json: linear regressions by statsmodels.

    pip install numpy==2.4.6 statsmodels==0.15.0
    python generate.py
"""

import json
import pathlib

import numpy as np
import statsmodels.api as sm


def coefficients(fit, names):
    low_high = fit.conf_int(alpha=0.05)
    return [
        {
            "name": name,
            "estimate": float(fit.params[i]),
            "std_error": float(fit.bse[i]),
            "t": float(fit.tvalues[i]),
            "p": float(fit.pvalues[i]),
            "interval": [float(bound) for bound in low_high[i]],
        }
        for i, name in enumerate(names)
    ]


def fitted(y, x, names, units):
    complete = ~np.isnan(y) & ~np.isnan(x).any(axis=1)
    num_left_out = int((~complete).sum())
    y, x = y[complete], x[complete]
    residual_scale = 1.0
    if units == "standardized":
        residual_scale = y.std(ddof=1)
        y, x = ((one - one.mean(axis=0)) / one.std(axis=0, ddof=1) for one in (y, x))
    if units == "range":
        x = (x - x.min(axis=0)) / (x.max(axis=0) - x.min(axis=0))
    fit = sm.OLS(y, sm.add_constant(x, has_constant="add")).fit()
    intercept, *rest = coefficients(fit, ["intercept", *names])
    return {
        "units": units,
        "n": len(y),
        "undefined": num_left_out,
        "degrees_of_freedom": int(fit.df_resid),
        "r_squared": float(fit.rsquared),
        "residual_std": float(np.sqrt(fit.scale) * residual_scale),
        "intercept": intercept if units == "raw" else None,
        "coefficients": rest,
    }


def case(y, x, names):
    number = lambda value: None if np.isnan(value) else float(value)
    return {
        "outcome": [number(value) for value in y],
        "predictors": [[name, [number(value) for value in x[:, i]]] for i, name in enumerate(names)],
        "fits": [fitted(y, x, names, units) for units in ["raw", "standardized", "range"]],
    }


def outlines(rng, num_images, share_missing):
    """A score of images on number, size and elongation of outlines, and on confidence."""
    number = rng.integers(1, 9, num_images).astype(float)
    size = rng.beta(1, 12, num_images)
    elongation = 1 + rng.gamma(2, 0.4, num_images)
    confidence = rng.beta(5, 2, num_images)
    y = 0.3 - 0.02 * number + 2 * size + 0.1 * confidence + 0.08 * rng.normal(size=num_images)
    x = np.stack([number, size, elongation, confidence], axis=1).round(4)
    y = y.round(4)
    x[rng.random(x.shape) < share_missing] = np.nan
    y[rng.random(num_images) < share_missing] = np.nan
    return case(y, x, ["number", "size", "elongation", "confidence"])


def main():
    rng = np.random.default_rng(88)
    few = rng.normal(size=(3, 1)).round(3)
    near = rng.normal(size=(60, 1))
    near = np.concatenate([near, near + 1e-4 * rng.normal(size=(60, 1))], axis=1)
    far = 1e6 + rng.normal(size=(40, 2))
    golden = [
        outlines(rng, 150, 0.0),
        outlines(rng, 60, 0.05),
        # As few images as there can be; many equal values; columns that are nearly the same; and far from 0.
        case(rng.normal(size=3).round(3), few, ["one"]),
        case(rng.integers(0, 3, 90) / 2, rng.integers(0, 2, (90, 2)).astype(float), ["one", "other"]),
        case(near[:, 0] + rng.normal(size=60), near, ["one", "other"]),
        case(far[:, 0] - 1e6 + rng.normal(size=40), far.round(6), ["one", "other"]),
    ]
    text = json.dumps(golden, separators=(",", ":")).replace('{"outcome"', '\n{"outcome"')
    pathlib.Path(__file__).with_name("golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
