import math

import numpy as np
import pytest

from lrfinder import RangeTest, Record, Settings, Stop
from lrfinder._search.bracketing import next_trials, on_ladder, rounds_of, start_rate
from lrfinder._search.evidence import Evidence


def searched(loss, start, horizon=300, max_iterations=650, within=lambda _: True):
    """Return the trials of a search when one at the rate ``2**x`` ends at ``loss(x)``."""
    trained, runs = [], {}
    rounds = rounds_of(horizon, max_iterations)
    while trials := next_trials(Evidence(np.full(40, 2.0), 1.0, runs, horizon), rounds, start, within):
        trial = trials[0]
        trained.append(trial)
        runs.setdefault(trial.lr, {})[trial.length] = np.linspace(2, loss(math.log2(trial.lr)), trial.length)
        assert len(trained) < 60
    return trained


def curve(lrs, losses):
    records = tuple(map(Record, lrs, losses))
    return RangeTest(records, Stop.LAST_RATE, Settings(None, None, None, 100, 0.3, "None"))


def bowl(best):
    return lambda octave: min(1 + 0.1 * (octave - best) ** 2, 2.0 if octave < best else 2.5)


@pytest.mark.parametrize("away", [-9, -3, 0, 3, 9])
def test_a_search_ends_around_the_best_rate_wherever_it_begins(away):
    trials = searched(bowl(-4), 2.0 ** (-4 + away))
    longest = {trial.lr for trial in trials if trial.length == 300}
    assert {2.0**-4.5, 2.0**-4, 2.0**-3.5} <= longest


def test_rounds_become_longer_and_closer():
    rounds = rounds_of(1000, 650)
    assert [each.length for each in rounds] == sorted(each.length for each in rounds)
    assert [each.octaves for each in rounds] == sorted((each.octaves for each in rounds), reverse=True)
    assert rounds[-1].length == 1000


@pytest.mark.parametrize("horizon", [1, 7, 40, 100, 101])
def test_no_round_is_longer_than_the_training(horizon):
    assert max(each.length for each in rounds_of(horizon, 650)) == horizon


def test_with_fewer_iterations_rounds_are_shorter():
    assert rounds_of(300, 350)[0].length < rounds_of(300, 650)[0].length == rounds_of(300, 5000)[0].length


def test_no_trial_leaves_the_rates_that_are_allowed():
    trials = searched(bowl(-4), 2.0**-8, within=lambda lr: lr <= 2.0**-6)
    assert max(trial.lr for trial in trials) <= 2.0**-6


def test_rates_that_do_harm_send_the_search_down_and_those_that_do_nothing_up():
    def cliff(octave):
        return 9.0 if octave > 0 else 2.0

    shortest = [trial.lr for trial in searched(cliff, 2.0**4) if trial.length == 40]
    assert shortest == [2.0**4, 2.0**2, 2.0**0]
    assert [trial.lr for trial in searched(cliff, 2.0**-3)[:3]] == [2.0**-3, 2.0**-1, 2.0**1]


def test_a_search_without_signal_ends():
    assert searched(lambda _: 2.0, 1e-3)
    assert searched(lambda _: math.nan, 1e-3)


def test_a_search_starts_below_the_lowest_point_of_the_sweep_relative_to_the_untrained_losses():
    batches = np.array([1.0, 5.0, 1.0, 5.0])
    sweep = curve([0.001, 0.01, 0.1, 1.0], batches - [0, 1, 2, 0])
    assert start_rate(sweep, batches) == on_ladder(0.1, -3)


def test_a_loss_that_is_not_finite_is_never_the_lowest():
    sweep = curve([0.01, 0.1, 1.0], [1.0, 0.5, math.nan])
    assert start_rate(sweep, np.ones(3)) == on_ladder(0.1, -3)


def test_the_ladder_consists_of_the_powers_of_the_square_root_of_two():
    assert on_ladder(0.3) == pytest.approx(2**-1.5)
    assert on_ladder(1.0, 2.5) == pytest.approx(2**2.5)
