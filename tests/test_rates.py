import math

import numpy as np
import pytest

from lrfinder import RatesError, geometric, linear
from lrfinder.rates import checked


def test_each_geometric_rate_is_the_multiplier_times_the_one_before():
    rates = list(geometric(1e-6, 1.1, 10.0))
    assert rates[0] == 1e-6
    assert np.allclose(np.diff(np.log(rates)), math.log(1.1))


def test_geometric_rates_reach_but_never_pass_the_end():
    assert list(geometric(1.0, 2.0, 8.0)) == [1.0, 2.0, 4.0, 8.0]
    assert list(geometric(1.0, 2.0, 7.9)) == [1.0, 2.0, 4.0]


def test_linear_rates_are_evenly_spaced_and_include_both_ends():
    assert list(linear(0.1, 0.5, 5)) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert list(linear(0.1, 0.7, 4))[-1] == 0.7


@pytest.mark.parametrize("lr_start", [0.0, -1.0, math.nan, math.inf])
def test_a_start_that_is_not_above_zero_is_refused_by_name(lr_start):
    with pytest.raises(RatesError, match="lr_start"):
        geometric(lr_start, 1.1, 10.0)


@pytest.mark.parametrize("lr_multiplier", [1.0, 0.9, 0.0, -2.0, math.nan, math.inf])
def test_a_multiplier_that_does_not_rise_is_refused_by_name(lr_multiplier):
    with pytest.raises(RatesError, match="lr_multiplier"):
        geometric(1e-6, lr_multiplier, 10.0)


@pytest.mark.parametrize("lr_end", [1e-6, 1e-7, math.nan, math.inf])
def test_an_end_that_is_not_above_the_start_is_refused_by_name(lr_end):
    with pytest.raises(RatesError, match="lr_end"):
        geometric(1e-6, 1.1, lr_end)


def test_a_linear_ladder_of_one_rate_is_refused():
    with pytest.raises(RatesError, match="count"):
        linear(0.1, 0.5, 1)


def test_checked_rates_stop_at_the_limit_even_if_they_never_end():
    assert checked(geometric(1e-6, 1 + 1e-15, 10.0), 3) == pytest.approx((1e-6, 1e-6, 1e-6))


@pytest.mark.parametrize("rates", [[], [0.1, -0.1], [0.1, math.nan], [math.inf]])
def test_rates_that_are_not_finite_or_negative_are_refused(rates):
    with pytest.raises(RatesError, match="rate"):
        checked(rates, 10)


def test_a_limit_below_one_is_refused():
    with pytest.raises(RatesError, match="max_iterations"):
        checked([0.1], 0)
