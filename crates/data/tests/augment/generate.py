"""Writes golden.json: images drawn by rule, changed by keras-preprocessing.

Run: python3 -m venv venv && venv/bin/pip install keras-preprocessing==1.1.2 scipy==1.17.1 \
    Pillow==13.0.0 numpy==2.4.6 && venv/bin/python generate.py
"""

import json
import pathlib

from functools import partial

import numpy as np
from keras_preprocessing.image import ImageDataGenerator, affine_transformations

FLIPS = {"horizontal_flip": True, "vertical_flip": True}
# Generator arguments, [height, width], number of draws.
SETS = [
    (dict(rotation_range=20, zoom_range=0.25, brightness_range=[0.25, 1], **FLIPS), [9, 11], 60),
    (dict(rotation_range=15, shear_range=0.5, zoom_range=0.5, brightness_range=[0.5, 1], **FLIPS), [9, 11], 60),
    (dict(rotation_range=180, shear_range=60, zoom_range=0.9, brightness_range=[0.5, 1.5], **FLIPS), [10, 8], 20),
    (dict(rotation_range=20, shear_range=0.5, zoom_range=0.25, **FLIPS), [9, 11], 35),
    (dict(rotation_range=180, shear_range=60, zoom_range=0.9), [8, 10], 15),
    (dict(rotation_range=20, shear_range=0.5, zoom_range=0.5, brightness_range=[0.25, 1], **FLIPS), [24, 32], 6),
    (dict(zoom_range=0.25), [9, 11], 2),
    (dict(**FLIPS), [9, 11], 2),
]
# The same with Keras' stretch to the full range before the brightness switched off.
UNSTRETCHED_SETS = [
    (dict(rotation_range=20, zoom_range=0.25, brightness_range=[0.25, 1], **FLIPS), [9, 11], 30),
    (dict(rotation_range=15, shear_range=0.5, zoom_range=0.5, brightness_range=[0.5, 1], **FLIPS), [16, 12], 20),
    (dict(rotation_range=180, shear_range=60, zoom_range=0.9, brightness_range=[0.5, 1.5], **FLIPS), [12, 7], 20),
    (dict(rotation_range=20, shear_range=0.5, zoom_range=0.5, brightness_range=[0.25, 1], **FLIPS), [24, 32], 4),
    (dict(rotation_range=20, zoom_range=0.25, brightness_range=[0.25, 1], **FLIPS), [33, 21], 4),
    (dict(brightness_range=[0, 3]), [10, 10], 2),
]


def image_by_rule(height, width):
    row, column, channel = np.ogrid[:height, :width, :3]
    return ((5 * row + 9 * column + 40 * channel + row * column) % 217 + 20).astype("float32")


def draw_cases(sets, minmax_stretch):
    array_to_img = affine_transformations.array_to_img
    affine_transformations.array_to_img = partial(array_to_img, scale=minmax_stretch)
    cases = []
    for arguments, size, num_draws in sets:
        generator = ImageDataGenerator(fill_mode="nearest", **arguments)
        for _ in range(num_draws):
            image = image_by_rule(*size)
            params = generator.get_random_transform(image.shape)
            changed = generator.apply_transform(image, params)
            # 256ths of a gray level, so that interpolated values keep their fractions.
            values = np.rint(changed * 256).astype(">u2")
            if params["brightness"] is not None:
                values = changed.astype("uint8")
                assert (values == changed).all()
            case = {k: float(params[k]) for k in ["theta", "shear", "zx", "zy"]}
            case |= {k: bool(params[k]) for k in ["flip_horizontal", "flip_vertical"]}
            case |= {"brightness": params["brightness"], "minmax_stretch": minmax_stretch}
            case |= {"size": size, "values": values.tobytes().hex()}
            cases.append(case)
    affine_transformations.array_to_img = array_to_img
    return cases


def main():
    np.random.seed(0)
    cases = draw_cases(SETS, True) + draw_cases(UNSTRETCHED_SETS, False)
    golden = {"library": "keras-preprocessing 1.1.2", "cases": cases}
    path = pathlib.Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
