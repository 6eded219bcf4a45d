import math

import numpy as np
import pytest

from lrfinder import RangeTest, Record, Settings, Stop
from lrfinder._search.evidence import Evidence
from lrfinder._search.search import looks, next_probes, on_ladder, start_rate


def searched(loss, start, horizon=300, max_iterations=650, within=lambda _: True):
    """The probes that a search asks for when a probe at octave x ends at ``loss(x)``."""
    asked, runs = [], {}
    plan = looks(horizon, max_iterations)
    while asks := next_probes(Evidence(np.full(40, 2.0), 1.0, runs, horizon), plan, start, within):
        ask = asks[0]
        asked.append(ask)
        runs.setdefault(ask.lr, {})[ask.length] = np.linspace(2, loss(math.log2(ask.lr)), ask.length)
        assert len(asked) < 60
    return asked


def curve(lrs, losses):
    records = tuple(map(Record, lrs, losses))
    return RangeTest(records, Stop.LAST_RATE, Settings(None, None, None, 100, 0.3, "None"))


def bowl(best):
    return lambda octave: min(1 + 0.1 * (octave - best) ** 2, 2.0 if octave < best else 2.5)


@pytest.mark.parametrize("away", [-9, -3, 0, 3, 9])
def test_a_search_ends_around_the_best_rate_wherever_it_begins(away):
    asked = searched(bowl(-4), 2.0 ** (-4 + away))
    longest = {lr for lr, length in asked if length == 300}
    assert {2.0**-4.5, 2.0**-4, 2.0**-3.5} <= longest


def test_looks_become_longer_and_closer():
    plan = looks(1000, 650)
    assert [look.length for look in plan] == sorted(look.length for look in plan)
    assert [look.octaves for look in plan] == sorted((look.octaves for look in plan), reverse=True)
    assert plan[-1].length == 1000


@pytest.mark.parametrize("horizon", [1, 7, 40, 100, 101])
def test_no_look_is_longer_than_the_training(horizon):
    assert max(look.length for look in looks(horizon, 650)) == horizon


def test_with_fewer_iterations_looks_are_shorter():
    assert looks(300, 350)[0].length < looks(300, 650)[0].length == looks(300, 5000)[0].length


def test_no_probe_leaves_the_rates_that_are_allowed():
    asked = searched(bowl(-4), 2.0**-8, within=lambda lr: lr <= 2.0**-6)
    assert max(lr for lr, _ in asked) <= 2.0**-6


def test_rates_that_do_harm_send_the_search_down_and_those_that_do_nothing_up():
    def cliff(octave):
        return 9.0 if octave > 0 else 2.0

    shortest = [lr for lr, length in searched(cliff, 2.0**4) if length == 40]
    assert shortest == [2.0**4, 2.0**2, 2.0**0]
    assert [lr for lr, _ in searched(cliff, 2.0**-3)[:3]] == [2.0**-3, 2.0**-1, 2.0**1]


def test_a_search_without_signal_ends():
    assert searched(lambda _: 2.0, 1e-3)
    assert searched(lambda _: math.nan, 1e-3)


def test_it_begins_below_where_the_sweep_lies_lowest_under_the_same_batches_untrained():
    batches = np.array([1.0, 5.0, 1.0, 5.0])
    sweep = curve([0.001, 0.01, 0.1, 1.0], batches - [0, 1, 2, 0])
    assert start_rate(sweep, batches) == on_ladder(0.1, -3)


def test_a_loss_that_is_not_finite_is_never_the_lowest():
    sweep = curve([0.01, 0.1, 1.0], [1.0, 0.5, math.nan])
    assert start_rate(sweep, np.ones(3)) == on_ladder(0.1, -3)


def test_the_ladder_are_the_powers_of_the_root_of_two():
    assert on_ladder(0.3) == pytest.approx(2**-1.5)
    assert on_ladder(1.0, 2.5) == pytest.approx(2**2.5)
