import math

import numpy as np
import pytest

from lrfinder.views.describe.curves import (
    MARGIN,
    common_loss_axis,
    curves_by_rate,
    iteration_axis,
    loss_axis,
    loss_axis_around,
    rate_axis,
    training_series,
    trainings_axis,
)
from lrfinder.views.describe.description import Look


@pytest.mark.parametrize(
    "losses", [[], [math.nan], [0.0], [1.0], [-5.0] * 3, [1e308, -1e308], [1e-320] * 3, [1e4, 1.0, -1.0], [math.inf, 2.0]]
)
def test_every_loss_axis_has_finite_limits_and_a_second_scale(losses):
    axis = loss_axis(np.array(losses))
    low, high = axis.limits
    assert math.isfinite(low)
    assert math.isfinite(high)
    assert low < high
    assert len(set(axis.scales)) == 2
    assert axis.linear_below > 0


def test_a_rate_axis_ends_at_the_outermost_positive_rates_or_a_margin_beyond():
    assert rate_axis([0.0, 0.1, 3.0]).limits == (0.1, 3.0)
    assert rate_axis([0.1, 3.0], MARGIN).limits == pytest.approx((0.1 / MARGIN, 3.0 * MARGIN))
    assert rate_axis([0.1]).limits == (0.05, 0.2)
    assert rate_axis([]).limits == (1e-6, 10.0)


def test_an_axis_around_losses_ends_a_little_beyond_them():
    for losses in ([1.0, 2.0], [-1.0, 2.0], [0.0]):
        low, high = loss_axis_around(np.array(losses)).limits
        assert low < min(losses)
        assert high > max(losses)
    assert loss_axis_around(np.empty(0)).scale == "log"


def test_a_common_axis_holds_all_others_and_is_logarithmic_if_all_are():
    positive, negative = loss_axis(np.array([2.0, 1.0])), loss_axis(np.array([1.0, -1.0]))
    assert common_loss_axis([positive, positive]).scale == "log"
    both = common_loss_axis([positive, negative])
    assert both.scale == "linear"
    assert both.limits == (negative.limits[0], max(positive.limits[1], negative.limits[1]))


def test_a_single_iteration_has_an_axis():
    assert iteration_axis(1).limits == (0.0, 1.0)
    assert iteration_axis(300).limits == (0.0, 299.0)


@pytest.mark.parametrize("seed", range(5))
def test_a_smoothed_training_does_not_kick_at_its_ends(seed):
    losses = np.exp(np.random.default_rng(seed).normal(0, 0.5, 300))
    line = np.log(training_series("", losses, Look())[1].y)
    inside = np.abs(line[15:-15]).max()
    assert np.abs(line[[0, -1]]).max() < 3 * inside
    assert abs(line[-1] - line[-6]) < 0.3  # the last loss alone would move it by 0.5 on average


def test_every_training_has_a_name_of_its_own_though_rates_repeat():
    names = list(curves_by_rate("loss", [(rate, [1.0]) for rate in (0.1, 0.2, 0.1, 0.1)]))
    assert names == ["loss_at_0.1", "loss_at_0.2", "loss_at_0.1_again_1", "loss_at_0.1_again_2"]


def test_an_axis_of_trainings_ends_little_above_their_lines_and_at_most_where_it_would_for_a_diverging_one():
    calm = np.geomspace(2.8, 1.3, 100)
    axis = trainings_axis(calm, [training_series("", calm, Look())[1]])
    assert axis.limits[1] == pytest.approx(2.8 * MARGIN, rel=0.02)
    wild = np.geomspace(2.8, 1e9, 100)
    assert trainings_axis(wild, [training_series("", wild, Look())[1]]) == loss_axis(wild)
