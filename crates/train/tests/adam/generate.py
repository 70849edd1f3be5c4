"""Writes golden.json: Adam steps of a linear softmax classifier, made with torch.optim.Adam.

    pip install torch numpy && python generate.py

Every image has the same features, so that the network of the test (all convolutions zero, features
set by the last batch normalization's shift) gives the same gradients.
"""

import json
from pathlib import Path

import torch

FEATURES = [0.5, 1.5, 0.0, 2.0]
LABELS = [0, 2, 1, 2]
CLASS_WEIGHTS = [1.0, 3.0, 0.5]
RATES = [0.1, 0.1, 0.05, 0.01, 0.001]
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


def main():
    features = torch.tensor([FEATURES] * len(LABELS), dtype=torch.float64)
    labels = torch.tensor(LABELS)
    image_weights = torch.tensor([CLASS_WEIGHTS[label] for label in LABELS], dtype=torch.float64)
    fc = torch.nn.Linear(len(FEATURES), len(CLASS_WEIGHTS)).double()
    with torch.no_grad():
        fc.weight.copy_(torch.arange(12).reshape(3, 4) / 10 - 0.5)
        fc.bias.copy_(torch.tensor([0.1, 0.0, -0.1]))
    start = {"weight": fc.weight.flatten().tolist(), "bias": fc.bias.tolist()}
    optimizer = torch.optim.Adam(fc.parameters(), lr=0.0, betas=(BETA_1, BETA_2), eps=EPSILON)
    steps = []
    for rate in RATES:
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        losses = torch.nn.functional.cross_entropy(fc(features), labels, reduction="none")
        loss = (losses * image_weights).mean()
        loss.backward()
        optimizer.step()
        steps.append(
            {
                "learning_rate": rate,
                "loss": loss.item(),
                "weight": fc.weight.flatten().tolist(),
                "bias": fc.bias.tolist(),
            }
        )
    golden = {
        "torch": torch.__version__.split("+")[0],
        "features": FEATURES,
        "labels": LABELS,
        "class_weights": CLASS_WEIGHTS,
        "start": start,
        "steps": steps,
    }
    path = Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
