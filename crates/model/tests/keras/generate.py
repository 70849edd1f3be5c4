"""Writes the goldens beside this file with Keras' networks.

    pip install keras==3.15.1 torch==2.15.0 torchvision==0.29.2 timm==1.0.31 numpy
    KERAS_BACKEND=torch python generate.py

As `../torchvision/generate.py`, whose rules for images and weights are used, in the names that layers have here; of
weights of batch normalization `rule` makes something else of them here and in `main.rs`.
"""

import importlib.util
import json
import re
from pathlib import Path

import keras
import numpy as np
import torch

HERE = Path(__file__).parent
SPEC = importlib.util.spec_from_file_location("torchvisions", HERE.parent / "torchvision/generate.py")
common = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(common)

BUILDERS = {"resnet50v2": keras.applications.ResNet50V2}
# Name, batch, height, width, whether batch statistics are used.
CASES = [
    ("128x192", 1, 128, 192, False),
    ("97x131", 2, 97, 131, False),
    ("97x131_train", 2, 97, 131, True),
]
# Images that statistics are measured on.
MEASURED = (3, 192, 256)
VALUES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def own(layer):
    """What a layer of Keras' is called here."""
    name = re.sub(r"^(conv\d_block\d+)_(\d)_(conv|bn)$", r"\1.\3\2", layer)
    return re.sub(r"^(conv\d_block\d+)_preact_bn$", r"\1.preact_bn", name)


def moved(values):
    """A kernel, matrix or feature maps as PyTorch has them."""
    return values.permute(3, 2, 0, 1) if values.ndim == 4 else values.T if values.ndim == 2 else values


def rule(name, shape, names):
    """Seeded weights; before a ReLU a channel is nearly always on or nearly always off."""
    values = common.seeded(name, shape)
    layer, kind = name.rsplit(".", 1)
    if f"{layer}.running_mean" in names:
        if kind == "weight":
            values = values * np.float32(0.25)
        elif kind == "bias":
            values = values + np.copysign(np.float32(1.3), values)
    elif layer.endswith(".conv3") and kind == "weight":
        # Quiet residual branches.
        values = values * np.float32(0.5)
    return torch.from_numpy(values.reshape(shape).astype(np.float32))


def variables(network):
    """Every variable by its name here."""
    return {
        f"{own(layer.name)}.{VALUES[variable.name]}": variable
        for layer in network.layers
        for variable in layer.weights
    }


def build(name, num_classes):
    keras.backend.clear_session()
    trunk = BUILDERS[name](include_top=False, weights=None, pooling="avg", input_shape=(None, None, 3))
    logits = keras.layers.Dense(num_classes, name="predictions")(trunk.output)
    return keras.Model(trunk.input, logits)


def filled(network):
    found = variables(network)
    for name, variable in found.items():
        shape = tuple(moved(variable.value).shape)
        variable.assign(inverse(rule(name, shape, found)))
    return network


def inverse(values):
    return values.permute(2, 3, 1, 0) if values.ndim == 4 else values.T if values.ndim == 2 else values


def taps(network):
    """The layer whose output each tap sees, by the tap's name."""
    found = {"pool1_pool": "pool1_pool", "post_relu": "post_relu"}
    for layer in network.layers:
        block = re.fullmatch(r"(conv\d_block\d+)_out", layer.name)
        if block:
            found[block[1]] = layer.name
            found[f"{block[1]}.conv3"] = f"{block[1]}_3_conv"
    return found


def measured(network):
    """Puts statistics measured on a batch into `network`; their upper halves as bytes."""
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    with torch.no_grad():
        network(channels_last(common.images(*MEASURED).double()), training=True)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    stored = []
    found = variables(network)
    for name in sorted(found):
        if "running_" in name:
            half = common.upper_half(found[name].value.detach())
            found[name].assign(half)
            stored.append((half.numpy().view(np.uint32) >> 16).astype("<u2"))
    return b"".join(values.tobytes() for values in stored)


def channels_last(images):
    return images.permute(0, 2, 3, 1)


def run(network, name, case, shift):
    """Everything that is compared."""
    _, batch, height, width, train = case
    state = {key: variable.value.detach().clone() for key, variable in variables(network).items()}
    seen = taps(network)
    outputs = [network.get_layer(layer).output for layer in seen.values()]
    tapped = keras.Model(network.input, [*outputs, network.output])
    inputs = common.images(batch, height, width).double()
    inputs = (inputs + shift * torch.sign(torch.sin(torch.arange(inputs.numel()).double()))
              .reshape(inputs.shape)).requires_grad_()
    *features, logits = tapped(channels_last(inputs), training=train)
    for variable in network.trainable_variables:
        variable.value.grad = None
    (logits * common.coefficients(batch)).sum().backward()
    for key, variable in variables(network).items():
        variable.assign(state[key])
    trained = {variable.path for variable in network.trainable_variables}
    return {
        "logits": logits.flatten().tolist(),
        "taps": {
            tap: common.summary(values.permute(0, 3, 1, 2).contiguous(), 3)
            for tap, values in zip(seen, features)
        },
        "input": common.summary(inputs.grad, 8),
        "parameters": {
            key: common.summary(moved(variable.value.grad).contiguous(), 2)
            for key, variable in variables(network).items()
            if variable.path in trained
        },
    }


class AsPyTorch:
    """What `layout` asks of a network."""

    def __init__(self, network):
        self.network = network

    def state_dict(self):
        return {name: moved(variable.value) for name, variable in variables(self.network).items()}

    def parameters(self):
        return [variable.value for variable in self.network.trainable_variables]


def main():
    keras.config.set_floatx("float64")
    torch.manual_seed(0)
    common.run, common.measured = run, measured
    layouts = {name: common.layout(AsPyTorch(build(name, 1000))) for name in BUILDERS}
    (HERE / "layouts.json").write_text(json.dumps(layouts, indent=1) + "\n")
    for name in BUILDERS:
        network = filled(build(name, common.NUM_CLASSES))
        common.write_golden(HERE, name, network, CASES, ["97x131", "97x131_train"])


if __name__ == "__main__":
    main()
