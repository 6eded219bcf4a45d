import re

import pytest
from example_curves import suggested, swept, usual
from example_grids import bowl, breaking
from fake_learners import Bowl

from lrfinder import LRFinder, RangeTest, grid
from lrfinder.views.describe import describe
from lrfinder.views.report.overlay import HEADER

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
