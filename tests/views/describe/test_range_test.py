import math
import re

import pytest
from example_curves import swept, usual

from lrfinder import RangeTest, Stop
from lrfinder.views.describe import describe
from lrfinder.views.verdict import verdict


def test_the_verdict_is_one_paragraph_with_the_rate_its_interval_and_the_stop():
    result = usual()
    words = verdict(result)
    assert "\n" not in words
    for part in (result.suggestion.lr, result.suggestion.low, result.suggestion.high):
        assert f"{part:.3g}" in words
    assert result.stop.value in words
    assert f"{len(result)} learning rates" in words


@pytest.mark.parametrize("losses", [[], [math.nan], [1.0], [1.0, math.inf], [1.0] * 40, [float(k) for k in range(1, 60)]])
def test_a_curve_that_carries_no_rate_gets_a_reason_and_what_to_do(losses):
    result = swept(losses)
    words = verdict(result)
    assert result.suggestion.lr is None
    assert not re.search(r"suggested learning rate is", words)
    assert words.endswith(".")


def test_a_sweep_without_records_says_so():
    assert "No learning rate was tried" in verdict(RangeTest((), Stop.DATA_ENDED, usual().settings))


def test_the_page_marks_the_landmarks_and_the_picture_does_not():
    description = describe(usual())
    kinds = [{mark.kind for mark in figure.marks} for figure in (*description.figures(), *description.picture())]
    assert kinds == [{"rate", "band", "cross", "place"}, {"rate", "band", "cross"}]


def test_the_tables_hold_the_landmarks_and_the_rates_of_all_rules():
    result = usual()
    landmarks, rules = describe(result).tables()
    assert ("is lowest", f"{result.landmarks.lowest:.3g}") in landmarks.rows
    assert rules.rows[0] == ("suggested", f"{result.suggestion.lr:.3g}")
    assert "valley" in {name for name, _ in rules.rows}
