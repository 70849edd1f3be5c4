"""Every table of the DermX paper that the released data allow, with NumPy and Pillow.

    python tables_numpy.py ROOT [--masks png|polygons] [--json FILE]

ROOT is the folder that holds annotations/, masks/ and metadata.csv. The tables go to FILE,
or to standard output, as JSON; wall time and peak memory go to standard error.
Written for Python 3.11, NumPy 2.4 and Pillow 13. One process, dense boolean masks at native
resolution, every mask read once.
"""

import argparse
import csv
import json
import resource
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

DIAGNOSES = ["Acne", "Actinic keratosis", "Psoriasis", "Seborrheic dermatitis",
             "Viral warts", "Vitiligo"]
DISCARD = {"Other-disease", "Low-quality"}
TAGGED = ["Elderly", "Young", "Female", "Male", "Dark skin", "Light skin", "Acral distribution",
          "Exposed areas", "Extensor sites", "Intertriginous", "Köbnerization",
          "Palmo-plantar distribution", "Periorificial", "Seborrheic region", "Symmetrical"]
LOCALISED = ["Macule", "Nodule", "Papule", "Patch", "Plaque", "Pustule", "Scale", "Closed comedo",
             "Cyst", "Dermatoglyph disruption", "Leukotrichia", "Open comedo", "Scar",
             "Sun damage", "Telangiectasia", "Thrombosed capillaries"]
SCORES = ["f1", "sensitivity", "specificity"]


# ---------------------------------------------------------------- reading

class Evaluation:
    """What one rater said about one image."""

    def __init__(self, path):
        data = json.loads(path.read_text(encoding="utf-8"))
        self.name = path.stem
        self.rater, self.image = path.stem.split("_", 1)
        self.size = (data["image"]["height"], data["image"]["width"])
        names = {a["name"] for a in data["annotations"]}
        self.names = names
        self.discard = names & DISCARD
        self.diagnoses = sorted(names & set(DIAGNOSES))
        self.accepted = bool(self.diagnoses) and not self.discard
        self.single = self.accepted and len(self.diagnoses) == 1
        # Outlined instances: the position in this list is the number of the mask file.
        self.instances = []
        for a in data["annotations"]:
            if "polygon" in a:
                self.instances.append((a["name"], [ring_array(a["polygon"]["path"])]))
            elif "complex_polygon" in a:
                rings = [ring_array(r) for r in a["complex_polygon"]["path"]]
                self.instances.append((a["name"], rings))


def ring_array(points):
    return np.array([(p["x"], p["y"]) for p in points], dtype=float)


def read_metadata(path):
    with open(path, encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f, delimiter=";"))
    return {row["current_filename"].rsplit(".", 1)[0]: row for row in rows}


# ---------------------------------------------------------------- outlines to masks

def ranges(lengths):
    """0..n-1 for every n of lengths, one after the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)


def fill_rings(mask, rings):
    """Add to mask the pixels inside the rings (even-odd over all rings) and on their edges."""
    height, width = mask.shape
    rings = [np.rint(np.clip(r, 0, (width - 1, height - 1))).astype(np.int64) for r in rings]
    start = np.concatenate(rings)
    end = np.concatenate([np.roll(r, -1, axis=0) for r in rings])
    (x_min, y_min), (x_max, y_max) = start.min(axis=0), start.max(axis=0)
    box = mask[y_min:y_max + 1, x_min:x_max + 1]
    start, end = start - (x_min, y_min), end - (x_min, y_min)

    # Interior: where the edges cross each row, sorted and paired.
    up = start[:, 1] > end[:, 1]
    low, high = np.where(up[:, None], end, start), np.where(up[:, None], start, end)
    rise = high[:, 1] - low[:, 1]
    edge = np.repeat(np.arange(len(rise)), rise)      # horizontal edges vanish here
    step = ranges(rise)
    y = low[edge, 1] + step
    x = low[edge, 0] + step * (high[edge, 0] - low[edge, 0]) / rise[edge]
    order = np.lexsort((x, y))
    y, x = y[order], x[order]
    change = np.zeros((box.shape[0], box.shape[1] + 1), dtype=np.int16)
    np.add.at(change, (y[0::2], np.ceil(x[0::2]).astype(np.int64)), 1)
    np.add.at(change, (y[1::2], np.floor(x[1::2]).astype(np.int64) + 1), -1)
    box |= np.cumsum(change, axis=1, dtype=np.int16)[:, :-1] > 0

    # Edges: 8-connected lines from left to right; halfway cases do not step sideways.
    # A slanted line leaves out its right end point (it matters at spikes only).
    swap = start[:, 0] > end[:, 0]
    left, right = np.where(swap[:, None], end, start), np.where(swap[:, None], start, end)
    delta = right - left
    length = np.abs(delta).max(axis=1)
    count = length + (delta == 0).any(axis=1)
    edge = np.repeat(np.arange(len(length)), count)
    step = ranges(count)
    major = np.maximum(length, 1)[edge]
    moved = (2 * step[:, None] * np.abs(delta[edge]) + major[:, None] - 1) // (2 * major[:, None])
    point = left[edge] + np.sign(delta[edge]) * moved
    box[point[:, 1], point[:, 0]] = True


def union_masks(evaluation, source, mask_folder):
    """Class name -> OR of the rater's instances of that class."""
    masks = {}
    for number, (name, rings) in enumerate(evaluation.instances):
        if name not in LOCALISED:
            continue
        if source == "png":
            with Image.open(mask_folder / f"{evaluation.name}_{number:05d}.png") as png:
                instance = np.asarray(png) > 0
            if instance.shape != evaluation.size:
                raise ValueError(f"{evaluation.name}: mask {number} has the wrong size")
            if name in masks:
                masks[name] |= instance
            else:
                masks[name] = instance
        else:
            if name not in masks:
                masks[name] = np.zeros(evaluation.size, dtype=bool)
            fill_rings(masks[name], rings)
    return masks


