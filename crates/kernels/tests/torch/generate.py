"""Writes golden.json beside this file: each operation and its gradients by PyTorch.

    pip install torch==2.15
    python generate.py

Inputs are functions of an index (`main.rs` has the same rule). Feature maps are stored with channels
last. All results are computed with 64-bit floats.
"""

import json
from pathlib import Path

import torch
from torch.nn import functional as F

HERE = Path(__file__).parent
ACTIVATIONS = {"none": lambda x: x, "relu": F.relu, "relu6": F.relu6, "silu": F.silu, "gelu": F.gelu}


def numbers(seed, *shape):
    """(7919 i + 104729 seed) mod 2003, divided by 1024, minus 1."""
    index = torch.arange(int(torch.tensor(shape).prod()), dtype=torch.int64)
    return (((index * 7919 + seed * 104729) % 2003).double() / 1024 - 1).reshape(shape)


def rounded(tensor):
    return [float(f"{value:.8g}") for value in tensor.detach().flatten().tolist()]


def first(x):
    return x.permute(0, 3, 1, 2)


def last(x):
    return x.permute(0, 2, 3, 1)


def case(operation, leaves, compute, **settings):
    """The output, and the gradients of a weighted sum of it."""
    leaves = [leaf.requires_grad_() for leaf in leaves]
    out = compute(*leaves)
    (out * numbers(9, *out.shape)).sum().backward()
    return {
        "operation": operation,
        "shapes": [list(leaf.shape) for leaf in leaves],
        **settings,
        "out": rounded(out),
        "gradients": [rounded(leaf.grad) for leaf in leaves],
    }


def conv(x, weight, stride, padding, groups):
    top, left, bottom, right = padding

    def compute(x, weight):
        padded = F.pad(first(x), (left, right, top, bottom))
        return last(F.conv2d(padded, weight, stride=stride, groups=groups))

    leaves = [numbers(1, *x), numbers(2, *weight)]
    return case("conv2d", leaves, compute, stride=stride, padding=padding, groups=groups)


def norm(shape, activation, training, residual):
    channels = shape[3]
    mean, var = numbers(5, channels), numbers(6, channels).abs() + 0.25

    def compute(x, gamma, beta, *residual):
        z = F.batch_norm(first(x), mean.clone(), var.clone(), gamma, beta, training, 0.1, 1e-3)
        return ACTIVATIONS[activation](last(z) + residual[0] if residual else last(z))

    leaves = [numbers(1, *shape), numbers(2, channels), numbers(3, channels)]
    leaves += [numbers(4, *shape)] if residual else []
    operation = "batch_norm" if training else "affine"
    statistics = {} if training else {"mean": rounded(mean), "var": rounded(var)}
    return case(operation, leaves, compute, activation=activation, **statistics)


def conv_bias(activation):
    def compute(x, weight, bias):
        z = F.conv2d(first(x), weight, bias, padding=1)
        return last(ACTIVATIONS[activation](z))

    leaves = [numbers(1, 1, 6, 5, 17), numbers(2, 18, 17, 3, 3), numbers(3, 18)]
    return case("conv_bias", leaves, compute, activation=activation)


def max_pool(padding):
    top, left, bottom, right = padding

    def compute(x):
        padded = F.pad(first(x), (left, right, top, bottom), value=float("-inf"))
        return last(F.max_pool2d(padded, 3, 2))

    return case("max_pool", [numbers(1, 2, 7, 6, 5)], compute, padding=padding)


def avg_pool(counts_padding):
    def compute(x):
        return last(F.avg_pool2d(first(x), 3, 2, 1, count_include_pad=counts_padding))

    return case("avg_pool", [numbers(1, 2, 7, 6, 5)], compute, counts_padding=counts_padding)


