"""Schedules, and the arguments that every framework package accepts for them."""

import math
import pickle

import numpy as np
import pytest

from lrfinder import RatesError, Status, Suggestion
from lrfinder.schedules import Triangular, check_one_cycle, check_warmup, one_cycle, rate_of, triangular_bounds


def test_one_cycle_rises_to_1_in_three_tenths_and_ends_near_0():
    assert [one_cycle(progress) for progress in (0.0, 0.3, 1.0)] == pytest.approx([1 / 25, 1.0, 1 / 25e4])


def test_the_rate_of_a_suggestion_is_its_lr():
    assert rate_of(Suggestion(0.1, 0.05, 0.2, "high", Status.OK, (), 600)) == rate_of(0.1) == 0.1


def test_a_suggestion_without_a_rate_is_refused_with_its_status():
    with pytest.raises(RatesError, match="no descent"):
        rate_of(Suggestion(None, None, None, "low", Status.NO_DESCENT, (), 100))


@pytest.mark.parametrize("rate", [None, 0.0, -1.0, math.inf, math.nan])
def test_a_rate_that_is_not_a_finite_number_above_0_is_refused(rate):
    with pytest.raises(RatesError, match="above 0"):
        rate_of(rate)


def test_a_triangle_accepts_numbers_and_arrays_and_can_be_pickled():
    schedule = pickle.loads(pickle.dumps(Triangular(0.01, 0.1, 10)))
    updates, expected = [0, 5, 10, 15, 20, 30], [0.01, 0.055, 0.1, 0.055, 0.01, 0.1]
    assert [schedule(update) for update in updates] == pytest.approx(expected)
    assert schedule(np.array(updates)).tolist() == pytest.approx(expected)


def test_the_lowest_rate_of_a_cycle_is_a_quarter_of_the_highest():
    assert triangular_bounds(0.4, None, 10) == (0.1, 0.4)
    assert triangular_bounds(0.4, 0.3, 10) == (0.3, 0.4)


@pytest.mark.parametrize(
    "check",
    [
        lambda: triangular_bounds(0.1, 0.2, 10),
        lambda: triangular_bounds(0.1, None, 0),
        lambda: check_one_cycle(0, 0.3),
        lambda: check_one_cycle(10, 1.0),
        lambda: check_warmup(0, 0),
        lambda: check_warmup(10, 10),
        lambda: check_warmup(10, -1),
    ],
)
def test_lengths_and_bounds_that_give_no_schedule_are_refused(check):
    with pytest.raises(RatesError):
        check()
