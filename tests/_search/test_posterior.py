"""The probability of each rate to be the best one. Trainings follow the valley of the library, or a bowl of their own."""

import math

import numpy as np
import pytest

from lrfinder._search.evidence import Scores
from lrfinder._search.posterior import Posterior
from lrfinder._search.valley import valley
from lrfinder.analysis.reading import Reading

LIMITS = (2.0**-20, 2.0**4)
HORIZON = 300


def posterior(center=-8.0, reach=3.0, limits=LIMITS):
    reading = None if center is None else Reading(*(2.0 ** (center + shift) for shift in (0, -reach, reach)))
    return Posterior(reading, limits, valley(trained=False), HORIZON)


def scores(losses, level=2.0, error=0.0, level_error=0.001):
    """Return the scores of probes with given losses by the logarithm of their rate."""
    octaves = sorted(losses)
    ends = np.array([losses[octave] for octave in octaves], dtype=float)
    return Scores(2.0 ** np.array(octaves, dtype=float), ends, np.full(len(ends), error), level, level_error)


def bowl(best, octaves):
    """Return losses between 1 at the best rate and 2 far below it; far above it training diverges."""
    return {x: min(1 + 0.03 * (x - best) ** 2, 2.0) if x <= best + 3 else math.inf for x in octaves}


def mean_of(one):
    return float(one._grid @ one.probabilities)


@pytest.mark.parametrize("center", [None, -40.0, -8.0, 3.0, 40.0])
def test_probabilities_sum_to_1_before_and_after_probes(center):
    one = posterior(center)
    assert one.probabilities.sum() == pytest.approx(1)
    one.update(40, scores(bowl(-6, [-10, -8, -6, -4])))
    one.update(300, scores(bowl(-6, [-7, -6, -5])))
    assert one.probabilities.sum() == pytest.approx(1)
    assert (one.probabilities >= 0).all()


def test_before_any_probe_the_reading_decides():
    assert posterior(-8).best().octave == pytest.approx(-8, abs=1.5)
    assert posterior(-8).best().octave < posterior(-4).best().octave
    low, high = posterior(-8).interval()
    assert low < -8 < high


def test_the_wider_the_reading_the_wider_the_interval():
    widths = [np.diff(posterior(-8, reach).interval())[0] for reach in (0.5, 2, 5)]
    assert widths == sorted(widths)


@pytest.mark.parametrize("best", [-14, -10, -6, -2])
def test_probes_as_long_as_the_training_draw_the_answer_to_their_best_rate(best):
    one = posterior(-8)
    one.update(HORIZON, scores(bowl(best, range(best - 3, best + 4))))
    assert one.best().octave == pytest.approx(best, abs=1)
    low, high = one.interval()
    assert low - 0.5 < best < high + 0.5


def test_probes_make_the_interval_narrower():
    one = posterior(-8)
    before = np.diff(one.interval())[0]
    one.update(HORIZON, scores(bowl(-8, range(-11, -4))))
    assert np.diff(one.interval())[0] < before / 2


def test_short_probes_say_less_than_long_ones():
    short, long = posterior(-8), posterior(-8)
    short.update(40, scores(bowl(-6, range(-9, -2))))
    long.update(HORIZON, scores(bowl(-6, range(-9, -2))))
    assert np.diff(short.interval())[0] > np.diff(long.interval())[0]


def test_for_a_longer_training_the_rate_is_lower_than_for_its_probes():
    one = posterior(-8, 8)
    one.update(40, scores(bowl(-6, range(-9, -2))))
    assert one.best().octave < one.best(40).octave


@pytest.mark.parametrize("seed", range(10))
def test_noise_alone_moves_it_by_less_than_half_of_its_deviation(seed):
    one = posterior(-8)
    before, deviation = mean_of(one), math.sqrt(one._grid**2 @ one.probabilities - mean_of(one) ** 2)
    noise = np.random.default_rng(seed).normal(0, 0.01, 4)
    one.update(40, scores(dict(zip([-12, -10, -8, -6], 2 + noise, strict=True)), error=0.01, level_error=0.01))
    assert abs(mean_of(one) - before) < deviation / 2


