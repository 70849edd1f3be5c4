"""Checks with PyTorch what tests cannot: that `dermx` and PyTorch read each other's files.

    pip install torch==2.15.0 torchvision==0.29.2 timm==1.0.31 safetensors==0.8.0
    cargo build --release --workspace
    python check_with_torch.py target/release/dermx

For each network: PyTorch saves random weights, `dermx` predicts from the file and converts it, and
PyTorch loads the converted file strictly, finds the same tensors, and computes the same logits. ResNets and
EfficientNets, timm's too, are loaded by `examples/load_weights.py`, the others by `load_state_dict(strict=True)`.
"""

import csv
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parents[5] / "examples"))
from load_weights import load  # noqa: E402

NORM = partial(torch.nn.LayerNorm, eps=1e-6)
# What timm calls a network, and what has to be said of it.
OF_TIMM = {
    "efficientnet_b0": [],
    "tf_efficientnet_b0": ["--padding", "tf", "--epsilon", "1e-3"],
    "efficientnet_b5": [],
    "tf_efficientnet_b5": ["--padding", "same", "--epsilon", "1e-3"],
}
ARCHITECTURES = ["resnet18", "resnet50", "efficientnet_b0", "efficientnet_b4"]
# The name here of a network, what makes it, height and width of an image, and what has to be said of it. The least
# vision transformer has torchvision's names here, and torchvision makes it of its parts.
TF = ["--padding", "tf", "--epsilon", "1e-3"]
STRICT = [
    ("vgg16", torchvision.models.vgg16, (64, 97), []),
    ("densenet121", torchvision.models.densenet121, (64, 97), []),
    ("mobilenet_v2", torchvision.models.mobilenet_v2, (64, 97), []),
    ("inception_v3", lambda **more: torchvision.models.inception_v3(aux_logits=False, **more), (97, 131), []),
    ("convnext_tiny", torchvision.models.convnext_tiny, (64, 97), []),
    ("convnext_small", torchvision.models.convnext_small, (64, 97), []),
    ("swin_t", torchvision.models.swin_t, (97, 131), []),
    ("vit_b_16", torchvision.models.vit_b_16, (224, 224), []),
    (
        "vit_small_patch16_224",
        lambda **more: torchvision.models.VisionTransformer(224, 16, 12, 6, 384, 1536, norm_layer=NORM, **more),
        (224, 224),
        [],
    ),
    ("xception", lambda **more: timm.create_model("legacy_xception", **more), (97, 131), []),
    ("inception_resnet_v2", lambda **more: timm.create_model("inception_resnet_v2", **more), (97, 131), []),
    ("mobilenetv1_100", lambda **more: timm.create_model("mobilenetv1_100", **more), (64, 97), []),
    *(
        (f"efficientnet_lite{size}", partial(timm.create_model, f"{tf}efficientnet_lite{size}"), (64, 97), options)
        for size in range(3)
        for tf, options in [("", []), ("tf_", TF)]
    ),
]


def trained(network, size=(96, 128)):
    """`network` with the statistics of a batch, and no layer of zeros, so that logits depend on the image."""
    for parameter in network.parameters():
        if (parameter == 0).all():
            torch.nn.init.normal_(parameter, std=0.1)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    network.train()
    for _ in range(2):
        network(torch.randn(4, 3, *size))
    return network.eval()


