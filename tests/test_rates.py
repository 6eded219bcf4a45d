import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfinder import RatesError, geometric, linear
from lrfinder.rates import checked


def test_each_geometric_rate_is_the_multiplier_times_the_one_before():
    rates = list(geometric(1e-6, 1.1, 10.0))
    assert rates[0] == 1e-6
    assert np.allclose(np.diff(np.log(rates)), math.log(1.1))


def test_geometric_rates_reach_but_never_pass_the_end():
    assert list(geometric(1.0, 2.0, 8.0)) == [1.0, 2.0, 4.0, 8.0]
    assert list(geometric(1.0, 2.0, 7.9)) == [1.0, 2.0, 4.0]


@given(
    lr_start=st.floats(1e-8, 1e-2),
    decades=st.floats(0.1, 9.0),
    count=st.integers(2, 300),
    root=st.sampled_from([True, False]),
)
def test_a_multiplier_computed_from_both_ends_reaches_the_end_exactly(lr_start, decades, count, root):
    lr_end = lr_start * 10**decades
    multiplier = (lr_end / lr_start) ** (1 / (count - 1)) if root else 10 ** (math.log10(lr_end / lr_start) / (count - 1))
    rates = list(geometric(lr_start, multiplier, lr_end))
    assert (len(rates), rates[0], rates[-1]) == (count, lr_start, lr_end)
    assert rates == sorted(set(rates))


@given(lr_start=st.floats(1e-150, 1e150), decades=st.floats(1e-3, 150.0), count=st.integers(2, 300))
def test_a_count_of_geometric_rates_has_both_ends_exactly(lr_start, decades, count):
    lr_end = lr_start * 10**decades
    rates = list(geometric(lr_start, lr_end=lr_end, count=count))
    assert (len(rates), rates[0], rates[-1]) == (count, lr_start, lr_end)
    assert np.allclose(np.diff(np.log(rates)), math.log(rates[-1]) / (count - 1) - math.log(rates[0]) / (count - 1))


@given(lr_multiplier=st.floats(1.001, 3.0), lr_end=st.floats(1e-5, 100.0))
def test_rates_whose_next_is_well_above_the_end_stay_plain_products(lr_multiplier, lr_end):
    rates = list(geometric(1e-6, lr_multiplier, lr_end))
    plain = list(
        itertools.takewhile(
            lambda lr: lr <= lr_end,
            itertools.accumulate(itertools.repeat(lr_multiplier), lambda lr, factor: lr * factor, initial=1e-6),
        )
    )
    assert rates[: len(plain) - 1] == plain[:-1]
    assert len(rates) == len(plain) or rates[-1] == lr_end


@pytest.mark.parametrize("count", [1, 0, -3, 2.0, "10", True, math.nan])
def test_a_count_that_is_no_number_of_rates_is_refused_by_name(count):
    with pytest.raises(RatesError, match="count"):
        geometric(1e-6, lr_end=10.0, count=count)
    with pytest.raises(RatesError, match="count"):
        linear(1e-6, 10.0, count)


@pytest.mark.parametrize("lr_end", [1.0000000000000002, 1.7e308])
def test_a_count_that_floats_cannot_hold_is_refused(lr_end):
    with pytest.raises(RatesError, match="floats cannot hold"):
        geometric(1.0 if lr_end < 2 else 1e-10, lr_end=lr_end, count=100 if lr_end < 2 else 2)


def test_a_count_and_a_multiplier_are_one_too_many():
    with pytest.raises(RatesError, match=r"lr_multiplier is 1\.2 and count 50; .* give one\.$"):
        geometric(1e-6, 1.2, 10.0, count=50)


def test_linear_rates_are_evenly_spaced_and_include_both_ends():
    assert list(linear(0.1, 0.5, 5)) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert list(linear(0.1, 0.7, 4))[-1] == 0.7


@pytest.mark.parametrize("lr_start", [0.0, -1.0, math.nan, math.inf, "0.1", None, [0.1, 0.2]])
def test_a_start_that_is_not_above_zero_is_refused_by_name(lr_start):
    with pytest.raises(RatesError, match="lr_start"):
        geometric(lr_start, 1.1, 10.0)


@pytest.mark.parametrize("lr_multiplier", [1.0, 0.9, 0.0, -2.0, math.nan, math.inf, "1.1", None])
def test_a_multiplier_that_does_not_rise_is_refused_by_name(lr_multiplier):
    with pytest.raises(RatesError, match="lr_multiplier"):
        geometric(1e-6, lr_multiplier, 10.0)


@pytest.mark.parametrize("lr_end", [1e-6, 1e-7, math.nan, math.inf, "1", None])
def test_an_end_that_is_not_above_the_start_is_refused_by_name(lr_end):
    with pytest.raises(RatesError, match="lr_end"):
        geometric(1e-6, 1.1, lr_end)


def test_a_linear_ladder_of_one_rate_is_refused():
    with pytest.raises(RatesError, match="count"):
        linear(0.1, 0.5, 1)


def test_checked_rates_stop_at_the_limit_even_if_they_never_end():
    assert checked(geometric(1e-6, 1 + 1e-15, 10.0), 3) == pytest.approx((1e-6, 1e-6, 1e-6))


@pytest.mark.parametrize(
    "rates", [[], [0.1, -0.1], [0.1, math.nan], [math.inf], ["0.1"], [None], 0.1, "0.1", None, [[0.1, 0.2]]]
)
def test_rates_that_are_not_finite_or_negative_are_refused(rates):
    with pytest.raises(RatesError, match="rate"):
        checked(rates, 10)


@pytest.mark.parametrize("limit", [0, -1, 20.0, None, "9"])
def test_a_limit_that_is_no_count_is_refused(limit):
    with pytest.raises(RatesError, match="max_iterations"):
        checked([0.1], limit)
