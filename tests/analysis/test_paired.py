import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfinder import Order
from lrfinder.analysis.paired import difference, differences

T_95 = 2.776445  # Student's t with 4 degrees of freedom, two-sided


def correlated(count, length, correlation, seed=0):
    steps = np.random.default_rng(seed).standard_normal((count, length + 100))
    for k in range(1, length + 100):
        steps[:, k] += correlation * steps[:, k - 1]
    return steps[:, 100:]


def held(truth, rows):
    """The share of rows whose 95 % interval holds the truth."""
    estimates = [difference(row, np.zeros(len(row))) for row in rows]
    return np.mean([abs(mean - truth) <= T_95 * error for mean, error in estimates])


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6])
def test_the_interval_contains_the_truth_as_often_as_it_states(correlation):
    assert held(0.0, correlated(800, 300, correlation)) == pytest.approx(0.95, abs=0.025)


def test_the_interval_contains_the_truth_also_while_losses_are_falling():
    falling = 5 * np.exp(-np.arange(300) / 60)
    assert held(falling[-30:].mean(), correlated(800, 300, 0.6) + falling) == pytest.approx(0.95, abs=0.025)


def test_strong_correlation_widens_the_interval():
    errors = [difference(correlated(1, 300, phi, seed=3)[0], np.zeros(300)).standard_error for phi in (0.0, 0.5, 0.9)]
    assert errors == sorted(errors)


def test_one_comparison_of_twenty_finds_a_difference_between_equal_rates():
    apart = [
        any(pair.order is not Order.TIE for pair in differences([1, 2, 3], correlated(3, 300, 0.3, seed)))
        for seed in range(400)
    ]
    assert np.mean(apart) == pytest.approx(0.05, abs=0.025)


def test_a_difference_is_that_of_the_means_of_the_last_tenth():
    one, other = correlated(2, 300, 0.3)
    assert difference(one, other).mean == pytest.approx(one[-30:].mean() - other[-30:].mean())


def test_noise_that_both_trainings_share_does_not_count():
    shared = 100 * np.random.default_rng(0).standard_normal(300)
    own = 0.01 * correlated(2, 300, 0.3)
    assert difference(shared + own[0], shared + own[1]).standard_error < 0.01


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_the_order_is_the_same_for_shifted_and_scaled_losses(shift, scale):
    losses = correlated(3, 100, 0.3) + np.array([[0.0], [0.3], [3.0]])
    orders = [pair.order for pair in differences([1, 2, 3], losses)]
    assert [pair.order for pair in differences([1, 2, 3], scale * losses)] == orders
    assert [pair.order for pair in differences([1, 2, 3], losses + shift)] == orders


def test_exchanged_trainings_turn_the_difference():
    losses = correlated(2, 100, 0.3) + np.array([[0.0], [3.0]])
    (pair,), (back,) = differences([0.1, 0.2], losses), differences([0.2, 0.1], losses[::-1])
    assert pair.turned() == back
    assert (pair.order, back.order) == (Order.LOWER, Order.HIGHER)


def test_one_training_twice_is_a_tie():
    losses = correlated(1, 100, 0.3)[[0, 0]]
    (pair,) = differences([0.1, 0.1], losses)
    assert (pair.mean, pair.standard_error, pair.chance, pair.order) == (0, 0, 1, "a tie")


def test_a_difference_without_noise_is_significant():
    (pair,) = differences([0.1, 0.2], [[1.0] * 100, [2.0] * 100])
    assert (pair.mean, pair.order) == (-1, "lower")


@pytest.mark.parametrize("length", range(1, 8))
def test_trainings_too_short_to_show_their_noise_are_a_tie(length):
    rows = correlated(2, length, 0)
    (pair,) = differences([0.1, 0.2], rows)
    assert pair.order is Order.TIE or length >= 6
    assert math.isnan(pair.standard_error) == (length < 6)


def test_a_diverged_training_is_higher_although_its_error_is_as_large():
    losses = [2.0 ** np.arange(100), np.linspace(1, 0.5, 100)]
    (pair,) = differences([10.0, 0.1], losses)
    assert pair.order is Order.HIGHER


def test_a_training_without_an_end_is_higher_and_two_of_them_are_a_tie():
    whole, broken = np.linspace(1, 0.5, 100), np.r_[np.ones(50), np.full(50, np.nan)]
    one, two, three = differences([1, 2, 3], [broken, whole, broken])
    assert (one.mean, one.order) == (math.inf, Order.HIGHER)
    assert (three.mean, three.order) == (-math.inf, Order.LOWER)
    assert (math.isnan(two.mean), two.order) == (True, Order.TIE)


@given(st.lists(st.lists(st.floats(), min_size=12, max_size=12), min_size=2, max_size=4))
def test_every_pair_has_an_order_whatever_the_losses_are(losses):
    found = differences(range(len(losses)), losses)
    assert len(found) == len(losses) * (len(losses) - 1) / 2
    assert all(isinstance(pair.order, Order) for pair in found)


def test_a_spike_does_not_hide_a_difference_at_every_iteration():
    low = 0.1 + 0.01 * correlated(1, 300, 0.3)[0]
    high = low + 0.3
    high[250] += 30
    (pair,) = differences([0.1, 0.2], [low, high])
    assert pair.order is Order.LOWER


def test_trainings_whose_ranks_and_means_disagree_are_a_tie():
    low = 0.01 * correlated(1, 300, 0.3)[0]
    spiked = low - 0.05
    spiked[280:283] += 100
    (pair,) = differences([0.1, 0.2], [low, spiked])
    assert pair.mean < 0
    assert pair.order is Order.TIE