# ---------------------------------------------------------------- scores

def summary(values, ddof):
    values = np.asarray(values, dtype=float)
    return {"mean": values.mean(), "std": values.std(ddof=ddof), "n": len(values)}


def ratio(top, bottom):
    """top / bottom, with 0 / 0 = 0."""
    return np.divide(top, bottom, out=np.zeros(np.shape(top)), where=bottom > 0)


def scores(tp, reference, predicted, total):
    tn = total - reference - predicted + tp
    return {"f1": ratio(2 * tp, reference + predicted), "sensitivity": ratio(tp, reference),
            "specificity": ratio(tn, total - reference)}


def yes_no(evaluations, raters, images, labels):
    """judged[rater, image] and said[label, rater, image] as 0 / 1."""
    rater_index = {r: k for k, r in enumerate(raters)}
    image_index = {i: k for k, i in enumerate(images)}
    judged = np.zeros((len(raters), len(images)))
    said = np.zeros((len(labels), len(raters), len(images)))
    for e, present in evaluations:
        r, i = rater_index[e.rater], image_index[e.image]
        judged[r, i] = 1
        said[:, r, i] = [label in present for label in labels]
    return judged, said


def pair_table(judged, said, labels):
    """Each ordered pair of raters: the first is the reference, on the images both judged."""
    shared = judged @ judged.T
    use = (shared > 0) & ~np.eye(len(judged), dtype=bool)
    table = {}
    for label, s in zip(labels, said):
        reference, predicted = s @ judged.T, judged @ s.T
        values = scores(s @ s.T, reference, predicted, shared)
        table[label] = {name: summary(values[name][use], 0) for name in SCORES}
        table[label]["pairs_without_positive_reference"] = int((reference[use] == 0).sum())
    return table


def gold_table(judged, said, gold):
    """Each rater against the gold standard, one diagnosis against the rest."""
    table = {}
    for label, s, g in zip(DIAGNOSES, said, gold):
        tp, reference, predicted = (s * g).sum(1), (judged * g).sum(1), s.sum(1)
        total = judged.sum(1)
        values = scores(tp, reference, predicted, total)
        table[label] = {name: summary(values[name], 0) for name in SCORES}
        accuracy = (total - reference - predicted + 2 * tp) / total
        table[label]["one_vs_rest_accuracy"] = accuracy.mean()
    return table


def mask_table(by_image, source, mask_folder):
    """Ordered pairs of outlines, image by image; pairs with both masks empty are left out."""
    values = {name: {s: [] for s in SCORES} for name in LOCALISED}
    for evaluations in by_image.values():
        evaluations = [e for e in evaluations if e.single]
        if len(evaluations) < 2:
            continue
        masks = [union_masks(e, source, mask_folder) for e in evaluations]
        pixels = evaluations[0].size[0] * evaluations[0].size[1]
        areas = [{n: np.count_nonzero(m) for n, m in rater.items()} for rater in masks]
        for name in sorted(set().union(*masks)):
            for a in range(len(masks)):
                for b in range(a):
                    area_a, area_b = areas[a].get(name, 0), areas[b].get(name, 0)
                    if area_a + area_b == 0:
                        continue
                    both = 0
                    if area_a and area_b:
                        both = np.count_nonzero(masks[a][name] & masks[b][name])
                    for reference, other in ((area_a, area_b), (area_b, area_a)):
                        outside = pixels - reference
                        values[name]["f1"].append(2 * both / (reference + other))
                        if reference:
                            values[name]["sensitivity"].append(both / reference)
                        if outside:
                            values[name]["specificity"].append((outside - other + both) / outside)
    table = {}
    for name in LOCALISED:
        table[name] = {s: summary(values[name][s], 1) for s in SCORES}
        table[name]["ordered_pairs"] = len(values[name]["f1"])
    return table


