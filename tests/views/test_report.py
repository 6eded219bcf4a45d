"""The page as text; what a reader does with it is in tests/report."""

import json
import math
import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

import numpy as np
import pytest
from example_curves import suggested, swept, usual
from example_grids import bowl
from fake_learners import Bowl, Scripted

from lrfinder import LRFinder, LRFinderError, RangeTest, Record, Status, Stop, grid
from lrfinder.views.report import report_page, write_report
from lrfinder.views.report.overlay import HEADER, differences
from lrfinder.views.report.usage import usage

LIBRARY = ("uPlot.iife.min.js", "uPlot.min.css")


def figures(page):
    return json.loads(re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL)[1])


def test_report_writes_the_page_and_the_same_again(tmp_path):
    result = usual()
    result.report(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == report_page({"": result})


def test_no_result_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(LRFinderError, match="no result"):
        write_report({}, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_the_data_are_those_of_the_result_to_seven_digits():
    result = usual()
    raw = figures(report_page({"": result}))[0]["series"][0]
    assert raw["x"] == pytest.approx(result.lrs, rel=1e-6)
    assert raw["y"] == pytest.approx(result.losses, rel=1e-6)
    assert raw["iterations"] == list(range(90))


def test_ten_thousand_records_take_less_than_a_megabyte_beside_the_library():
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


def test_the_page_holds_the_librarys_licence_as_what_is_given_away_must():
    assert files("lrfinder.views.report").joinpath("uplot", "LICENSE").read_text() in report_page({"": usual()})


def test_a_part_for_each_result_and_one_for_all():
    page = report_page({"adam": usual(), "sgd": suggested()})
    assert re.findall(r"<h2>(.*?)</h2>", page)[:3] == [
        "All runs",
        f"adam: Learning-rate range test: {usual().suggestion.lr:.3g} suggested",
        "sgd: Learning rate 0.03 suggested for 300 iterations",
    ]


def test_differences_tell_the_ratio_to_the_first_rate_and_whether_intervals_overlap():
    near, far = suggested(lr=0.06, low=0.05, high=0.2), suggested(lr=3.0, low=1.0, high=4.0)
    rows = differences({"first": suggested(), "near": near, "far": far})
    column = HEADER.index("against the first")
    assert [row[column] for row in rows] == ["-", "2 times, intervals overlap", "100 times, apart"]


def test_differences_tell_of_a_run_without_a_rate_why_there_is_none():
    rows = differences({"flat": swept([1.0] * 40), "good": usual()})
    assert rows[0][1:4] == ("none", swept([1.0] * 40).suggestion.status, "-")
    assert rows[1][3] == "-"


def test_differences_tell_of_a_comparison_what_ended_lowest_and_what_ties():
    tie = LRFinder(Bowl(curvature=0.0, noise=0.1)).compare([0.1, 0.2], iterations=100)
    assert differences({"tie": tie})[0][1:3] == (f"{tie.best:.3g} ended lowest", f"ties with {tie.tied[0]:.3g}")
    diverged = LRFinder(Scripted([1.0, math.nan])).compare([1.0], iterations=10)
    assert differences({"diverged": diverged})[0][1] == "none reached its end"


def test_code_for_the_rate_has_the_rate_and_the_horizon():
    for code in usage(suggested()).values():
        assert "0.03" in code
    assert "300" in usage(suggested())["PyTorch"]
    assert "one_cycle(optimizer, 0.03, 300)" in usage(suggested(schedule="one_cycle"))["PyTorch"]


def test_there_is_no_code_without_a_rate_nor_for_a_schedule_of_ones_own():
    assert usage(suggested(lr=None, low=None, high=None, status=Status.NO_DESCENT)) == {}
    assert usage(suggested(schedule="mine")) == {}
    assert "Give 0.03 to the schedule mine" in report_page({"": suggested(schedule="mine")})


def test_a_grid_is_a_figure_for_each_setting_but_one_all_with_the_same_limits():
    made = grid(bowl, weight_decay=[0.0, 0.01], momentum=[0.0, 0.9], seed=range(2))
    drawn = figures(report_page({"": made}))
    assert [figure["title"] for figure in drawn] == ["momentum 0", "momentum 0.9"]
    assert drawn[0]["x"] == drawn[1]["x"]
    assert drawn[0]["y"] == drawn[1]["y"]
    groups = {series["group"] for series in drawn[0]["series"]}
    assert groups == {"weight_decay 0", "weight_decay 0.01"}
    (told,) = [mark for figure in drawn for mark in figure["marks"] if mark["kind"] == "rate"]
    assert told["x"] == made.recommended.lr


def test_differences_tell_what_a_grid_recommends():
    made = grid(bowl, weight_decay=[0.0, 0.01])
    (row,) = differences({"grid": made})
    assert row[1] == f"{made.recommended.lr:.3g} with weight_decay 0.01"