def attention(shape, heads):
    def compute(projected):
        batch, height, width, channels = projected.shape
        parts = projected.reshape(batch, height * width, 3, heads, channels // 3 // heads)
        out = F.scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4))
        return out.transpose(1, 2).reshape(batch, height, width, channels // 3)

    return case("attention", [numbers(1, *shape)], compute, heads=heads)


def attention_bias(shape, heads, images):
    """With a bias for each of some images that follow each other again and again."""
    tokens = shape[1] * shape[2]

    def compute(projected, bias):
        parts = projected.reshape(shape[0], tokens, 3, heads, shape[3] // 3 // heads)
        bias = bias.repeat(shape[0] // images, 1, 1, 1)
        out = F.scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4), attn_mask=bias)
        return out.transpose(1, 2).reshape(*shape[:3], shape[3] // 3)

    leaves = [numbers(1, *shape), numbers(2, images, heads, tokens, tokens)]
    return case("attention_bias", leaves, compute, heads=heads)


def windows(shape, side, shift):
    """As in torchvision's `shifted_window_attention`."""

    def compute(x):
        batch, height, width, channels = x.shape
        x = F.pad(x, (0, 0, 0, -width % side, 0, -height % side))
        x = torch.roll(x, shifts=(-shift[0], -shift[1]), dims=(1, 2))
        x = x.view(batch, x.shape[1] // side, side, x.shape[2] // side, side, channels)
        return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, side, side, channels)

    return case("windows", [numbers(1, *shape)], compute, side=side, shift=shift)


def layer_norm(shape):
    channels = shape[3]
    leaves = [numbers(1, *shape), numbers(2, channels), numbers(3, channels)]
    return case(
        "layer_norm", leaves, lambda x, gamma, beta: F.layer_norm(x, [channels], gamma, beta, 1e-3)
    )


def main():
    torch.set_default_dtype(torch.float64)
    cases = [
        conv([2, 4, 5, 3], [7, 3, 1, 1], 1, [0, 0, 0, 0], 1),
        conv([1, 7, 6, 5], [9, 5, 1, 1], 2, [0, 0, 0, 0], 1),
        conv([1, 6, 5, 17], [18, 17, 3, 3], 1, [1, 1, 1, 1], 1),
        conv([2, 7, 8, 4], [6, 4, 3, 3], 2, [1, 1, 1, 1], 1),
        conv([1, 6, 6, 4], [6, 4, 3, 3], 2, [0, 0, 1, 1], 1),
        conv([1, 9, 11, 3], [16, 3, 7, 7], 2, [3, 3, 3, 3], 1),
        conv([1, 4, 9, 6], [7, 6, 1, 7], 1, [0, 3, 0, 3], 1),
        conv([1, 9, 4, 6], [7, 6, 7, 1], 1, [3, 0, 3, 0], 1),
        conv([2, 5, 6, 20], [20, 1, 3, 3], 1, [1, 1, 1, 1], 20),
        conv([1, 8, 7, 18], [18, 1, 5, 5], 2, [1, 2, 2, 2], 18),
        case(
            "channel_scale",
            [numbers(1, 2, 3, 4, 5), numbers(2, 2, 5)],
            lambda x, scale: x * scale[:, None, None, :],
        ),
        case("global_avg_pool", [numbers(1, 2, 3, 5, 6)], lambda x: x.mean(dim=(1, 2))),
        max_pool([1, 1, 1, 1]),
        max_pool([1, 0, 1, 1]),
    ]
    cases += [avg_pool(True), avg_pool(False), conv_bias("relu"), conv_bias("relu6"), conv_bias("gelu")]
    cases.append(
        case("concat", [numbers(1, 2, 3, 4, 5), numbers(2, 2, 3, 4, 2)], lambda a, b: torch.cat([a, b], dim=3))
    )
    cases += [layer_norm([2, 3, 2, 37]), attention([2, 3, 5, 42], heads=2)]
    cases += [attention_bias([4, 3, 2, 30], heads=2, images=2), windows([2, 5, 6, 3], side=4, shift=[1, 2])]
    for training in [True, False]:
        for activation in ACTIVATIONS:
            cases.append(norm([2, 4, 3, 5], activation, training, residual=False))
        for activation in ["none", "relu"]:
            cases.append(norm([2, 4, 3, 5], activation, training, residual=True))
    text = json.dumps({"torch": torch.__version__, "cases": cases}, separators=(",", ":"))
    (HERE / "golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
