import math

import numpy as np
import pytest
from fake_learners import Bowl, Level, Scripted

from lrfinder import LRFinder
from lrfinder.views.describe import describe, verdict
from lrfinder.views.describe.comparison import trainings


class Alternating(Scripted):
    """One script for rates below 0.15, another above."""

    def __init__(self, low, high):
        super().__init__(low)
        self.high = high

    def iteration(self, lr):
        loss = super().iteration(lr)
        return loss if lr < 0.15 else self.high[self.here - 1]


def compared(*rates, iterations=100, **bowl):
    return LRFinder(Bowl(**bowl)).compare(rates, iterations=iterations)


def test_a_comparison_names_the_lowest_and_how_much_higher_the_others_ended():
    comparison = compared(0.001, 0.5, curvature=1.0, noise=0.001)
    words = verdict(comparison)
    finals = comparison.final()
    assert "0.5 ended lowest" in words
    assert f"0.001 by {finals[0] - finals[1]:.3g} ± " in words


def test_a_difference_within_the_noise_is_a_tie():
    losses = [1.0, 2.0] * 20
    learner = Alternating(losses, [loss + (0.2 if k % 3 else -0.39) for k, loss in enumerate(losses)])
    assert "± is itself a rough estimate: a tie" in verdict(LRFinder(learner).compare([0.1, 0.2], iterations=40))


def test_a_comparison_of_which_none_reached_its_end_says_so():
    words = verdict(LRFinder(Scripted([1.0, math.nan])).compare([1.0, 2.0], iterations=10))
    assert "None reached its end" in words
    assert "At 2:" in words


def test_the_table_shows_the_window_that_decided_and_marks_the_lowest():
    losses = [1.0] * 80 + [0.2] * 10 + [0.9] * 10  # over the last 20 it is lower than the other, over the last tenth not
    comparison = LRFinder(Alternating(losses, [0.8] * 100)).compare([0.1, 0.2], iterations=100)
    (table,) = describe(comparison).tables()
    column = table.header.index("mean of\nlast 10")
    assert [row[column] for row in table.rows] == ["0.9", "0.8"]
    assert comparison.best == 0.2
    assert (table.best, table.rows[1][-1]) == (1, "lowest")


def test_a_tie_is_in_the_title():
    assert describe(LRFinder(Level()).compare([0.1, 0.2], 100)).title.endswith("tied with 1 other")
    assert describe(LRFinder(Level()).compare([0.1, 0.2, 0.3], 100)).title.endswith("tied with 2 others")


def test_a_training_that_diverged_has_a_cross_where_its_curve_ends():
    comparison = compared(0.5, 100.0, iterations=60)
    (figure,) = describe(comparison).figures()
    (cross,) = [mark for mark in figure.marks if mark.kind == "cross"]
    assert cross.group == trainings(comparison)[1].label
    assert cross.y == figure.y.limits[1]


def test_the_final_means_have_error_bars_within_the_window_that_decided():
    comparison = compared(0.01, 0.5)
    (figure,) = describe(comparison).figures()
    (bar,) = [mark for mark in figure.marks if mark.kind == "error"]
    assert bar.y == pytest.approx(comparison.final()[0])
    assert bar.error == pytest.approx(comparison.differences[0].standard_error)
    assert 89 < bar.x < 99


def test_two_trainings_at_one_rate_have_one_lowest():
    assert [training.best for training in trainings(compared(0.5, 0.5))] == [True, False]


def test_the_losses_are_drawn_up_to_the_first_that_is_not_finite():
    comparison = LRFinder(Scripted([1.0, 0.9, math.nan, 0.8])).compare([0.1], iterations=4)
    (figure,) = describe(comparison).figures()
    assert [series.y.tolist()[:1] for series in figure.series] == [[1.0], [1.0]]
    assert all(np.isfinite(series.y).all() and len(series.y) == 2 for series in figure.series)


def test_a_first_batch_that_is_not_finite_is_what_is_said_and_no_lower_rate_is_advised():
    comparison = LRFinder(Scripted([math.nan])).compare([1.0, 2.0], iterations=10)
    words = verdict(comparison)
    assert words.startswith("The loss of the first batch is NaN or infinite before any update, which no rate can change.")
    assert "lower" not in words
    (table,) = describe(comparison).tables()
    assert {row[-1] for row in table.rows} == {"NaN or infinite before any update"}


class Deaf(Bowl):
    """Trains at a rate of its own."""

    def iteration(self, lr):
        return super().iteration(0.1)


@pytest.mark.parametrize(
    ("learner", "rates", "iterations", "words"),
    [
        (Deaf(noise=0.1), [1e-4, 1e-2, 1.0], 40, "The rate has no effect"),
        (Bowl(noise=0.1), [1e-4, 1e-2, 1.0], 1, "compare for more iterations"),
        (Bowl(noise=0.1), [1e-30, 1e-29], 40, "rates that are higher"),
    ],
    ids=["no effect", "one iteration", "too low"],
)
def test_none_is_best_where_all_losses_are_the_same(learner, rates, iterations, words):
    comparison = LRFinder(learner).compare(rates, iterations)
    assert comparison.best is None
    assert comparison.tied == ()
    assert "All losses are the same at every rate, bit for bit, so none is best." in comparison.explain()
    assert words in comparison.explain()
    assert "the same" in comparison.plot().get_title()
    assert "lowest" not in comparison.explain()


def test_one_rate_twice_or_a_rate_apart_is_no_lack_of_effect():
    assert LRFinder(Bowl(noise=0.1)).compare([0.1, 0.1], 20).best == 0.1
    assert LRFinder(Bowl(noise=0.1)).compare([1e-30, 1e-29, 0.1], 20).best == 0.1
