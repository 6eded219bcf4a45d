import numpy as np
import pytest

from lrfinder.analysis.curve import finite_part


def test_curve_ends_before_the_first_loss_that_is_not_finite():
    curve = finite_part([1, 2, 3, 4], [5.0, 6.0, np.nan, 7.0])
    assert curve.lrs.tolist() == [1, 2]
    assert curve.losses.tolist() == [5, 6]


def test_rates_without_a_logarithm_are_left_out():
    curve = finite_part([0.0, -1.0, np.inf, 2.0], [1.0, 2.0, 3.0, 4.0])
    assert curve.lrs.tolist() == [2]
    assert curve.losses.tolist() == [4]


def test_rates_are_sorted_and_losses_at_one_rate_averaged():
    curve = finite_part([3, 1, 3], [10.0, 1.0, 20.0])
    assert curve.lrs.tolist() == [1, 3]
    assert curve.losses.tolist() == [1, 15]


def test_an_unordered_curve_ends_at_its_first_nan():
    assert finite_part([3, 1, 2], [1.0, np.nan, 5.0]).lrs.tolist() == [3]


def test_a_curve_knows_how_many_decades_it_spans():
    assert finite_part([1e-3, 1e-1], [1.0, 1.0]).decades == pytest.approx(2)
    assert finite_part([], []).decades == 0


def test_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        finite_part([1, 2], [1])
