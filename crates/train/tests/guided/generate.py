"""Writes golden.json: losses and gradients of guided steps, as PyTorch computes them.

    pip install torch==2.15 torchvision==0.29.2 && python generate.py

Each map of a concept is a Grad-CAM: the gradient of the concept's logit with respect to the feature maps, by
`torch.autograd.grad`, and its mean over the cells, which is constant afterwards. "tiny" has feature maps of its
own in place of a network; "resnet18" is torchvision's in training mode. Values are functions of names and
indices (`mod.rs` has the same rule); all is computed with 64-bit floats.
"""

import itertools
import json
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision

NUM_CLASSES, NUM_CONCEPTS, NUM_HIDDEN = 3, 4, 5
LOSSES = ["soft_se_sp", "dice", "mse", "mse_active"]
SIZES = ["bilinear", "nearest", "maps"]
WEIGHTS = {"characteristics": 0.7, "attention": 2.5}
CLASS_WEIGHTS, SMOOTHING = [1.0, 2.0, 0.5], 0.1
# The images that an expert looked at, of four.
KNOWN = [0, 2, 3]
MASK_SIZE = (12, 10)


def fraction(x):
    """A number in [0, 1) for each 64-bit integer: the upper half of a product with an odd number."""
    return ((x * 2654435761) % 4294967296) / 4294967296


def values(name, shape, low=-0.5, high=0.5):
    seed = sum((place + 1) * byte for place, byte in enumerate(name.encode())) % 65521
    count = torch.Size(shape).numel()
    idx = torch.arange(count, dtype=torch.int64)
    numbers = fraction(fraction_seed(seed) + idx * 7919).double()
    return (low + (high - low) * numbers).reshape(shape)


def fraction_seed(seed):
    return seed * 104729


def head(num_features):
    bound = num_features**-0.5
    return {
        "characteristics.0.weight": values("hidden", (NUM_HIDDEN, num_features), -2 * bound, 2 * bound),
        "characteristics.0.bias": values("hidden bias", (NUM_HIDDEN,)),
        "characteristics.1.weight": values("output", (NUM_CONCEPTS, NUM_HIDDEN), -1, 1),
        "characteristics.1.bias": values("output bias", (NUM_CONCEPTS,)),
    }


def masks():
    """Of the known images; the second concept is outlined in none of them."""
    found = values("masks", (len(KNOWN), NUM_CONCEPTS, *MASK_SIZE), -1, 1).clamp(0, 1)
    found[:, 1] = 0
    found[0, 2] = 0
    return found


def attention(kind, m, s):
    if kind == "soft_se_sp":
        sensitivity = ((m * s).clamp(0, 1).sum() + 1) / (s.sum() + 1)
        specificity = (((1 - m) * (1 - s)).clamp(0, 1).sum() + 1) / ((1 - s).sum() + 1)
        return 1 - (0.5 * sensitivity + 0.5 * specificity)
    if kind == "dice":
        return 1 - (2 * (m * s).sum() + 1) / (m.sum() + s.sum() + 1)
    squares = F.mse_loss(m, s, reduction="none").sum((2, 3))
    if kind == "mse":
        return squares.mean(1).mean()
    rows = []
    for row, mask in zip(squares, s):
        active = int((mask.amax((1, 2)) > 0).sum())
        rows.append(row.sum() / active if active else row.sum() * 0)
    return torch.stack(rows).mean()


def at_one_size(size, maps, s):
    if size == "maps":
        return maps, F.adaptive_avg_pool2d(s, maps.shape[2:])
    more = {"align_corners": False} if size == "bilinear" else {}
    return F.interpolate(maps, size=s.shape[2:], mode=size, **more), s


def linear(x, parameters, name):
    return F.linear(x, parameters[f"{name}.weight"], parameters[f"{name}.bias"])


def concepts(features, parameters, name="characteristics"):
    """Logits of the concepts."""
    return linear(linear(features.mean((2, 3)), parameters, f"{name}.0").relu(), parameters, f"{name}.1")


def guided(features, class_logits, logits, classes, kind, size, normalize, only_predicted):
    """The terms of the loss, and their sum."""
    known = torch.tensor(KNOWN)
    maps = []
    for concept in range(NUM_CONCEPTS):
        (slope,) = torch.autograd.grad(logits[:, concept].sum(), features, retain_graph=True)
        weights = slope.mean((2, 3), keepdim=True)
        maps.append((weights * features).sum(1).relu())
    maps = torch.stack(maps, 1)[known]
    s = masks()
    present = (s.amax((2, 3)) > 0).double()
    if normalize:
        above = maps - maps.amin((2, 3), keepdim=True)
        maps = above / (above.amax((2, 3), keepdim=True) + 1e-7)
    if only_predicted:
        maps = maps * torch.sigmoid(logits[known]).round().detach()[:, :, None, None]
    terms = {
        "diagnosis": diagnosis(class_logits, classes),
        "characteristics": F.binary_cross_entropy_with_logits(logits[known], present),
        "attention": attention(kind, *at_one_size(size, maps, s)),
    }
    loss = terms["diagnosis"] + sum(weight * terms[name] for name, weight in WEIGHTS.items())
    return loss, terms


def diagnosis(logits, classes):
    weights = torch.tensor(CLASS_WEIGHTS, dtype=torch.float64)
    smoothing = {"label_smoothing": SMOOTHING}
    return F.cross_entropy(logits, classes, weight=weights, reduction="none", **smoothing).sum() / len(classes)


