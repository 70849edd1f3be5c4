"""Writes the names of the weights of an EfficientNet-B0 and of a vision transformer in timm and in
torchvision, in the same order.

    pip install timm==1.0.31 torchvision==0.29.2
    python generate.py
"""

from pathlib import Path

import timm
import torchvision

HERE = Path(__file__).parent


def both(name):
    """The weights of a network in the two programs, which make their layers in the same order."""
    of_timm = timm.create_model(name, pretrained=False).state_dict()
    of_torchvision = getattr(torchvision.models, name)().state_dict()
    shapes = [[tuple(value.shape) for value in weights.values()] for weights in (of_timm, of_torchvision)]
    assert shapes[0] == shapes[1], name
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


weights = both("efficientnet_b0")
for program, names in zip(["timm", "torchvision"], weights):
    (HERE / f"efficientnet_b0_{program}.txt").write_text("\n".join(names) + "\n")
for name in ["resnet18", "resnet50"]:
    of_timm, of_torchvision = both(name)
    assert list(of_timm) == list(of_torchvision), name
for program, names in zip(["timm", "torchvision"], both_of_tokens()):
    (HERE / f"vit_b_16_{program}.txt").write_text("\n".join(names) + "\n")
