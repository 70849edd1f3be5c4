"""Table 6 of heat maps on the DermX masks, as fast as NumPy, Pillow and scikit-image allow.

    python table_6_numpy.py ROOT MAPS             Table 6 of the .npy files in MAPS, as JSON
    python table_6_numpy.py ROOT --write-maps MAPS     writes maps of 10 x 13 noise

ROOT holds annotations/, masks/ and metadata.csv. Written for NumPy 2.4, Pillow 12 and scikit-image
0.26. One process. Each map is resized once; masks are resized when they are decoded and only then
become arrays; all masks of an image are scored by one matrix product.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.transform import resize

SIZE = (300, 400)
DIAGNOSES = {"Acne", "Actinic keratosis", "Psoriasis", "Seborrheic dermatitis", "Viral warts",
             "Vitiligo"}
DISCARD = {"Other-disease", "Low-quality"}


def prepare(values):
    values = np.maximum(values, 0)
    largest = values.max()
    levels = np.floor(255 * (values / largest if largest > 0 else values)).astype(np.uint8)
    return resize(levels, SIZE, order=1)


def read_mask(path):
    with Image.open(path) as image:
        return np.asarray(image.resize((SIZE[1], SIZE[0]), Image.NEAREST)) > 0


def read_evaluations(root):
    """By image: whether an evaluation of a single diagnosis was kept, and each rater's outlines."""
    images = defaultdict(lambda: [False, []])
    for path in sorted((root / "annotations").glob("*.json")):
        image = path.stem.split("_", 1)[1]
        annotations = json.loads(path.read_text(encoding="utf-8"))["annotations"]
        tags = {a["name"] for a in annotations if "tag" in a}
        outlined = defaultdict(list)
        for number, a in enumerate([a for a in annotations if "tag" not in a]):
            outlined[a["name"]].append(f"{path.stem}_{number:05}.png")
        images[image][0] |= len(tags & DIAGNOSES) == 1 and not tags & DISCARD
        if outlined:
            images[image][1].append(outlined)
    return images


def masks_of(folder, raters):
    names, masks = [], []
    for outlined in raters:
        of_rater = [np.logical_or.reduce([read_mask(folder / file) for file in files])
                    for files in outlined.values()]
        names += [*outlined, "Union"]
        masks += [*of_rater, np.logical_or.reduce(of_rater)]
    return names, np.stack(masks).reshape(len(masks), -1)


def ratio(part, whole):
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)


def table(root, maps):
    rows = defaultdict(list)
    for image, (is_scored, raters) in sorted(read_evaluations(root).items()):
        if not is_scored or not raters:
            continue
        values = prepare(np.load(maps / f"{image}.npy")).ravel()
        names, masks = masks_of(root / "masks/masks", raters)
        inside = masks.astype(np.float64) @ values
        total, size = np.broadcast_to(values.sum(), inside.shape), masks.sum(axis=1)
        outside = values.size - size - total + inside
        scores = np.stack([ratio(2 * inside, total + size), ratio(inside, size),
                           ratio(outside, values.size - size), ratio(inside, total)], axis=1)
        for name, row in zip(names, scores):
            rows[name].append(row)
    scores = ["f1", "sensitivity", "specificity", "mass"]
    return {
        name: {
            score: {"mean": float(np.nanmean(values)), "std": float(np.nanstd(values, ddof=1)),
                    "n": int(np.isfinite(values).sum())}
            for score, values in zip(scores, np.array(rows[name]).T)
        }
        for name in sorted(rows)
    }


def write_maps(root, maps):
    maps.mkdir(exist_ok=True)
    noise = np.random.default_rng(0)
    for line in (root / "metadata.csv").read_text(encoding="utf-8").splitlines()[1:]:
        image = line.split(";")[3].rsplit(".", 1)[0]
        np.save(maps / f"{image}.npy", noise.random((10, 13), dtype=np.float32))


def main():
    root = Path(sys.argv[1])
    if sys.argv[2] == "--write-maps":
        write_maps(root, Path(sys.argv[3]))
    else:
        json.dump(table(root, Path(sys.argv[2])), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
