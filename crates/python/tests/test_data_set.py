"""Data sets, and the same bytes as the command's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import OnDisk

import dermx

COMMAND = dermx.find_command()
needs_command = pytest.mark.skipif(
    COMMAND is None, reason="the command `dermx` is not there: put it in PATH or name it in DERMX_COMMAND"
)


def command(*args: Any) -> str:
    """What the command prints."""
    assert COMMAND is not None
    ended = subprocess.run([COMMAND, *map(str, args)], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout.decode()


def test_what_a_data_set_holds(on_disk: OnDisk) -> None:
    data = dermx.Dataset.open(on_disk.data)
    assert (data.name, data.images, data.classes) == ("Birds", on_disk.ids, ["cat", "dog"])
    assert (data.raters, data.concepts) == (on_disk.raters, on_disk.concepts)
    assert (len(data), data.raters_of("dog/2"), data.gold("dog/2")) == (6, ["alice"], "dog")
    assert repr(data) == "<dermx.Dataset `Birds`: 6 images, 2 classes, 3 concepts, 2 raters>"
    for image_idx, rater_idx in zip(*np.nonzero(on_disk.read)):
        for concept_idx, concept in enumerate(on_disk.concepts):
            mask = data.mask(on_disk.ids[image_idx], on_disk.raters[rater_idx], concept)
            assert mask.dtype == np.bool_
            assert np.array_equal(mask, on_disk.masks[image_idx, rater_idx, concept_idx])


def test_files_and_arrays_score_alike(on_disk: OnDisk, tmp_path: Path) -> None:
    data = dermx.Dataset.open(on_disk.data)
    choices: Any = {"localization": True, "by": ["class", "correct"], "min_images": 1, "size": on_disk.size}
    of_files = dermx.score(on_disk.heatmaps, str(on_disk.data), on_disk.predictions, **choices)
    of_arrays = dermx.score(on_disk.by_image(), data, on_disk.predicted, **choices)
    assert of_arrays.to_json() == of_files.to_json()
    alone = dermx.score_arrays(
        on_disk.maps,
        on_disk.masks,
        on_disk.read,
        on_disk.gold,
        predictions=list(on_disk.predicted.values()),
        images=on_disk.ids,
        raters=on_disk.raters,
        concepts=on_disk.concepts,
        name="Birds",
        **choices,
    )
    assert alone.to_json() == of_files.to_json()
    of_arrays.write(tmp_path / "scores")
    assert (tmp_path / "scores/eval.json").read_bytes() == of_arrays.to_json().encode()
    assert sorted(path.name for path in (tmp_path / "scores").iterdir()) == ["diagnoses.csv", "eval.json", "maps.csv", "per_image.csv"]


@needs_command
def test_the_same_bytes_as_the_command(on_disk: OnDisk, tmp_path: Path) -> None:
    files = ["--data", on_disk.data, "--heatmaps", on_disk.heatmaps]
    data = dermx.Dataset.open(on_disk.data)
    command("evaluate", *files, "--out", tmp_path)
    assert dermx.score(on_disk.by_image(), data).to_json().encode() == (tmp_path / "eval.json").read_bytes()
    tried: list[tuple[list[str], dict[str, Any]]] = [
        (["--localization", "--by", "class", "--min-images", "1"], {"localization": True, "by": ["class"], "min_images": 1}),
        (["--size", "48x64", "--no-normalize", "--no-quantize", "--clamp-border"],
         {"size": on_disk.size, "normalize": False, "quantize": False, "border": "clamp"}),
        (["--rows", "all", "--union-rows", "kept_evaluations", "--unmarked", "empty"],
         {"rows": "all", "union_rows": "kept_evaluations", "unmarked": "empty"}),
        (["--average", "median", "--union-average", "classes"], {"average": "median", "union_average": "classes"}),
    ]
    for options, choices in tried:
        if choices.get("normalize") is False:
            # Values above 1 are warned of, by both.
            with pytest.warns(dermx.DermxWarning, match="above 1"):
                found = dermx.score(on_disk.heatmaps, data, **choices)
        else:
            found = dermx.score(on_disk.heatmaps, data, **choices)
        assert found.to_json() == command("evaluate", *files, *options, "--json"), options
    predictions = ["--predictions", on_disk.predictions]
    exchange = ["--class-exchange", "cat", "dog"]
    found = dermx.score(on_disk.by_image(), data, on_disk.predicted, class_exchange=("cat", "dog"))
    assert found.to_json() == command("evaluate", *files, *predictions, *exchange, "--json")
    found = dermx.score(None, data, on_disk.predicted)
    assert found.to_json() == command("evaluate", "--data", on_disk.data, *predictions, "--json")
    found = dermx.baselines(on_disk.data, size=(30, 40))
    assert found.to_json() == command("evaluate", "--baselines", "--data", on_disk.data, "--size", "30x40", "--json")
    found = dermx.agreement(data, bootstrap=20, seed=3)
    assert found.to_json() == command("dataset", "tables", "--data", on_disk.data, "--bootstrap", 20, "--seed", 3, "--json")


@needs_command
def test_arrays_alone_give_the_bytes_of_the_command(on_disk: OnDisk, tmp_path: Path) -> None:
    command("evaluate", "--data", on_disk.data, "--heatmaps", on_disk.heatmaps, "--size", "48x64", "--out", tmp_path)
    names: Any = {"images": on_disk.ids, "raters": on_disk.raters, "concepts": on_disk.concepts, "name": "Birds"}
    result = dermx.score_arrays(on_disk.maps, on_disk.masks, on_disk.read, on_disk.gold, **names)
    assert result.to_json().encode() == (tmp_path / "eval.json").read_bytes()
    result.write(tmp_path / "again")
    for name in ["eval.json", "per_image.csv"]:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / name).read_bytes()


@needs_command
def test_the_command_from_python(on_disk: OnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    printed = dermx.run(["dataset", "describe", "--data", on_disk.data, "--json"])
    assert isinstance(json.loads(printed), dict)
    with pytest.raises(dermx.DermxError, match="nowhere: found no such folder"):
        dermx.run(["dataset", "describe", "--data", "nowhere"])
    assert "error: nowhere" in capsys.readouterr().err


def test_where_there_is_no_command_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ["DERMX_COMMAND", "PATH"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CARGO_HOME", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    monkeypatch.setattr("os.defpath", str(tmp_path))
    assert dermx.find_command() is None
    with pytest.raises(dermx.DermxError, match="there is no command `dermx`"):
        dermx.run(["--version"])
    monkeypatch.setenv("DERMX_COMMAND", "/somewhere/dermx")
    assert dermx.find_command() == "/somewhere/dermx"