def kept(tensor):
    """At most 40 values, evenly apart, and the largest."""
    flat = tensor.flatten()
    step = -(-flat.numel() // 40)
    return {"values": flat[::step].tolist(), "largest": flat.abs().max().item()}


def case(name, found, leaves, options):
    loss, terms = found
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    return {
        "name": name,
        **options,
        "loss": loss.item(),
        "terms": {name: term.item() for name, term in terms.items()},
        "gradients": {name: kept(gradient) for name, gradient in zip(leaves, gradients)},
    }


def all_options():
    for kind, size in itertools.product(LOSSES, SIZES):
        yield {"attention": kind, "map_size": size, "normalize": True, "only_predicted": True}
    for kind in LOSSES:
        yield {"attention": kind, "map_size": "bilinear", "normalize": False, "only_predicted": True}
        yield {"attention": kind, "map_size": "bilinear", "normalize": True, "only_predicted": False}


def tiny(options):
    leaves = {"features": values("features", (4, 6, 3, 4), -0.3, 1).clamp_min(0), "logits": values("logits", (4, NUM_CLASSES), -2, 2)}
    leaves |= head(6)
    for leaf in leaves.values():
        leaf.requires_grad_()
    arguments = (options["attention"], options["map_size"], options["normalize"], options["only_predicted"])
    logits = concepts(leaves["features"], leaves)
    found = guided(leaves["features"], leaves["logits"], logits, torch.tensor([0, 2, 1, 2]), *arguments)
    return case("tiny", found, leaves, options)


def resnet18(options, skip):
    """With `skip` the classes are told from hidden values of their own and from the concepts' logits."""
    network = torchvision.models.resnet18(num_classes=NUM_CLASSES).double().train()
    if skip:
        network.fc = torch.nn.Linear(NUM_HIDDEN + NUM_CONCEPTS, NUM_CLASSES).double()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(of_network(name, parameter.shape))
    leaves = dict(network.named_parameters())
    own = head(512)
    if skip:
        shapes = {"characteristics.0": (NUM_HIDDEN, 512), "characteristics.1": (NUM_CONCEPTS, NUM_HIDDEN), "classes": (NUM_HIDDEN, 512)}
        own = {}
        for layer, shape in shapes.items():
            for part, size in [("weight", shape), ("bias", shape[:1])]:
                name = f"pooling.concepts.{layer}.{part}"
                own[name] = of_network(name, size)
    leaves |= {name: leaf.requires_grad_() for name, leaf in own.items()}
    seen = []
    network.layer4.register_forward_hook(lambda module, inputs, output: seen.append(output))
    fc, network.fc = network.fc, torch.nn.Identity()
    features = network(values("images", (4, 3, 96, 128), -2, 2))
    if skip:
        logits = concepts(seen[0], leaves, "pooling.concepts.characteristics")
        hidden = linear(features, leaves, "pooling.concepts.classes").relu()
        class_logits = fc(torch.cat([hidden, logits], 1))
    else:
        logits, class_logits = concepts(seen[0], leaves), fc(features)
    arguments = (options["attention"], options["map_size"], options["normalize"], options["only_predicted"])
    loss, terms = guided(seen[0], class_logits, logits, torch.tensor([0, 2, 1, 2]), *arguments)
    names = ["conv1.weight", "bn1.bias", "layer2.0.downsample.0.weight", "layer4.1.conv2.weight", "layer4.1.bn2.weight", "fc.weight"]
    leaves = {name: leaves[name] for name in names + list(own)}
    return case("resnet18 with skip" if skip else "resnet18", (loss, terms), leaves, options)


def of_network(name, shape):
    """Starting values of a parameter."""
    if len(shape) == 1:
        # Branches are small beside what they are added to, so that rounding does not grow with depth.
        middle = 0.3 if name.endswith("bn2.weight") else 1.0 if name.endswith("weight") else 0.0
        return values(name, shape, middle - 0.2, middle + 0.2)
    bound = (6 / torch.Size(shape[1:]).numel()) ** 0.5
    return values(name, shape, -bound, bound)


def focal():
    """The focal loss of several classes, from its equation."""
    logits = values("logits", (4, NUM_CLASSES), -2, 2).requires_grad_()
    classes = torch.tensor([0, 2, 1, 2])
    found = []
    for gamma in [0.5, 2.0]:
        p = F.softmax(logits, 1)
        weights = torch.tensor(CLASS_WEIGHTS, dtype=torch.float64)
        of_class = p.gather(1, classes[:, None])[:, 0]
        loss = (-((1 - of_class) ** gamma) * of_class.log() * weights[classes]).mean()
        (gradient,) = torch.autograd.grad(loss, logits)
        found.append({"gamma": gamma, "loss": loss.item(), "gradient": gradient.flatten().tolist()})
    return found


def main():
    cases = [tiny(options) for options in all_options()]
    for skip in [False, True]:
        cases += [resnet18(options, skip) for options in itertools.islice(all_options(), 0, 12, 4)]
    golden = {"torch": torch.__version__, "cases": cases, "focal": focal()}
    text = json.dumps(golden, indent=None, separators=(",", ":"))
    Path(__file__).with_name("golden.json").write_text(text + "\n", encoding="utf-8")


main()
