import re
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from example_curves import LateFall, fallen, suggested, swept, usual
from fake_learners import Bowl
from rich.console import Console

from lrfinder import LRFinder, Status, Stop, TrainingFacts, constant, one_cycle
from lrfinder.analysis.endings import search_score
from lrfinder.views.describe import describe, verdict
from lrfinder.views.describe.curves import MARGIN
from lrfinder.views.describe.rate import NOTES, REFUSALS
from lrfinder.views.describe.suggestion import lowest_probe, score, scores_by_length
from lrfinder.views.report import report_page


def test_a_suggestion_is_explained_in_one_paragraph():
    words = suggested().explain()
    assert words == verdict(suggested())
    assert "\n" not in words
    for part in ("sweep of 90", "4 learning rates", "9 to 100 iterations each", "389 iterations in all", "training of 300"):
        assert part in words
    for part in (
        "Suggested: 0.03. In about 8 of 10 cases the best rate lies between 0.02 and 0.1.",
        "Confidence is high",
        NOTES["cliff nearby"],
        "between 0.015 and 0.06",
    ):
        assert part in words


def test_a_suggestion_for_a_schedule_is_its_highest_rate_and_bounds_no_other():
    words = suggested(schedule="one_cycle").explain()
    assert "a training of 300 iterations with the schedule one_cycle" in words
    assert "highest rate of that schedule" in words
    assert "cyclical" not in words


def test_a_suggestion_without_a_rate_is_explained_by_its_reason():
    words = suggested(lr=None, low=None, high=None, status=Status.NO_DESCENT).explain()
    assert REFUSALS[Status.NO_DESCENT] in words
    assert "cyclical" not in words


def test_a_suggestion_of_the_curve_alone_says_that_there_was_no_probe():
    assert "no probe" in suggested(()).explain()


def test_a_suggestion_of_the_curve_alone_says_that_it_knows_no_length_and_no_schedule():
    words = [
        LRFinder(Bowl(noise=0.01)).suggest(horizon, max_iterations=100, schedule=schedule)
        for horizon, schedule in ((30, constant), (30_000, constant), (300, one_cycle))
    ]
    assert len({(one.lr, one.low, one.high) for one in words}) == 1
    assert all("the same rate for every length and schedule" in one.explain() for one in words)
    assert "every length" not in suggested().explain()


def test_the_lowest_probe_is_named_beside_the_suggested_rate():
    words = suggested().explain()
    lowest = lowest_probe(suggested())
    assert f"After {len(lowest.losses)} iterations, {lowest.lr:.3g} was lowest; the suggestion weighs" in words
    assert "was lowest" not in suggested(()).explain()
    assert "was lowest" not in suggested(lr=None, low=None, high=None, status=Status.NO_DESCENT).explain()


def test_the_page_has_a_figure_each_for_the_sweep_the_ends_and_the_losses_of_the_probes():
    titles = [figure.title for figure in describe(suggested()).figures()]
    assert titles == ["The probes, for a training of 300 iterations", "The sweep", "The probes, iteration by iteration"]
    assert len(describe(replace(suggested(), curve=None)).figures()) == 2


def test_a_terminal_sketches_the_probes_and_without_probes_the_sweep():
    assert describe(suggested()).sketch().title == "The probes, for a training of 300 iterations"
    assert {mark.label for mark in describe(suggested(())).sketch().marks} >= {"suggested 0.03", "interval 0.02 to 0.1"}


def test_the_axes_of_the_probes_fit_them_and_not_the_sweep():
    figure = describe(suggested()).picture()[0]
    ends = np.concatenate([series.y for series in figure.series])
    assert figure.y.limits == pytest.approx((ends.min() / MARGIN, ends.max() * MARGIN))
    assert figure.x.limits == pytest.approx((0.01 / MARGIN, 1.28 * MARGIN))


def test_a_probe_that_ended_far_above_the_first_loss_does_not_stretch_the_axis():
    probes = (fallen(0.01, 40, 1.2), fallen(0.02, 40, 1e12))
    figure = describe(suggested(probes)).picture()[0]
    assert figure.y.limits[1] < 10
    assert [mark.x for mark in figure.marks if mark.kind == "cross"] == [0.02]


def test_a_probe_that_another_covers_is_moved_aside_and_keeps_its_rate():
    figure = describe(suggested((fallen(0.01, 40, 0.5), fallen(0.02, 40, 0.5), fallen(0.02, 100, 0.5)))).picture()[0]
    short, long = figure.series
    assert long.x.tolist() == [0.02]
    assert long.drawn_x[0] > 0.02
    assert short.drawn_x.tolist() == short.x.tolist()


