"""Heat maps of another program, scored by dermx: pytorch-grad-cam on a network of torchvision's.

    pip install torch torchvision grad-cam safetensors pillow
    python examples/explain_with_pytorch_grad_cam.py --weights experiments/runs/quickstart-001/seed-0/weights.safetensors \\
        --arch resnet18 --last-stride 1 --size 80x112 --data datasets/synthetic/dermx --out maps
    cargo xtask evaluate --data datasets/synthetic/dermx --heatmaps maps --predictions maps/predictions.csv

Any program can do the same: dermx wants one `<image id>.npy` file (or grey PNG) for each image, of any
size, and, if you like, the columns `image_id` and `predicted` in a CSV file. The weights here come from
a run of dermx, so the scores should be those of its own maps; state_dicts of your own do as well.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image, ImageOps
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from safetensors.torch import load_file

# The order of the logits, and the names that DermX's metadata.csv gives the diagnoses.
CLASSES = [
    "Acne", "Actinic keratosis", "Psoriasis", "Seborrheic dermatitis", "Viral warts", "Vitiligo",
]  # fmt: skip
MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", required=True, help="a state_dict: .safetensors or .pth")
    parser.add_argument("--arch", required=True, help="a network of torchvision.models")
    parser.add_argument("--last-stride", type=int, default=2, help="stride of a ResNet's layer4")
    parser.add_argument("--size", default="300x400", help="HEIGHTxWIDTH of the network's input")
    parser.add_argument("--data", required=True, type=Path, help="DermX's folder, with images/")
    parser.add_argument("--out", required=True, type=Path)
    return parser.parse_args()


def network_of(args):
    """The network and the layer that is explained."""
    network = getattr(torchvision.models, args.arch)(num_classes=len(CLASSES))
    if args.weights.endswith(".safetensors"):
        weights = load_file(args.weights)
    else:
        weights = torch.load(args.weights, weights_only=True)
    network.load_state_dict(weights, strict=True)
    if args.arch.startswith("resnet"):
        for module in network.layer4[0].modules():
            if isinstance(module, torch.nn.Conv2d) and module.stride == (2, 2):
                module.stride = (args.last_stride, args.last_stride)
        return network.eval(), network.layer4
    return network.eval(), network.features[-1]


def photo(path, size):
    height, width = (int(side) for side in size.split("x"))
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    image = image.resize((width, height), Image.BILINEAR)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255
    return ((pixels - MEAN) / STD)[None]


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    network, layer = network_of(args)
    with open(args.data / "metadata.csv", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    gold = {Path(row["current_filename"]).stem: row["diagnosis"] for row in rows}
    predictions = []
    with GradCAM(model=network, target_layers=[layer]) as cam:
        for path in sorted((args.data / "images").iterdir()):
            image, target = photo(path, args.size), CLASSES.index(gold[path.stem])
            targets = [ClassifierOutputTarget(target)]
            cam(input_tensor=image, targets=targets)
            # The map in the layer's own resolution: dermx divides by the maximum and resizes.
            activations = cam.activations_and_grads.activations[0].numpy()
            gradients = cam.activations_and_grads.gradients[0].numpy()
            heatmap = cam.get_cam_image(image, layer, targets, activations, gradients, False)[0]
            np.save(args.out / f"{path.stem}.npy", np.maximum(heatmap, 0).astype(np.float32))
            predictions.append([path.stem, CLASSES[int(cam.outputs.argmax())]])
    with open(args.out / "predictions.csv", "w", newline="") as file:
        csv.writer(file).writerows([["image_id", "predicted"], *predictions])


if __name__ == "__main__":
    main()
