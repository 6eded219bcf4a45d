import numpy as np
import pytest

from lrfinder.views.describe.figure import BESIDE_SUGGESTED, COLORS, Axis, Figure, Look, Series


@pytest.mark.parametrize("scale", ["log", "symlog", "linear"])
def test_a_position_is_0_at_the_lower_limit_and_1_at_the_upper_one(scale):
    axis = Axis("loss", (0.1, 10.0), (scale,), linear_below=0.5)
    low, middle, high, beyond = axis.position([0.1, 1.0, 10.0, 1e308])
    assert (low, high) == (0, 1)
    assert 0 < middle < 1 < beyond


def test_values_outside_are_moved_to_the_nearest_limit_and_nan_to_the_upper_one():
    axis = Axis("loss", (-1.0, 2.0), ("linear",))
    assert axis.clipped(np.array([-5.0, 0.0, 9.0, np.nan, np.inf, -np.inf])).tolist() == [-1, 0, 2, 2, 2, 2]


def test_twenty_lines_and_fifteen_next_to_a_suggestion_look_different():
    assert len({Look.of(number) for number in range(20)}) == 20
    assert len({Look.of(number, BESIDE_SUGGESTED) for number in range(15)}) == 15
    assert {Look.of(number).color for number in range(4)} == set(COLORS)


def series(name, group):
    return Series(name, group, "raw", "points", Look(), np.empty(0), np.empty(0))


def test_a_legend_lists_the_series_of_one_group_or_the_groups():
    axis = Axis("loss", (0.0, 1.0), ("linear",))
    one = Figure("", "", axis, axis, [series("loss", "a"), series("smoothed", "a")])
    several = Figure("", "", axis, axis, [series("loss", "a"), series("smoothed", "a"), series("loss", "b")])
    assert list(one.legend) == ["loss", "smoothed"]
    assert {label: entry.name for label, entry in several.legend.items()} == {"a": "smoothed", "b": "loss"}
