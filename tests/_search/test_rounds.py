"""The choice of the next trial, for trainings whose end is a function of their rate."""

import math

import numpy as np
import pytest

from lrfinder._search.evidence import Evidence
from lrfinder._search.posterior import Posterior
from lrfinder._search.rounds import next_trials, on_ladder, rounds_of
from lrfinder._search.valley import valley
from lrfinder.analysis.reading import Reading

LIMITS = (2.0**-27, 2.0**10)
MOST_TRIALS = 60


def searched(loss, center, horizon=300, max_iterations=650, limits=LIMITS):
    """Return the trials of a search, and what they say, when one at the rate ``2**x`` ends at ``loss(x)``."""
    reading = Reading(*(2.0 ** (center + shift) for shift in (0, -4, 4)))
    posterior = Posterior(reading, limits, valley(trained=False), horizon)
    trained, runs, rounds = [], {}, rounds_of(horizon, max_iterations)
    while trials := next_trials(Evidence(np.full(40, 2.0), runs, horizon), posterior, rounds, limits):
        trial = trials[0]
        trained.append(trial)
        runs.setdefault(trial.lr, {})[trial.length] = losses_to(loss(math.log2(trial.lr)), trial.length)
        evidence = Evidence(np.full(40, 2.0), runs, horizon)
        for length in evidence.lengths:
            posterior.update(length, evidence.scores(length))
        assert len(trained) < MOST_TRIALS
    return trained, posterior


def losses_to(end, length):
    """Return losses from 2 to an end in a line; they stop at one that is not finite."""
    return np.linspace(2, end, length) if math.isfinite(end) else np.array([2.0, 2.5, end])


def bowl(best):
    """Return losses of which little is learned far below the best rate; far above it training diverges."""

    def loss(octave):
        return 2 - 2 ** ((octave - best) / 3) if octave < best else 1 + 0.1 * (octave - best) ** 2

    return lambda octave: loss(octave) if octave < best + 3 else math.inf


@pytest.mark.parametrize("away", [-9, -6, -3, 0, 3, 6, 9])
def test_a_search_ends_around_the_best_rate_wherever_the_reading_puts_it(away):
    trials, posterior = searched(bowl(-4), -4 + away)
    longest = [math.log2(trial.lr) for trial in trials if trial.length == 300]
    assert min(abs(octave + 4) for octave in longest) <= 0.5
    assert posterior.best().octave == pytest.approx(-4, abs=1)


@pytest.mark.parametrize("best", [-20, -12, -4, 4])
def test_both_neighbors_of_the_best_rate_are_tried_at_the_greatest_length(best):
    trials, _ = searched(bowl(best), best + 1)
    longest = sorted(math.log2(trial.lr) for trial in trials if trial.length == 300)
    assert longest[0] < best < longest[-1]


@pytest.mark.parametrize("edge", [-14, -7, -1])
@pytest.mark.parametrize("away", [-4, 0, 6])
@pytest.mark.parametrize("fallen", [9.0, 1e30, math.inf])
def test_a_cliff_keeps_the_rate_below_it(edge, away, fallen):
    def cliff(octave):
        return fallen if octave >= edge else 1.2 - 0.1 * max(octave - edge, -8)

    _, posterior = searched(cliff, edge + away)
    assert edge - 4 <= posterior.best().octave < edge


def test_rates_that_all_rise_send_the_search_down():
    trials, _ = searched(lambda _: 9.0, -4)
    shortest = [trial.lr for trial in trials if trial.length == trials[0].length]
    assert shortest == sorted(shortest, reverse=True)
    assert len(shortest) > 1


def test_no_trial_is_run_twice():
    trials, _ = searched(bowl(-4), -8)
    assert len(trials) == len(set(trials))


def test_trials_are_at_rates_of_the_ladder():
    trials, _ = searched(bowl(-4.2), -7.3)
    assert all(trial.lr == on_ladder(math.log2(trial.lr)) for trial in trials)


@pytest.mark.parametrize("limits", [(2.0**-12, 2.0**-6), (2.0**-6, 2.0**-2), (2.0**-2, 2.0**3)])
@pytest.mark.parametrize("center", [-20, -8, 2])
def test_no_trial_leaves_the_limits(limits, center):
    trials, posterior = searched(bowl(-4), center, limits=limits)
    assert trials
    assert all(limits[0] <= trial.lr <= limits[1] for trial in trials)
    assert limits[0] * 0.999 <= 2 ** posterior.best().octave <= limits[1] * 1.001


@pytest.mark.parametrize("center", [-20, -7.6, 2])
def test_between_two_rates_of_the_ladder_one_rate_within_the_limits_is_tried(center):
    limits = (2.0**-7.4, 2.0**-7.2)
    trials, _ = searched(bowl(-7), center, limits=limits)
    assert trials
    assert all(limits[0] <= trial.lr <= limits[1] for trial in trials)


def test_the_trials_that_are_likely_to_follow_are_of_the_same_round():
    posterior = Posterior(Reading(0.01, 0.001, 0.1), LIMITS, valley(trained=False), 300)
    rounds = rounds_of(300, 650)
    trials = next_trials(Evidence(np.full(40, 2.0), {}, 300), posterior, rounds, LIMITS)
    assert len(trials) == len({trial.lr for trial in trials}) == 3
    assert {trial.length for trial in trials} == {rounds[0].length}


def test_a_round_of_longer_trials_begins_only_where_two_of_them_are_paid_for():
    posterior = Posterior(Reading(0.01, 0.001, 0.1), LIMITS, valley(trained=False), 300)
    rounds, runs, lengths = rounds_of(300, 650), {}, set()

    def pays(trials):
        return sum(trial.length for trial in trials) < 2 * rounds[1].length

    for _ in range(MOST_TRIALS):
        evidence = Evidence(np.full(40, 2.0), runs, 300)
        trials = next_trials(evidence, posterior, rounds, LIMITS, pays)
        if not trials:
            break
        runs.setdefault(trials[0].lr, {})[trials[0].length] = np.linspace(2, 1, trials[0].length)
        lengths.add(trials[0].length)
    assert lengths == {rounds[0].length}
    assert len(runs) > rounds[0].most


@pytest.mark.parametrize("horizon", [20, 300, 3000])
@pytest.mark.parametrize("loss", [2.0, math.nan, math.inf])
def test_a_search_without_signal_ends(horizon, loss):
    assert searched(lambda _: loss, -8, horizon)[0]


def test_rounds_become_longer_and_closer():
    rounds = rounds_of(1000, 650)
    assert [each.length for each in rounds] == sorted(each.length for each in rounds)
    assert [each.octaves for each in rounds] == sorted((each.octaves for each in rounds), reverse=True)
    assert rounds[-1].length == 1000


@pytest.mark.parametrize("horizon", [1, 7, 40, 100, 101])
def test_no_round_is_longer_than_the_training(horizon):
    assert max(each.length for each in rounds_of(horizon, 650)) == horizon


def test_the_more_iterations_the_longer_the_rounds():
    first = [rounds_of(300, most)[0].length for most in (151, 350, 650, 2000)]
    assert first == sorted(first)
    assert first[0] < first[-1]


def test_the_ladder_consists_of_the_powers_of_the_square_root_of_two():
    assert on_ladder(math.log2(0.3)) == pytest.approx(2**-1.5)
    assert on_ladder(2.4) == pytest.approx(2**2.5)
