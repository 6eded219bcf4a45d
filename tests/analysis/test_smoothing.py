import numpy as np
import pytest

from lrfinder.analysis.smoothing import half_width, noise, smooth, spread


def rates(n):
    return np.geomspace(1e-6, 1, n)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 10, 146, 3000])
def test_a_constant_is_preserved_to_the_last_bit(n):
    assert (smooth(rates(n), np.full(n, 0.1)) == 0.1).all()


@pytest.mark.parametrize("n", [3, 4, 10, 146, 3000])
def test_a_line_is_preserved_up_to_its_ends(n):
    line = 3 - 0.5 * np.arange(n)
    assert smooth(rates(n), line) == pytest.approx(line, abs=1e-9)


def test_one_wild_batch_leaves_no_trace():
    losses = np.ones(100)
    losses[50] = 1e6
    assert (smooth(rates(100), losses) == 1).all()


def test_smoothing_does_not_lag():
    lrs = rates(200)
    drop = 1 / (1 + (lrs / 1e-3) ** 2)
    crossing = lrs[np.flatnonzero(smooth(lrs, drop) < 0.5)[0]]
    assert crossing == pytest.approx(1e-3, rel=0.08)  # one rate is 7 % above the next


def test_smoothing_backward_equals_smoothing_forward():
    losses = np.random.default_rng(1).normal(size=100)
    assert smooth(rates(100), losses[::-1].copy())[::-1] == pytest.approx(smooth(rates(100), losses))


def test_spread_is_the_deviation_of_smoothed_noise_without_the_median():
    lrs, rng = rates(146), np.random.default_rng(0)
    smoothed = np.array([smooth(lrs, rng.normal(size=146)) for _ in range(2000)])
    assert spread(lrs) == pytest.approx(smoothed.std(axis=0), rel=0.2)


def test_smoothing_reaches_a_quarter_of_a_decade_within_bounds():
    assert half_width(rates(601)) == 25  # 100 rates a decade
    assert half_width(rates(13)) == 3
    assert half_width(rates(10**6)) == 250
    assert half_width(rates(5)) == 2
    assert half_width(rates(2)) == 0


def test_noise_is_the_standard_deviation_of_normal_losses():
    losses = np.random.default_rng(0).normal(5, 0.3, 20_000)
    assert noise(losses) == pytest.approx(0.3, rel=0.03)


def test_the_trend_does_not_count_as_noise():
    losses = np.random.default_rng(0).normal(0, 0.3, 20_000) + np.linspace(0, 500, 20_000)
    assert noise(losses) == pytest.approx(0.3, rel=0.03)


def test_a_straight_line_has_no_noise():
    assert noise(np.arange(10.0)) == 0


def test_a_divergence_adds_little_noise():
    losses = np.random.default_rng(0).normal(0, 1, 100)
    exploded = np.concatenate([losses, 10.0 ** np.arange(10)])
    assert noise(exploded) == pytest.approx(noise(losses), rel=0.3)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_losses_have_no_noise(n):
    assert noise(np.arange(n, dtype=float)) == 0