def test_each_length_has_a_marker_and_a_color_of_its_own():
    looks = [series.look for series in describe(suggested()).picture()[0].series]
    assert len({look.marker for look in looks}) == len({look.color for look in looks}) == 2


def test_a_suggestion_without_curve_and_probes_still_has_a_picture():
    assert suggested((), curve=swept([])).plot() is not None
    assert replace(suggested(()), curve=None).plot().get_title() == "Learning rate 0.03 suggested, read from the curve alone"


def test_a_rate_that_was_read_from_the_curve_alone_claims_no_length_and_no_schedule():
    suggestion = LRFinder(Bowl(noise=0.01)).suggest(3000, max_iterations=100, schedule=one_cycle)
    shown = suggestion.plot().get_title() + suggestion.explain()
    assert "read from the curve alone" in shown
    assert "3000" not in shown
    assert "one_cycle" not in shown


def test_the_suggestion_of_a_range_test_draws_the_curve_that_it_came_from():
    result = usual()
    figure = describe(result.suggestion).picture()[0]
    assert figure.series[0].y.tolist() == result.losses.tolist()


def test_lines_next_to_the_suggested_rate_have_other_colors_than_it_has():
    figure = describe(suggested()).picture()[0]
    (rate,) = [mark for mark in figure.marks if mark.kind == "rate"]
    assert rate.look.color not in {series.look.color for series in figure.series}


@pytest.fixture(scope="module", params=[50, 100])
def late(request):
    """A suggestion from probes as long as the horizon, whose last third and last fifth disagree; and the lowest rate."""
    suggestion = LRFinder(LateFall(request.param)).suggest(horizon=request.param, max_iterations=2000)
    whole = [probe for probe in suggestion.probes if len(probe.losses) == request.param]
    by_third = min(whole, key=lambda probe: np.mean(probe.losses[-request.param // 3 :]))
    lowest = min(whole, key=lambda probe: search_score(np.array(probe.losses)))
    assert by_third.lr != lowest.lr
    return suggestion, lowest.lr


def test_the_probe_marked_lowest_is_that_by_which_the_search_ranks(late):
    suggestion, lr = late
    lowest = lowest_probe(suggestion)
    assert (lowest.lr, len(lowest.losses)) == (lr, suggestion.horizon)


def test_the_terminal_marks_the_same_probe_lowest(late):
    suggestion, lr = late
    console = Console(file=StringIO(), width=100)
    console.print(suggestion)
    (row,) = [line for line in console.file.getvalue().splitlines() if "lowest" in line]  # pyright: ignore[reportAttributeAccessIssue]
    assert row.split()[0] == f"{lr:.3g}"


def test_notebook_and_page_mark_the_same_probe_lowest(late):
    suggestion, lr = late
    for text in (suggestion._repr_html_(), report_page({"": suggestion})):
        (row,) = [row for row in re.findall("<tr>(.*?)</tr>", text) if "lowest" in row and "<td>" in row]
        assert re.findall("<td>(.*?)</td>", row)[0] == f"{lr:.3g}"


def test_the_lowest_point_of_the_longest_probes_in_the_figures_is_the_same_probe(late):
    suggestion, lr = late
    description = describe(suggestion)
    for figure in (description.picture()[0], description.figures()[0]):
        ends = [series for series in figure.series if series.layer == "ends"][-1]
        assert ends.x[ends.y.argmin()] == lr


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


def with_facts(suggestion, facts):
    curve = suggestion.curve
    return replace(suggestion, curve=replace(curve, settings=replace(curve.settings, facts=facts)))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (TrainingFacts("adaptive", 64, trained=True), ("family of Adam", "batches of 64", "made updates before")),
        (TrainingFacts("momentum", None), ("with momentum", "unknown size", "a fresh start")),
        (TrainingFacts(None, 8), ("optimizer of an unknown family",)),
        (None, ("without knowledge of its optimizer",)),
    ],
)
def test_a_curve_alone_is_explained_with_what_the_learner_knew(facts, words):
    explained = with_facts(suggested(()), facts).explain()
    assert all(word in explained for word in words)
    assert not any(word in with_facts(suggested(), facts).explain() for word in words)  # probes decided


def test_iterations_that_are_neither_of_the_sweep_nor_of_a_probe_are_named():
    suggestion = LRFinder(Bowl(noise=0.01)).suggest(max_iterations=100)
    assert (
        f"({len(suggestion.curve)} of these measured the loss of the untrained model on the same batches)"
        in suggestion.explain()
    )
    searched = LRFinder(Bowl(noise=0.01)).suggest()
    others = searched.iterations - len(searched.curve) - sum(len(probe.losses) for probe in searched.probes)
    assert (
        f"({others} of these measured the loss of the untrained model on the same batches, or trained" in searched.explain()
    )
