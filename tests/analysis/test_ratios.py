"""The ratios between the rates of several optimizers."""

import pytest

from lrfinder.analysis.ratios import STEPS, constant_ratios
from lrfinder.errors import OptimizerError

WARM_UP = [min(1.0, step / 50) for step in STEPS]


def test_ratios_are_to_the_highest_rate():
    assert constant_ratios({"a": [0.1] * 6, "b": [0.4] * 6}) == {"a": 0.25, "b": 1.0}


def test_schedules_of_one_shape_have_the_ratio_of_their_peaks():
    rates = {"a": [0.2 * factor for factor in WARM_UP], "b": [0.1 * factor for factor in WARM_UP]}
    assert constant_ratios(rates) == {"a": 1.0, "b": 0.5}


def test_the_reference_may_be_another_than_the_highest():
    assert constant_ratios({"unused": [1.0] * 6, "a": [0.1] * 6, "b": [0.05] * 6}, reference=["a", "b"])["b"] == 0.5


def test_a_rate_of_zero_stays_zero_and_zeros_alone_are_equal():
    assert constant_ratios({"a": [0.1] * 6, "b": [0.0] * 6})["b"] == 0
    assert constant_ratios({"a": [0.0] * 6, "b": [0.0] * 6}) == {"a": 1.0, "b": 1.0}


@pytest.mark.parametrize("other", [[0.1] * 6, [factor**2 for factor in WARM_UP], [1.0 - factor for factor in WARM_UP]])
def test_schedules_of_different_shapes_are_refused_by_name(other):
    with pytest.raises(OptimizerError, match=r"rates of (a and b|b and a) changes"):
        constant_ratios({"a": WARM_UP, "b": other})
