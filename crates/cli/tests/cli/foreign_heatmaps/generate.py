"""Writes golden.json and the folders data/, maps/ and predictions.csv: a small annotated set, heat maps
made by NumPy, and their scores by NumPy.

    pip install numpy==2.4.6 scikit-image==0.26.0 scikit-learn==1.9.1 pillow==13.0.0 upolygon==0.2.3
    python generate.py

Nothing here was made by dermx: masks are drawn by upolygon (the library behind the annotation
tool), maps are resized by scikit-image, and scores are summed pixel by pixel.
"""

import csv
import json
import pathlib
import shutil

import numpy as np
import upolygon
from PIL import Image
from skimage.transform import resize
from sklearn.metrics import accuracy_score, f1_score

HERE = pathlib.Path(__file__).parent
SIZE = (300, 400)
SCORES = ["f1", "sensitivity", "specificity", "mass"]

# image: diagnosis, prediction, [height, width]
IMAGES = {
    "plain": ("Acne", "Acne", (60, 80)),
    "tall": ("Psoriasis", "Acne", (91, 70)),
    "wide": ("Vitiligo", "Vitiligo", (48, 97)),
    "tiny": ("Viral warts", "Viral warts", (20, 25)),
    "dropped": ("Psoriasis", "Psoriasis", (30, 40)),
}

# (rater, image): tags, [(characteristic, rings)]
EVALUATIONS = {
    ("derm1", "plain"): (
        ["Acne"],
        [
            ("Papule", [[(10.2, 12.7), (30.4, 9.1), (33.3, 28.8), (12.5, 31.0)]]),
            ("Papule", [[(50.0, 40.0), (66.0, 40.0), (66.0, 52.0), (50.0, 52.0)]]),
            ("Pustule", [[(20.0, 20.0), (26.5, 20.0), (22.0, 27.5)]]),
        ],
    ),
    ("derm2", "plain"): (["Acne"], [("Papule", [[(8.0, 8.0), (40.0, 8.0), (24.0, 44.0)]])]),
    # A second diagnosis: not "single", but its outlines count, as the image has single evaluations.
    ("derm3", "plain"): (
        ["Acne", "Psoriasis"],
        [("Plaque", [[(0.0, 0.0), (79.0, 0.0), (79.0, 59.0), (0.0, 59.0)]])],
    ),
    ("derm1", "tall"): (
        ["Psoriasis"],
        [
            # a hole
            (
                "Plaque",
                [
                    [(5.0, 10.0), (60.0, 12.0), (58.0, 80.0), (7.0, 77.0)],
                    [(25.0, 30.0), (40.0, 30.0), (40.0, 50.0), (25.0, 50.0)],
                ],
            ),
            ("Scale", [[(12.0, 15.0), (22.0, 15.0), (20.0, 60.0)]]),
        ],
    ),
    # Discarded, on an image that another rater kept.
    ("derm4", "tall"): (["Low-quality"], [("Plaque", [[(1.0, 1.0), (30.0, 3.0), (14.0, 60.0)]])]),
    ("derm2", "wide"): (["Vitiligo"], [("Patch", [[(3.0, 5.0), (90.0, 9.0), (60.0, 44.0)]])]),
    ("derm5", "tiny"): (["Viral warts"], [("Papule", [[(4.0, 4.0), (9.0, 5.0), (6.0, 12.0)]])]),
    # The only evaluation of the image is discarded: it is not scored.
    ("derm5", "dropped"): (["Other"], [("Plaque", [[(4.0, 4.0), (20.0, 5.0), (6.0, 22.0)]])]),
}


def annotation(tags, outlines):
    entries = [{"name": tag, "tag": {}} for tag in tags]
    for name, rings in outlines:
        paths = [[{"x": x, "y": y} for x, y in ring] for ring in rings]
        if len(paths) == 1:
            entries.append({"name": name, "polygon": {"path": paths[0]}})
        else:
            entries.append({"name": name, "complex_polygon": {"path": paths}})
    return entries


def draw(rings, size):
    mask = np.zeros(size, np.int32)
    paths = [[coordinate for point in ring for coordinate in point] for ring in rings]
    upolygon.draw_polygon(mask, paths, 1)
    return (mask != 0).astype(np.uint8)


def write_data():
    data = HERE / "data"
    (data / "annotations").mkdir(parents=True)
    (data / "masks" / "masks").mkdir(parents=True)
    for (rater, image), (tags, outlines) in EVALUATIONS.items():
        height, width = IMAGES[image][2]
        name = f"{rater}_{image}"
        content = {
            "dataset": "DermX",
            "image": {"width": width, "height": height, "filename": f"{name}.jpg"},
            "annotations": annotation(tags, outlines),
        }
        path = data / "annotations" / f"{name}.json"
        path.write_text(json.dumps(content) + "\n")
        for idx, (_, rings) in enumerate(outlines):
            mask = Image.fromarray(255 * draw(rings, (height, width)))
            mask.save(data / "masks" / "masks" / f"{name}_{idx:05}.png")
    lines = ["original_filename;dataset;diagnosis;current_filename;skin_tone;age"]
    for image, (diagnosis, _, _) in IMAGES.items():
        lines.append(f"{image}.png;hand-made;{diagnosis};{image}.jpg;light;adult")
    (data / "metadata.csv").write_text("\n".join(lines) + "\n")


