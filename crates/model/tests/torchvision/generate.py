"""Writes the goldens beside this file with torchvision's networks.

    pip install torch==2.15 torchvision==0.29.2 timm==1.0.31 numpy
    python generate.py [NETWORK...]

Weights and images are functions of names and indices (`networks/mod.rs` and `main.rs` have the same
rules), the statistics of batch normalization are measured on a batch, as training does, and stored
as the upper halves of 32-bit floats. All results are computed with 64-bit floats.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
import torch
import timm
import torchvision

HERE = Path(__file__).parent
NETWORKS = [
    "resnet18",
    "resnet50",
    "efficientnet_b0",
    "efficientnet_b4",
    "vgg16",
    "densenet121",
    "mobilenet_v2",
    "convnext_tiny",
    "vit_small_patch16_224",
    "convnext_small",
    "vit_b_16",
    "swin_t",
    "inception_v3",
]
OTHERS = NETWORKS[4:]
RESNETS = [f"resnet{depth}" for depth in [18, 34, 50, 101, 152]]
EFFICIENTNETS = [f"efficientnet_b{size}" for size in range(8)]
# Name, batch, height, width, whether batch statistics are used.
CASES = [
    ("300x400", 1, 300, 400, False),
    ("97x131", 2, 97, 131, False),
    ("97x131_train", 2, 97, 131, True),
]
# Without batch normalization there are no batch statistics.
CASES_WITHOUT_NORMS = [("128x192", 1, 128, 192, False), ("97x131", 2, 97, 131, False)]
# An InceptionV3 leaves two cells of 97x131: the variance of four values in a batch would be mostly rounding error.
CASES_OF_INCEPTION = [CASES[0], ("139x203", 2, 139, 203, False), ("139x203_train", 2, 139, 203, True)]
# Cases whose gradients of parameters are not compared: in a window that an InceptionV3 pools, two values are within 6e-8
# of each other, and rounding chooses between them. PyTorch with 32-bit floats is off by 0.9 of the tolerance there.
WITHOUT_PARAMETERS = {"inception_v3": ["139x203"]}
# Batch, height and width of the images that statistics are measured on.
MEASURED = (3, 300, 400)
# Torchvision's vision transformers take no other size than 224; timm's pad and interpolate. Windows tile feature maps of
# 224x224 pixels; those of the other size are continued, and shifted along one side, both or none.
CASES_OF_TOKENS = [("224x224", 1, 224, 224, False), ("97x131", 2, 97, 131, False)]
# What timm calls a network, and torchvision's names of its weights.
TIMMS = {"vit_b_16": "vit_base_patch16_224", "vit_small_patch16_224": "vit_small_patch16_224"}
LAYERS_OF_TIMM = {
    "norm1": "ln_1",
    "norm2": "ln_2",
    "attn.proj": "self_attention.out_proj",
    "attn.qkv.weight": "self_attention.in_proj_weight",
    "attn.qkv.bias": "self_attention.in_proj_bias",
    "mlp.fc1": "mlp.0",
    "mlp.fc2": "mlp.3",
    "cls_token": "class_token",
    "pos_embed": "encoder.pos_embedding",
    "patch_embed.proj": "conv_proj",
    "norm": "encoder.ln",
    "head": "heads.head",
}
NUM_CLASSES = 6
RELATIVE, ABSOLUTE = 1e-3, 1e-4
MASK = np.uint64(0xFFFFFFFFFFFFFFFF)


def mix(seed):
    """SplitMix64 of an array of unsigned 64-bit integers."""
    with np.errstate(over="ignore"):
        z = np.asarray(seed, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def fractions(seed, indices):
    """A number in [0, 1) for each index."""
    with np.errstate(over="ignore"):
        bits = mix(np.uint64(seed) + indices.astype(np.uint64)) >> np.uint64(40)
    return bits.astype(np.float32) / np.float32(1 << 24)


def torchvisions(name):
    """Torchvision's name of a weight of timm's vision transformers; torchvision's stay."""
    if re.match(r"(blocks\.\d+|cls_token|pos_embed|patch_embed|norm|head)\b", name):
        block = re.match(r"blocks\.(\d+)\.(.*)", name)
        start, rest = (f"encoder.layers.encoder_layer_{block[1]}.", block[2]) if block else ("", name)
        for timms, own in LAYERS_OF_TIMM.items():
            if rest == timms or rest.startswith(f"{timms}."):
                return start + own + rest[len(timms):]
        raise ValueError(name)
    return name


