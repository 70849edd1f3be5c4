"""Writes the goldens beside this file with Keras' networks.

    pip install keras==3.15.1 torch==2.15.0 torchvision==0.29.2 timm==1.0.31 numpy
    KERAS_BACKEND=torch python generate.py [NETWORK...]

As `../torchvision/generate.py`, whose rules for images and weights are used, in the names that layers have here; of
weights of batch normalization `rule` makes something else of them here and in `main.rs`. Some of Keras' layers round
to 32-bit floats whatever their type.
"""

import importlib.util
import json
import re
import sys
from pathlib import Path

import keras
import numpy as np
import torch
from keras.src.applications.nasnet import NASNet

HERE = Path(__file__).parent
SPEC = importlib.util.spec_from_file_location("torchvisions", HERE.parent / "torchvision/generate.py")
common = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(common)



def nasnet_mobile(**options):
    """`keras.applications.NASNetMobile`, which refuses PyTorch as its backend, without looking which it is: features are
    within 2e-7 of those with JAX."""
    return NASNet(
        penultimate_filters=1056,
        num_blocks=4,
        stem_block_filters=32,
        skip_reduction=False,
        filter_multiplier=2,
        default_size=224,
        **options,
    )


BUILDERS = {"resnet50v2": keras.applications.ResNet50V2, "nasnet_mobile": nasnet_mobile}
# Networks that are built for images of one size.
SIZED = ["nasnet_mobile"]
# Name, batch, height, width, whether batch statistics are used.
CASES = [
    ("128x192", 1, 128, 192, False),
    ("97x131", 2, 97, 131, False),
    ("97x131_train", 2, 97, 131, True),
]
# At 97x131 a window that a NASNet pools in training has two equal values, and rounding chooses between them.
CASES_OF_NASNET = [*CASES[:2], ("139x203_train", 2, 139, 203, True)]
# Whose gradients of parameters are compared.
WITH_PARAMETERS = ["97x131", "97x131_train", "139x203_train"]
# Images that statistics are measured on.
MEASURED = (3, 192, 256)
VALUES = {
    "kernel": "weight",
    "depthwise_kernel": "conv1.weight",
    "pointwise_kernel": "pointwise.weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def own(layer):
    """What a layer of Keras' is called here."""
    in_cell = re.fullmatch(r"(.+?)_((?:stem_|reduce_)?\d+)", layer)
    if in_cell and not layer.startswith(("stem_", "conv")):
        layer, cell = in_cell.groups()
        cell = f"normal_{cell}" if cell.isdigit() else cell
        branch = re.fullmatch(r"(separable_.+)_(?:normal|reduction)_(.+)", layer)
        if branch:
            return f"{cell}.{branch[2]}.{branch[1]}"
        return f"{cell}." + re.sub(r"^(normal|reduction)_", "", layer).replace("adjust_", "adjust.")
    name = re.sub(r"^(conv\d_block\d+)_(\d)_(conv|bn)$", r"\1.\3\2", layer)
    return re.sub(r"^(conv\d_block\d+)_preact_bn$", r"\1.preact_bn", name)


def moved(values):
    """A kernel, matrix or feature maps as PyTorch has them."""
    if values.ndim == 4:
        is_depthwise = values.shape[3] == 1
        return values.permute(2, 3, 0, 1) if is_depthwise else values.permute(3, 2, 0, 1)
    return values.T if values.ndim == 2 else values


def offset(layer):
    """What is added to the biases of a normalization, or taken from those that are negative: a sum of two is far from
    zero, too."""
    is_last = layer.endswith("separable_conv_2_bn")
    if layer.endswith("adjust.bn") or is_last and re.match(r"(stem|reduce)_\d\.left1", layer):
        return 2.6
    return 0.0 if is_last and not re.search(r"\.left[12]\.", layer) else 1.3


def rule(name, shape, names):
    """Seeded weights; before a ReLU a channel is nearly always on or nearly always off."""
    values = common.seeded(name, shape)
    layer, kind = name.rsplit(".", 1)
    if f"{layer}.running_mean" in names:
        if kind == "weight":
            # A NASNet would lose what images differ in.
            values = values * np.float32(0.5 if "stem_bn1.weight" in names else 0.25)
        elif kind == "bias":
            values = values + np.copysign(np.float32(offset(layer)), values)
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


def build(name, num_classes, size):
    keras.backend.clear_session()
    size = size if name in SIZED else (None, None)
    trunk = BUILDERS[name](include_top=False, weights=None, pooling="avg", input_shape=(*size, 3))
    logits = keras.layers.Dense(num_classes, name="predictions")(trunk.output)
    return keras.Model(trunk.input, logits)


def filled(network):
    found = variables(network)
    for name, variable in found.items():
        shape = tuple(moved(variable.value).shape)
        variable.assign(inverse(rule(name, shape, found)))
    return network


def inverse(values):
    if values.ndim == 4:
        is_depthwise = values.shape[1] == 1
        return values.permute(2, 3, 0, 1) if is_depthwise else values.permute(2, 3, 1, 0)
    return values.T if values.ndim == 2 else values


def taps(network):
    """The layer whose output each tap sees, by the tap's name."""
    names = [layer.name for layer in network.layers]
    if "stem_bn1" in names:
        concats = [re.fullmatch(r"(normal|reduction)_concat_(.+)", name) for name in names]
        cells = {match[2]: match[0] for match in concats if match}
        cells = {f"normal_{cell}" if cell.isdigit() else cell: name for cell, name in cells.items()}
        # Before the pooling and the linear layer.
        return {"stem_bn1": "stem_bn1", **cells, "relu": names[-3]}
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
    """Writes all goldens, or those of the networks that are named."""
    keras.config.set_floatx("float64")
    torch.manual_seed(0)
    common.run, common.measured = run, measured
    file = HERE / "layouts.json"
    chosen = sys.argv[1:]
    layouts = json.loads(file.read_text()) if chosen else {}
    chosen = chosen or list(BUILDERS)
    layouts |= {name: common.layout(AsPyTorch(build(name, 1000, (224, 224)))) for name in chosen}
    file.write_text(json.dumps(layouts, indent=1) + "\n")
    for name in chosen:
        network = filled(build(name, common.NUM_CLASSES, MEASURED[1:]))

        def of_case(case):
            sized = build(name, common.NUM_CLASSES, case[2:4])
            sized.set_weights(network.get_weights())
            return sized

        cases = CASES_OF_NASNET if name == "nasnet_mobile" else CASES
        common.write_golden(HERE, name, network, cases, WITH_PARAMETERS, of_case)


if __name__ == "__main__":
    main()
