"""Writes golden.json: heat maps prepared by NumPy and scikit-image.

    pip install numpy==2.4.6 scikit-image==0.26.0
    python generate.py

The paper's environment pinned scikit-image 0.18.1. Enlarging is the same operation there. When
shrinking, that version blurred the uint8 map in integers; this is the float blur of today's.
"""

import json
import pathlib

import numpy as np
from skimage.transform import resize

MODES = {"mirror": "reflect", "clamp": "edge"}


def raw_map(rng, size):
    """Multiples of 1/64 from -1 to 4, so that JSON is short and float32 exact."""
    return (rng.integers(-64, 256, size) / 64).astype(np.float32)


def prepare(raw, size, normalize, quantize, border):
    if normalize == "max":
        top = np.max(raw)
        unit = np.maximum(raw, np.float32(0)) / top if top > 0 else np.zeros_like(raw)
    else:
        unit = np.clip(raw, 0, 1)
    assert unit.dtype == np.float32
    image = np.uint8(255 * unit) if quantize else unit.astype(np.float64)
    return resize(image, size, order=1, mode=MODES[border])


def main():
    rng = np.random.default_rng(20210927)
    max_, none = "max", "none"
    cases = [
        ([10, 13], [30, 41], max_, True, "mirror"),
        ([10, 13], [30, 41], max_, False, "mirror"),
        ([10, 13], [30, 41], max_, True, "clamp"),
        ([7, 7], [7, 7], max_, True, "mirror"),
        ([3, 4], [11, 9], none, True, "mirror"),
        ([3, 4], [11, 9], none, False, "clamp"),
        ([1, 1], [3, 4], max_, True, "mirror"),
        ([1, 5], [4, 9], max_, False, "mirror"),
        ([2, 1], [5, 5], max_, True, "mirror"),
        ([40, 50], [17, 23], max_, True, "mirror"),
        ([40, 50], [17, 23], max_, False, "clamp"),
        ([40, 6], [9, 20], max_, True, "mirror"),
        ([5, 40], [11, 3], none, False, "mirror"),
        ([12, 9], [1, 1], max_, False, "mirror"),
        ([24, 20], [12, 10], max_, True, "mirror"),
        ([10, 13], [300, 400], max_, True, "mirror"),
        ([310, 13], [300, 400], max_, True, "mirror"),
    ]
    golden = []
    for map_size, size, normalize, quantize, border in cases:
        raw = raw_map(rng, map_size)
        values = prepare(raw, size, normalize, quantize, border).ravel()
        step = 1 if values.size < 5000 else 97  # every value of a large map would be too many
        golden.append({
            "map_size": map_size,
            "raw": raw.ravel().tolist(),
            "scoring": {"size": size, "normalize": normalize, "quantize": quantize, "border": border},
            "step": step,
            "values": [round(value, 12) for value in values[::step].tolist()],
            "sum": float(values.sum()),
        })
    text = json.dumps(golden, separators=(",", ":")).replace('{"map_size"', '\n{"map_size"')
    pathlib.Path(__file__).with_name("golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
