import math

import numpy as np
import pytest

from lrfinder import LRFinderStoppingCriteria, RatesError, RisingLoss, Stop


def stopped_at(criterion, losses):
    """Return the number of losses at the stop; None if it did not stop."""
    return next((k for k, loss in enumerate(losses, 1) if criterion(loss)), None)


def test_it_stops_when_the_running_mean_passes_twice_the_first_loss():
    criterion = LRFinderStoppingCriteria(smoothing=0.3, min_iter=2)
    assert criterion(1.0) is None
    assert criterion(2.4) is None  # 0.7 * 2.4 + 0.3 * 1.0 = 1.98
    assert criterion(2.4) is Stop.DIVERGED  # 0.7 * 2.4 + 0.3 * 1.98 = 2.274


def test_a_mean_of_exactly_twice_the_first_loss_does_not_stop():
    criterion = LRFinderStoppingCriteria(smoothing=0.0, min_iter=0)
    assert stopped_at(criterion, [1.0, 2.0, 2.0]) is None
    assert criterion(math.nextafter(2.0, 3.0)) is Stop.DIVERGED


def test_it_sees_min_iter_losses_before_it_stops():
    assert stopped_at(LRFinderStoppingCriteria(min_iter=20), [1.0] + [100.0] * 50) == 20


@pytest.mark.parametrize("make", [LRFinderStoppingCriteria, RisingLoss])
@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_stops_at_once(make, loss):
    assert make()(loss) is Stop.NOT_FINITE


@pytest.mark.parametrize("make", [LRFinderStoppingCriteria, RisingLoss])
@pytest.mark.parametrize("constant", [0.0, 0.1, -0.7, 1e30, 5e-324])
def test_a_constant_loss_never_stops(make, constant):
    assert stopped_at(make(), [constant] * 500) is None


@pytest.mark.parametrize("make", [LRFinderStoppingCriteria, RisingLoss])
def test_after_a_reset_it_decides_like_a_new_one(make):
    losses = [1.0] * 15 + [3.0**k for k in range(30)]
    criterion = make()
    first = stopped_at(criterion, losses)
    criterion.reset()
    assert first is not None
    assert stopped_at(criterion, losses) == first


@pytest.mark.parametrize("first", [0.0, -1.0])
def test_losses_that_start_at_or_below_zero_stop_when_they_rise_well_above_their_start(first):
    falling = [first - 0.1 * k for k in range(30)]
    rising = [falling[-1] + 0.5 * k for k in range(60)]
    stop = stopped_at(LRFinderStoppingCriteria(), falling + rising)
    assert stop is not None
    assert (falling + rising)[stop - 1] > first + 1.0


def textbook(noise, seed=0):
    """Flat, falling, exploding."""
    k = np.arange(140)
    curve = 2.0 - 1.5 / (1 + np.exp(-(k - 90) / 5)) + np.exp((k - 125) / 3)
    return curve + noise * np.random.default_rng(seed).standard_normal(len(k))


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (-5.0, 1.0), (3.0, 1e6), (-1e-3, 1e-4)])
def test_a_rising_loss_is_seen_at_the_same_iteration_whatever_its_sign_and_scale(shift, scale):
    losses = textbook(noise=0.05)
    assert stopped_at(RisingLoss(), losses * scale + shift * scale) == stopped_at(RisingLoss(), losses)
    assert 120 < stopped_at(RisingLoss(), losses) < 140


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_does_not_stop_it(seed):
    assert stopped_at(RisingLoss(), np.random.default_rng(seed).standard_normal(300)) is None


def test_one_wild_batch_does_not_stop_it():
    losses = textbook(noise=0.02)[:120]
    losses[60] = 1000.0
    assert stopped_at(RisingLoss(), losses) is None


@pytest.mark.parametrize("make", [LRFinderStoppingCriteria, RisingLoss])
@pytest.mark.parametrize(("smoothing", "min_iter"), [(1.0, 20), (-0.1, 20), (math.nan, 20), (0.3, -1)])
def test_settings_out_of_range_are_refused(make, smoothing, min_iter):
    with pytest.raises(RatesError, match=r"smoothing|min_iter"):
        make(smoothing, min_iter)


def test_limits_of_a_rise_that_are_not_above_zero_are_refused():
    with pytest.raises(RatesError, match="drops"):
        RisingLoss(drops=0)
