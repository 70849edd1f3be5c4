"""Writes golden.json: images drawn by rule, resized by Pillow.

Pillow 13 resizes some shapes along the columns first; every version before begins with the rows.

Run: python3 -m venv venv && venv/bin/pip install Pillow==12.1.0 numpy==2.4.6 && venv/bin/python generate.py
"""

import json
import pathlib

import numpy as np
import PIL
from PIL import Image

CASES = [  # [height, width] before, after
    ([300, 400], [30, 40]),
    ([150, 200], [24, 32]),
    ([97, 61], [24, 32]),
    ([61, 97], [60, 96]),
    ([24, 32], [24, 32]),
    ([8, 10], [24, 32]),
    ([50, 20], [12, 40]),
    ([3, 200], [30, 10]),
    ([1, 1], [5, 7]),
    ([7, 5], [1, 1]),
]


def image_by_rule(height, width):
    row, column, channel = np.ogrid[:height, :width, :3]
    values = (row * row * 31 + column * column * 17 + row * column * 7 + 40 * channel) % 251
    return Image.fromarray(values.astype("uint8"))


def main():
    cases = []
    for before, after in CASES:
        resized = image_by_rule(*before).resize((after[1], after[0]), Image.Resampling.BILINEAR)
        cases.append({"before": before, "after": after, "rgb": resized.tobytes().hex()})
    golden = {"library": f"Pillow {PIL.__version__}", "cases": cases}
    path = pathlib.Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
