"""Writes golden.json: parts of masks by SciPy, their smallest rectangles by OpenCV.

    pip install numpy==2.4.6 scipy==1.17.1 opencv-python-headless==5.0.0.93
    python generate.py
"""

import json
import pathlib

import cv2
import numpy as np
from scipy import ndimage


def corners(part):
    pixels = np.argwhere(part)
    around = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    return (pixels[:, None] + around).reshape(-1, 2).astype(np.float32)


def case(mask):
    labels, num_parts = ndimage.label(mask, structure=np.ones((3, 3)))
    found = {"mask": ["".join(map(str, row)) for row in mask.astype(int)], "num_parts": num_parts}
    found["area_share"] = float(mask.mean())
    if num_parts:
        sizes = np.bincount(labels.ravel())[1:]
        _, sides, _ = cv2.minAreaRect(corners(labels == 1 + int(sizes.argmax())))
        found["elongation"] = max(sides) / min(sides)
        found["irrectangularity"] = 1 - float(sizes.max()) / (sides[0] * sides[1])
    return found


def ellipse(size, center, axes, angle):
    mask = np.zeros(size, dtype=np.uint8)
    cv2.ellipse(mask, center, axes, angle, 0, 360, 1, -1)
    return mask > 0


def main():
    rng = np.random.default_rng(99)
    golden = [case(np.zeros((4, 5), dtype=bool)), case(np.ones((4, 5), dtype=bool))]
    for _ in range(6):
        noise = ndimage.gaussian_filter(rng.normal(size=(24, 30)), 2.5)
        golden.append(case(noise > np.quantile(noise, rng.uniform(0.5, 0.9))))
    for angle in [17, 38, 71]:
        golden.append(case(ellipse((30, 34), (16, 14), (12, int(rng.integers(2, 7))), angle)))
    golden.append(case(rng.random((12, 12)) < 0.1))
    text = json.dumps(golden, separators=(",", ":")).replace('{"mask"', '\n{"mask"')
    pathlib.Path(__file__).with_name("golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
