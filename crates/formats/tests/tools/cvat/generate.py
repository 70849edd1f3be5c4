"""Writes annotations.xml, and golden.json: what datumaro reads in it.

pip install datumaro==1.13.12 numpy==2.2.6 pillow==12.3.0
python generate.py
"""

import json
import random
import shutil
import tempfile
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from datumaro.components.annotation import AnnotationType
from datumaro.components.dataset import Dataset
from PIL import Image

HERE = Path(__file__).parent
LABELS = ["Beak", "Tail", "duck"]


def runs(mask):
    """Half-open runs of row-major indices."""
    flat = np.concatenate([[0], (np.asarray(mask).ravel() != 0).astype(int), [0]])
    steps = np.diff(flat)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [[int(a), int(b)] for a, b in zip(starts, ends)]


def element(name, **attributes):
    attributes = " ".join(f"{key}={quoteattr(str(value))}" for key, value in attributes.items())
    return f"    <{name} {attributes}></{name}>\n"


def mask(label, height, width):
    """Run lengths row by row inside of a box, the first of zeros."""
    top, left = draw.randrange(height), draw.randrange(width)
    box_height, box_width = draw.randint(1, height - top), draw.randint(1, width - left)
    pixels = [draw.random() < draw.choice([0.1, 0.5, 0.9]) for _ in range(box_height * box_width)]
    lengths = [len(list(group)) for _, group in groupby(pixels)]
    rle = ", ".join(map(str, [0] * pixels[0] + lengths))
    return element(
        "mask", label=label, source="manual", occluded=0, rle=rle, left=left, top=top,
        width=box_width, height=box_height, z_order=0,
    )


draw = random.Random(1)
xml = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
labels = "".join(f"<label><name>{name}</name><attributes></attributes></label>" for name in LABELS)
xml += f"  <meta><task><name>birds</name><labels>{labels}</labels></task></meta>\n"
sizes = {"cat/a & b.jpg": (11, 17), "dog/2.jpg": (16, 9), "dog/3.jpg": (30, 40), "empty.jpg": (5, 5)}
for idx, (name, (height, width)) in enumerate(sizes.items()):
    xml += f"  <image id=\"{idx}\" name={quoteattr(name)} width=\"{width}\" height=\"{height}\">\n"
    coordinate = lambda side: f"{draw.uniform(0, side):.2f}"
    for label in [] if name == "empty.jpg" else ["Beak", "Tail"]:
        xml += element("tag", label="duck", source="manual") if label == "Beak" else ""
        points = [f"{coordinate(width)},{coordinate(height)}" for _ in range(draw.randint(3, 8))]
        xml += element("polygon", label=label, occluded=0, points=";".join(points), z_order=0)
        for rotation in [None, 90.0, round(draw.uniform(0, 360), 2)]:
            # datumaro rounds centers to two decimals: even hundredths have such.
            (left, right), (top, bottom) = (
                sorted(draw.randint(0, 50 * side) / 50 for _ in range(2)) for side in (width, height)
            )
            box = dict(label=label, occluded=0, xtl=left, ytl=top, xbr=right, ybr=bottom, z_order=0)
            xml += element("box", **box, **({} if rotation is None else {"rotation": rotation}))
        for _ in range(8):
            xml += mask(label, height, width)
    xml += "  </image>\n"
xml += "</annotations>\n"
(HERE / "annotations.xml").write_text(xml)

golden = []
with tempfile.TemporaryDirectory() as folder:
    folder = Path(folder)
    shutil.copy(HERE / "annotations.xml", folder)
    for name, (height, width) in sizes.items():
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (width, height)).save(path)
    dataset = Dataset.import_from(str(folder), "cvat")
    names = [label.name for label in dataset.categories()[AnnotationType.label]]
    for item in dataset:
        regions, tags = [], []
        for found in item.annotations:
            region = {"concept": names[found.label]}
            if found.type == AnnotationType.label:
                tags.append(names[found.label])
                continue
            if found.type == AnnotationType.mask:
                region |= {"size": list(found.image.shape), "runs": runs(found.image)}
            elif found.type == AnnotationType.polygon:
                region["rings"] = [np.reshape(found.points, (-1, 2)).tolist()]
            elif found.type == AnnotationType.rotated_bbox:
                region["rings"] = [found.as_polygon()]
            else:
                region["rings"] = [np.reshape(found.as_polygon(), (-1, 2)).tolist()]
            regions.append(region)
        name = next(name for name in sizes if name.startswith(item.id + "."))
        golden.append({"image": name, "rater": "Ann", "labels": tags, "regions": regions})
(HERE / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
