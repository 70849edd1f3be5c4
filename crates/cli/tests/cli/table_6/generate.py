"""Table 6 of heat maps on the DermX masks and the scores beyond it, with NumPy, Pillow, SciPy and
scikit-image.

    python generate.py ROOT > golden.json          rule-made maps; the golden file of the test
    python generate.py ROOT --maps DIR             Table 6 of the .npy files in DIR
    python generate.py ROOT --write-maps DIR       only writes the rule-made maps

ROOT holds annotations/, masks/ and metadata.csv. Made with NumPy 2.4.6, Pillow 12.1.0 (13 gives the
same here) and scikit-image 0.26; wall time goes to standard error.

The rule: images in the order of their ids, number i; a map has 10 rows and 13 columns. By i mod 5:
0 noise, 1 a blob, 2 one cell of 3.5, 3 zeros, 4 the constant 0.25. Noise and the blob's middle come
from SplitMix64; the blob is 1 / (1 + squared distance in cells).
"""

import argparse
import csv
import json
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.stats import rankdata
from skimage.transform import resize

SIZE = (300, 400)
MAP = (10, 13)
DIAGNOSES = {"Acne", "Actinic keratosis", "Psoriasis", "Seborrheic dermatitis", "Viral warts",
             "Vitiligo"}
DISCARD = {"Other-disease", "Low-quality"}
U64 = np.uint64


def mix(seed):
    with np.errstate(over="ignore"):
        z = np.asarray(seed, dtype=U64) + U64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> U64(30))) * U64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> U64(27))) * U64(0x94D049BB133111EB)
        return z ^ (z >> U64(31))


def fractions(number, count):
    """`count` numbers in [0, 1) for the image of that number."""
    values = mix(U64(1000 * number) + np.arange(count, dtype=U64))
    return (values >> U64(40)).astype(np.float64) / (1 << 24)


def rule_map(number):
    kind = number % 5
    if kind == 0:
        return fractions(number, MAP[0] * MAP[1]).reshape(MAP)
    if kind == 1:
        row, column = fractions(number, 2) * MAP
        distance = (np.arange(MAP[0])[:, None] - row) ** 2 + (np.arange(MAP[1]) - column) ** 2
        return 1 / (1 + distance)
    values = np.zeros(MAP)
    if kind == 2:
        values.flat[number % values.size] = 3.5
    if kind == 4:
        values[:] = 0.25
    return values


def prepare(values):
    """Divided by its maximum, cut to 256 levels, brought to the size of the masks."""
    values = np.maximum(values, 0)
    largest = values.max()
    values = values / largest if largest > 0 else values
    levels = np.floor(255 * values).astype(np.uint8)
    return resize(levels, SIZE, order=1)


def evaluations(root):
    """(image, rater) with its tags, and its characteristics with the files of their instances."""
    found = []
    for path in sorted((root / "annotations").glob("*.json")):
        rater, image = path.stem.split("_", 1)
        data = json.loads(path.read_text(encoding="utf-8"))
        tags, outlined = set(), defaultdict(list)
        instance = 0
        for annotation in data["annotations"]:
            if "tag" in annotation:
                tags.add(annotation["name"])
            else:
                # Two outlines lie beside their images; their masks show them on the rim.
                if not is_outside(annotation, data["image"]):
                    outlined[annotation["name"]].append(f"{path.stem}_{instance:05}.png")
                instance += 1
        found.append((image, rater, tags, outlined))
    return found


def is_outside(annotation, image):
    """Whether all points lie on one side of the image, whose pixels reach half a pixel beyond their
    centers."""
    shape = annotation.get("complex_polygon") or annotation["polygon"]
    path = shape["path"]
    rings = path if isinstance(path[0], list) else [path]
    points = [point for ring in rings for point in ring]
    for axis, length in (("x", image["width"]), ("y", image["height"])):
        values = [point[axis] for point in points]
        if max(values) <= -0.5 or min(values) >= length - 0.5:
            return True
    return False


def is_single(tags):
    return len(tags & DIAGNOSES) == 1 and not tags & DISCARD


def read_mask(root, names):
    masks = [np.asarray(Image.open(root / "masks/masks" / name)) > 0 for name in names]
    return np.logical_or.reduce(masks)


def shrink(mask):
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(image.resize((SIZE[1], SIZE[0]), Image.NEAREST)) > 0


