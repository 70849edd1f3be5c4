"""The package equals NumPy, whatever the layout of the arrays."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from conftest import drawn
from numpy.typing import NDArray
from reference import SCORES, UNION, Reference, score

import dermx

SIZE = (30, 40)


def table(expected: Reference, of: dict[str, Any], rows: dict[str, list[dict[str, float]]]) -> None:
    """Compares means and counts."""
    assert sorted(of) == sorted(rows)
    for concept, scores in rows.items():
        for name in SCORES:
            mean, undefined = expected.mean(scores, name)
            found = of[concept][name]
            assert found["mean"] == pytest.approx(mean, abs=1e-9), (concept, name)
            assert (found["n"], found["undefined"]) == (len(scores) - undefined, undefined)


def same(maps: NDArray[Any], masks: NDArray[Any], read: NDArray[np.bool_] | None = None) -> dermx.Result:
    """Compares everything, also mask by mask."""
    result, expected = dermx.score_arrays(maps, masks, read), score(maps, masks, read)
    table(expected, result.explanation, expected.network)
    table(expected, result.ceiling, expected.ceiling)
    assert set(result.baselines) == {"random", *expected.baselines}
    for name, rows in expected.baselines.items():
        table(expected, result.baselines[name], rows)
    for concept in result.skill:
        network, raters, others = expected.comparable(concept)
        found = result.skill[concept]["skill"]["mean"]
        highest = max(others.values())
        if result.skill[concept]["best_baseline"] in others:
            wanted_skill = (network - highest) / (raters - highest)
            assert found == (pytest.approx(wanted_skill, abs=1e-9) if raters > highest else None)
        elif found is not None:
            # Of the noise only that it is the best is known.
            noise = (network - found * raters) / (1 - found)
            assert highest - 1e-9 <= noise < raters
    columns = result.per_image()
    for concept, scores in expected.network.items():
        rows_of = [idx for idx, name in enumerate(columns["characteristic"]) if name == concept]
        for name in SCORES:
            found = [columns[name][idx] for idx in rows_of]
            wanted = [None if np.isnan(row[name]) else row[name] for row in scores]
            assert found == [None if one is None else pytest.approx(one, abs=1e-9) for one in wanted]
    return result


@pytest.mark.parametrize("images, raters, concepts", [(1, 1, 1), (4, 1, 3), (3, 3, 2), (12, 4, 5)])
def test_any_number_of_images_raters_and_concepts(images: int, raters: int, concepts: int) -> None:
    result = same(*drawn(images, raters, concepts, SIZE))
    assert bool(result.ceiling) == bool(result.skill) == (raters > 1)


def test_maps_of_other_sizes_are_brought_to_that_of_the_masks() -> None:
    _, masks = drawn(5, 2, 2, SIZE)
    for size in [(7, 7), (1, 1), (30, 3), (2, 40)]:
        maps = np.random.default_rng(1).uniform(-1, 1, (5, *size)).astype(np.float32)
        # Else one that is below 0 everywhere is warned of.
        maps[:, 0, 0] = 0.5
        same(maps, masks)


def test_masks_are_brought_to_another_size() -> None:
    maps, masks = drawn(4, 2, 2, SIZE)
    larger = masks.repeat(2, axis=3).repeat(2, axis=4)
    one = dermx.score_arrays(maps, masks, size=(60, 80))
    other = dermx.score_arrays(maps, larger)
    assert one.explanation == other.explanation and one.ceiling == other.ceiling


def test_readings_that_are_none_say_nothing() -> None:
    maps, masks = drawn(6, 3, 2, SIZE)
    read = np.ones((6, 3), bool)
    read[[0, 1, 1, 4, 4, 4], [2, 0, 1, 0, 1, 2]] = False
    # Two read and marked nothing.
    masks[2, 1] = False
    masks[3, :, 0] = False
    result = same(maps, masks, read)
    masks[~read] = True
    assert dermx.score_arrays(maps, masks, read).to_json() == result.to_json()
    assert dermx.score_arrays(maps, masks, read.astype(np.uint8)).to_json() == result.to_json()


def test_what_was_not_marked_may_count_as_empty() -> None:
    maps, masks = drawn(3, 2, 2, SIZE)
    masks[0, 0, 0] = False
    left_out = dermx.score_arrays(maps, masks).explanation["concept1"]["f1"]
    empty = dermx.score_arrays(maps, masks, unmarked="empty").explanation["concept1"]["f1"]
    assert (left_out["n"], empty["n"]) == (5, 6)
    assert empty["mean"] == pytest.approx(left_out["mean"] * 5 / 6, abs=1e-12)


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8", "uint16", "bool", "float16"])
def test_types_of_maps(kind: str) -> None:
    maps, masks = drawn(4, 2, 2, SIZE)
    scale = {"uint8": 255, "uint16": 65535}.get(kind, 1)
    typed = (maps > 0.5) if kind == "bool" else (maps / maps.max() * scale).astype(kind)
    # Half-precision floats are 32-bit ones in NumPy's arithmetic, too.
    same(typed.astype(np.float32) if kind == "float16" else typed, masks)
    if kind == "float16":
        expected = dermx.score_arrays(typed.astype(np.float32), masks)
        assert dermx.score_arrays(typed, masks).to_json() == expected.to_json()


def strange(array: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The same numbers in other layouts."""
    last = array.ndim - 1
    wide = np.zeros((*array.shape[:-1], 3 * array.shape[-1]), array.dtype)
    wide[..., 1::3] = array
    turned = np.ascontiguousarray(np.moveaxis(array, -1, 0))
    packed = np.zeros(array.shape, [("before", "u1"), ("value", array.dtype)])
    packed["value"] = array
    swapped = array.astype(array.dtype.newbyteorder()) if array.dtype.itemsize > 1 else array
    read_only = array.copy()
    read_only.flags.writeable = False
    return {
        "every third column": wide[..., 1::3],
        "transposed": np.moveaxis(turned, 0, -1),
        "all axes turned": np.ascontiguousarray(array.T).T,
        "column-major": np.asfortranarray(array),
        "backwards": np.ascontiguousarray(array[::-1, ..., ::-1])[::-1, ..., ::-1],
        "upside down": np.ascontiguousarray(np.flip(array, last - 1))[..., ::-1, :],
        "between addresses": packed["value"],
        "in the other order of bytes": swapped,
        "read only": read_only,
    }


