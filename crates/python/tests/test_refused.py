"""What is refused, and with which words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import OnDisk, drawn

import dermx

MAPS, MASKS = drawn(3, 2, 2, (6, 8))


def refused(message: str, *arguments: Any, **choices: Any) -> None:
    """Expects the message of an error that is also a ValueError."""
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        dermx.score_arrays(*arguments, **choices)
    assert type(error.value) is dermx.DermxError


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("value, written", [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_values_that_are_not_finite_are_named_with_their_place(kind: Any, value: float, written: str) -> None:
    maps = MAPS.astype(kind)
    maps[2, 4, 1] = value
    refused(f"maps[2]: row 4, column 1: found {written}; expected a finite number", maps, MASKS)
    # The place is that in the array as it was given.
    refused("maps[0]: row 1, column 6: found", maps[::-1, ::-1, ::-1], MASKS)


def test_shapes() -> None:
    refused("maps: found an array of shape (6, 8); expected 3 axes, [images, height, width]", MAPS[0], MASKS)
    refused("maps: found an array of shape (3, 1, 6, 8); expected 3 axes", MAPS[:, None], MASKS)
    refused(
        "masks: found an array of shape (3, 2, 6, 8); expected 5 axes, [images, raters, concepts, height, width]",
        MAPS,
        MASKS[:, :, 0],
    )
    refused("masks: found 2 images (shape (2, 2, 2, 6, 8)); expected 3, as there are maps", MAPS, MASKS[:2])
    refused("read: found an array of shape (3, 3); expected (3, 2), [images, raters]", MAPS, MASKS, np.ones((3, 3), bool))
    refused("read: found an array of shape (3,); expected (3, 2)", MAPS, MASKS, np.ones(3, bool))


@pytest.mark.parametrize("axis, named", list(enumerate(["images", "raters", "concepts", "height", "width"])))
def test_empty_arrays(axis: int, named: str) -> None:
    empty = np.take(MASKS, [], axis=axis)
    maps = MAPS[:0] if axis == 0 else MAPS
    if axis != 0:
        refused(f"masks: found an array of shape {empty.shape}", maps, empty)
        refused(f"expected {named} of 1 or more", maps, empty)
    else:
        refused("maps: found an array of shape (0, 6, 8), [images, height, width]; expected images of 1 or more", maps, empty)
        refused("masks: found an array of shape (0, 2, 2, 6, 8)", MAPS, empty)


def test_nothing_is_marked() -> None:
    refused("nothing is marked in 6 readings of 3 images", MAPS, np.zeros_like(MASKS))
    refused("nothing is marked in 0 readings of 3 images", MAPS, MASKS, np.zeros((3, 2), bool))


def test_types() -> None:
    refused("maps: found the type int64; expected floats", MAPS.astype(np.int64), MASKS)
    refused("maps: found the type complex64", MAPS.astype(np.complex64), MASKS)
    refused("masks: found the type float32; expected truth values (bool) or bytes (uint8)", MAPS, MASKS.astype(np.float32))
    refused("read: found the type float64", MAPS, MASKS, np.ones((3, 2)))
    refused("maps: found the type object", np.array([None, 1]), MASKS)


def test_sizes() -> None:
    refused("size: found 0x8; expected (height, width)", MAPS, MASKS, size=(0, 8))
    refused("size: found 100000x100000", MAPS, MASKS, size=(100_000, 100_000))
    refused("size: ", MAPS, MASKS, size=(300,))
    wide = np.broadcast_to(np.True_, (3, 2, 2, 70_000, 1))
    refused("masks: found 70000x1 pixels", MAPS, wide, size=(6, 8))


def test_choices() -> None:
    refused("average: unknown variant `middle`, expected `mean` or `median`", MAPS, MASKS, average="middle")
    refused("images cannot be split by `age`; there are class, correct", MAPS, MASKS, by=["age"])
    refused("found `class`; expected a list of names", MAPS, MASKS, by="class")
    refused("by right and wrong diagnoses need predictions", MAPS, MASKS, by=["correct"])
    with pytest.raises(TypeError, match="unexpected keyword argument 'nomalize'; did you mean 'normalize'"):
        dermx.score_arrays(MAPS, MASKS, nomalize=False)  # type: ignore[call-arg]


def test_names() -> None:
    refused("images: found 2 of them; expected 3", MAPS, MASKS, images=["a", "b"])
    refused("raters: found `a` twice", MAPS, MASKS, raters=["a", "a"])
    refused("concepts: `Union` is what all that a rater marked is called", MAPS, MASKS, concepts=["Union", "b"])
    refused("two images have the ids `A` and `a`", MAPS, MASKS, images=["a", "A", "b"])
    refused("the id `../a`", MAPS, MASKS, images=["../a", "b", "c"])
    refused("gold: found 2 of them; expected 3", MAPS, MASKS, gold=["x", "y"])
    refused("gold: `z` is not a class; there are: x, y", MAPS, MASKS, gold=["x", "y", "z"], classes=["x", "y"])
    refused("predictions: found 1 of them; expected 3", MAPS, MASKS, gold=["x"] * 3, predictions=["x"])
    refused("expected a class of each image", MAPS, MASKS, gold=["x"] * 3, predictions=["x", None, "x"])


def test_what_is_odd_but_no_error_is_a_warning() -> None:
    blank = MAPS.copy()
    blank[1] = 0
    with pytest.warns(dermx.DermxWarning, match=r"1 of 3 heat maps have no value above 0.*maps\[1\]") as warned:
        result = dermx.score_arrays(blank, MASKS)
    assert Path(warned[0].filename).name == Path(__file__).name
    assert result.explanation["Union"]["mass"]["undefined"] == 2
    with pytest.warns(dermx.DermxWarning, match=r"values in 3 heat maps are above 1"):
        dermx.score_arrays(MAPS * 2, MASKS, normalize=False)


def test_data_sets(on_disk: OnDisk, tmp_path: Path) -> None:
    def says(message: str, call: Any) -> None:
        with pytest.raises(dermx.DermxError, match=re.escape(message)):
            call()

    maps = on_disk.by_image()
    data = dermx.Dataset.open(on_disk.data)
    says("nowhere: found no such folder", lambda: dermx.Dataset.open("nowhere"))
    says("there is no heat map of image `cat/0`", lambda: dermx.score({"cat/1": maps["cat/1"]}, data))
    says('maps["cat/1"]: found an array of shape (48,)', lambda: dermx.score({**maps, "cat/1": maps["cat/1"][:, 0]}, data))
    odd = maps["dog/2"].copy()
    odd[3, 5] = np.nan
    says('maps["dog/2"]: row 3, column 5: found NaN', lambda: dermx.score({**maps, "dog/2": odd}, data))
    says("maps: found ndarray; expected a path, or a dict by image id", lambda: dermx.score(on_disk.maps, data))  # type: ignore[arg-type]
    says("there is nothing to score", lambda: dermx.score(None, data))
    says("`fish` is not a class; there are: cat, dog", lambda: dermx.score(maps, data, dict.fromkeys(on_disk.ids, "fish")))
    says("there is no image `cow`", lambda: data.mask("cow", "bob", "ear"))
    says("`bob` did not read it; it was read by alice", lambda: data.mask("dog/2", "bob", "ear"))
    says("`tail` is not a concept; there are: beak, ear, wing", lambda: data.mask("dog/1", "bob", "tail"))
    says("no such", lambda: dermx.score(tmp_path / "no such", data))
