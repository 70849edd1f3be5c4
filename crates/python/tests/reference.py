"""The scores in plain NumPy, written from their definitions: what the package has to equal.

Not here are noise maps, which are drawn by dermx's own generator, and intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Scores = dict[str, float]

UNION = "Union"
SCORES = ("f1", "sensitivity", "specificity", "mass")


def _taps(old: int, new: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Lower and upper neighbour of each new pixel, mirrored at the border, and the upper one's weight."""
    assert new >= old, "maps only grow here: one that shrinks is blurred first"
    position = (np.arange(new) + 0.5) * old / new - 0.5
    low = np.floor(position).astype(np.int64)
    last = max(old - 1, 1)

    def inside(idx: NDArray[np.int64]) -> NDArray[np.int64]:
        folded = np.asarray(last - np.abs(last - np.mod(idx, 2 * last)))
        return folded if old > 1 else np.zeros_like(idx)

    return inside(low), inside(low + 1), position - low


def prepare(heatmap: NDArray[Any], size: tuple[int, int]) -> Floats:
    """A map divided by its maximum, cut to 256 levels, and resized."""
    if heatmap.dtype == np.bool_:
        heatmap = heatmap.astype(np.float64)
    elif heatmap.dtype.kind == "u":
        heatmap = heatmap / np.float64(np.iinfo(heatmap.dtype).max)
    highest = heatmap.max()
    if highest <= 0:
        return np.zeros(size)
    share = np.clip(heatmap / highest, 0, 1)
    values: Floats = np.floor(share.dtype.type(255) * share).astype(np.float64) / 255
    if values.shape == size:
        return values
    low, high, weight = _taps(values.shape[1], size[1])
    values = values[:, low] * (1 - weight) + values[:, high] * weight
    low, high, weight = _taps(values.shape[0], size[0])
    grown: Floats = values[low] * (1 - weight)[:, None] + values[high] * weight[:, None]
    return grown


def scores_of(values: Floats, mask: NDArray[np.bool_]) -> Scores:
    """TP = sum min(A, S), TN = sum min(1 - A, 1 - S); NaN stands for 0 / 0."""
    inside = mask.astype(np.float64)
    positive = np.minimum(values, inside).sum()
    negative = np.minimum(1 - values, 1 - inside).sum()
    with np.errstate(invalid="ignore"):
        return {
            "f1": 2 * positive / (values.sum() + inside.sum()),
            "sensitivity": positive / inside.sum(),
            "specificity": negative / (1 - inside).sum(),
            "mass": (values * inside).sum() / values.sum(),
        }


def centre_gaussian(size: tuple[int, int]) -> NDArray[np.float32]:
    """A Gaussian in the middle, with a standard deviation of a quarter of each side."""

    def profile(length: int) -> Floats:
        distance = (np.arange(length) - (length - 1) / 2) / (length / 4)
        bell: Floats = np.exp(-(distance**2) / 2)
        return bell

    return np.outer(profile(size[0]), profile(size[1])).astype(np.float32)


@dataclass
class Reference:
    """Scores of maps, by concept the rows in the order of image and rater, each with the number of its image."""

    network: dict[str, list[Scores]]
    baselines: dict[str, dict[str, list[Scores]]]
    ceiling: dict[str, list[Scores]]

    @staticmethod
    def mean(rows: list[Scores], score: str) -> tuple[float | None, int]:
        """The mean of what is defined, and how many rows are not."""
        values = np.array([row[score] for row in rows])
        defined = values[~np.isnan(values)]
        return (float(defined.mean()) if len(defined) else None), int(np.isnan(values).sum())

    def comparable(self, concept: str) -> tuple[float, float, dict[str, float]]:
        """F1 of the network, of raters among themselves and of each baseline, on the images on which two raters can
        be compared, each weighing as much as it has rows of the network."""
        raters: dict[float, list[float]] = {}
        for row in self.ceiling[concept]:
            raters.setdefault(row["image"], []).append(row["f1"])

        def on_those(rows: list[Scores]) -> list[Scores]:
            return [row for row in rows if row["image"] in raters]

        network = on_those(self.network[concept])
        means = [float(np.mean(raters[row["image"]])) for row in network]
        baselines = {name: on_those(rows[concept]) for name, rows in self.baselines.items()}
        return (
            float(np.mean([row["f1"] for row in network])),
            float(np.mean(means)),
            {name: float(np.mean([row["f1"] for row in rows])) for name, rows in baselines.items()},
        )


def rater_masks(
    masks: NDArray[Any], read: NDArray[np.bool_] | None, names: list[str]
) -> list[list[tuple[int, str, NDArray[np.bool_]]]]:
    """Of each image the marked masks: rater, concept, pixels; the union of each rater's last."""
    images = []
    for image_idx in range(masks.shape[0]):
        found = []
        for rater_idx in range(masks.shape[1]):
            if read is not None and not read[image_idx, rater_idx]:
                continue
            of_rater = [masks[image_idx, rater_idx, idx] != 0 for idx in range(masks.shape[2])]
            marked = [(rater_idx, name, mask) for name, mask in zip(names, of_rater) if mask.any()]
            if marked:
                marked.append((rater_idx, UNION, np.logical_or.reduce([mask for _, _, mask in marked])))
            found.extend(marked)
        images.append(found)
    return images


def score(
    maps: NDArray[Any], masks: NDArray[Any], read: NDArray[np.bool_] | None = None, comparands: bool = True
) -> Reference:
    """All scores; without `comparands` those of the maps alone."""
    names = [f"concept{idx + 1}" for idx in range(masks.shape[2])]
    size = (masks.shape[3], masks.shape[4])
    images = rater_masks(masks, read, names)
    as_is = {"centre_gaussian": centre_gaussian(size).astype(np.float64), "uniform_ones": np.ones(size)}
    result = Reference({}, {name: {} for name in as_is}, {})
    for image_idx, (heatmap, found) in enumerate(zip(maps, images)):
        values = prepare(heatmap, size)

        def fuzzy(values: Floats, mask: NDArray[np.bool_], image: float = image_idx) -> Scores:
            return {**scores_of(values, mask), "image": image}

        for rater_idx, concept, mask in found:
            result.network.setdefault(concept, []).append(fuzzy(values, mask))
            if not comparands:
                continue
            for name, baseline in as_is.items():
                result.baselines[name].setdefault(concept, []).append(fuzzy(baseline, mask))
            for other_idx, other_concept, other in found:
                if other_idx != rater_idx and other_concept == concept:
                    result.ceiling.setdefault(concept, []).append(fuzzy(other.astype(np.float64), mask))
    return result
