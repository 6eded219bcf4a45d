import math
import re

import pytest
from example_curves import suggested, swept, usual
from fake_learners import Bowl, Scripted

from lrfinder import LRFinder, RangeTest, Status, Stop, Suggestion
from lrfinder.views.verdict import NOTES, REFUSALS, other_rules_in_words, suggestion_in_words, verdict


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


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
def test_every_status_has_its_own_words(status):
    words = suggestion_in_words(Suggestion(None, None, None, "low", status, (), 5))
    assert words == REFUSALS[status]
    assert words.startswith("There is no suggestion")


@pytest.mark.parametrize("note", NOTES)
def test_every_note_is_explained(note):
    words = suggestion_in_words(Suggestion(0.1, 0.05, 0.2, "high", Status.OK, (note,), 5))
    assert NOTES[note] in words


def test_a_note_that_is_not_known_is_shown_as_it_is():
    assert "Mine." in suggestion_in_words(Suggestion(0.1, 0.05, 0.2, "low", Status.OK, ("mine",), 5))


def test_a_sweep_without_records_says_so():
    assert "No learning rate was tried" in verdict(RangeTest((), Stop.DATA_ENDED, usual().settings))


def test_what_other_rules_say_is_one_sentence_without_our_own_rule():
    words = other_rules_in_words(usual())
    assert words.count(".") >= 1
    for name in ("steepest", "minimum / 10", "valley", "slide"):
        assert name in words
    assert "half the edge" not in words


def test_rules_that_cannot_read_the_curve_say_nothing():
    assert other_rules_in_words(swept([1.0])).count("nothing") == 4


def test_a_comparison_names_the_lowest_and_how_much_higher_the_others_ended():
    comparison = LRFinder(Bowl(curvature=1.0, noise=0.001)).compare([0.001, 0.5], iterations=100)
    words = verdict(comparison)
    finals = comparison.final()
    assert "0.5 ended lowest" in words
    assert f"0.001 by {finals[0] - finals[1]:.3g} ± " in words


def test_a_difference_within_the_noise_is_a_tie():
    losses = [1.0, 2.0] * 20
    learner = Alternating(losses, [loss + (0.2 if k % 3 else -0.39) for k, loss in enumerate(losses)])
    assert "tie" in verdict(LRFinder(learner).compare([0.1, 0.2], iterations=40))


def test_a_comparison_of_which_none_reached_its_end_says_so():
    words = verdict(LRFinder(Scripted([1.0, math.nan])).compare([1.0, 2.0], iterations=10))
    assert "None reached its end" in words
    assert "At 2:" in words


class Alternating(Scripted):
    """One script for rates below 0.15, another above."""

    def __init__(self, low, high):
        super().__init__(low)
        self.high = high

    def iteration(self, lr):
        loss = super().iteration(lr)
        return loss if lr < 0.15 else self.high[self.here - 1]


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
    assert "a training of 300 of one_cycle" in words
    assert "highest rate of that schedule" in words
    assert "cyclical" not in words


def test_a_suggestion_without_a_rate_is_explained_by_its_reason():
    words = suggested(lr=None, low=None, high=None, status=Status.NO_DESCENT).explain()
    assert REFUSALS[Status.NO_DESCENT] in words
    assert "cyclical" not in words


def test_a_suggestion_of_the_curve_alone_says_that_there_was_no_probe():
    assert "no probe" in suggested(()).explain()
