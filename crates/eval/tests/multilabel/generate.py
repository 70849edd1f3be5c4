"""Writes golden.json: scores of several labels an image by scikit-learn, compared here with torchmetrics'.

    pip install numpy==2.4.6 scikit-learn==1.9.1 torch==2.15.0 torchmetrics==1.9.0
    python generate.py

scikit-learn gives nan for the area of a label that no image has, or every one, and 0 for its average precision: both
are left out of the mean here. Intervals are NumPy's percentiles of the scores of resampled images.
"""

import json
import pathlib
import warnings

import numpy as np
import torch
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    hamming_loss,
    precision_recall_curve,
    recall_score,
    roc_auc_score,
)
from torchmetrics.functional.classification import (
    multilabel_auroc,
    multilabel_average_precision,
    multilabel_exact_match,
    multilabel_f1_score,
    multilabel_hamming_distance,
)

warnings.filterwarnings("ignore")


def number(value):
    return None if value is None or np.isnan(value) else float(value)


def mean(values):
    values = [value for value in values if value is not None]
    return float(np.mean(values)) if values else None


def ranked(score, gold, p):
    """Of each label, of their mean, and of all pairs in one order."""
    is_defined = gold.any(axis=0) & ~gold.all(axis=0)
    labels = [
        float(score(gold[:, k], p[:, k])) if is_defined[k] else None for k in range(gold.shape[1])
    ]
    pairs = gold.any() and not gold.all()
    micro = float(score(gold.ravel(), p.ravel())) if pairs else None
    if is_defined.all():
        assert np.isclose(mean(labels), score(gold, p, average="macro"), atol=1e-12)
        assert np.isclose(micro, score(gold, p, average="micro"), atol=1e-12)
    return [*labels, mean(labels), micro]


def rankings(gold, p):
    return [ranked(roc_auc_score, gold, p), ranked(average_precision_score, gold, p)]


def scores(gold, predicted):
    """Micro, macro and sample F1, Hamming loss, subset accuracy, F1 and sensitivity of each label."""
    f1 = {"y_true": gold, "y_pred": predicted, "zero_division": np.nan}
    return [
        number(f1_score(**f1, average="micro")),
        number(f1_score(**f1, average="macro")),
        number(f1_score(**f1, average="samples")),
        float(hamming_loss(gold, predicted)),
        float(accuracy_score(gold, predicted)),
        *(number(value) for value in f1_score(**f1, average=None)),
        *(number(value) for value in recall_score(**f1, average=None)),
    ]


def compare_with_torchmetrics(gold, p, predicted, found, ranked_scores):
    labels = {"num_labels": gold.shape[1]}
    gold, p, predicted = (torch.from_numpy(np.asarray(x)) for x in (gold.astype(int), p, predicted.astype(int)))
    expected = [
        multilabel_f1_score(predicted, gold, **labels, average="micro"),
        multilabel_f1_score(predicted, gold, **labels, average="macro"),
        multilabel_hamming_distance(predicted, gold, **labels, average="micro"),
        multilabel_exact_match(predicted, gold, **labels),
        multilabel_auroc(p, gold, **labels, average="micro"),
        multilabel_average_precision(p, gold, **labels, average="macro"),
    ]
    ours = [found[0], found[1], found[3], found[4], ranked_scores[0][-1], ranked_scores[1][-2]]
    np.testing.assert_allclose([float(x) for x in expected], ours, atol=1e-6)


def threshold(gold, p):
    if not gold.any():
        return None
    precision, recall, thresholds = precision_recall_curve(gold, p)
    f1 = [2 * a * b / (a + b) if a + b else 0.0 for a, b in zip(precision[:-1], recall[:-1])]
    best = max(i for i, value in enumerate(f1) if value > max(f1) - 1e-12)
    return [float(thresholds[best]), float(f1[best])]


def interval(values):
    defined = [value for value in values if value is not None]
    if not defined or 2 * len(defined) < len(values):
        return None
    return [float(bound) for bound in np.quantile(defined, [0.025, 0.975])]


def case(gold, p, rng, num_resamples):
    num_images, num_labels = gold.shape
    predicted = p >= 0.5
    resamples = rng.integers(0, num_images, (num_resamples, num_images))
    found, ranked_scores = scores(gold, predicted), rankings(gold, p)
    if gold.any(axis=0).all() and not gold.all(axis=0).any():
        compare_with_torchmetrics(gold, p, predicted, found, ranked_scores)
    resampled = [scores(gold[images], predicted[images]) for images in resamples]
    resampled_rankings = [rankings(gold[images], p[images]) for images in resamples]
    return {
        "gold": gold.tolist(),
        "probabilities": p.tolist(),
        "resamples": resamples.tolist(),
        "scores": found,
        # Without the subset accuracy and sensitivities, whose intervals are Wilson's.
        "intervals": [interval([one[i] for one in resampled]) for i in [0, 1, 2, 3, *range(5, 5 + num_labels)]],
        "rankings": ranked_scores,
        "ranking_intervals": [
            [interval([one[kind][i] for one in resampled_rankings]) for i in range(num_labels + 2)]
            for kind in range(2)
        ],
        "thresholds": [threshold(gold[:, k], p[:, k]) for k in range(num_labels)],
    }


def drawn(rng, num_images, shares, digits, num_resamples=40):
    gold = rng.random((num_images, len(shares))) < shares
    logits = rng.normal(size=gold.shape) + 1.5 * (gold - 0.5) + np.log(np.maximum(shares, 0.2))
    return case(gold, np.round(1 / (1 + np.exp(-logits)), digits), rng, num_resamples)


def one_class_each(rng, num_images, num_classes):
    gold = np.eye(num_classes, dtype=bool)[rng.integers(0, num_classes, num_images)]
    p = np.exp(rng.normal(size=gold.shape) + gold)
    return case(gold, np.round(p / p.sum(axis=1, keepdims=True), 4), rng, 20)


def main():
    rng = np.random.default_rng(55)
    golden = [
        drawn(rng, 60, np.array([0.5, 0.3, 0.1]), 4),
        drawn(rng, 25, np.array([0.4, 0.0, 1.0, 0.2]), 1),
        one_class_each(rng, 40, 4),
        # Constant probabilities; one image; nothing to find and nothing found.
        case(rng.random((8, 2)) < 0.5, np.full((8, 2), 0.5), rng, 10),
        case(np.array([[True, False]]), np.array([[0.7, 0.6]]), rng, 3),
        case(np.zeros((3, 2), dtype=bool), np.full((3, 2), 0.1), rng, 3),
    ]
    text = json.dumps(golden, separators=(",", ":")).replace('{"gold"', '\n{"gold"')
    pathlib.Path(__file__).with_name("golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
