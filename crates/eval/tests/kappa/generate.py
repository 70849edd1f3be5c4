"""Writes golden.json: chance-corrected agreement by scikit-learn, statsmodels and krippendorff.

    pip install numpy==2.4.6 scikit-learn==1.9.1 statsmodels krippendorff
    python generate.py
"""

import json
import pathlib

import krippendorff
import numpy as np
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa


def ratings(rng, num_images, num_raters, num_classes, agreement):
    """Classes by [image][rater]: the image's own class, or any."""
    own = rng.integers(num_classes, size=(num_images, 1))
    any_class = rng.integers(num_classes, size=(num_images, num_raters))
    return np.where(rng.random((num_images, num_raters)) < agreement, own, any_class)


def main():
    rng = np.random.default_rng(31)
    golden = []
    for num_images, num_raters, num_classes, agreement in [
        (40, 3, 6, 0.8),
        (25, 2, 2, 0.5),
        (60, 8, 2, 0.1),
        (12, 5, 4, 0.95),
        (7, 3, 3, 0.0),
    ]:
        table = ratings(rng, num_images, num_raters, num_classes, agreement)
        is_missing = rng.random(table.shape) < 0.3
        with_gaps = np.where(is_missing, np.nan, table)
        counts, _ = aggregate_raters(table, n_cat=num_classes)
        golden.append(
            {
                "num_classes": num_classes,
                "ratings": table.tolist(),
                "is_missing": is_missing.tolist(),
                "cohen": cohen_kappa_score(table[:, 0], table[:, 1]),
                "fleiss": fleiss_kappa(counts),
                "alpha": krippendorff.alpha(
                    with_gaps.T, level_of_measurement="nominal", value_domain=range(num_classes)
                ),
            }
        )
    text = json.dumps(golden, separators=(",", ":")).replace('{"num_classes"', '\n{"num_classes"')
    pathlib.Path(__file__).with_name("golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
