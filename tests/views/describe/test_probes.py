"""The window that decides a search is the one that its tables and figures show."""

import re
from io import StringIO

import numpy as np
import pytest
from example_curves import LateFall, fallen, suggested
from rich.console import Console

from lrfinder import LRFinder, Stop
from lrfinder.analysis.endings import search_score
from lrfinder.views.describe import describe
from lrfinder.views.describe.probes import lowest_probe, score, scores_by_length
from lrfinder.views.report import report_page


@pytest.fixture(scope="module", params=[50, 100])
def late(request):
    """A suggestion from probes as long as the horizon, whose last third and last fifth disagree."""
    suggestion = LRFinder(LateFall(request.param)).suggest(horizon=request.param, max_iterations=2000)
    whole = [probe for probe in suggestion.probes if len(probe.losses) == request.param]
    by_third = min(whole, key=lambda probe: np.mean(probe.losses[-request.param // 3 :]))
    assert by_third.lr != suggestion.lr
    return suggestion


def test_the_probe_marked_lowest_is_the_suggested_one(late):
    lowest = lowest_probe(late)
    assert (lowest.lr, len(lowest.losses)) == (late.lr, late.horizon)


def test_the_terminal_marks_the_suggested_rate_lowest(late):
    console = Console(file=StringIO(), width=100)
    console.print(late)
    (row,) = [line for line in console.file.getvalue().splitlines() if "lowest" in line]  # pyright: ignore[reportAttributeAccessIssue]
    assert row.split()[0] == f"{late.lr:.3g}"


def test_notebook_and_page_mark_the_suggested_rate_lowest(late):
    for text in (late._repr_html_(), report_page({"": late})):
        (row,) = [row for row in re.findall("<tr>(.*?)</tr>", text) if "lowest" in row and "<td>" in row]
        assert re.findall("<td>(.*?)</td>", row)[0] == f"{late.lr:.3g}"


def test_the_lowest_point_of_the_longest_probes_in_the_figures_is_the_suggested_rate(late):
    description = describe(late)
    for figure in (description.picture()[0], description.figures()[1]):
        ends = [series for series in figure.series if series.layer == "ends"][-1]
        assert ends.x[ends.y.argmin()] == late.lr


def test_the_loss_of_a_probe_is_its_score_in_the_search():
    probe = fallen(0.01, 100, 0.4)
    assert score(probe) == search_score(np.array(probe.losses))
    (table,) = describe(suggested((probe,))).tables()
    assert table.rows[0][3] == f"{score(probe):.4g}"


def test_a_probe_that_stopped_early_has_no_score_and_its_reason():
    probe = fallen(1.28, 9, 9.0, Stop.NOT_FINITE)
    assert np.isinf(score(probe))
    suggestion = suggested((probe,))
    assert lowest_probe(suggestion) is None
    assert describe(suggestion).tables()[0].rows[0][3:] == ("-", "diverged at iteration 8")


def test_the_beginning_of_a_longer_probe_counts_as_a_shorter_one_at_a_constant_rate_only():
    probes = (fallen(0.01, 40, 1.2), fallen(0.02, 100, 0.5))
    assert [lr for lr, _ in scores_by_length(suggested(probes))[40]] == [0.01, 0.02]
    assert [lr for lr, _ in scores_by_length(suggested(probes, schedule="one_cycle"))[40]] == [0.01]
