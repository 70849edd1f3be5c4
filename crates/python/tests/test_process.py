"""Threads, signals, forks, and what stays behind."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from conftest import drawn

import dermx

MAPS, MASKS = drawn(6, 2, 2, (30, 40))


def test_sixteen_threads_at_once() -> None:
    expected = dermx.score_arrays(MAPS, MASKS).to_json()
    start = threading.Barrier(16)

    def once(_: int) -> set[str]:
        start.wait()
        return {dermx.score_arrays(MAPS, MASKS).to_json() for _ in range(5)}

    with ThreadPoolExecutor(16) as threads:
        assert set().union(*threads.map(once, range(16))) == {expected}


# Minutes of work on little memory.
LONG = (np.ones((4000, 2, 2), np.float32), np.ones((4000, 1, 1, 2, 2), bool))


def test_the_interpreter_is_free_meanwhile() -> None:
    counted: list[float] = []
    ended = threading.Event()

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    def count() -> None:
        # Another thread runs while scores are computed, and ends the work when it has seen that.
        while len(counted) < 20:
            time.sleep(0.005)
            counted.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
        ended.set()

    before = signal.signal(signal.SIGINT, interrupt)
    thread = threading.Thread(target=count)
    try:
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            dermx.score_arrays(*LONG, size=(1500, 1500))
        assert ended.is_set(), "the work was done before anybody else had a turn"
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_scores_as_its_parent() -> None:
    expected = dermx.score_arrays(MAPS, MASKS).to_json()
    child = os.fork()
    if child == 0:
        # Else a child that waits for threads that it does not have waits forever.
        signal.alarm(120)
        os._exit(0 if dermx.score_arrays(MAPS, MASKS).to_json() == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_a_thousand_calls_leave_nothing_behind() -> None:
    bad = MAPS.copy()
    bad[0, 0, 0] = np.nan

    def calls(num: int) -> int:
        for _ in range(num):
            result = dermx.score_arrays(MAPS, MASKS)
            result.to_dict(), result.per_image(), result._repr_html_()
            with pytest.raises(dermx.DermxError):
                dermx.score_arrays(bad, MASKS)
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    references = sys.getrefcount(MAPS), sys.getrefcount(MASKS)
    num_threads = threading.active_count()
    settled = calls(200)
    grown = calls(1000) - settled
    assert (sys.getrefcount(MAPS), sys.getrefcount(MASKS)) == references
    assert threading.active_count() == num_threads
    # A call that kept its masks would leave 30 MB, one that kept its scores more.
    assert grown < 8e6, f"{grown / 1e6:.1f} MB more"


def test_arrays_may_be_written_again_after_a_call() -> None:
    maps = MAPS.copy()
    with pytest.raises(dermx.DermxError):
        dermx.score_arrays(maps, MASKS[:2])
    maps[...] = 0
    del maps
