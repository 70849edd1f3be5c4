"""What the tests share: drawn masks, and data sets on disk."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Maps = NDArray[np.float32]
Masks = NDArray[np.bool_]


def drawn(
    images: int, raters: int, concepts: int, size: tuple[int, int], seed: int = 0
) -> tuple[Maps, Masks]:
    """Maps that look near what is marked, and ellipses that raters draw each in their own way."""
    rng = np.random.default_rng(seed)
    height, width = size
    row, column = np.mgrid[:height, :width]
    masks = np.zeros((images, raters, concepts, height, width), bool)
    maps = np.zeros((images, height, width), np.float32)
    for image in range(images):
        for concept in range(concepts):
            centre = rng.uniform(0.2, 0.8, 2)
            radii = rng.uniform(0.08, 0.3, 2)
            for rater in range(raters):
                y, x = (centre + rng.normal(0, 0.03, 2)) * size
                b, a = (radii * rng.uniform(0.8, 1.25, 2)) * size
                masks[image, rater, concept] = ((row - y) / b) ** 2 + ((column - x) / a) ** 2 <= 1
        y, x = rng.uniform(0.3, 0.7, 2) * size
        spread = (((row - y) / height) ** 2 + ((column - x) / width) ** 2) * 12
        maps[image] = np.exp(-spread) + rng.uniform(0, 0.2, size)
    return maps, masks


def png(pixels: NDArray[Any]) -> bytes:
    """A grey PNG of 8 bits."""
    height, width = pixels.shape

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + row.astype(np.uint8).tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class OnDisk:
    """A data set of six images, two raters and three concepts, with maps and predictions."""

    ids = [f"cat/{idx}" for idx in range(3)] + [f"dog/{idx}" for idx in range(3)]
    gold = ["cat"] * 3 + ["dog"] * 3
    raters = ["alice", "bob"]
    concepts = ["beak", "ear", "wing"]
    size = (48, 64)

    def __init__(self, root: Path) -> None:
        self.data, self.heatmaps = root / "data", root / "maps"
        self.maps, self.masks = drawn(len(self.ids), 2, 3, self.size, seed=7)
        # Bob marks no wing in the first image, and does not read the last.
        self.masks[0, 1, 2] = False
        self.read = np.ones((len(self.ids), 2), bool)
        self.read[-1, 1] = False
        self.predicted = dict(zip(self.ids, ["cat", "dog", "cat", "dog", "dog", "cat"]))
        self.predictions = root / "predictions.csv"
        rows = [f"{image},{predicted}\n" for image, predicted in self.predicted.items()]
        self.predictions.write_text("image_id,predicted\n" + "".join(rows))
        for image_idx, image in enumerate(self.ids):
            photo = self.data / "images" / f"{image}.png"
            photo.parent.mkdir(parents=True, exist_ok=True)
            photo.write_bytes(png(np.full(self.size, 90)))
            heatmap = self.heatmaps / f"{image}.npy"
            heatmap.parent.mkdir(parents=True, exist_ok=True)
            np.save(heatmap, self.maps[image_idx])
            for rater_idx, rater in enumerate(self.raters):
                for concept_idx, concept in enumerate(self.concepts):
                    if self.read[image_idx, rater_idx]:
                        path = self.data / "masks" / rater / image / f"{concept}.png"
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_bytes(png(255 * self.masks[image_idx, rater_idx, concept_idx]))
        (self.data / "dataset.toml").write_text(
            'name = "Birds"\nformat = "masks"\nimages = "images"\nclasses = ["cat", "dog"]\n'
            '[labels]\nfrom = "folders"\n[masks]\npattern = "masks/{rater}/{image}/{concept}.png"\n'
        )

    def by_image(self) -> dict[str, Maps]:
        """The maps in memory."""
        return dict(zip(self.ids, self.maps))


@pytest.fixture(scope="session")
def on_disk(tmp_path_factory: pytest.TempPathFactory) -> OnDisk:
    """The data set on disk."""
    return OnDisk(tmp_path_factory.mktemp("birds"))
