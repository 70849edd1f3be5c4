"""Writes export.json, and golden.json: what label-studio-sdk reads in it.

pip install label-studio-sdk==2.1.2 numpy==2.2.6
python generate.py
"""

import json
import random
from pathlib import Path

import numpy as np
from label_studio_sdk.converter import Converter, brush
from label_studio_sdk.converter.utils import convert_annotation_to_yolo_obb

HERE = Path(__file__).parent
CONFIG = """<View><Image name="image" value="$image"/>
<PolygonLabels name="polygon" toName="image"><Label value="Beak"/><Label value="Tail"/></PolygonLabels>
<RectangleLabels name="rectangle" toName="image"><Label value="Wing"/></RectangleLabels>
<BrushLabels name="brush" toName="image"><Label value="Eye"/></BrushLabels>
<Choices name="kind" toName="image"><Choice value="duck"/></Choices></View>"""


def runs(mask):
    """Half-open runs of row-major indices."""
    flat = np.concatenate([[0], (np.asarray(mask).ravel() != 0).astype(int), [0]])
    steps = np.diff(flat)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [[int(a), int(b)] for a, b in zip(starts, ends)]


def blob(height, width):
    """An ellipse whose rim is half transparent, with a hole or without."""
    y, x = np.mgrid[:height, :width]
    center = draw.uniform(0, height), draw.uniform(0, width)
    far = ((y - center[0]) / (height / 3)) ** 2 + ((x - center[1]) / (width / 4)) ** 2
    alpha = np.where(far < 1, 255, 0)
    alpha[(far >= 1) & (far < 1.2)] = 90
    alpha[far < draw.choice([0, 0.3])] = 0
    return alpha


def rgba(alpha):
    """Colours that are not 0 where alpha is, so that only the fourth value tells."""
    image = np.zeros((*alpha.shape, 4), dtype=int)
    image[..., 0] = 200
    image[..., 1] = np.arange(alpha.shape[1]) % 7
    image[..., 3] = alpha
    return image


def result(kind, value, height, width):
    name = kind.removesuffix("labels")
    return {
        "id": f"{draw.getrandbits(32):08x}",
        "type": kind,
        "from_name": name,
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "origin": "manual",
        "value": value,
    }


def results(height, width):
    """Some of each tool; coordinates in percent, as drawn with a mouse."""
    percent = lambda low=0, high=100: draw.uniform(low, high)
    for label in ["Beak", "Tail", "Tail"]:
        points = [[percent(), percent()] for _ in range(draw.randint(3, 7))]
        value = {"points": points, "closed": True, "polygonlabels": [label]}
        yield result("polygonlabels", value, height, width)
    for rotation in [0, 90, percent(0, 360)]:
        value = {
            "x": percent(10, 50),
            "y": percent(10, 50),
            "width": percent(5, 40),
            "height": percent(5, 40),
            "rotation": rotation,
            "rectanglelabels": ["Wing"],
        }
        yield result("rectanglelabels", value, height, width)
    masks = [np.repeat(blob(height, width)[..., None], 4, axis=2)]
    if height * width < 1000:
        noise = [[draw.choice([0, 0, 1, 255]) for _ in range(width)] for _ in range(height)]
        alphas = [blob(height, width), np.array(noise), np.zeros((height, width), dtype=int)]
        masks += [rgba(alpha) for alpha in alphas]
    for mask in masks:
        rle = brush.encode_rle(mask.ravel())
        value = {"format": "rle", "rle": rle, "brushlabels": ["Eye"]}
        yield result("brushlabels", value, height, width)


draw = random.Random(0)
tasks = []
for task, (height, width) in enumerate([(9, 14), (17, 8), (120, 160)]):
    annotations = [
        {
            "id": 10 * task + idx,
            "completed_by": completed_by,
            "was_cancelled": idx == 2,
            "created_at": f"2026-01-0{9 - idx}T00:00:00Z",
            "result": list(results(height, width)),
        }
        for idx, completed_by in enumerate([{"id": 5, "email": "ann@x.org"}, 7, 8])
        if task < 2 or idx == 0
    ]
    choice = {"choices": ["duck"]}
    annotations[0]["result"].append(
        {"id": "c", "type": "choices", "from_name": "kind", "to_name": "image", "value": choice}
    )
    image = f"/data/local-files/?d=birds%2Fa%20{task}.jpg"
    tasks.append({"id": task, "data": {"image": image}, "annotations": annotations})
(HERE / "export.json").write_text(json.dumps(tasks, separators=(",", ":")) + "\n")

golden = []
for item in Converter(CONFIG, HERE).iter_from_json_file(HERE / "export.json"):
    regions = []
    for name, values in item["output"].items():
        for value in values:
            width, height = (value.get(f"original_{side}") for side in ["width", "height"])
            if name == "polygon":
                # As in Converter.convert_to_coco.
                ring = [[x / 100 * width, y / 100 * height] for x, y in value["points"]]
                regions.append({"concept": value["polygonlabels"][0], "rings": [ring]})
            elif name == "rectangle":
                ring = convert_annotation_to_yolo_obb(value, normalize=False)
                regions.append({"concept": value["rectanglelabels"][0], "rings": [ring]})
            elif name == "brush":
                image = brush.decode_rle(value["rle"]).reshape(height, width, 4)
                regions.append({"concept": "Eye", "size": [height, width], "runs": runs(image[..., 3])})
    by = item["completed_by"]
    golden.append(
        {
            "image": f"a {item['id']}.jpg",
            "rater": by["email"] if isinstance(by, dict) else str(by),
            "labels": [choice for kind in item["output"].get("kind", []) for choice in kind["choices"]],
            "regions": regions,
        }
    )
(HERE / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
