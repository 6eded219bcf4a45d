from dataclasses import replace

from example_curves import suggested

from lrfinder import Status
from lrfinder.views.describe import describe
from lrfinder.views.describe.rate import NOTES, REFUSALS
from lrfinder.views.verdict import verdict


def test_a_suggestion_is_explained_in_one_paragraph():
    words = suggested().explain()
    assert words == verdict(suggested())
    assert "\n" not in words
    for part in ("sweep of 90", "4 learning rates", "9 to 100 iterations each", "389 iterations in all", "training of 300"):
        assert part in words
    for part in ("is 0.03", "between 0.02 and 0.1", "Confidence is high", NOTES["cliff nearby"], "between 0.015 and 0.06"):
        assert part in words


def test_a_suggestion_for_a_schedule_is_its_highest_rate_and_bounds_no_other():
    words = suggested(schedule="one_cycle").explain()
    assert "a training of 300 iterations of one_cycle" in words
    assert "highest rate of that schedule" in words
    assert "cyclical" not in words


def test_a_suggestion_without_a_rate_is_explained_by_its_reason():
    words = suggested(lr=None, low=None, high=None, status=Status.NO_DESCENT).explain()
    assert REFUSALS[Status.NO_DESCENT] in words
    assert "cyclical" not in words


def test_a_suggestion_of_the_curve_alone_says_that_there_was_no_probe():
    assert "no probe" in suggested(()).explain()


def test_the_page_has_a_figure_each_for_the_sweep_the_ends_and_the_losses_of_the_probes():
    titles = [figure.title for figure in describe(suggested()).figures()]
    assert titles == ["The sweep", "The probes, for a training of 300 iterations", "The probes, iteration by iteration"]
    assert len(describe(replace(suggested(), curve=None)).figures()) == 2


def test_only_a_suggestion_without_probes_is_sketched_in_a_terminal():
    assert describe(suggested()).sketch is None
    assert {mark.label for mark in describe(suggested(())).sketch().marks} >= {"suggested 0.03", "interval 0.02 to 0.1"}


def test_lines_next_to_the_suggested_rate_have_other_colors_than_it_has():
    (figure,) = describe(suggested()).picture()
    (rate,) = [mark for mark in figure.marks if mark.kind == "rate"]
    assert rate.look.color not in {series.look.color for series in figure.series}