def test_layouts() -> None:
    maps, masks = drawn(5, 2, 3, SIZE)
    expected = dermx.score_arrays(maps, masks).to_json()
    for kind in [np.float32, np.float64]:
        expected_of = dermx.score_arrays(maps.astype(kind), masks).to_json()
        for name, layout in strange(maps.astype(kind)).items():
            assert np.array_equal(layout, maps.astype(kind)), name
            assert dermx.score_arrays(layout, masks).to_json() == expected_of, name
    for name, layout in strange(masks).items():
        assert dermx.score_arrays(maps, layout).to_json() == expected, name
    for name, layout in strange(masks.astype(np.uint8) * np.uint8(255)).items():
        assert dermx.score_arrays(maps, layout).to_json() == expected, name
    # Others write truth as any byte but 0.
    odd = (masks.astype(np.uint8) * np.uint8(6)).view(bool)
    assert dermx.score_arrays(maps, odd).to_json() == expected


def test_one_image_in_place_of_several() -> None:
    maps, masks = drawn(1, 2, 2, SIZE)
    repeated = np.broadcast_to(maps, (6, *SIZE)), np.broadcast_to(masks, (6, 2, 2, *SIZE))
    found = dermx.score_arrays(*repeated)
    whole = dermx.score_arrays(*(array.copy() for array in repeated))
    assert found.to_json() == whole.to_json()
    once = dermx.score_arrays(maps, masks)
    mean = found.explanation[UNION]["f1"]["mean"]
    assert mean == pytest.approx(once.explanation[UNION]["f1"]["mean"], abs=1e-12)


def test_lists_and_whatever_numpy_takes() -> None:
    maps, masks = drawn(2, 1, 1, (3, 4))
    masks[:, :, :, 1, 1] = True
    expected = dermx.score_arrays(maps.astype(np.float64), masks).to_json()
    assert dermx.score_arrays(maps.tolist(), masks.tolist()).to_json() == expected


def test_arrays_are_not_copied() -> None:
    maps, masks = drawn(8, 3, 4, (60, 80))
    for arrays in [(maps, masks), (maps.transpose(0, 2, 1), masks.transpose(0, 1, 2, 4, 3)), (maps[:, ::-1], masks[..., ::-1])]:
        tracemalloc.start()
        dermx.score_arrays(*arrays)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < maps.nbytes / 4, "NumPy made a copy"
