"""Writes golden.json: images and masks drawn by rule, changed by torchvision.

Run: python3 -m venv venv && venv/bin/pip install torchvision==0.29.2 && venv/bin/python generate.py
"""

import json
import pathlib
import random

import torch
import torchvision
from torchvision.transforms.v2 import RandAugment, functional
from torchvision.transforms.v2.functional import InterpolationMode

SMALL, LARGE = [9, 11], [24, 26]
OUTSIDE = 0xFFFF
CHANGES = {
    "brightness": functional.adjust_brightness,
    "contrast": functional.adjust_contrast,
    "saturation": functional.adjust_saturation,
    "hue": functional.adjust_hue,
}
# Each change alone, at the ends of its range and within, then all in several orders.
COLORS = [[(name, factor)] for name in list(CHANGES)[:3] for factor in [0.0, 0.65, 1.35, 2.5]]
COLORS += [[("hue", turn)] for turn in [-0.5, -0.15, 0.04, 0.15, 0.5]]
COLORS += [
    [("brightness", 1.3), ("contrast", 0.8), ("saturation", 1.2), ("hue", -0.1)],
    [("hue", 0.15), ("saturation", 0.8), ("brightness", 0.7), ("contrast", 1.2)],
    [("contrast", 1.9), ("hue", 0.4), ("brightness", 1.8), ("saturation", 0.3)],
]


def image_by_rule(height, width):
    row, column, channel = torch.meshgrid(
        torch.arange(height), torch.arange(width), torch.arange(3), indexing="ij"
    )
    rule = 37 * row * row + 11 * column * column + 83 * channel + 5 * row * column * (channel + 1)
    return (rule % 256).to(torch.uint8).permute(2, 0, 1)


def mask_by_rule(height, width):
    return image_by_rule(height, width)[0] % 17 / 16.0


def words(values):
    """256ths of what is between 0 and 255."""
    return b"".join(int(round(value)).to_bytes(2, "big") for value in values.flatten().tolist()).hex()


def interleaved(image):
    return image.permute(1, 2, 0)


def affine_cases():
    """What is read beyond the border is marked: torchvision fills it, and the photo's border is repeated."""
    draw = random.Random(0)
    cases = []
    for idx in range(16):
        height, width = SMALL
        params = {"angle": draw.uniform(-40, 40), "scale": draw.uniform(0.7, 1.4)}
        params["translate"] = [draw.randint(-3, 3), draw.randint(-3, 3)]
        if idx >= 12:
            # Only moved: whole pixels.
            params |= {"angle": 0.0, "scale": 1.0}
        flips = [draw.random() < 0.5, draw.random() < 0.5]

        def changed(image, mode):
            image = functional.affine(image, **params, shear=[0.0, 0.0], interpolation=mode, fill=0)
            image = functional.vertical_flip(image) if flips[0] else image
            return functional.horizontal_flip(image) if flips[1] else image

        photo = changed(image_by_rule(height, width).float(), InterpolationMode.BILINEAR) * 256
        inside = changed(torch.ones(3, height, width), InterpolationMode.BILINEAR) > 1 - 1e-4
        mask = changed(mask_by_rule(height, width)[None], InterpolationMode.NEAREST) * 16
        photo = torch.where(inside, photo, OUTSIDE)
        case = params | {"flips": flips, "photo": words(interleaved(photo)[..., 0])}
        cases.append(case | {"mask": bytes(mask.flatten().int().tolist()).hex()})
    return cases


def color_cases():
    cases = []
    for changes in COLORS:
        image = image_by_rule(*SMALL) / 255
        for name, factor in changes:
            image = CHANGES[name](image, factor)
        cases.append({"changes": changes, "values": words(interleaved(image) * 255 * 256)})
    return cases


def rand_augment_cases():
    transform = RandAugment()
    cases = []
    for operation, (magnitudes_of, is_signed) in transform._AUGMENTATION_SPACE.items():
        size = LARGE if operation in ["Equalize", "AutoContrast"] else SMALL
        magnitudes = magnitudes_of(31, *size)
        # The largest, 30, turns by 30 degrees, whose sine of 0.5 makes ties between pixels.
        for idx in [9] if magnitudes is None else [9, 17, 29]:
            for sign in [1, -1] if is_signed and idx != 17 else [1]:
                magnitude = 0.0 if magnitudes is None else sign * float(magnitudes[idx])
                image = transform._apply_image_or_video_transform(
                    image_by_rule(*size), operation, magnitude, InterpolationMode.NEAREST, transform._fill
                )
                case = {"operation": operation, "magnitude": idx, "is_negative": sign < 0, "size": size}
                cases.append(case | {"bytes": bytes(interleaved(image).flatten().tolist()).hex()})
    return cases


def main():
    golden = {
        "library": f"torchvision {torchvision.__version__}, torch {torch.__version__}",
        "affine": affine_cases(),
        "colors": color_cases(),
        "rand_augment": rand_augment_cases(),
    }
    path = pathlib.Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
