"""Writes outlines.json and segmentations.json: one set of findings in CheXlocalize's two formats.

Outlines are filled and encoded as in annotation_to_segmentation.py of rajpurkarlab/cheXlocalize.

pip install numpy==2.4.6 pillow==13.0.0 pycocotools==2.0.11
python generate.py
"""

import json
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from pycocotools import mask as coco

HERE = Path(__file__).parent
PATHOLOGIES = ["Atelectasis", "Cardiomegaly", "Lung Lesion", "Airspace Opacity"]


def encoded(contours, height, width):
    image = Image.new("1", (width, height))
    for contour in contours:
        ImageDraw.Draw(image).polygon([tuple(one) for one in contour], outline=1, fill=1)
    found = coco.encode(np.asfortranarray(np.array(image), dtype=np.uint8))
    return {"size": [height, width], "counts": found["counts"].decode()}


draw = random.Random(0)
outlines, segmentations = {}, {}
for idx in range(12):
    height, width = draw.randint(20, 90), draw.randint(20, 90)
    contour = lambda: [
        [round(draw.uniform(-3, width + 3), 1), round(draw.uniform(-3, height + 3), 1)]
        for _ in range(draw.randint(2, 12))
    ]
    findings = {
        pathology: [contour() for _ in range(draw.randint(1, 3))]
        for pathology in PATHOLOGIES
        if draw.random() < 0.5
    }
    name = f"patient{idx}_study1_view1_frontal"
    outlines[name] = findings | {"img_size": [height, width]}
    segmentations[name] = {
        pathology: encoded(findings.get(pathology, []), height, width) for pathology in PATHOLOGIES
    }

for name, found in {"outlines": outlines, "segmentations": segmentations}.items():
    (HERE / f"{name}.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")
