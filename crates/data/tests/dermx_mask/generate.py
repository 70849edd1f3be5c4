"""Writes golden.json: polygons drawn by upolygon, masks resized by Pillow.

pip install numpy==2.4.6 pillow==13.0.0 upolygon==0.2.3
python generate.py
"""

import json
import random
from pathlib import Path

import numpy as np
import upolygon
from PIL import Image


def runs(mask):
    """Half-open runs of row-major indices."""
    flat = np.concatenate([[0], (np.asarray(mask).ravel() != 0).astype(int), [0]])
    steps = np.diff(flat)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [[int(a), int(b)] for a, b in zip(starts, ends)]


def pixel(value, length):
    return round(min(max(value, 0), length - 1))  # ties to even


def polygon(draw):
    height, width = draw.randint(1, 40), draw.randint(1, 40)
    rings = []
    for _ in range(draw.choice([1, 1, 2, 3])):
        # Quarters, so that ties occur; some vertices lie outside.
        rings.append(
            [
                [draw.randint(-12, 4 * width + 12) / 4, draw.randint(-12, 4 * height + 12) / 4]
                for _ in range(draw.choice([1, 2, 3, 3, 4, 5, 8]))
            ]
        )
    mask = np.zeros((height, width), dtype=np.int32)
    flat = [[c for x, y in ring for c in (pixel(x, width), pixel(y, height))] for ring in rings]
    upolygon.draw_polygon(mask, flat, 1)
    return {"size": [height, width], "rings": rings, "runs": runs(mask)}


def resized(draw):
    height, width = draw.randint(1, 60), draw.randint(1, 60)
    new_height, new_width = draw.randint(1, 60), draw.randint(1, 60)
    mask = np.array([[draw.random() < 0.4 for _ in range(width)] for _ in range(height)])
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    small = image.resize((new_width, new_height), Image.Resampling.NEAREST)
    return {
        "size": [height, width],
        "runs": runs(mask),
        "new_size": [new_height, new_width],
        "new_runs": runs(small),
    }


draw = random.Random(0)
golden = {
    "polygons": [polygon(draw) for _ in range(250)],
    "resized": [resized(draw) for _ in range(25)],
}
text = json.dumps(golden, separators=(",", ":"))
Path(__file__).with_name("golden.json").write_text(text + "\n")
