"""What a result shows and hands over."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from conftest import OnDisk, drawn

import dermx


@pytest.fixture(scope="module")
def result() -> dermx.Result:
    maps, masks = drawn(6, 2, 2, (20, 30))
    masks[0, 0, 0] = False
    gold = [0, 1, None, 0, 1, 1]
    return dermx.score_arrays(maps, masks, gold=gold, predictions=np.array([0, 1, 1, 0, 0, 1]), localization=True)


def test_dicts_are_those_of_the_json(result: dermx.Result) -> None:
    document = json.loads(result.to_json())
    assert document["schema"] == 2 and result.to_dict() == document
    for name in ["explanation", "skill", "baselines", "ceiling", "diagnosis"]:
        assert getattr(result, name) == document[name], name
    assert result.diagnosis["accuracy"]["mean"] == pytest.approx(4 / 5)
    assert result.to_dict()["classes"] == ["0", "1"]


def test_frames(result: dermx.Result) -> None:
    columns = result.per_image()
    names = ["image_id", "rater", "characteristic", "f1", "sensitivity", "specificity", "mass"]
    assert list(columns)[:7] == names and "pointing" in columns
    assert len(columns["f1"]) == 6 * 2 * 3 - 1
    pandas, polars = result.to_pandas(), result.to_polars()
    assert list(pandas.columns) == polars.columns == list(columns)
    assert pandas["f1"].tolist() == polars["f1"].to_list() == columns["f1"]
    union = result.explanation["Union"]["f1"]["mean"]
    assert pandas[pandas["characteristic"] == "Union"]["f1"].mean() == pytest.approx(union)
    assert polars.filter(polars["characteristic"] == "Union")["f1"].mean() == pytest.approx(union)


def test_undefined_scores_are_none_and_missing_in_frames() -> None:
    maps, masks = drawn(2, 1, 1, (6, 8))
    masks[0] = True
    alone = dermx.score_arrays(maps, masks)
    assert alone.per_image()["specificity"][0] is None
    assert np.isnan(alone.to_pandas()["specificity"][0])
    assert alone.to_polars()["specificity"][0] is None
    assert "NaN" not in alone.to_json()


def test_a_result_shows_itself(result: dermx.Result) -> None:
    text = repr(result)
    assert text.startswith("scored: 6 images, 23 masks, 12 unions of masks")
    for part in ["fuzzy F1", "concept1", "Union", "skill", "centre_gaussian", "Diagnosis", "Where maps are highest"]:
        assert part in text.replace("centre gaussian", "centre_gaussian"), part
    html = result._repr_html_()
    page = ElementTree.fromstring(f"<div>{html}</div>")
    assert len(page.findall(".//table")) >= 4
    assert any((cell.text or "").strip() == "Union" for cell in page.iter("th"))


def test_names_are_escaped() -> None:
    maps, masks = drawn(2, 2, 1, (6, 8))
    html = dermx.score_arrays(maps, masks, concepts=["<script>"])._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html


def test_other_results(on_disk: OnDisk, tmp_path: Path) -> None:
    agreement = dermx.agreement(on_disk.data)
    assert "where concepts are" in repr(agreement) and "<table" in agreement._repr_html_()
    assert agreement.per_image() == {"image_id": [], "rater": [], "characteristic": [], "f1": [],
                                     "sensitivity": [], "specificity": [], "mass": []}
    assert agreement.to_dict()["outlines"]["ear"]["units"] == 10
    agreement.write(tmp_path)
    assert (tmp_path / "tables.json").read_text() == agreement.to_json()
    with pytest.raises(dermx.DermxError, match="no report of the tables of agreement"):
        agreement.report(tmp_path)
    baselines = dermx.baselines(on_disk.data, size=(30, 40))
    assert baselines.explanation == {} and sorted(baselines.baselines) == ["centre_gaussian", "random", "uniform_ones"]
    assert "never saw a network" in repr(baselines)
    assert baselines.diagnosis == {} and agreement.skill == {}


def test_a_report(result: dermx.Result, tmp_path: Path) -> None:
    page = result.report(tmp_path / "report")
    assert page == tmp_path / "report/index.html"
    text = page.read_text()
    assert "Heat maps on arrays" in text and "concept1" in text and "://" not in text.split("</head>")[0]
    assert (tmp_path / "report/tables/explanation.csv").is_file()
