"""Writes golden.json: localization scores of maps and masks by Quantus and scikit-learn.

    pip install quantus==0.6.0 scikit-learn==1.9.1 numpy==2.4.6
    python generate.py

Maps are whole numbers, so that nothing is lost. Where all pixels differ, pointing game, rank accuracy
and top-k intersection (k: pixels in the mask) are Quantus'; it breaks ties by the order of the pixels,
so maps with ties have only the AUC, which is scikit-learn's.
"""

import json
import pathlib

import numpy as np
from quantus.metrics.localisation import (
    PointingGame,
    RelevanceMassAccuracy,
    RelevanceRankAccuracy,
    TopKIntersection,
)
from sklearn.metrics import roc_auc_score

QUIET = {"abs": False, "normalise": False, "disable_warnings": True}


def quantus(metric, values, mask):
    a, s = values.reshape(1, 1, 1, -1).astype(np.float64), mask.reshape(1, 1, 1, -1)
    return float(metric.evaluate_batch(a_batch=a, s_batch=s)[0])


def main():
    rng = np.random.default_rng(6)
    golden = []
    for share in [0.02, 0.1, 0.3, 0.6, 0.95, 1.0]:
        for num_levels in [None, None, 12, 2]:
            num_pixels = int(rng.integers(40, 160))
            if num_levels is None:
                values = rng.permutation(num_pixels) + 1
            else:
                values = rng.integers(0, num_levels, num_pixels)
            mask = (rng.random(num_pixels) < share).astype(np.int64)
            mask[rng.integers(num_pixels)] = 1
            case = {"values": values.tolist(), "mask": "".join(map(str, mask))}
            case["auc"] = None if mask.all() else float(roc_auc_score(mask, values))
            case["mass"] = quantus(RelevanceMassAccuracy(**QUIET), values, mask)
            if num_levels is None:
                size = int(mask.sum())
                top = quantus(TopKIntersection(k=size, **QUIET), values, mask)
                case["pointing"] = quantus(PointingGame(**QUIET), values, mask)
                case["rank_accuracy"] = quantus(RelevanceRankAccuracy(**QUIET), values, mask)
                case["top_k_iou"] = top / (2 - top)
            golden.append(case)
    text = json.dumps(golden, separators=(",", ":")).replace('{"values"', '\n{"values"')
    pathlib.Path(__file__).with_name("golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
