"""Writes golden.json: 100 steps of a linear softmax classifier with the optimizers of PyTorch;
groups.json: 100 steps of the classifier and its features with parameter groups; and swa.json: means of
weights.

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
NUM_STEPS, KEPT_EVERY = 100, 5
ADAM = {"betas": (0.9, 0.999), "eps": 1e-7}
OPTIMIZERS = {
    "adam": lambda p: torch.optim.Adam(p, **ADAM),
    "adam with weight decay": lambda p: torch.optim.Adam(p, weight_decay=0.05, **ADAM),
    "adamw": lambda p: torch.optim.AdamW(p, weight_decay=0.05, **ADAM),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "sgd with momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "sgd with all": lambda p: torch.optim.SGD(
        p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05
    ),
    "clipped sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
}
MAX_NORM = 0.2


def rate(step):
    return 0.1 / (1 + step // 20)


def run(name):
    features = torch.tensor([FEATURES] * len(LABELS), dtype=torch.float64)
    labels = torch.tensor(LABELS)
    image_weights = torch.tensor([CLASS_WEIGHTS[label] for label in LABELS], dtype=torch.float64)
    fc = torch.nn.Linear(len(FEATURES), len(CLASS_WEIGHTS)).double()
    with torch.no_grad():
        fc.weight.copy_(torch.arange(12).reshape(3, 4) / 10 - 0.5)
        fc.bias.copy_(torch.tensor([0.1, 0.0, -0.1]))
    start = {"weight": fc.weight.flatten().tolist(), "bias": fc.bias.tolist()}
    optimizer = OPTIMIZERS[name](fc.parameters())
    steps = []
    for step in range(NUM_STEPS):
        optimizer.param_groups[0]["lr"] = rate(step)
        optimizer.zero_grad()
        losses = torch.nn.functional.cross_entropy(fc(features), labels, reduction="none")
        loss = (losses * image_weights).mean()
        loss.backward()
        norm = None
        if name == "clipped sgd":
            norm = torch.nn.utils.clip_grad_norm_(fc.parameters(), MAX_NORM).item()
        optimizer.step()
        found = {"learning_rate": rate(step), "loss": loss.item(), "norm": norm}
        if step % KEPT_EVERY == KEPT_EVERY - 1:
            found["after"] = {"weight": fc.weight.flatten().tolist(), "bias": fc.bias.tolist()}
        steps.append(found)
    return start, steps


# The shift before the classifier's features is a stage away from the head.
SHIFT = [0.5, 1.5, 0.25, 2.0]
LAYER_DECAY, WEIGHT_DECAY = 0.75, 0.05
GROUPED = {
    "adam": lambda p: torch.optim.Adam(p, **ADAM),
    "adamw": lambda p: torch.optim.AdamW(p, **ADAM),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
}
# Weight decay and factor on the rate of the classifier's weight and bias, and of the shift.
BY_STAGE = [(WEIGHT_DECAY, 1.0), (0.0, 1.0), (0.0, LAYER_DECAY)]
# Twice the rate in the head, half of it for all that is called a bias; twice the decay of what is called a weight,
# half of it for the head's bias, and none before the head.
BY_PATTERN = [(2 * WEIGHT_DECAY, 2.0), (0.5 * WEIGHT_DECAY, 2.0 * 0.5), (0.0, 0.5)]


def run_groups(name, kinds):
    shift = torch.tensor(SHIFT, dtype=torch.float64, requires_grad=True)
    fc = torch.nn.Linear(len(SHIFT), len(CLASS_WEIGHTS)).double()
    with torch.no_grad():
        fc.weight.copy_(torch.arange(12).reshape(3, 4) / 10 - 0.5)
        fc.bias.copy_(torch.tensor([0.1, 0.0, -0.1]))
    image_weights = torch.tensor([CLASS_WEIGHTS[label] for label in LABELS], dtype=torch.float64)
    groups = [
        {"params": [values], "weight_decay": decay, "factor": factor}
        for values, (decay, factor) in zip([fc.weight, fc.bias, shift], kinds)
    ]
    optimizer = GROUPED[name](groups)
    for step in range(NUM_STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 * rate(step) * group["factor"]
        optimizer.zero_grad()
        features = torch.nn.functional.relu6(shift).expand(len(LABELS), -1)
        losses = torch.nn.functional.cross_entropy(fc(features), torch.tensor(LABELS), reduction="none")
        (losses * image_weights).mean().backward()
        optimizer.step()
    return {
        "shift": shift.tolist(),
        "weight": fc.weight.flatten().tolist(),
        "bias": fc.bias.tolist(),
    }


def run_swa():
    """A weight and a buffer of three values each, and their means after each update."""
    model = torch.nn.BatchNorm1d(3)
    averaged = torch.optim.swa_utils.AveragedModel(model, use_buffers=True)
    weights, means = [], []
    for idx in range(4):
        values = torch.sin(torch.arange(6.0) + 2.0 * idx) * 3.0
        with torch.no_grad():
            model.bias.copy_(values[:3])
            model.running_mean.copy_(values[3:])
        averaged.update_parameters(model)
        weights.append(values.tolist())
        means.append(averaged.module.bias.tolist() + averaged.module.running_mean.tolist())
    return {"weights": weights, "means": means}


def main():
    runs = {name: run(name) for name in OPTIMIZERS}
    golden = {
        "torch": torch.__version__.split("+")[0],
        "features": FEATURES,
        "labels": LABELS,
        "class_weights": CLASS_WEIGHTS,
        "max_norm": MAX_NORM,
        "start": runs["adam"][0],
        "runs": {name: steps for name, (_, steps) in runs.items()},
    }
    write("golden.json", golden)
    write("swa.json", run_swa())
    kinds = {"by_stage": BY_STAGE, "by_pattern": BY_PATTERN}
    after = {kind: {name: run_groups(name, kinds[kind]) for name in GROUPED} for kind in kinds}
    write("groups.json", {"shift": SHIFT, **after})


def write(name, golden):
    Path(__file__).with_name(name).write_text(json.dumps(golden, indent=0) + "\n")


if __name__ == "__main__":
    main()
