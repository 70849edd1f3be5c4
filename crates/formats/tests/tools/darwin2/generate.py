"""Writes files/, and golden.json: what darwin-py draws of them.

pip install darwin-py==3.6.3 numpy==2.2.6 upolygon==0.2.3
python generate.py
"""

import json
import random
import uuid
from itertools import groupby
from pathlib import Path

import numpy as np
from darwin.exporter.formats.mask import render_raster
from darwin.utils import convert_polygons_to_mask, parse_darwin_json

HERE = Path(__file__).parent


def runs(mask):
    """Half-open runs of row-major indices."""
    flat = np.concatenate([[0], (np.asarray(mask).ravel() != 0).astype(int), [0]])
    steps = np.diff(flat)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [[int(a), int(b)] for a, b in zip(starts, ends)]


def annotation(name, **more):
    return {
        "id": str(uuid.UUID(int=draw.getrandbits(128))), "name": name, "slot_names": ["0"],
        "annotators": [{"full_name": "Ann", "email": "ann@x.org"}], "reviewers": [],
        "properties": [], **more,
    }


def polygons(height, width):
    for name in ["Beak", "Tail"] * 10:
        paths = [
            [
                {"x": draw.randint(-8, 4 * width + 8) / 4, "y": draw.randint(-8, 4 * height + 8) / 4}
                for _ in range(draw.randint(3, 7))
            ]
            for _ in range(draw.choice([1, 1, 2]))
        ]
        box = {"x": 0, "y": 0, "w": 1, "h": 1}
        yield annotation(name, polygon={"paths": paths}, bounding_box=box)
    yield annotation("duck", tag={})


def raster(height, width):
    """Masks of three concepts; a value for each, by the order of their ids."""
    masks = [annotation(name, mask={"sparse_rle": None}) for name in ["Beak", "Tail", "Wing"]]
    values = {one["id"]: value for value, one in enumerate(masks, start=1)}
    pixels = []
    while len(pixels) < height * width:
        pixels += [draw.choice([0, 0, 1, 2, 3])] * draw.randint(1, 2 * width)
    pixels = pixels[: height * width]
    rle = [part for value, group in groupby(pixels) for part in (value, len(list(group)))]
    layer = {"dense_rle": rle, "mask_annotation_ids_mapping": values, "total_pixels": height * width}
    return [*masks, annotation("__raster_layer__", raster_layer=layer)]


draw = random.Random(3)
golden = []
for name, (height, width), make in [("a", (14, 23), polygons), ("b", (19, 11), raster)]:
    slot = {
        "type": "image", "slot_name": "0", "width": width, "height": height,
        "source_files": [{"file_name": f"{name}.jpg"}],
    }
    file = {
        "version": "2.0", "item": {"name": f"{name}.jpg", "path": "/birds", "slots": [slot]},
        "annotations": list(make(height, width)),
    }
    path = HERE / "files" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(file, separators=(",", ":")) + "\n")
    parsed = parse_darwin_json(path, None)
    regions, labels = [], []
    found = [one for one in parsed.annotations if one.annotation_class.annotation_type != "raster_layer"]
    empty = np.zeros((height, width), dtype=np.uint8)
    if name == "b":
        errors, mask, categories, _ = render_raster(
            empty, {}, ["__background__"], parsed.annotations, parsed, height, width
        )
        assert not errors, errors
    # darwin-py sorts annotations by their kind; they are of one kind here, but for tags.
    for one in found:
        concept = one.annotation_class.name
        if one.annotation_class.annotation_type == "tag":
            labels.append(concept)
            continue
        if name == "b":
            drawn = mask == categories.index(concept)
        else:
            drawn = convert_polygons_to_mask(one.data["paths"], height, width)
        regions.append({"concept": concept, "size": [height, width], "runs": runs(drawn)})
    golden.append({"image": f"birds/{name}.jpg", "rater": "Ann", "labels": labels, "regions": regions})
(HERE / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
