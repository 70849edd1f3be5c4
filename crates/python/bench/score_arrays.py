"""How fast `dermx.score_arrays` is beside plain NumPy, and that both say the same.

    python crates/python/bench/score_arrays.py [--noise]

200 maps, 3 raters, 8 concepts at 300x400. NumPy computes the scores of the maps alone, and with `--all` those of the
two comparable baselines and of the raters among themselves, too; dermx always computes everything: also the noise
baseline, skill, and intervals from 1000 resamples. `--noise` has masks of single pixels at random, the worst there is
for masks kept as runs.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from conftest import drawn
from reference import SCORES, score

import dermx


def timed(work, repeats):
    """The seconds of each repeat, and what came out."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return times, result


def text(times):
    return f"{statistics.median(times):8.3f} s ({min(times):.3f} to {max(times):.3f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--noise", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--images", type=int, default=200)
    args = parser.parse_args()
    size = (300, 400)
    maps, masks = drawn(args.images, 3, 8, size)
    if args.noise:
        masks = np.random.default_rng(0).random(masks.shape, np.float32) < 0.3
    dermx.score_arrays(maps, masks)
    ours, result = timed(lambda: dermx.score_arrays(maps, masks), 5)
    numpys, expected = timed(lambda: score(maps, masks, comparands=args.all), 1)
    worst = 0.0
    tables = [(result.explanation, expected.network), (result.ceiling, expected.ceiling)]
    tables += [(result.baselines[name], rows) for name, rows in expected.baselines.items()]
    for of, rows in tables:
        for concept, scores in rows.items():
            for name in SCORES:
                mean, _ = expected.mean(scores, name)
                worst = max(worst, abs(of[concept][name]["mean"] - mean))
    assert worst < 1e-9, worst
    print(f"{platform.machine()}, {os.cpu_count()} threads, Python {platform.python_version()}, NumPy {np.__version__}")
    print(f"{args.images} maps, 3 raters, 8 concepts, {size[0]}x{size[1]}{', noise' if args.noise else ''}")
    print(f"dermx {text(ours)}")
    print(f"NumPy {text(numpys)}  {'with baselines and raters' if args.all else 'maps alone'}")
    print(f"{statistics.median(numpys) / statistics.median(ours):.0f} times as fast; largest difference {worst:.1e}")


if __name__ == "__main__":
    main()
