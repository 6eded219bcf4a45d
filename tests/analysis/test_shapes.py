"""Shapes that are read from rates."""

import math
import pickle

import pytest
from fake_learners import Bowl

import lrfinder
from lrfinder import LRFinder, RatesError
from lrfinder.analysis.shapes import shape_of_rates


def test_a_shape_has_the_rates_over_their_highest_at_each_step():
    rates = [0.1, 0.4, 0.2, 0.0, 0.3]
    shape = shape_of_rates("mine", rates)
    assert [shape(k / 5) for k in range(5)] == pytest.approx([rate / 0.4 for rate in rates])


@pytest.mark.parametrize("steps", [13, 49, 300, 1000, 4999])
def test_the_progress_of_a_step_gives_the_factor_of_that_step(steps):
    rates = [1 + k % 11 for k in range(steps)]
    shape = shape_of_rates("mine", rates)
    assert [11 * shape(k / steps) for k in range(steps)] == pytest.approx(rates)


def test_each_factor_holds_for_an_equal_part_of_a_longer_run_and_the_last_to_the_end():
    shape = shape_of_rates("epochs", [1.0, 0.5])
    assert [shape(k / 6) for k in range(7)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.5]


def test_a_shape_can_be_pickled_and_its_text_has_no_factors():
    shape = shape_of_rates("StepLR", [0.1] * 500)
    assert pickle.loads(pickle.dumps(shape)) == shape
    assert repr(shape) == "<shape of StepLR of 500 steps>"


@pytest.mark.parametrize("rates", [[], [0.0, 0.0], [0.1, math.nan], [0.1, math.inf], [0.1, -0.1]])
def test_rates_without_a_shape_are_refused(rates):
    with pytest.raises(RatesError, match="The rates of the mine go from"):
        shape_of_rates("mine", rates)


def test_a_search_with_a_shape_names_the_scheduler_and_is_that_of_the_same_function():
    search = LRFinder(Bowl(curvature=1.0, noise=0.01)).suggest
    found = search(100, schedule=shape_of_rates("CosineAnnealingLR", [lrfinder.cosine(k / 1000) for k in range(1000)]))
    assert found.schedule == "CosineAnnealingLR of 1000 steps"
    assert found.lr == pytest.approx(search(100, schedule=lrfinder.cosine).lr, rel=0.05)