def logits_of_dermx(dermx, folder, arch, weights, options=()):
    """Logits by `dermx predict` for the images in `folder`."""
    out = folder / "predictions.csv"
    subprocess.run(
        [dermx, "--quiet", "predict", "--arch", arch, "--weights", weights, "--logits"]
        + ["--tensor", folder / "images.safetensors", "--out", out, "--overwrite", *options],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with open(out) as file:
        rows = list(csv.DictReader(file))
    return torch.tensor([[float(row[f"logit_class_{k}"]) for k in range(7)] for row in rows])


def check(dermx, folder, arch, options):
    """The whole way there and back of one network."""
    torch.manual_seed(1)
    network = trained(getattr(torchvision.models, arch)(num_classes=7))
    images = torch.randn(3, 3, 96, 128)
    save_file({"images": images}, folder / "images.safetensors")
    pth, converted = folder / "weights.pth", folder / "weights.safetensors"
    torch.save(network.state_dict(), pth, **options)
    with torch.no_grad():
        expected = network(images)
    spread = (expected - expected[0]).abs().max().item()
    assert spread > 0.01, spread
    of_pth = logits_of_dermx(dermx, folder, arch, pth)
    subprocess.run(
        [dermx, "weights", "convert", pth, converted, "--overwrite", "--arch", arch],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    loaded = load_file(converted)
    for name, tensor in network.state_dict().items():
        assert loaded[name].dtype == tensor.dtype and torch.equal(loaded[name], tensor), name
    again = load(converted)
    with torch.no_grad():
        assert torch.equal(again(images), expected)
    difference = (of_pth - expected).abs().max().item()
    assert difference < 1e-3, difference
    assert torch.equal(logits_of_dermx(dermx, folder, arch, converted), of_pth)
    print(f"{arch} {options or 'zip'}: logits differ by {difference:.1e} (and by {spread:.1e} between images)")


def check_timm(dermx, folder, name, options):
    """A network of timm's, in a checkpoint of a compiled network on several devices."""
    torch.manual_seed(1)
    network = trained(timm.create_model(name, num_classes=7))
    images = torch.randn(3, 3, 64, 97)
    save_file({"images": images}, folder / "images.safetensors")
    pth, converted = folder / "weights.pth", folder / "weights.safetensors"
    state = {f"module._orig_mod.{key}": value for key, value in network.state_dict().items()}
    torch.save({"epoch": 3, "best_acc1": torch.tensor(0.5), "state_dict": state}, pth)
    with torch.no_grad():
        expected = network(images)
    arch = name.removeprefix("tf_")
    scale = expected.abs().max().item()
    difference = (logits_of_dermx(dermx, folder, arch, pth, options) - expected).abs().max().item() / scale
    assert difference < 1e-3, difference
    subprocess.run([dermx, "weights", "convert", pth, converted, "--overwrite", *options], check=True, stdout=subprocess.DEVNULL)
    with torch.no_grad():
        again = (load(converted)(images) - expected).abs().max().item() / scale
    assert again < 1e-3, again
    print(f"timm's {name}: logits differ by {difference:.1e} of the largest, in PyTorch by {again:.1e}")


def check_strictly(dermx, folder, arch, build, size, options):
    """There and back of a network that has the same names there."""
    torch.manual_seed(1)
    network = trained(build(num_classes=7), size)
    images = torch.randn(2, 3, *size)
    save_file({"images": images}, folder / "images.safetensors")
    pth, converted = folder / "weights.pth", folder / "weights.safetensors"
    torch.save(network.state_dict(), pth)
    with torch.no_grad():
        expected = network(images)
    scale = expected.abs().max().item()
    difference = (logits_of_dermx(dermx, folder, arch, pth, options) - expected).abs().max().item() / scale
    assert difference < 1e-3, difference
    convert = [dermx, "weights", "convert", pth, converted, "--overwrite", "--arch", arch, *options]
    subprocess.run(convert, check=True, stdout=subprocess.DEVNULL)
    again = build(num_classes=7).eval()
    again.load_state_dict(load_file(converted), strict=True)
    for name, tensor in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    with torch.no_grad():
        assert torch.equal(again(images), expected)
    print(f"{arch} {' '.join(options)}: logits differ by {difference:.1e} of the largest; loads strictly")


for arch, build, size, options in STRICT:
    with tempfile.TemporaryDirectory() as folder:
        check_strictly(Path(sys.argv[1]).resolve(), Path(folder), arch, build, size, options)
for name, options in OF_TIMM.items():
    with tempfile.TemporaryDirectory() as folder:
        check_timm(Path(sys.argv[1]).resolve(), Path(folder), name, options)
for arch in ARCHITECTURES:
    for options in [{}, {"_use_new_zipfile_serialization": False}]:
        with tempfile.TemporaryDirectory() as folder:
            check(Path(sys.argv[1]).resolve(), Path(folder), arch, options)