def naming(network):
    """What gives torchvision's names of a network's weights; of torchvision's own they are as they are."""
    return torchvisions if "cls_token" in network.state_dict() else str


def is_weight(name):
    """Whether it is no buffer that only PyTorch needs."""
    return not name.endswith(("num_batches_tracked", "relative_position_index"))


def is_last_of_branch(layer, names):
    """Whether this is the last batch normalization before the sum of a block."""
    if re.fullmatch(r"features\.\d+\.conv\.\d+", layer):
        return f"{layer}.running_mean" in names
    block, last = layer.rsplit(".", 1) if "." in layer else ("", layer)
    if last in ["bn2", "bn3"]:
        return last == "bn3" or f"{block}.bn3.weight" not in names
    parts = layer.split(".")
    if len(parts) != 6 or parts[5] != "1":
        return False
    following = ".".join([*parts[:4], str(int(parts[4]) + 1)])
    return not any(f"{following}.{first}.weight" in names for first in ["0", "fc1"])


def is_mobilenet(names):
    return "features.1.conv.0.0.weight" in names


def is_swin(names):
    return "features.2.reduction.weight" in names


def is_wide(names):
    """Whether a network would lose what images differ in: a MobileNetV2, an InceptionV3."""
    return is_mobilenet(names) or "Mixed_7c.branch_pool.conv.weight" in names


def is_before_depthwise(layer, names):
    """Whether a MobileNetV2 filters each channel next: one that is rarely on has next to no variance, and
    what is divided by it is all rounding error."""
    return is_mobilenet(names) and layer.endswith(".0.1")


def is_kinked_norm(layer, names):
    """Whether ReLU or ReLU6 follows, or a sum and a ReLU."""
    last = layer.split(".")[-1]
    is_resnets = last.startswith("bn") or layer.endswith(".downsample.1")
    is_densenets = last.startswith("norm")
    is_mobilenets = is_mobilenet(names) and f"{layer}.running_mean" in names
    is_linear = is_mobilenets and is_last_of_branch(layer, names)
    return is_resnets or is_densenets or is_mobilenets and not is_linear


def seeded(name, shape, seed=1):
    """The weights of `seeded_weights` in networks/mod.rs."""
    for byte in name.encode():
        seed = int(mix(np.uint64(seed) ^ np.uint64(byte)))
    if len(shape) == 1:
        kind = name.rsplit(".", 1)[1]
        low, high = {"weight": (0.3, 0.9), "running_var": (0.5, 1.5)}.get(kind, (-0.2, 0.2))
        low, high = np.float32(low), np.float32(high)
    else:
        fan_in = int(np.prod(shape[1:]))
        high = np.sqrt(np.float32(6) / np.float32(fan_in))
        low = -high
    return low + (high - low) * fractions(seed, np.arange(int(np.prod(shape))))


def rule(name, shape, names):
    """Seeded weights with quiet residual branches."""
    values = seeded(name, shape)
    if name.endswith("layer_scale"):
        return torch.from_numpy((values * np.float32(0.2)).reshape(shape).astype(np.float32))
    if is_swin(names):
        return torch.from_numpy(values.reshape(shape).astype(np.float32))
    if name.endswith("pos_embedding"):
        # Large enough that another interpolation would be seen.
        return torch.from_numpy((values * np.float32(50)).reshape(shape).astype(np.float32))
    layer, kind = name.rsplit(".", 1) if "." in name else ("", name)
    is_last = is_last_of_branch(layer, names)
    if kind in ["weight", "bias"] and is_kinked_norm(layer, names):
        # Away from the kinks of ReLU, where a rounding error switches a gradient on or off: a
        # channel is nearly always on or nearly always off.
        if kind == "weight":
            wide = np.float32(0.75) if is_wide(names) else np.float32(0.25)
            values = values * (np.float32(0.1) if is_last else wide)
        else:
            on = np.abs(values) + np.float32(0.4)
            if is_before_depthwise(layer, names):
                values = on + np.float32(0.9)
            else:
                values = on if is_last else values + np.copysign(np.float32(1.3), values)
    elif kind == "weight" and is_last:
        values = values * np.float32(0.25)
    return torch.from_numpy(values.reshape(shape).astype(np.float32))


