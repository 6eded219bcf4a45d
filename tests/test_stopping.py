import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


EXPLOSIONS = [
    [1.0] * 20 + [10.0 ** (3 * k) for k in range(1, 11)],
    [1.0] * 20 + [1000.0, 700.0, 1500.0, 400.0, 1200.0, 900.0, 600.0, 2000.0, 800.0, 1100.0],
    [1.0, 1.1] * 12 + [5.0**k * (1 + k % 2) for k in range(2, 12)],
]


@pytest.mark.parametrize("make", [LRFinderStoppingCriteria, RisingLoss])
@pytest.mark.parametrize("losses", EXPLOSIONS)
def test_an_explosion_stops_within_a_few_losses_though_it_is_noisy_itself(make, losses):
    begins = next(k for k, loss in enumerate(losses) if loss > 2)
    assert begins < stopped_at(make(), losses) <= begins + 5


@given(
    seed=st.integers(0, 10**6),
    flat=st.integers(25, 200),
    factor=st.floats(1.5, 1e6),
    noise=st.floats(0, 1),
    moved=st.tuples(st.floats(1e-3, 1e3), st.floats(-10, 10)),
)
def test_an_exploding_loss_stops_soon_after_it_exceeds_its_noise(seed, flat, factor, noise, moved):
    random = np.random.default_rng(seed)
    explosion = factor ** np.arange(1, min(60, round(100 / math.log10(factor)) + 1))
    levels = np.concatenate([np.zeros(flat), explosion])
    losses = moved[0] * (levels + noise * random.standard_normal(len(levels)) + moved[1])
    exceeds = next(k for k, level in enumerate(levels, 1) if level > 20 * max(noise, 0.1))
    stop = stopped_at(RisingLoss(), losses)
    assert stop is not None
    assert stop <= exceeds + 4


NOISES = {
    "normal": lambda random, n: random.standard_normal(n),
    "uniform": lambda random, n: random.random(n),
    "exponential": lambda random, n: random.exponential(size=n),
    "Laplace": lambda random, n: random.laplace(size=n),
    "Student's t with 3 degrees of freedom": lambda random, n: random.standard_t(3, n),
    "batches of 2": lambda random, n: random.chisquare(2, n),
    "right or wrong": lambda random, n: random.integers(0, 2, n).astype(float),
    "six batches again and again": lambda random, n: np.resize(random.exponential(size=6), n),
}


TAME = NOISES.keys() - {"Student's t with 3 degrees of freedom"}  # whose wild losses the tutorial's criterion stops at


@pytest.mark.parametrize(
    ("make", "noise"),
    [(RisingLoss, noise) for noise in NOISES] + [(LRFinderStoppingCriteria, noise) for noise in sorted(TAME)],
)
def test_noise_alone_rarely_stops(make, noise):
    losses = [np.abs(NOISES[noise](np.random.default_rng(seed), 170)) + 1e-9 for seed in range(60)]
    assert sum(stopped_at(make(), each) is not None for each in losses) <= 5


def as_the_tutorial(losses, smoothing=0.3, min_iter=20):
    """Return the number of losses at the stop by the tutorial's class, word by word."""
    mean = first = None
    for counter, loss in enumerate(losses, 1):
        first = loss if first is None else first
        mean = loss if mean is None else mean
        mean = ((1 - smoothing) * loss) + (smoothing * mean)
        if mean > first * 2 and counter >= min_iter:
            return counter
    return None


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1, 0.2])
def test_on_curves_with_little_noise_it_stops_where_the_tutorials_does(noise, seed):
    losses = textbook(noise, seed)
    expected = as_the_tutorial(losses)
    assert expected is not None
    assert stopped_at(LRFinderStoppingCriteria(), losses) == expected


def test_it_stops_where_the_tutorials_does_at_a_first_loss_far_above_the_others():
    losses = [0.69 - 0.02 * k + 0.005 * (-1) ** k for k in range(32)] + [2.69, 0.003, 3.0, 0.75, 4.2]
    assert stopped_at(LRFinderStoppingCriteria(), losses) == as_the_tutorial(losses) == 33


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