def make_maps():
    rng = np.random.default_rng(7)
    return {
        "plain": rng.random((10, 13)).astype(np.float32),
        "tall": (rng.random((7, 7)) - 0.3).astype(np.float64),
        "wide": (60000 * rng.random((5, 9))).astype(np.uint16),
        "tiny": np.zeros((10, 13), np.float32),
    }


def write_maps(maps):
    (HERE / "maps").mkdir()
    for image, values in maps.items():
        if values.dtype == np.uint16:
            Image.fromarray(values).save(HERE / "maps" / f"{image}.png")
        elif image == "tall":
            np.save(HERE / "maps" / f"{image}.npy", np.asfortranarray(values))
        else:
            np.save(HERE / "maps" / f"{image}.npy", values)


def prepare(values):
    values = values / 65535 if values.dtype == np.uint16 else values
    top = values.max()
    unit = np.maximum(values, 0) / top if top > 0 else np.zeros_like(values)
    return resize(np.uint8(255 * unit), SIZE, order=1, mode="reflect")


def scores(heatmap, mask):
    inside = np.minimum(heatmap, mask).sum()
    outside = np.minimum(1 - heatmap, 1 - mask).sum()
    ratio = lambda part, whole: float(part / whole) if whole > 0 else None
    return {
        "f1": ratio(2 * inside, heatmap.sum() + mask.sum()),
        "sensitivity": ratio(inside, mask.sum()),
        "specificity": ratio(outside, (1 - mask).sum()),
        "mass": ratio((heatmap * mask).sum(), heatmap.sum()),
    }


def nearest(mask):
    height, width = mask.shape
    image = Image.fromarray(255 * mask).resize((SIZE[1], SIZE[0]), Image.NEAREST)
    return np.asarray(image) / 255


def rows(maps):
    for (rater, image), (_, outlines) in EVALUATIONS.items():
        if image not in maps:
            continue
        heatmap = prepare(maps[image])
        masks = {}
        for characteristic, rings in outlines:
            mask = draw(rings, IMAGES[image][2])
            for key in (characteristic, "Union"):
                masks[key] = masks.get(key, 0) | mask
        for characteristic, mask in masks.items():
            yield image, rater, characteristic, scores(heatmap, nearest(mask))


def is_typical(characteristic, disease):
    """Outlined in at least half of the kept evaluations of the disease's images."""
    kept = [
        [name for name, _ in outlines]
        for (_, image), (tags, outlines) in EVALUATIONS.items()
        if IMAGES[image][0] == disease and not {"Low-quality", "Other"} & set(tags)
    ]
    return sum(characteristic in names for names in kept) >= len(kept) / 2


def identification(maps):
    """Mean shares of the maps' mass on typical outlines, on others, and outside."""
    shares = []
    for image, values in maps.items():
        heatmap = prepare(values)
        typical, outlined = np.zeros(SIZE), np.zeros(SIZE)
        for (_, of_image), (_, outlines) in EVALUATIONS.items():
            for characteristic, rings in outlines if of_image == image else []:
                mask = nearest(draw(rings, IMAGES[image][2]))
                outlined = np.maximum(outlined, mask)
                if is_typical(characteristic, IMAGES[image][0]):
                    typical = np.maximum(typical, mask)
        if heatmap.sum() > 0:
            parts = [typical, outlined - typical, 1 - outlined]
            shares.append([(heatmap * part).sum() / heatmap.sum() for part in parts])
    return dict(zip(["typical", "other", "outside"], np.mean(shares, axis=0).tolist()))


def main():
    for folder in ("data", "maps"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
    write_data()
    maps = make_maps()
    write_maps(maps)
    with open(HERE / "predictions.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", "gold", "predicted"])
        writer.writerows((image, gold, found) for image, (gold, found, _) in IMAGES.items())
    all_rows = list(rows(maps))
    table = {}
    for characteristic in sorted({row[2] for row in all_rows}):
        table[characteristic] = {}
        for name in SCORES:
            values = [row[3][name] for row in all_rows if row[2] == characteristic]
            defined = [value for value in values if value is not None]
            table[characteristic][name] = {
                "mean": float(np.mean(defined)) if defined else None,
                "std": float(np.std(defined, ddof=1)) if len(defined) > 1 else None,
                "n": len(defined),
                "undefined": len(values) - len(defined),
            }
    gold = [IMAGES[image][0] for image in maps]
    predicted = [IMAGES[image][1] for image in maps]
    golden = {
        "rows": [
            {"image_id": image, "rater": rater, "characteristic": name, **values}
            for image, rater, name, values in all_rows
        ],
        "explanation": table,
        "identification": identification(maps),
        "accuracy": accuracy_score(gold, predicted),
        "f1": dict(
            zip(
                sorted(set(gold)),
                f1_score(gold, predicted, labels=sorted(set(gold)), average=None).tolist(),
            )
        ),
    }
    (HERE / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
