import math

import numpy as np
import pytest
from example_curves import LRS, swept, usual

from lrfinder import RangeTest, Record, Settings, Stop
from lrfinder.views.describe.curve import curve


def test_the_rate_axis_spans_the_rates_tried():
    assert curve(usual()).x_limits == (LRS[0], LRS[-1])


def test_positive_losses_get_the_tutorials_limits():
    result = usual()
    axis = curve(result).loss_axis
    assert axis.scale == "log"
    assert axis.limits == pytest.approx((0.8 * result.losses.min(), 4 * result.first_loss))


def test_losses_that_turn_negative_get_a_linear_axis_that_holds_them():
    result = usual(shift=-1.5)
    axis = curve(result).loss_axis
    assert axis.scale == "linear"
    assert axis.limits[0] < result.losses.min()
    assert axis.limits[1] > result.first_loss


def test_a_loss_that_falls_by_orders_of_magnitude_below_zero_gets_a_symlog_axis():
    axis = curve(swept([1e4, 1e3, 1e2, 1e1, 1.0, -1.0, -2.0])).loss_axis
    assert axis.scale == "symlog"
    assert axis.limits[0] < -2
    assert axis.limits[1] > 1e4


def test_an_explosion_at_the_end_leaves_the_line_before_it_where_it_was():
    calm = usual(noise=0)
    lrs, losses = [*calm.lrs, calm.lrs[-1] * 1.15], [*calm.losses, 1e30]
    exploded = curve(swept(losses, lrs))
    assert exploded.smoothed.max() <= exploded.loss_axis.limits[1] * 1.5
    assert np.allclose(exploded.smoothed[:-10], curve(calm).smoothed[: len(losses) - 10])


def test_rates_in_any_order_are_drawn_rising():
    drawn = curve(swept([1.0, 3.0, 2.0], [0.1, 0.3, 0.2]))
    assert drawn.lrs.tolist() == [0.1, 0.2, 0.3]
    assert drawn.losses.tolist() == [1.0, 2.0, 3.0]


def test_a_loss_that_is_not_finite_is_not_drawn_but_the_stop_is_at_the_top():
    drawn = curve(swept([1.0, 2.0, math.inf]))
    assert len(drawn.losses) == 2
    assert drawn.stopped.lr == LRS[2]
    assert drawn.stopped.loss == drawn.loss_axis.limits[1]
    assert drawn.stopped.why == Stop.NOT_FINITE.value


@pytest.mark.parametrize(
    "losses",
    [[], [math.nan], [1.0], [0.0], [0.0] * 30, [-5.0] * 30, [1e308] * 30, [1e-320] * 30, [1e308, -1e308] * 10, [math.inf]],
)
def test_every_curve_has_limits_that_can_be_drawn(losses):
    drawn = curve(swept(losses))
    for low, high in (drawn.x_limits, drawn.loss_axis.limits):
        assert math.isfinite(low)
        assert math.isfinite(high)
        assert low < high
    assert len(drawn.lrs) == len(drawn.losses) == len(drawn.smoothed)
    assert np.isfinite(drawn.loss_axis.height(drawn.losses)).all()


def test_the_band_is_the_suggestion_with_its_interval():
    result = usual()
    band = curve(result).band
    assert (band.lr, band.low, band.high) == (result.suggestion.lr, result.suggestion.low, result.suggestion.high)


def test_a_curve_without_a_suggestion_has_no_band_and_says_why_in_its_title():
    result = swept([1.0] * 40)
    assert curve(result).band is None
    assert result.suggestion.status in curve(result).title


def test_a_range_test_without_records_can_be_drawn():
    settings = usual().settings
    drawn = curve(RangeTest((), Stop.DATA_ENDED, settings))
    assert (len(drawn.lrs), drawn.stopped, drawn.band) == (0, None, None)


@pytest.mark.parametrize("lrs", [[5e-324], [1e308], [5e-324, 1.0, 1e308], [0.0]])
def test_rates_that_no_axis_reaches_are_drawn_at_its_ends(lrs):
    settings = Settings(None, None, None, 3, 0.3, "x")
    drawn = curve(RangeTest(tuple(Record(lr, 1.0) for lr in lrs), Stop.LAST_RATE, settings))
    low, high = drawn.x_limits
    assert 1e-101 < low < high < 1e101
