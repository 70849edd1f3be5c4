"""Writes golden.json: diagnosis scores by scikit-learn.

    pip install scikit-learn==1.9.1
    python generate.py

table_5.json beside it is no output of this script: it holds Jalaboi et al., 2021, Table 5, and
the confusion matrices saved in the authors' public notebooks.
"""

import json
import pathlib

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, recall_score


def scores(gold, predicted, class_idx):
    is_gold, is_predicted = gold == class_idx, predicted == class_idx

    def recall(pos_label):
        value = recall_score(is_gold, is_predicted, pos_label=pos_label, zero_division=np.nan)
        return None if np.isnan(value) else float(value)

    f1 = f1_score(is_gold, is_predicted, zero_division=np.nan)
    return {"f1": None if np.isnan(f1) else float(f1), "sensitivity": recall(True), "specificity": recall(False)}


def main():
    rng = np.random.default_rng(5)
    golden = []
    for num_classes, num_images, num_used in [(2, 30, 2), (6, 525, 6), (6, 20, 4), (3, 5, 1), (10, 12, 10)]:
        gold = rng.integers(0, num_used, num_images)
        wrong = rng.random(num_images) < 0.4
        predicted = np.where(wrong, rng.integers(0, num_used, num_images), gold)
        golden.append({
            "num_classes": num_classes,
            "gold": gold.tolist(),
            "predicted": predicted.tolist(),
            "accuracy": float(accuracy_score(gold, predicted)),
            "macro_f1": float(f1_score(gold, predicted, average="macro", zero_division=np.nan)),
            "classes": [scores(gold, predicted, class_idx) for class_idx in range(num_classes)],
        })
    text = json.dumps(golden, separators=(",", ":")).replace('{"num_classes"', '\n{"num_classes"')
    pathlib.Path(__file__).with_name("golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
