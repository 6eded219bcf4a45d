import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfinder.analysis.landmarks import Landmarks, landmarks

NONE = Landmarks(None, None, None, None)
LRS = np.geomspace(1e-6, 10, 170)
ONE_RATE = LRS[1] / LRS[0]


def logistic_drop(middle, lrs=LRS):
    """From 2.3 to 0.8, falling fastest per decade at ``middle``."""
    return 2.3 - 1.5 / (1 + (middle / lrs) ** 2)


def with_divergence(losses, edge):
    return np.where(edge < LRS, losses + (LRS / edge - 1) * 5, losses)


@pytest.mark.parametrize("middle", [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0])
def test_steepest_finds_the_middle_of_a_logistic_drop_wherever_it_lies(middle):
    assert landmarks(LRS, logistic_drop(middle)).steepest == pytest.approx(middle, rel=ONE_RATE - 1)


@pytest.mark.parametrize("middle", [1e-4, 1e-3, 1e-2])
def test_the_fall_begins_at_a_twentieth_of_it(middle):
    seen = landmarks(LRS, logistic_drop(middle))
    begins = middle * (0.05 / 0.95) ** 0.5
    assert seen.falls_from == pytest.approx(begins, rel=0.15)


def test_the_lowest_point_and_the_divergence_are_near_the_edge():
    seen = landmarks(LRS, with_divergence(logistic_drop(1e-3), edge=0.1))
    assert 0.03 < seen.lowest <= 0.11
    assert 0.1 < seen.diverges < 0.14  # risen by half of 1.5 at 0.115


def test_landmarks_are_in_order():
    noisy = with_divergence(logistic_drop(1e-3), 0.1) + np.random.default_rng(0).normal(0, 0.05, 170)
    seen = landmarks(LRS, noisy)
    assert seen.falls_from <= seen.steepest <= seen.lowest < seen.diverges


def test_a_loss_that_keeps_falling_does_not_diverge():
    seen = landmarks(LRS, logistic_drop(0.1))
    assert seen.diverges is None
    assert seen.lowest == LRS[-1]


def test_a_divergence_does_not_move_the_landmarks_below_it():
    gentle = with_divergence(logistic_drop(1e-3), 0.1)
    violent = np.where(LRS > 0.15, 1e12 * LRS, gentle)
    before, after = landmarks(LRS, gentle), landmarks(LRS, violent)
    assert (before.falls_from, before.steepest, before.lowest) == (after.falls_from, after.steepest, after.lowest)


def test_a_loss_that_only_rises_diverges_where_it_leaves_its_first_level():
    losses = np.where(LRS > 0.1, 2 + 10 * LRS, 2) + np.random.default_rng(0).normal(0, 0.01, 170)
    seen = landmarks(LRS, losses)
    assert (seen.falls_from, seen.steepest, seen.lowest) == (None, None, None)
    assert 0.06 < seen.diverges < 0.12


def test_a_straight_rise_has_no_fall():
    assert landmarks(LRS, np.arange(170.0)).lowest is None


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_has_no_landmarks(seed):
    assert landmarks(LRS, np.random.default_rng(seed).normal(2, 0.1, 170)).lowest is None


def test_a_constant_has_no_landmarks():
    assert landmarks(LRS, np.full(170, 0.1)) == NONE


def test_nine_rates_have_no_landmarks():
    assert landmarks(LRS[:9], -np.arange(9.0)) == NONE


@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 0), (1e6, 0), (1, -50), (8, 1000)])
def test_landmarks_are_the_same_for_shifted_and_scaled_losses(scale, shift):
    losses = with_divergence(logistic_drop(1e-3), 0.1) + np.random.default_rng(0).normal(0, 0.05, 170)
    assert landmarks(LRS, scale * losses + shift) == landmarks(LRS, losses)


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=60))
def test_landmarks_never_raise(curve):
    lrs, losses = [lr for lr, _ in curve], [loss for _, loss in curve]
    seen = landmarks(lrs, losses)
    assert all(lr is None or lr in lrs for lr in (seen.falls_from, seen.steepest, seen.lowest, seen.diverges))


COARSE = np.geomspace(1e-7, 10.0, 25)


def coarse_fall(edge=3.0):
    """A sweep as a search begins with: level, a fall in the last four rates, and an explosion above ``edge``."""
    losses = 2.3 - 1.2 / (1 + (0.5 / COARSE) ** 2)
    return np.where(edge < COARSE, 9.0, losses)


def test_a_coarse_sweep_is_lowest_at_its_lowest_loss_and_diverges_above_it():
    losses = coarse_fall()
    seen = landmarks(COARSE, losses)
    assert seen.lowest == COARSE[losses.argmin()]
    assert seen.diverges == COARSE[losses > 5][0]


@pytest.mark.parametrize("seed", range(20))
def test_a_coarse_sweep_never_diverges_at_a_loss_below_its_first_level(seed):
    losses = coarse_fall() + np.random.default_rng(seed).normal(0, 0.03, 25)
    seen = landmarks(COARSE, losses)
    if seen.diverges is not None:
        assert losses[np.flatnonzero(seen.diverges == COARSE)[0]] > losses.min() + 0.5 * (2.3 - losses.min())


@pytest.mark.parametrize("count", [12, 25, 40])
def test_a_flat_coarse_sweep_has_no_landmarks(count):
    lrs, rng = np.geomspace(1e-7, 10.0, count), np.random.default_rng(0)
    noisy = [2.3 + 0.1 * rng.standard_normal(count) for _ in range(200)]
    assert sum(landmarks(lrs, losses) != NONE for losses in noisy) <= 2


def test_wild_batches_of_a_flat_coarse_sweep_are_rarely_landmarks():
    rng = np.random.default_rng(0)
    wild = [2.3 + 0.1 * rng.standard_t(3, 25) for _ in range(300)]
    assert sum(landmarks(COARSE, losses) != NONE for losses in wild) <= 18  # 6 %


def test_a_single_deep_fall_of_a_coarse_sweep_is_no_landmark_where_the_noise_is_as_large():
    losses = 2.3 + 0.5 * np.random.default_rng(1).standard_normal(25)
    losses[12] -= 1.0
    assert landmarks(COARSE, losses) == NONE