# ---------------------------------------------------------------- counts

def unresolved(evaluation, others):
    """Several diagnoses, and the other raters' diagnoses do not point to exactly one of them."""
    given = {d for o in others if o is not evaluation and o.accepted for d in o.diagnoses}
    return len(evaluation.diagnoses) > 1 and len(given & set(evaluation.diagnoses)) != 1


def count_evaluations(evaluations, by_image, judged):
    accepted = [e for e in evaluations if e.accepted]
    single = [e for e in evaluations if e.single]
    settled = [e for e in accepted if not unresolved(e, by_image[e.image])]
    shared = (judged @ judged.T)[np.triu_indices(len(judged), 1)]
    per_image = Counter(str(len(group)) for group in by_image.values())
    return {
        "evaluations": len(evaluations),
        "images": len(by_image),
        "evaluations_per_image": dict(per_image),
        "with_discard_tag": sum(bool(e.discard) for e in evaluations),
        "other_disease_tag": sum("Other-disease" in e.discard for e in evaluations),
        "low_quality_tag": sum("Low-quality" in e.discard for e in evaluations),
        "without_any_diagnosis_tag": sum(not e.discard and not e.diagnoses for e in evaluations),
        "discarded": len(evaluations) - len(accepted),
        "accepted_evaluations": len(accepted),
        "accepted_images": len({e.image for e in accepted}),
        "multi_diagnosis_evaluations": len(accepted) - len(single),
        "multi_diagnosis_unresolved": len(accepted) - len(settled),
        "single_evaluations": len(single),
        "single_images": len({e.image for e in single}),
        "accepted_minus_unresolved_evaluations": len(settled),
        "accepted_minus_unresolved_images": len({e.image for e in settled}),
        "shared_images_per_rater_pair": {
            "pairs": len(shared), "min": int(shared.min()), "median": float(np.median(shared)),
            "max": int(shared.max()), "zero": int((shared == 0).sum())},
    }


# ---------------------------------------------------------------- everything

def all_tables(root, source):
    metadata = read_metadata(root / "metadata.csv")
    files = sorted((root / "annotations").glob("*.json"))
    evaluations = [e for e in map(Evaluation, files) if e.image in metadata]
    by_image = defaultdict(list)
    for e in evaluations:
        by_image[e.image].append(e)
    raters, images = sorted({e.rater for e in evaluations}), sorted(by_image)
    accepted = [e for e in evaluations if e.accepted]
    single_images = sorted({e.image for e in evaluations if e.single})

    # Diagnosis: of several, the first in the alphabet.
    judged, said = yes_no([(e, e.diagnoses[:1]) for e in accepted], raters, images, DIAGNOSES)
    gold = np.array([[metadata[i]["diagnosis"] == d for i in images] for d in DIAGNOSES], float)
    labels = TAGGED + LOCALISED
    _, present = yes_no([(e, e.names) for e in accepted], raters, images, labels)

    table_1 = {s: {d: 0 for d in DIAGNOSES} for s in sorted({r["dataset"] for r in metadata.values()})}
    for i in single_images:
        table_1[metadata[i]["dataset"]][metadata[i]["diagnosis"]] += 1
    table_3a = pair_table(judged, present, labels)
    for label, p in zip(labels, present):
        table_3a[label]["evaluations"] = int(p.sum())
        table_3a[label]["images"] = int(p.any(axis=0).sum())
    return {
        "raters": raters,
        "counts": count_evaluations(evaluations, by_image, judged),
        "table_1": table_1,
        "table_4_dermx": {d: sum(row[d] for row in table_1.values()) for d in DIAGNOSES},
        "skin_tone": Counter(r["skin_tone"] for r in metadata.values()),
        "age": Counter(r["age"] for r in metadata.values()),
        "table_2a": gold_table(judged, said, gold),
        "table_2b": pair_table(judged, said, DIAGNOSES),
        "table_3a": table_3a,
        "table_3b": mask_table(by_image, source, root / "masks" / "masks"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--masks", choices=["png", "polygons"], default="png")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    start = time.perf_counter()
    text = json.dumps(all_tables(options.root, options.masks), indent=1, ensure_ascii=False)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024   # Linux: kilobytes
    print(f"masks: {options.masks}, wall time: {time.perf_counter() - start:.2f} s, "
          f"peak memory: {peak:.0f} MiB", file=sys.stderr)


if __name__ == "__main__":
    main()
