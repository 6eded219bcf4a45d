import numpy as np
import pytest

from lrfinder._search.evidence import Evidence
from lrfinder._search.interval import chosen, interval


def evidence(loss, octaves, length, horizon=300):
    runs = {2.0**octave: {length: np.linspace(2, loss(octave), length)} for octave in octaves}
    return Evidence(np.full(40, 2.0), 1.0, runs, horizon)


def bowl(octave):
    return 1 + 0.1 * (octave + 4) ** 2


@pytest.mark.parametrize("length", [40, 100, 300])
def test_the_interval_contains_the_rate(length):
    lr, low, high = interval(evidence(bowl, range(-7, 0), length), length)
    assert low < lr < high


def test_the_shorter_the_probes_the_wider_the_interval_and_the_lower_the_rate():
    short, long = (interval(evidence(bowl, range(-7, 0), length), length) for length in (40, 200))
    assert short.high / short.low > long.high / long.low
    assert short.lr < long.lr


def test_among_probes_as_long_as_the_training_the_best_is_chosen_as_it_is():
    assert interval(evidence(bowl, [-6, -4.5, -3], 300), 300).lr == 2.0**-4.5


def test_the_rate_keeps_a_distance_from_a_cliff():
    def cliff(octave):
        return 1 - 0.02 * octave if octave < 0 else 3.0

    assert chosen(evidence(cliff, range(-6, 3), 100), 100) < 2.0**-1.5


def test_the_interval_is_never_narrower_than_the_grid_of_rates_allows():
    def spike(octave):
        return 1.0 if octave == -4 else 2.0

    _, low, high = interval(evidence(spike, range(-7, 0), 300), 300)
    assert high / low >= 2**0.8 - 1e-9
