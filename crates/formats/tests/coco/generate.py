"""Writes instances.json, a COCO file of all kinds of annotations, and golden.json, their pixels by pycocotools.

pip install numpy==2.4.6 pycocotools==2.0.11
python generate.py
"""

import json
import random
from pathlib import Path

import numpy as np
from pycocotools import mask as coco

HERE = Path(__file__).parent
SIZES = {3: (37, 52), 8: (60, 41)}


def runs(mask):
    """Half-open runs of row-major indices."""
    flat = np.concatenate([[0], mask.ravel().astype(int), [0]])
    return [int(border) for border in np.flatnonzero(np.diff(flat))]


def pixels(annotation):
    height, width = SIZES[annotation["image_id"]]
    segmentation = annotation["segmentation"] or np.array([annotation["bbox"]], dtype=float)
    if isinstance(segmentation, dict) and isinstance(segmentation["counts"], str):
        return coco.decode(segmentation)
    encoded = coco.frPyObjects(segmentation, height, width)
    return coco.decode(coco.merge(encoded) if isinstance(encoded, list) else encoded)


def annotation(draw, idx):
    image_id = draw.choice(list(SIZES))
    height, width = SIZES[image_id]
    ring = lambda: [
        round(draw.uniform(-5, length + 5), 2)
        for _ in range(draw.randint(3, 9))
        for length in (width, height)
    ]
    found = {
        "id": 100 + idx,
        "image_id": image_id,
        "category_id": draw.choice([2, 5]),
        "attributes": {"annotator": draw.choice(["alice", 7]), "occluded": False},
        "iscrowd": idx % 2,
    }
    if idx % 4 == 0:
        box = [draw.randint(-3, 20), draw.randint(-3, 20), draw.randint(0, 30), draw.uniform(0, 30)]
        return found | {"bbox": box, "segmentation": []}
    if idx % 4 == 1:
        return found | {"segmentation": [ring() for _ in range(draw.randint(1, 3))]}
    mask = np.asfortranarray(np.zeros((height, width), dtype=np.uint8))
    mask[draw.randint(0, 20) :, draw.randint(0, 20) : draw.randint(20, 41)] = 1
    mask[::7] ^= 1
    if idx % 4 == 2:
        encoded = coco.encode(mask)
        return found | {"segmentation": encoded | {"counts": encoded["counts"].decode()}}
    flat = mask.ravel(order="F").astype(int)
    borders = np.flatnonzero(np.diff(np.concatenate([[0], flat]))).tolist()
    counts = np.diff([0, *borders, flat.size]).tolist()
    return found | {"segmentation": {"size": [height, width], "counts": counts}}


draw = random.Random(0)
annotations = [annotation(draw, idx) for idx in range(40)]
instances = {
    "info": {"description": "all kinds", "nested": [{"a": [1, 2.5, None]}]},
    "annotations": annotations,
    "categories": [{"id": 5, "name": "tail", "supercategory": "body"}, {"id": 2, "name": "beak"}],
    "images": [
        {"id": id, "file_name": f"birds/{id}.jpg", "height": height, "width": width}
        for id, (height, width) in SIZES.items()
    ],
}
golden = [
    {
        "image": f"birds/{one['image_id']}.jpg",
        "rater": str(one["attributes"]["annotator"]),
        "concept": {2: "beak", 5: "tail"}[one["category_id"]],
        "borders": runs(pixels(one)),
    }
    for one in annotations
]
(HERE / "instances.json").write_text(json.dumps(instances, separators=(",", ":")) + "\n")
(HERE / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
