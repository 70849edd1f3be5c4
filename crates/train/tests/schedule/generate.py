"""Writes golden.json: learning rates of PyTorch's schedules, and where Keras stops early.

    pip install torch keras numpy && KERAS_BACKEND=torch python generate.py
"""

import json
import warnings
from pathlib import Path

import keras
import numpy as np
import torch
from torch.optim import lr_scheduler

RATE, EPOCHS, STEPS_PER_EPOCH = 0.01, 12, 7


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)


def rates(make, num_warmup):
    """The learning rate of each step, in epochs of STEPS_PER_EPOCH."""
    sgd = optimizer()
    schedule = make(sgd)
    if num_warmup > 0:
        warmup = lr_scheduler.LinearLR(
            sgd, start_factor=1 / num_warmup, total_iters=num_warmup - 1
        )
        schedule = lr_scheduler.SequentialLR(sgd, [warmup, schedule], milestones=[num_warmup])
    found = []
    for _ in range(EPOCHS * STEPS_PER_EPOCH):
        found.append(sgd.param_groups[0]["lr"])
        sgd.step()
        schedule.step()
    return found


def schedules():
    cases = []
    for warmup_epochs in [0, 1, 3]:
        num_warmup = warmup_epochs * STEPS_PER_EPOCH
        num_steps = EPOCHS * STEPS_PER_EPOCH - num_warmup
        for name, make in {
            "cosine": lambda sgd: lr_scheduler.CosineAnnealingLR(sgd, T_max=num_steps),
            "constant": lambda sgd: lr_scheduler.ConstantLR(sgd, factor=1.0),
            "step": lambda sgd: lr_scheduler.StepLR(
                sgd, step_size=2 * STEPS_PER_EPOCH, gamma=0.3
            ),
            "cosine_restarts": lambda sgd: lr_scheduler.CosineAnnealingWarmRestarts(
                sgd, T_0=2 * STEPS_PER_EPOCH, T_mult=2, eta_min=0.02 * RATE
            ),
            "cosine_repeated": lambda sgd: lr_scheduler.CosineAnnealingWarmRestarts(
                sgd, T_0=3 * STEPS_PER_EPOCH
            ),
            "one_cycle": lambda sgd: lr_scheduler.OneCycleLR(
                sgd, max_lr=RATE, total_steps=num_steps, cycle_momentum=False
            ),
        }.items():
            if name == "one_cycle" and num_warmup > 0:
                continue  # It has a rise of its own.
            found = rates(make, num_warmup)
            cases.append({"schedule": name, "warmup_epochs": warmup_epochs, "rates": found})
    return cases


def scores(random):
    """A score that rises, with noise; on a grid, so that equal values occur and Keras' 32-bit
    comparison is exact."""
    rise = 1 - np.exp(-np.arange(40) / random.uniform(2, 20))
    noise = random.normal(0, random.uniform(0.01, 0.2), 40)
    return (np.round(np.clip(rise + noise, 0, 1) * 64) / 64).tolist()


def plateau(values, mode, factor, patience):
    sgd = optimizer()
    schedule = lr_scheduler.ReduceLROnPlateau(
        sgd, mode=mode, factor=factor, patience=patience, threshold=0, eps=0
    )
    found = []
    for value in values:
        schedule.step(value)
        found.append(sgd.param_groups[0]["lr"])
    return found


class Model:
    """As much of a Keras model as the callback asks for; its weights are the epoch."""

    stop_training = False
    metrics = []
    epoch = None

    def get_weights(self):
        return self.epoch

    def set_weights(self, weights):
        self.epoch = weights


def early_stopping(values, mode, patience, min_delta):
    """Number of epochs that run, and the epoch, from 1, whose weights are restored."""
    model = Model()
    callback = keras.callbacks.EarlyStopping(
        monitor="score", mode=mode, patience=patience, min_delta=min_delta, restore_best_weights=True
    )
    callback.set_model(model)
    callback.on_train_begin()
    for idx, value in enumerate(values):
        model.epoch = idx + 1
        callback.on_epoch_end(idx, {"score": value})
        if model.stop_training:
            break
    num_epochs = model.epoch
    callback.on_train_end()
    return num_epochs, model.epoch


def main():
    warnings.simplefilter("ignore")
    random = np.random.default_rng(0)
    sequences = []
    for idx in range(60):
        values = scores(random)
        monitor = ["loss", "macro_f1"][idx % 2]
        if monitor == "loss":
            values = [1 - value for value in values]
        mode = "min" if monitor == "loss" else "max"
        patience, factor = int(random.integers(1, 7)), [0.1, 0.5][idx % 2]
        min_delta = [0.0, 0.02, 0.1][idx % 3]
        num_epochs, best_epoch = early_stopping(values, mode, patience, min_delta)
        sequences.append(
            {
                "monitor": monitor,
                "values": values,
                "patience": patience,
                "factor": factor,
                "rates": plateau(values, mode, factor, patience),
                "min_delta": min_delta,
                "num_epochs": num_epochs,
                "best_epoch": best_epoch,
            }
        )
    golden = {
        "torch": torch.__version__.split("+")[0],
        "keras": keras.__version__,
        "rate": RATE,
        "epochs": EPOCHS,
        "steps_per_epoch": STEPS_PER_EPOCH,
        "schedules": schedules(),
        "sequences": sequences,
    }
    path = Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden, indent=0) + "\n")


if __name__ == "__main__":
    main()
