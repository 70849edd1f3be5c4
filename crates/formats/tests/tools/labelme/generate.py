"""Writes files/, and golden.json: what labelme makes of the shapes in them.

pip install labelme==6.3.1 numpy==2.2.6 pillow==12.3.0
python generate.py
"""

import json
import random
from pathlib import Path

import numpy as np
from labelme import utils
from labelme._label_file import _load_shape_json_obj

HERE = Path(__file__).parent


def runs(mask):
    """Half-open runs of row-major indices."""
    flat = np.concatenate([[0], (np.asarray(mask).ravel() != 0).astype(int), [0]])
    steps = np.diff(flat)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [[int(a), int(b)] for a, b in zip(starts, ends)]


def pixels(shape, size):
    """The mask of a shape."""
    names = {"_background_": 0, shape["label"]: 1}
    classes, _ = utils.shapes_to_label(size, [_load_shape_json_obj(shape)], names)
    return runs(classes)


def shape(kind, points, **more):
    return {
        "label": "Beak", "points": points, "group_id": 1, "description": "", "shape_type": kind,
        "flags": {}, "mask": None, **more,
    }


def rectangles(height, width):
    for _ in range(40):
        corners = [[draw.uniform(-4, width + 4), draw.uniform(-4, height + 4)] for _ in range(2)]
        if draw.random() < 0.3:
            corners = [[round(value) for value in corner] for corner in corners]
        yield shape("rectangle", corners)


def circles(height, width):
    """Of all sizes, on whole, half and other pixels, some beyond the image."""
    for idx in range(150):
        step = draw.choice([1, 2, 1000])
        snapped = lambda value: round(value * step) / step
        center = [snapped(draw.uniform(-3, width + 3)), snapped(draw.uniform(-3, height + 3))]
        radius = draw.choice([0.3, 1, 2, 5, 12, 20]) * draw.uniform(0.5, 1.5)
        rim = [center[0] + snapped(radius), center[1] + snapped(draw.choice([0, radius / 2]))]
        yield shape("circle", [center, rim])


def masks(height, width):
    for share in [0, 0.1, 0.5, 0.9, 1] * 3:
        left, right = sorted(draw.randrange(width) for _ in range(2))
        top, bottom = sorted(draw.randrange(height) for _ in range(2))
        crop = np.array(
            [[draw.random() < share for _ in range(left, right + 1)] for _ in range(top, bottom + 1)]
        )
        png = utils.img_arr_to_b64(crop.astype(np.uint8))
        png = png.decode() if isinstance(png, bytes) else png
        yield shape("mask", [[left, top], [right, bottom]], mask=png)


draw = random.Random(2)
golden = []
for name, (height, width), make in [
    ("rectangles", (13, 21), rectangles),
    ("circles", (24, 30), circles),
    ("small_circles", (7, 5), circles),
    ("masks", (12, 19), masks),
]:
    shapes = list(make(height, width))
    file = {
        "version": "6.3.1", "flags": {"seen": True}, "shapes": shapes,
        "imagePath": f"..\\photos\\{name}.jpg", "imageData": None,
        "imageHeight": height, "imageWidth": width,
    }
    path = HERE / "files" / "cat" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(file, separators=(",", ":")) + "\n")
    size = [height, width]
    regions = [{"concept": "Beak", "size": size, "runs": pixels(one, size)} for one in shapes]
    golden.append({"image": f"cat/{name}.jpg", "rater": "Ann", "labels": ["seen"], "regions": regions})
golden.sort(key=lambda one: one["image"])
(HERE / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
