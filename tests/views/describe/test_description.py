import re

import numpy as np
import pytest
from example_curves import suggested, swept, usual
from example_grids import bowl, breaking
from fake_learners import Bowl

from lrfinder import LRFinder, RangeTest, grid
from lrfinder.views.describe import describe, verdict
from lrfinder.views.describe.description import BESIDE_SUGGESTED, COLORS, Axis, Figure, Look, Series
from lrfinder.views.report.sections import HEADER

RESULTS = {
    "a range test": usual(),
    "an empty range test": swept([]),
    "a suggestion": suggested(),
    "a suggestion without probes": suggested(()),
    "a comparison": LRFinder(Bowl(curvature=1.0)).compare([0.5, 0.5, 100.0], iterations=60),
    "a grid": grid(bowl, momentum=[0.0, 0.5], seed=range(2)),
    "a grid that failed": grid(breaking, seed=[1]),
}


@pytest.fixture(params=RESULTS.values(), ids=RESULTS)
def description(request):
    return describe(request.param)


def test_every_row_of_a_table_has_a_cell_for_each_column(description):
    for table in description.tables():
        assert {len(row) for row in table.rows} <= {len(table.header)}
        assert table.best is None or 0 <= table.best < len(table.rows)


def test_every_summary_fits_the_table_of_runs(description):
    assert len(description.summary(None)) == len(HEADER) - 1


def test_every_name_for_boards_has_plain_characters(description):
    names = [*description.curves(), *description.outcome]
    assert all(re.fullmatch(r"[\w.-]+", name) for name in names)


def test_every_series_is_drawn_by_rising_x_and_has_one_length(description):
    for figure in (*description.figures(), *description.picture()):
        for series in figure.series:
            assert len(series.x) == len(series.y)
            assert (series.x[1:] >= series.x[:-1]).all()


def test_title_and_verdict_are_one_line_each(description):
    assert "\n" not in description.title + description.verdict()


def test_a_subclass_of_a_result_is_described_like_its_parent():
    class Mine(RangeTest):
        pass

    result = usual()
    assert describe(Mine(result.records, result.stop, result.settings)).title == describe(result).title


def test_anything_else_has_no_description():
    with pytest.raises(NotImplementedError):
        describe(1)


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


def test_every_sentence_ends_before_the_next_begins():
    for result in (usual(), suggested(), swept([1.0] * 40)):
        assert "  " not in verdict(result)
