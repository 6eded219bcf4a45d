import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lrfinder.analysis.smoothing import drawn_line, half_width, is_coarse, local_lines, noise, smooth, spread, training_line

FINITE = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.floats(min_value=5e-324, allow_nan=False, allow_infinity=False)
USUAL = st.floats(min_value=1e-3, max_value=10.0)
CURVES = st.one_of(*(st.lists(values, min_size=1, max_size=80) for values in (FINITE, POSITIVE, USUAL)))


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


@given(losses=CURVES, factor=st.sampled_from([1.02, 1.1, 1.2, 1.5, 3.0]), ceiling=st.sampled_from([np.inf, 1.0]))
@example(losses=[2.3] * 20 + [1.0, 0.5, 0.1, 9.0, 80.0], factor=1.1, ceiling=np.inf)
@example(losses=[2.3] * 20 + [2.0, 1.5, 9.0], factor=2.0, ceiling=np.inf)
def test_a_drawn_line_stays_within_the_range_of_the_losses_that_it_smooths(losses, factor, ceiling):
    raw, lrs = np.array(losses), 1e-6 * factor ** np.arange(len(losses))
    line, reach = drawn_line(lrs, raw, ceiling), half_width(lrs)
    for at, value in enumerate(line):
        window = raw[max(0, at - reach) : at + reach + 1]
        assert window.min() <= value <= window.max()


@given(losses=st.lists(FINITE, min_size=3, max_size=60), factor=st.floats(min_value=1.25, max_value=100.0))
def test_a_coarse_sweep_is_drawn_as_it_is(losses, factor):
    lrs = 1e-6 * factor ** np.arange(len(losses))
    assert is_coarse(lrs)
    assert (drawn_line(lrs, np.array(losses)) == losses).all()


@pytest.mark.parametrize(("factor", "coarse"), [(1.1, False), (1.2, False), (1.22, True), (2.0, True)])
def test_a_sweep_is_coarse_if_a_quarter_of_a_decade_has_fewer_than_three_rates(factor, coarse):
    assert is_coarse(1e-6 * factor ** np.arange(30)) == coarse


def test_factors_up_and_down_cancel_in_a_drawn_line():
    losses = np.exp(np.random.default_rng(0).normal(0, 1, 500))
    assert local_lines(losses, 50)[50:-50] == pytest.approx(1.0, rel=0.35)
    assert local_lines(1 / losses, 20) == pytest.approx(1 / local_lines(losses, 20))


@pytest.mark.parametrize("count", [1, 2, 3, 20])
def test_a_drawn_line_preserves_a_constant(count):
    for constant in (0.1, -3.0, 0.0, 1e-320, 1.7e308):
        assert (local_lines(np.full(count, constant), 5) == constant).all()


@pytest.mark.parametrize("reach", [3, 10, 25])
def test_the_line_of_a_training_is_almost_as_calm_at_its_right_end_as_before(reach):
    draws = np.random.default_rng(0)
    falling = 0.5 + 2 * np.exp(-np.arange(400) / 60)
    errors = np.array([np.log(training_line(falling * draws.lognormal(0, 0.3, 400), reach) / falling) for _ in range(300)])
    deviation = np.sqrt((errors**2).mean(axis=0))
    assert deviation[-1] < 1.75 * deviation[200]
    assert (deviation[-reach:] < 2 * deviation[200]).all()


@pytest.mark.parametrize("scale", [np.exp, np.negative])
def test_the_line_of_a_training_preserves_a_steady_fall_to_its_end(scale):
    losses = scale(np.linspace(5.0, 0.0, 200))
    assert training_line(losses, 10)[1:-1] == pytest.approx(losses[1:-1])


def test_the_line_of_a_training_follows_its_fast_beginning():
    losses = 0.5 + 4 * np.exp(-np.arange(400) / 15)
    assert training_line(losses, 20)[:60] == pytest.approx(losses[:60], rel=0.25)
