"""The page as text; what a reader does with it is in tests/report."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

import numpy as np
import pytest
from example_curves import suggested, usual
from example_grids import bowl

from lrfinder import LRFinderError, RangeTest, Record, Stop, grid
from lrfinder.views.report import report_page, write_report

LIBRARY = ("uPlot.iife.min.js", "uPlot.min.css")


def figures(page):
    return json.loads(re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL)[1])


def test_report_writes_the_page_and_the_same_again(tmp_path):
    result = usual()
    result.report(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == report_page({"": result})


def test_no_result_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(LRFinderError, match="no results"):
        write_report({}, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_the_data_are_those_of_the_result_with_seven_digits():
    result = usual()
    raw = figures(report_page({"": result}))[0]["series"][0]
    assert raw["x"] == pytest.approx(result.lrs, rel=1e-6)
    assert raw["y"] == pytest.approx(result.losses, rel=1e-6)
    assert raw["iterations"] == list(range(90))


def test_ten_thousand_records_need_less_than_a_megabyte_apart_from_the_library():
    lrs = np.geomspace(1e-6, 10, 10_000)
    losses = 2 + np.sin(np.log(lrs)) + np.random.default_rng(0).standard_normal(10_000)
    result = RangeTest(tuple(map(Record, lrs.tolist(), losses.tolist())), Stop.LAST_RATE, usual().settings)
    library = sum(len(files("lrfinder.views.report").joinpath("uplot", name).read_bytes()) for name in LIBRARY)
    assert len(report_page({"": result}).encode()) - library < 1_000_000


def test_nothing_in_the_page_has_an_address_to_load_from():
    page = report_page({"": suggested(), "other": usual()})
    assert not re.search(r"<link|<img|<iframe|@import|url\(|<script[^>]+src", page)


def test_the_policy_names_each_script_and_style_by_its_hash_and_allows_nothing_else():
    page = report_page({"": usual()})
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for kind in ("script", "style"):
        texts = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        hashes = {f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in texts}
        assert set(re.search(rf"{kind}-src ([^;]*);", policy)[1].split()) == hashes


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("uPlot.iife.min.js", "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"),
        ("uPlot.min.css", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"),
    ],
)
def test_the_library_is_unchanged(name, digest):
    assert sha256(files("lrfinder.views.report").joinpath("uplot", name).read_bytes()).hexdigest() == digest


def test_the_page_contains_the_license_of_the_library():
    assert files("lrfinder.views.report").joinpath("uplot", "LICENSE").read_text() in report_page({"": usual()})


def test_a_part_for_each_result_and_one_for_all():
    page = report_page({"adam": usual(), "sgd": suggested()})
    assert re.findall(r"<h2>(.*?)</h2>", page)[:3] == [
        "All runs",
        f"adam: Learning-rate range test: {usual().suggestion.lr:.3g} suggested",
        "sgd: Learning rate 0.03 suggested for 300 iterations",
    ]


def test_a_grid_is_a_figure_for_each_panel_with_common_limits():
    result = grid(bowl, weight_decay=[0.0, 0.01], momentum=[0.0, 0.9], seed=range(2))
    drawn = figures(report_page({"": result}))
    assert [figure["title"] for figure in drawn] == ["momentum 0", "momentum 0.9"]
    assert drawn[0]["x"] == drawn[1]["x"]
    assert drawn[0]["y"] == drawn[1]["y"]
    groups = {series["group"] for series in drawn[0]["series"]}
    assert groups == {"weight_decay 0", "weight_decay 0.01"}
    (mark,) = [mark for figure in drawn for mark in figure["marks"] if mark["kind"] == "rate"]
    assert mark["x"] == result.recommended.lr
