"""Schedules, and the arguments that every framework package accepts for them."""

import math
import pickle

import numpy as np
import pytest
from fake_learners import Bowl

from lrfinder import (
    LRFinder,
    RatesError,
    Status,
    Suggestion,
    cosine,
    linear_decay,
    warmup_cosine,
    warmup_linear,
)
from lrfinder.schedules import Triangular, check_one_cycle, check_warmup, name_of, one_cycle, rate_of, triangular_bounds


def test_one_cycle_rises_to_1_in_three_tenths_and_ends_near_0():
    assert [one_cycle(progress) for progress in (0.0, 0.3, 1.0)] == pytest.approx([1 / 25, 1.0, 1 / 25e4])


def test_a_cosine_and_a_linear_decay_fall_from_1_to_0():
    parts = (0.0, 0.25, 0.5, 1.0)
    assert [cosine(progress) for progress in parts] == pytest.approx([1, (1 + math.sqrt(0.5)) / 2, 0.5, 0])
    assert [linear_decay(progress) for progress in parts] == pytest.approx([1, 0.75, 0.5, 0])


@pytest.mark.parametrize(("make", "decay"), [(warmup_cosine, cosine), (warmup_linear, linear_decay)])
def test_a_warm_up_rises_from_0_to_1_before_the_decay(make, decay):
    schedule = make(warmup=0.2)
    assert [schedule(progress) for progress in (0, 0.1, 0.2, 0.6, 1)] == pytest.approx([0, 0.5, 1, decay(0.5), 0])
    assert [make(warmup=0)(progress) for progress in (0, 0.3, 1)] == [decay(progress) for progress in (0, 0.3, 1)]


@pytest.mark.parametrize("schedule", [cosine, linear_decay, warmup_cosine(0.2), warmup_linear(warmup=0.01)])
def test_a_schedule_can_be_pickled_and_is_named_in_the_result(schedule):
    again = pickle.loads(pickle.dumps(schedule))
    assert again == schedule
    assert LRFinder(Bowl(curvature=1.0)).suggest(60, schedule=again).schedule == name_of(schedule)


def test_the_name_of_a_warm_up_is_the_call_that_returns_it():
    assert [name_of(one) for one in (warmup_cosine(), warmup_linear(0.03))] == [
        "warmup_cosine(warmup=0.1)",
        "warmup_linear(warmup=0.03)",
    ]


@pytest.mark.parametrize("warmup", [-0.1, 1, 100, math.nan])
def test_a_warm_up_that_is_no_part_of_the_run_is_refused(warmup):
    with pytest.raises(RatesError, match="part of the run"):
        warmup_cosine(warmup)


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
