"""Writes the names of weights in two programs, in the same order: of an EfficientNet-B0, of a vision transformer and of a
Swin transformer in timm and in torchvision, of EfficientNet-Lites in EfficientNet-PyTorch's code and in timm.


    pip install timm==1.0.31 torchvision==0.29.2 efficientnet-lite-pytorch==0.1.0
    python generate.py
"""

from pathlib import Path

import timm
import torch
import torchvision
from efficientnet_lite_pytorch import EfficientNet

HERE = Path(__file__).parent


def check_same_shapes(one, other):
    shapes = [[tuple(value.shape) for value in weights.values()] for weights in (one, other)]
    assert shapes[0] == shapes[1]


def both(name):
    """The weights of a network in timm and torchvision, which make their layers in the same order."""
    of_timm = timm.create_model(name, pretrained=False).state_dict()
    of_torchvision = getattr(torchvision.models, name)().state_dict()
    check_same_shapes(of_timm, of_torchvision)
    return of_timm, of_torchvision


def both_of_tokens():
    """The same of a vision transformer, of which only the embeddings come in another order."""
    of_timm = timm.create_model("vit_base_patch16_224", pretrained=False).state_dict()
    of_torchvision = torchvision.models.vit_b_16().state_dict()
    embeddings = ["cls_token", "patch_embed.proj.weight", "patch_embed.proj.bias", "pos_embed"]
    names = embeddings + [name for name in of_timm if name not in embeddings]
    shapes = [tuple(of_timm[name].shape) for name in names]
    assert shapes == [tuple(value.shape) for value in of_torchvision.values()]
    return names, of_torchvision


def both_of_windows():
    """The same of a Swin transformer, where cells are merged before or after the normalization's names; torchvision also
    keeps the places in tables. With the same weights both give the same logits."""
    of_timm = timm.create_model("swin_tiny_patch4_window7_224", pretrained=False).eval()
    of_torchvision = torchvision.models.swin_t().eval()
    weights = of_timm.state_dict()
    names = list(weights)
    for stage in [1, 2, 3]:
        at = names.index(f"layers.{stage}.downsample.norm.weight")
        names[at:at + 3] = [names[at + 2], names[at], names[at + 1]]
    own = [name for name in of_torchvision.state_dict() if not name.endswith("relative_position_index")]
    of_torchvision.load_state_dict({one: weights[other] for one, other in zip(own, names, strict=True)}, strict=False)
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(of_torchvision(images), of_timm(images), rtol=1e-4, atol=1e-4)
    return names, own


def write(name, program, weights):
    (HERE / f"{name}_{program}.txt").write_text("\n".join(weights) + "\n")


for program, weights in zip(["timm", "torchvision"], both("efficientnet_b0")):
    write("efficientnet_b0", program, weights)
for name in ["resnet18", "resnet50"]:
    of_timm, of_torchvision = both(name)
    assert list(of_timm) == list(of_torchvision), name
for size in ["lite0", "lite1"]:
    of_pytorch = EfficientNet.from_name(f"efficientnet-{size}").state_dict()
    of_timm = timm.create_model(f"efficientnet_{size}").state_dict()
    check_same_shapes(of_pytorch, of_timm)
    write(f"efficientnet_{size}", "pytorch", of_pytorch)
    write(f"efficientnet_{size}", "timm", of_timm)
for program, weights in zip(["timm", "torchvision"], both_of_tokens()):
    write("vit_b_16", program, weights)
for program, weights in zip(["timm", "torchvision"], both_of_windows()):
    write("swin_t", program, weights)
