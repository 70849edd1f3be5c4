"""Writes golden.json: the pixels of 1,000 outlines by pycocotools and Pillow, as hashes of their runs.

The outlines come from a linear congruential generator that main.rs repeats.

pip install numpy==2.4.6 pillow==13.0.0 pycocotools==2.0.11
python generate.py
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from pycocotools import _mask


class Draws:
    def __init__(self, seed):
        self.state = seed

    def below(self, num):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % num


# How far vertices lie outside, what they are parts of, how many there are at most.
KINDS = [
    (3, 1, 8),
    (8, 2, 8),
    (8, 4, 12),
    (8, 10, 12),
    (8, 3, 6),
    (0, 1, 30),
    (1000, 7, 8),
    (1000000, 2, 6),
    (20, 1000, 60),
    (2, 1, 2),
]


def outline(case_idx):
    draws = Draws(case_idx)
    far, parts, most = KINDS[case_idx % len(KINDS)]
    longest = 400 if case_idx % 10 == 8 else 8 if case_idx % 10 == 5 else 40
    height, width = 1 + draws.below(longest), 1 + draws.below(longest)

    def coordinate(length):
        return (draws.below((length + 2 * far) * parts + 1) - far * parts) / parts

    rings = [
        [(coordinate(width), coordinate(height)) for _ in range(1 + draws.below(most))]
        for _ in range(1 + draws.below(3))
    ]
    return height, width, rings


def by_coco(height, width, rings):
    flat = [[value for vertex in ring for value in vertex] for ring in rings]
    return _mask.decode(_mask.frPoly(flat, height, width)).any(axis=2)


def by_pillow(height, width, rings):
    image = Image.new("1", (width, height))
    for ring in rings:
        if len(ring) > 1:  # Pillow refuses a single vertex.
            ImageDraw.Draw(image).polygon(ring, outline=1, fill=1)
    return np.asarray(image)


def hashed(mask):
    """FNV-1a over the half-open runs of row-major indices, a step for each number."""
    flat = np.concatenate([[0], mask.ravel().astype(int), [0]])
    value = 0xCBF29CE484222325
    for border in np.flatnonzero(np.diff(flat)):
        value = ((value ^ int(border)) * 0x100000001B3) % 2**64
    return f"{value:016x}"


cases = [outline(case_idx) for case_idx in range(1000)]
golden = {
    "coco": [hashed(by_coco(*case)) for case in cases],
    "pil": [hashed(by_pillow(*case)) for case in cases],
    "num_pixels": [
        sum(int(by_coco(*case).sum()) for case in cases),
        sum(int(by_pillow(*case).sum()) for case in cases),
    ],
}
Path(__file__).with_name("golden.json").write_text(json.dumps(golden, indent=0) + "\n")