def ratio(part, whole):
    return float(part / whole) if whole > 0 else None


def scores(values, mask):
    """The scores of Table 6 and mass; None where 0/0."""
    inside = values[mask].sum()
    total, size = values.sum(), mask.sum()
    outside = (1 - values)[~mask].sum()
    return {
        "f1": ratio(2 * inside, total + size),
        "sensitivity": ratio(inside, size),
        "specificity": ratio(outside, (~mask).sum()),
        "mass": ratio(inside, total),
    }


def localization(values, ranks, mask):
    """Scores beyond Table 6. Pixels that are equal as float32 tie: a tied pixel counts by the share
    of its like that are in the mask, and for the AUC it has the mean of their ranks."""
    found = {
        "iou": ratio(np.minimum(values, mask).sum(), np.maximum(values, mask).sum()),
        "negative_predictive_value": ratio((1 - values)[~mask].sum(), (1 - values).sum()),
        "pointing": None, "rank_accuracy": None, "top_k_iou": None, "auc": None,
    }
    single, size, outside = values.astype(np.float32), int(mask.sum()), int((~mask).sum())
    if size == 0 or not single.any():
        return found
    top = single == single.max()
    threshold = np.partition(single.ravel(), single.size - size)[single.size - size]
    above, tied = single > threshold, single == threshold
    hits = (above & mask).sum() + (size - above.sum()) * (tied & mask).sum() / tied.sum()
    wins = ranks[mask].sum() - size * (size + 1) / 2
    found["pointing"] = float((top & mask).sum() / top.sum())
    found["rank_accuracy"] = float(hits / size)
    found["top_k_iou"] = float(hits / (2 * size - hits))
    found["auc"] = ratio(wins, size * outside)
    return found


def midranks(values):
    return rankdata(values.astype(np.float32).ravel()).reshape(values.shape)


def table(root, map_of):
    with open(root / "metadata.csv", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter=";")
        images = sorted(row["current_filename"].rsplit(".", 1)[0] for row in rows)
    number = {image: index for index, image in enumerate(images)}
    all_evaluations = evaluations(root)
    scored = {image for image, _, tags, _ in all_evaluations if is_single(tags)}
    rows, beyond = defaultdict(list), defaultdict(list)
    counts = {"masks": 0, "unions": 0, "all_masks": 0, "all_unions": 0}
    prepared = {}
    for image, _, _, outlined in all_evaluations:
        if not outlined:
            continue
        counts["all_unions"] += 1
        counts["all_masks"] += len(outlined)
        if image not in scored:
            continue
        if image not in prepared:
            prepared = {image: prepare(map_of(image, number[image]))}
            ranks = midranks(prepared[image])
        masks = {name: read_mask(root, files) for name, files in outlined.items()}
        counts["masks"] += len(masks)
        masks["Union"] = np.logical_or.reduce(list(masks.values()))
        for name, mask in masks.items():
            mask = shrink(mask)
            rows[name].append(scores(prepared[image], mask))
            beyond[name].append(localization(prepared[image], ranks, mask))
        counts["unions"] += 1
    return {"counts": counts, "explanation": means(rows), "localization": means(beyond)}


def means(rows):
    table = {}
    for name, scored in sorted(rows.items()):
        table[name] = {}
        for score in scored[0]:
            defined = [row[score] for row in scored if row[score] is not None]
            table[name][score] = {
                "mean": float(np.mean(defined)),
                "std": float(np.std(defined, ddof=1)),
                "n": len(defined),
                "undefined": len(scored) - len(defined),
            }
    return table


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--maps", type=Path)
    parser.add_argument("--write-maps", type=Path)
    args = parser.parse_args()
    start = time.perf_counter()
    if args.write_maps:
        names = (args.root / "metadata.csv").read_text(encoding="utf-8").splitlines()[1:]
        images = sorted(line.split(";")[3].rsplit(".", 1)[0] for line in names)
        args.write_maps.mkdir(exist_ok=True)
        for number, image in enumerate(images):
            np.save(args.write_maps / f"{image}.npy", rule_map(number).astype(np.float32))
        return
    if args.maps:
        result = table(args.root, lambda image, _: np.load(args.maps / f"{image}.npy"))
    else:
        result = table(args.root, lambda _, number: rule_map(number).astype(np.float32))
    json.dump(result, sys.stdout, indent=1)
    print()
    print(f"{time.perf_counter() - start:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
