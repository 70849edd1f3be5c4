"""Writes golden.json: several networks on the same images by NumPy, SciPy, scikit-learn, statsmodels.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 statsmodels==0.15.0
    python generate.py
"""

import json
import pathlib

import numpy as np
from scipy.stats import binomtest, entropy
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa
from statsmodels.stats.proportion import proportion_confint

HERE = pathlib.Path(__file__).parent
PUBLISHED = HERE.parents[3] / "datasets" / "published" / "confusion_matrices.json"


def interval(values):
    return np.nanquantile(values, [0.025, 0.975]).tolist()


def wilson(is_right):
    """Wilson's interval of [seed][image] with the effective number of images; None of nothing."""
    num_seeds, num_images = is_right.shape
    if num_images == 0:
        return None
    shares = is_right.mean(axis=0)
    p, effective = shares.mean(), num_images
    if 0 < p < 1:
        ratio = p * (1 - p) / shares.var() if shares.var() > 0 else np.inf
        effective *= np.clip(ratio, 1, num_seeds)
    return list(proportion_confint(p * effective, effective, method="wilson"))


def over_seeds_share(gold, predicted):
    """The mean accuracy, which is a share of images: with Wilson's interval."""
    seeds = np.array([accuracy_score(gold, one) for one in predicted])
    return {
        "mean": seeds.mean(),
        "std": seeds.std(ddof=1),
        "population_std": seeds.std(),
        "interval": wilson(predicted == gold),
    }


def class_shares(gold, predicted, label):
    """Intervals of sensitivity and specificity."""
    is_gold, is_right = gold == label, (predicted == label) == (gold == label)
    return [wilson(is_right[:, images]) for images in [is_gold, ~is_gold]]


def class_f1(gold, predicted, label):
    if label not in gold and label not in predicted:
        return np.nan
    return f1_score(gold, predicted, labels=[label], average="macro")


def over_seeds(score, gold, predicted, resamples):
    seeds = np.array([score(gold, one) for one in predicted])
    with np.errstate(invalid="ignore"):
        resampled = [
            np.nanmean([score(gold[idx], one[idx]) for one in predicted]) for idx in resamples
        ]
    return {
        "mean": seeds.mean(),
        "std": seeds.std(ddof=1),
        "population_std": seeds.std(),
        "interval": interval(resampled),
    }


def predictions(rng, num_seeds, num_images, num_classes, skill, num_resamples):
    gold = rng.integers(num_classes, size=num_images)
    guess = rng.integers(num_classes, size=(num_seeds, num_images))
    predicted = np.where(rng.random(guess.shape) < skill, gold, guess)
    resamples = rng.integers(num_images, size=(num_resamples, num_images))
    counts, _ = aggregate_raters(predicted.T, n_cat=num_classes)
    unanimous = (predicted == predicted[0]).all(axis=0).mean()
    macro_f1 = lambda gold, one: f1_score(gold, one, average="macro")
    return {
        "num_classes": num_classes,
        "gold": gold.tolist(),
        "predicted": predicted.tolist(),
        "resamples": resamples.tolist(),
        "accuracy": over_seeds_share(gold, predicted),
        "macro_f1": over_seeds(macro_f1, gold, predicted, resamples),
        "f1": [
            over_seeds(lambda g, p, c=c: class_f1(g, p, c), gold, predicted, resamples)
            for c in range(num_classes)
        ],
        "shares": [class_shares(gold, predicted, label) for label in range(num_classes)],
        "unanimous": unanimous,
        "unanimous_interval": wilson((predicted == predicted[0]).all(axis=0, keepdims=True)),
        "fleiss_kappa": fleiss_kappa(counts),
    }


def collapse(rows):
    rows = np.array(rows)
    gold, predicted, num_images = rows.sum(1), rows.sum(0), rows.sum()
    by_chance = (gold / num_images) @ (predicted / num_images)
    test = binomtest(int(rows.trace()), int(num_images), by_chance, alternative="greater")
    return {
        "rows": rows.tolist(),
        "gold": np.exp(entropy(gold)),
        "predicted": np.exp(entropy(predicted)),
        "by_chance": by_chance,
        "p_value": test.pvalue,
    }


def main():
    rng = np.random.default_rng(7)
    published = json.loads(PUBLISHED.read_text())["networks"]
    guesses = [rng.integers(4, size=(2, num_images)) for num_images in (12, 60, 500)]
    constant = [np.array([[30, 0, 0], [3, 0, 0], [1, 0, 0]])]
    golden = {
        "predictions": [
            predictions(rng, 5, 60, 6, 0.6, 40),
            predictions(rng, 2, 25, 3, 0.3, 40),
            predictions(rng, 3, 18, 4, 0.9, 40),
        ],
        "published": {
            name: [collapse(run) for run in runs] for name, runs in sorted(published.items())
        },
        "chance": [collapse(m) for m in [confusion_matrix(*g) for g in guesses] + constant],
    }
    text = json.dumps(golden, separators=(",", ":")).replace('{"', '\n{"')
    (HERE / "golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
