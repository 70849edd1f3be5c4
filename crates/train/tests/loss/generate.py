"""Writes golden.json: losses and class weights of Keras, PyTorch and scikit-learn.

    pip install keras torch scikit-learn numpy && KERAS_BACKEND=torch python generate.py

Keras: what `fit(class_weight=...)` reports for one batch, and `CategoricalCrossentropy` with sample
weights. PyTorch: `CrossEntropyLoss(weight, label_smoothing, reduction="none")`, summed over the batch
and divided by the number of images, with its gradient; with classes mixed, the same of soft targets.
"""

import json
from pathlib import Path

import keras
import numpy as np
import sklearn
import torch
from sklearn.utils.class_weight import compute_class_weight

COUNTS = [1177, 165, 975, 113, 178, 606]


def keras_loss(logits, labels, weights):
    """The loss of one batch whose logits a network without parameters passes on."""
    num_classes = logits.shape[1]
    model = keras.Sequential([keras.Input((num_classes,)), keras.layers.Identity()])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, optimizer=keras.optimizers.SGD(0.0))
    one_hot = np.eye(num_classes, dtype="float32")[labels]
    class_weight = dict(enumerate(weights))
    found = model.fit(
        logits, one_hot, batch_size=len(labels), epochs=1, class_weight=class_weight, verbose=0
    )
    fitted = float(found.history["loss"][0])
    called = float(loss(one_hot, logits, sample_weight=np.array(weights)[labels]))
    assert abs(fitted - called) < 1e-5 * max(1, called), (fitted, called)
    return fitted


def torch_loss(logits, labels, weights, smoothing, share):
    z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    y = torch.tensor(labels)
    targets = y
    if share < 1:
        one_hot = torch.nn.functional.one_hot(y, logits.shape[1]).double()
        targets = share * one_hot + (1 - share) * one_hot.roll(1, 0)
    loss = torch.nn.functional.cross_entropy(
        z,
        targets,
        weight=torch.tensor(weights, dtype=torch.float64),
        label_smoothing=smoothing,
        reduction="none",
    )
    loss = loss.sum() / len(labels)
    loss.backward()
    return loss.item(), z.grad.flatten().tolist()


def main():
    random = np.random.default_rng(0)
    weights = [max(COUNTS) / count for count in COUNTS]
    labels_of = [cls for cls, count in enumerate(COUNTS) for _ in range(count)]
    balanced = compute_class_weight("balanced", classes=np.arange(6), y=labels_of).tolist()
    cases = []
    for scale, num_images in [(1, 8), (3, 5), (20, 8), (200, 4)]:
        logits = (random.normal(size=(num_images, 6)) * scale).astype("float32")
        labels = random.integers(0, 6, num_images).tolist()
        case = {"logits": logits.flatten().tolist(), "labels": labels}
        case["keras"] = keras_loss(logits, labels, weights)
        case["torch"] = []
        for smoothing, share in [(0.0, 1.0), (0.1, 1.0), (0.3, 1.0), (0.0, 0.75), (0.1, 0.3)]:
            loss, gradient = torch_loss(logits, labels, weights, smoothing, share)
            case["torch"].append(
                {"smoothing": smoothing, "share": share, "loss": loss, "gradient": gradient}
            )
        cases.append(case)
    golden = {
        "keras": keras.__version__,
        "torch": torch.__version__.split("+")[0],
        "sklearn": sklearn.__version__,
        "counts": COUNTS,
        "weights": weights,
        "balanced": balanced,
        "cases": cases,
    }
    path = Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden, indent=0) + "\n")


if __name__ == "__main__":
    main()
