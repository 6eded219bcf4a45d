import numpy as np
import pytest

from lrfinder.analysis.noise import noise


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
