"""What guided attention is worth: the table of docs/guided.md, from the run folders of sweeps.

    dermx synth --out datasets/outlined --images 300 --train-images 12 --seed 11
    dermx sweep --out sweeps/guided --config guided/plain.toml --config guided/characteristics.toml
    dermx sweep --out sweeps/weights --config guided/soft-se-sp.toml --config guided/dice.toml \
        --set train.objective.attention_weight=1,3,10,30
    python experiments/guided.py sweeps/guided sweeps/weights --machine "..." --out experiments/guided.json

Differences are to the same network with a weight of 0 for the loss of the maps. Their unit is the image: a score of an
image is the mean over its raters, then over the seeds. Intervals are of the bootstrap over images (10,000 resamples,
percentiles 2.5 and 97.5); p is of a sign-flip test (10,000 flips, two-sided), by Holm over the groups. Mass is undefined
where a map has no value above 0: such an image is left out of both sides, and counted.
"""

import argparse
import csv
import json
import random
import statistics
import tomllib
from collections import defaultdict
from datetime import date
from pathlib import Path

NUM_RESAMPLES = 10_000
SCORES = ["f1", "mass"]


def group_of(config):
    """The name of the runs that differ in their seeds alone."""
    objective = config["train"]["objective"]
    if objective["name"] != "guided":
        return "class_alone"
    weight = objective["attention_weight"]
    return "concepts" if weight == 0 else f"{objective['attention']}_{weight:g}"


def image_scores(file):
    """Of each score, the mean over raters of each image; None where it is undefined."""
    values = {score: defaultdict(list) for score in SCORES}
    with open(file, newline="") as rows:
        for row in csv.DictReader(rows):
            if row["characteristic"] == "Union":
                for score in SCORES:
                    values[score][row["image_id"]].append(float(row[score]) if row[score] else None)
    return {
        score: {image: None if None in all else statistics.fmean(all) for image, all in images.items()}
        for score, images in values.items()
    }


def read(sweeps):
    """Of each group, its runs: accuracy, skill and the images' scores of each seed."""
    groups = defaultdict(dict)
    for run in sorted(run for sweep in sweeps for run in (sweep / "runs").iterdir()):
        record = run / "eval.json"
        if not record.exists():
            continue
        group = group_of(tomllib.loads((run / "config.toml").read_text()))
        found = json.loads(record.read_text())
        (folder,) = run.glob("seed-*")
        groups[group][int(folder.name.removeprefix("seed-"))] = {
            "accuracy": found["diagnosis"]["accuracy"]["mean"],
            "skill": found["skill"]["Union"]["skill"]["mean"],
            "images": image_scores(folder / "per_image.csv"),
        }
    return groups


def over_seeds(runs, score):
    """Of each image that has the score with every seed, its mean."""
    images = [run["images"][score] for run in runs.values()]
    defined = [image for image in sorted(images[0]) if all(one[image] is not None for one in images)]
    return {image: statistics.fmean(one[image] for one in images) for image in defined}


def compared(first, second):
    """The mean paired difference of two dictionaries of images, its interval, p, and how many images have none."""
    shared = sorted(first.keys() & second.keys())
    differences = [first[image] - second[image] for image in shared]
    draw = random.Random(0)
    mean = statistics.fmean(differences)
    means = sorted(
        statistics.fmean(draw.choices(differences, k=len(differences))) for _ in range(NUM_RESAMPLES)
    )
    flipped = sum(
        abs(statistics.fmean(value if draw.random() < 0.5 else -value for value in differences)) >= abs(mean)
        for _ in range(NUM_RESAMPLES)
    )
    return {
        "mean": round(mean, 4),
        "low": round(means[NUM_RESAMPLES * 25 // 1000], 4),
        "high": round(means[NUM_RESAMPLES * 975 // 1000 - 1], 4),
        "p": (flipped + 1) / (NUM_RESAMPLES + 1),
        "num_images": len(shared),
    }


def holm(tests):
    """Corrects the p values of `tests` in place."""
    largest = 0.0
    for rank, test in enumerate(sorted(tests, key=lambda test: test["p"])):
        largest = max(largest, min(1.0, (len(tests) - rank) * test["p"]))
        test["p_holm"] = round(largest, 4)
        test["p"] = round(test["p"], 4)


def spread(values):
    return {"mean": round(statistics.fmean(values), 3), "std": round(statistics.stdev(values), 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweeps", nargs="+", type=Path)
    parser.add_argument("--machine", required=True)
    parser.add_argument("--out", required=True, type=Path)
    args = parser.parse_args()
    groups = read(args.sweeps)
    base = {score: over_seeds(groups["concepts"], score) for score in SCORES}
    result = {}
    for name, runs in sorted(groups.items()):
        of_images = {score: over_seeds(runs, score) for score in SCORES}
        result[name] = {
            "num_seeds": len(runs),
            "accuracy": spread([run["accuracy"] for run in runs.values()]),
            "skill": spread([run["skill"] for run in runs.values()]),
            "f1": round(statistics.fmean(of_images["f1"].values()), 3),
            "mass": round(statistics.fmean(of_images["mass"].values()), 3),
        }
        if name != "concepts":
            result[name]["difference"] = {score: compared(of_images[score], base[score]) for score in SCORES}
    for score in SCORES:
        holm([group["difference"][score] for group in result.values() if "difference" in group])
    kept = json.loads(args.out.read_text()) if args.out.exists() else {}
    text = {
        "date": date.today().isoformat(),
        "machine": args.machine,
        "command": "experiments/guided.py, whose head has all commands",
        "num_images": len(next(iter(groups["concepts"].values()))["images"]["f1"]),
        "groups": result,
        "cost": kept.get("cost"),
    }
    args.out.write_text(json.dumps(text, indent=2) + "\n")


if __name__ == "__main__":
    main()
