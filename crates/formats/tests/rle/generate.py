"""Writes golden.json: run lengths of 1,000 masks by pycocotools, as hashes, and some as they are.

The masks come from a linear congruential generator that main.rs repeats.

pip install numpy==2.4.6 pycocotools==2.0.11
python generate.py
"""

import json
from pathlib import Path

import numpy as np
from pycocotools import mask as coco


class Draws:
    def __init__(self, seed):
        self.state = seed

    def below(self, num):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % num


def mask(case_idx):
    """Noise, then rectangles set and cleared; every tenth mask is large."""
    draws = Draws(case_idx)
    longest = 700 if case_idx % 10 == 0 else 50
    height, width = 1 + draws.below(longest), 1 + draws.below(longest)
    share = 0 if case_idx % 10 == 0 else [0, 1, 5, 9, 10][draws.below(5)]
    pixels = np.zeros((height, width), dtype=np.uint8)
    if share > 0:
        pixels[:] = [[draws.below(10) < share for _ in range(width)] for _ in range(height)]
    for _ in range(draws.below(6)):
        rows = sorted(draws.below(height + 1) for _ in range(2))
        columns = sorted(draws.below(width + 1) for _ in range(2))
        pixels[rows[0] : rows[1], columns[0] : columns[1]] = draws.below(2)
    return pixels


def hashed(values):
    """FNV-1a, a step for each number."""
    value = 0xCBF29CE484222325
    for number in values:
        value = ((value ^ int(number)) * 0x100000001B3) % 2**64
    return f"{value:016x}"


hashes, texts = [], []
for case_idx in range(1000):
    pixels = mask(case_idx)
    encoded = coco.encode(np.asfortranarray(pixels))
    assert (coco.decode(encoded) == pixels).all()
    flat = pixels.ravel(order="F").astype(int)
    borders = np.flatnonzero(np.diff(np.concatenate([[0], flat]))).tolist()
    counts = np.diff([0, *borders, flat.size]).tolist()
    # The list of counts is one that pycocotools takes for the same mask.
    assert coco.frPyObjects({"size": list(pixels.shape), "counts": counts}, *pixels.shape) == encoded
    hashes.append([hashed(encoded["counts"]), hashed(counts)])
    if case_idx % 40 == 7:
        texts.append([*pixels.shape, encoded["counts"].decode(), int(coco.area(encoded))])

text = json.dumps({"hashes": hashes, "texts": texts}, separators=(",", ":"))
Path(__file__).with_name("golden.json").write_text(text.replace("],[", "],\n[") + "\n")