def images(batch, height, width):
    """Noise over blocks of 32 pixels."""
    shape = (batch, 3, height, width)
    noise = fractions(int(mix(np.uint64(7))), np.arange(int(np.prod(shape)))).reshape(shape)
    i, c, y, x = np.indices(shape)
    block = ((i * 3 + c) * 64 + y // 32) * 64 + x // 32
    blocks = fractions(int(mix(np.uint64(8))), block.ravel()).reshape(shape)
    values = noise - np.float32(0.5) + np.float32(4) * (blocks - np.float32(0.5))
    return torch.from_numpy(values.astype(np.float32))


def coefficients(batch):
    """The scalar whose gradients are compared is the sum of logits times these."""
    values = fractions(int(mix(np.uint64(9))), np.arange(batch * NUM_CLASSES)) - np.float32(0.5)
    return torch.from_numpy(values.reshape(batch, NUM_CLASSES)).double()


def upper_half(values):
    """32-bit floats with their lower 16 bits cut off."""
    bits = values.float().numpy().view(np.uint32) & np.uint32(0xFFFF0000)
    return torch.from_numpy(bits.view(np.float32).copy())


def measured(network):
    """Puts statistics measured on a batch into `network`; their upper halves as bytes."""
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    network.train()
    if norms:
        with torch.no_grad():
            network(images(*MEASURED).double())
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    stored = []
    state = network.state_dict()
    for name in sorted(state):
        if "running_" in name:
            state[name].copy_(upper_half(state[name]))
            stored.append((state[name].float().numpy().view(np.uint32) >> 16).astype("<u2"))
    return b"".join(values.tobytes() for values in stored)


def reference(name, num_classes, any_size=False):
    """Torchvision's network, or timm's."""
    if name in TIMMS and (any_size or not hasattr(torchvision.models, name)):
        sizes = {"dynamic_img_size": any_size, "dynamic_img_pad": any_size}
        return timm.create_model(TIMMS[name], num_classes=num_classes, **sizes)
    if name == "inception_v3":
        return torchvision.models.inception_v3(num_classes=num_classes, aux_logits=False, init_weights=False)
    return getattr(torchvision.models, name)(num_classes=num_classes)


def build(name, any_size=False):
    network = reference(name, NUM_CLASSES, any_size)
    for module in network.modules():
        if isinstance(module, (torch.nn.Dropout, torchvision.ops.StochasticDepth)):
            module.p = 0.0
        if isinstance(module, (torch.nn.ReLU, torch.nn.ReLU6, torch.nn.SiLU, torch.nn.Dropout)):
            module.inplace = False
    own_name = naming(network)
    names = {own_name(key) for key in network.state_dict()}
    for key, tensor in network.state_dict().items():
        if is_weight(key):
            tensor.copy_(rule(own_name(key), tuple(tensor.shape), names))
    return network.double()


def taps(network, name):
    """The module whose output each tap sees, by the tap's name."""
    modules = dict(network.named_modules())
    found = {}
    if name.startswith("resnet"):
        found["stem"] = modules["maxpool"]
        for stage in ["layer1", "layer2", "layer3", "layer4"]:
            found[stage] = modules[stage]
            for idx, block in enumerate(modules[stage]):
                last = "conv3" if hasattr(block, "conv3") else "conv2"
                found[f"{stage}.{idx}.{last}"] = getattr(block, last)
                found[f"{stage}.{idx}"] = block
    elif name == "vgg16":
        kinds = (torch.nn.ReLU, torch.nn.MaxPool2d)
        for idx, layer in enumerate(network.features):
            if isinstance(layer, kinds):
                found[f"features.{idx}"] = layer
        found["classifier.2"] = network.classifier[2]
        found["classifier.5"] = network.classifier[5]
    elif name == "densenet121":
        found["features.pool0"] = modules["features.pool0"]
        for block in range(1, 5):
            for layer_name, layer in modules[f"features.denseblock{block}"].named_children():
                found[f"features.denseblock{block}.{layer_name}"] = layer
            found[f"features.denseblock{block}"] = modules[f"features.denseblock{block}"]
            if block < 4:
                found[f"features.transition{block}"] = modules[f"features.transition{block}"]
        found["features.norm5"] = modules["features.norm5"]
    elif name == "mobilenet_v2":
        found["dropout"] = network.classifier[0]
        for idx, feature in enumerate(network.features):
            found[f"features.{idx}"] = feature
            if 0 < idx < 18:
                found[f"features.{idx}.conv"] = feature.conv
    elif name == "inception_v3":
        for layer_name, layer in network.named_children():
            if layer_name not in ["avgpool", "fc"]:
                found[layer_name] = layer
    elif name in TIMMS:
        is_timms = "blocks.0" in modules
        found["conv_proj"] = modules["patch_embed.proj" if is_timms else "conv_proj"]
        layers = network.blocks if is_timms else network.encoder.layers
        for idx, layer in enumerate(layers):
            tap = f"encoder.layers.encoder_layer_{idx}"
            found[f"{tap}.ln_1"] = layer.norm1 if is_timms else layer.ln_1
            if idx + 1 < len(layers):
                found[tap] = layer
    elif name.startswith("swin"):
        for idx, feature in enumerate(network.features):
            found[f"features.{idx}"] = feature
            for block_idx, block in enumerate(feature if idx % 2 else []):
                for part in ["norm1", "attn", "mlp"]:
                    found[f"features.{idx}.{block_idx}.{part}"] = getattr(block, part)
                found[f"features.{idx}.{block_idx}"] = block
        found["norm"] = network.norm
    elif name.startswith("convnext"):
        for idx, feature in enumerate(network.features):
            found[f"features.{idx}"] = feature
            for block_idx, block in enumerate(feature if idx % 2 else []):
                found[f"features.{idx}.{block_idx}.stochastic_depth"] = block.stochastic_depth
                found[f"features.{idx}.{block_idx}"] = block
    else:
        found["dropout"] = modules["avgpool"]
        for idx, feature in enumerate(network.features):
            found[f"features.{idx}"] = feature
            for block_idx, block in enumerate(feature if 0 < idx < 8 else []):
                found[f"features.{idx}.{block_idx}.block"] = block.block
                found[f"features.{idx}.{block_idx}"] = block
    return found


def samples(tensor, count):
    """Values spread over a tensor."""
    flat = tensor.detach().flatten()
    return [flat[(j + 1) * len(flat) // (count + 1)].item() for j in range(count)]


def summary(tensor, count):
    """Root of the mean square, and some values."""
    return [tensor.detach().square().mean().sqrt().item(), *samples(tensor, count)]


def as_map(name, output):
    """Channels first: the patches of tokens [batch, 1 + patches, channels] without the class token, or the cells of a
    Swin transformer."""
    if name.startswith("swin"):
        return output.permute(0, 3, 1, 2)
    return output[:, 1:].transpose(1, 2) if output.ndim == 3 else output


def run(network, name, case, shift):
    """Everything that is compared."""
    _, batch, height, width, train = case
    network.train(train)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    network.zero_grad()
    seen = {}
    hooks = [
        module.register_forward_hook(
            lambda _m, _i, output, tap=tap: seen.__setitem__(tap, summary(as_map(name, output), 3))
        )
        for tap, module in taps(network, name).items()
    ]
    if name == "densenet121":
        # The activation after it is a function, which has no hook.
        def activated(_module, _inputs, output):
            seen["relu"] = summary(output.clamp(min=0), 3)

        hooks.append(network.features.norm5.register_forward_hook(activated))
    inputs = images(batch, height, width).double()
    inputs = (inputs + shift * torch.sign(torch.sin(torch.arange(inputs.numel()).double()))
              .reshape(inputs.shape)).requires_grad_()
    logits = network(inputs)
    (logits * coefficients(batch)).sum().backward()
    for hook in hooks:
        hook.remove()
    network.load_state_dict(state)
    return {
        "logits": logits.flatten().tolist(),
        "taps": seen,
        "input": summary(inputs.grad, 8),
        "parameters": {
            naming(network)(key): summary(p.grad, 2) for key, p in network.named_parameters()
        },
    }


def moved_by(before, after):
    """Largest difference over the tolerance, which follows the scale of the tensor."""
    if isinstance(before, dict):
        return max((moved_by(before[key], after[key]) for key in before), default=0.0)
    # The first number of a summary; a gradient that is nothing but rounding has a scale, too.
    scale = min(1, max(0.05, before[0]))
    pairs = zip(before, after)
    return max(abs(a - b) / (ABSOLUTE * scale + RELATIVE * abs(a)) for a, b in pairs)


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.7g}")


def layout(network):
    """Number of parameters and tensors, and a hash (FNV-1a) of all names and shapes."""
    own_name = naming(network)
    state = {own_name(key): value for key, value in network.state_dict().items()}
    lines = [
        f"{key} {'x'.join(map(str, state[key].shape))}\n"
        for key in sorted(state)
        if is_weight(key)
    ]
    value = 0xCBF29CE484222325
    for byte in "".join(lines).encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    parameters = sum(p.numel() for p in network.parameters())
    return {"parameters": parameters, "tensors": len(lines), "hash": f"{value:016x}"}


def write_golden(folder, name, network, cases, with_parameters, of_case=None):
    """Everything that is compared, and the statistics of batch normalization; gradients of parameters for the cases
    `with_parameters`. `of_case` makes the network of a case, if another one than `network`."""
    (folder / f"{name}.statistics").write_bytes(measured(network))
    golden = {}
    for case in cases:
        network = of_case(case) if of_case else network
        found, shifted = (run(network, name, case, shift) for shift in [0.0, 3e-7])
        if case[0] not in with_parameters:
            found["parameters"] = shifted["parameters"] = {}
        # The reference itself moves less than the tolerance when the input is rounded.
        excess = moved_by(found, shifted)
        logits = np.array(found["logits"]).reshape(case[1], NUM_CLASSES)
        print(f"{name} {case[0]}: moves by {excess:.3f} of the tolerance; logits\n{logits}")
        assert excess < 0.5, (name, case[0], excess)
        golden[case[0]] = found
    text = json.dumps(rounded(golden), separators=(",", ":")).replace('],"', '],\n"')
    (folder / f"{name}.json").write_text(text + "\n")


def main():
    """Writes all goldens, or those of the networks that are named."""
    torch.manual_seed(0)
    file = HERE / "layouts.json"
    chosen = sys.argv[1:]
    layouts = json.loads(file.read_text()) if chosen else {}
    layouts |= {name: layout(reference(name, 1000)) for name in chosen or RESNETS + EFFICIENTNETS + OTHERS}
    file.write_text(json.dumps(layouts, indent=1) + "\n")
    for name in chosen or NETWORKS:
        network = build(name)
        has_norms = any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
        is_of_tokens = name in TIMMS or name.startswith("swin")
        cases = CASES_OF_TOKENS if is_of_tokens else CASES if has_norms else CASES_WITHOUT_NORMS
        cases = CASES_OF_INCEPTION if name == "inception_v3" else cases
        of_case = None
        if name in TIMMS:
            of_case = lambda case: build(name, any_size=case[2:4] != (224, 224))
        skipped = WITHOUT_PARAMETERS.get(name, [])
        with_parameters = [case[0] for case in cases if case[0] not in skipped]
        write_golden(HERE, name, network, cases, with_parameters, of_case)


if __name__ == "__main__":
    main()