def test_the_noisier_the_probes_the_wider_the_interval():
    widths = []
    for error in (0.0, 0.1, 0.3, 1.0):
        one = posterior(-8)
        one.update(HORIZON, scores(bowl(-5, [-8, -7, -6, -5, -4]), error=error))
        widths.append(np.diff(one.interval())[0])
    assert widths == sorted(widths)


def test_one_strange_probe_does_not_outweigh_the_others():
    one, strange = posterior(-8), posterior(-8)
    losses = bowl(-8, range(-12, -4))
    one.update(HORIZON, scores(losses))
    strange.update(HORIZON, scores(losses | {-10: 5.0}))
    assert strange.best().octave == pytest.approx(one.best().octave, abs=1)


def test_probes_of_a_length_replace_what_fewer_of_them_said():
    once, twice = posterior(-8), posterior(-8)
    once.update(40, scores(bowl(-6, [-8, -6, -4])))
    twice.update(40, scores(bowl(-6, [-8, -6])))
    twice.update(40, scores(bowl(-6, [-8, -6, -4])))
    assert twice.probabilities == pytest.approx(once.probabilities)


@pytest.mark.parametrize(("factor", "offset"), [(1, 100), (1e3, 0), (1e-3, -5)])
def test_it_is_the_same_when_losses_are_shifted_or_scaled(factor, offset):
    losses = bowl(-6, [-10, -8, -6])
    one, other = posterior(), posterior()
    one.update(40, scores(losses, error=0.1))
    moved = {x: factor * loss + offset for x, loss in losses.items()}
    other.update(40, scores(moved, 2 * factor + offset, 0.1 * factor, 0.001 * factor))
    assert other.probabilities == pytest.approx(one.probabilities)


@pytest.mark.parametrize("edge", [-14, -8, -2])
def test_a_cliff_keeps_the_rate_below_it(edge):
    one = posterior(-8)
    octaves = range(edge - 4, edge + 3)
    one.update(HORIZON, scores({x: 1.5 - 0.05 * (x - edge) if x < edge else math.inf for x in octaves}))
    assert one.best().octave < edge


@pytest.mark.parametrize("loss", [math.inf, 50.0, 2.1])
def test_where_every_probe_rises_the_best_rate_lies_below_them(loss):
    one = posterior(-8)
    one.update(40, scores(dict.fromkeys([-10, -8, -6], loss)))
    assert one.best(40).octave < -10
    assert one.above(-10, 40) < 0.2


def test_probes_that_only_stay_where_they_were_say_nothing():
    one = posterior(-8)
    before = one.probabilities
    one.update(40, scores(dict.fromkeys([-10, -8, -6], 2.0)))
    assert one.probabilities == pytest.approx(before)


@pytest.mark.parametrize("center", [None, -30.0, -8.0, 30.0])
@pytest.mark.parametrize("limits", [LIMITS, (0.01, 0.011), (0.003, 0.3)])
def test_no_rate_outside_its_limits_is_chosen(center, limits):
    one = posterior(center, limits=limits)
    for length in (None, 40, 3000):
        assert limits[0] <= 2 ** one.best(length).octave * (1 + 1e-12)
        assert 2 ** one.best(length).octave <= limits[1] * (1 + 1e-12)


def test_the_regret_to_expect_is_least_at_the_best_rate():
    one = posterior()
    one.update(100, scores(bowl(-7, range(-10, -4))))
    best = one.best()
    regrets = one.expected_regrets(np.array([best.octave - 2, best.octave, best.octave + 2]))
    assert regrets[1] == pytest.approx(best.regret)
    assert regrets[1] < min(regrets[0], regrets[2])


def test_the_chances_on_both_sides_of_a_rate_fall_with_it():
    one = posterior()
    chances = [one.above(octave, 100) for octave in range(-30, 15)]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] == pytest.approx(1, abs=0.05)
    assert chances[-1] == pytest.approx(0, abs=0.05)
