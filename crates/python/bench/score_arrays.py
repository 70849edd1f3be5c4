"""How fast `dermx.score_arrays` is beside plain NumPy, and that both say the same.

    python crates/python/bench/score_arrays.py [--maps-alone] [--noise]

200 maps, 3 raters, 8 concepts at 300x400. NumPy computes the scores of the maps, of two baselines and of the raters
among themselves, with `--maps-alone` only the first; dermx always computes everything: also the noise baseline, skill,
and intervals from 1000 resamples. `--noise` has masks of single pixels at random, the worst there is for masks that are
kept as runs. Both times are given, of the clock and of the processor: NumPy uses one thread, dermx all.
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
    """The seconds of each repeat by the clock and of the processor, and what came out."""
    times, used = [], []
    for _ in range(repeats):
        start, start_used = time.perf_counter(), time.process_time()
        result = work()
        times.append(time.perf_counter() - start)
        used.append(time.process_time() - start_used)
    return times, used, result


def text(times, used):
    clock = f"{statistics.median(times):8.3f} s ({min(times):.3f} to {max(times):.3f})"
    return f"{clock}, processor {statistics.median(used):.3f} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--noise", action="store_true")
    parser.add_argument("--maps-alone", action="store_true")
    parser.add_argument("--images", type=int, default=200)
    args = parser.parse_args()
    size = (300, 400)
    maps, masks = drawn(args.images, 3, 8, size)
    if args.noise:
        masks = np.random.default_rng(0).random(masks.shape, np.float32) < 0.3
    dermx.score_arrays(maps, masks)
    ours, our_used, result = timed(lambda: dermx.score_arrays(maps, masks), 5)
    numpys, numpy_used, expected = timed(lambda: score(maps, masks, comparands=not args.maps_alone), 1)
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
    print(f"dermx {text(ours, our_used)}")
    print(f"NumPy {text(numpys, numpy_used)}{'; maps alone' if args.maps_alone else ''}")
    print(f"{statistics.median(numpys) / statistics.median(ours):.0f} times as fast; largest difference {worst:.1e}")


if __name__ == "__main__":
    main()
