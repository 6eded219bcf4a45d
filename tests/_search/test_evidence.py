import math

import numpy as np
import pytest

from lrfinder._search.evidence import DRIFT_OCTAVES, Evidence

NOISE = np.random.default_rng(0).normal(0, 0.1, 40)
UNTRAINED = 2 + NOISE


def evidence(ends, length=40, horizon=300):
    """Return probes that fall in a line from the untrained loss to given ends, on the same batches."""
    runs = {lr: {length: np.linspace(2, end, length) + NOISE[:length]} for lr, end in ends.items()}
    return Evidence(UNTRAINED, 1.0, runs, horizon)


def test_the_best_probe_has_regret_0_and_one_that_learned_nothing_regret_1():
    regrets = evidence({0.1: 1.0, 0.01: 2.0}).regrets(40)
    assert regrets[0.1] == 0
    assert regrets[0.01] == pytest.approx(1)


def test_regrets_do_not_change_when_losses_are_shifted_or_scaled():
    plain = evidence({0.1: 1.0, 0.05: 1.3, 0.01: 1.9})
    runs = {lr: {40: 5 * losses[40] - 100} for lr, losses in plain.runs.items()}
    moved = Evidence(5 * plain.untrained - 100, 5 * plain.fall, runs, 300)
    assert moved.regrets(40) == pytest.approx(plain.regrets(40))


def test_a_probe_that_stopped_early_has_regret_1():
    broken = {0.1: {40: np.linspace(2, 1, 40)}, 1.0: {40: np.array([2.0, 50.0, np.nan])}}
    assert Evidence(UNTRAINED, 1.0, broken, 300).regrets(40)[1.0] == 1


def test_a_training_that_breaks_out_in_between_is_worse_than_one_that_does_not():
    calm = np.linspace(2, 1, 40)
    wild = calm.copy()
    wild[15:25] = 9
    regrets = Evidence(UNTRAINED, 1.0, {0.1: {40: calm}, 0.2: {40: wild}}, 300).regrets(40)
    assert regrets[0.2] > 0.2


def test_a_probe_at_a_rate_that_is_too_low_neither_trains_nor_harms():
    seen = evidence({1e-9: 2.0})
    assert not seen.trains(1e-9, 40)
    assert not seen.harms(1e-9, 40)
    assert seen.regrets(40) is None


def test_a_probe_at_a_rate_that_is_too_high_harms():
    assert evidence({10.0: 4.0}).harms(10.0, 40)


def test_noise_alone_does_not_count_as_training():
    rng = np.random.default_rng(1)
    runs = {0.1: {100: 2 + rng.normal(0, 0.1, 100)}}
    assert not Evidence(UNTRAINED, 0.0, runs, 300).trains(0.1, 100)


def test_probes_of_all_lengths_share_one_axis_with_the_longest_of_each_rate():
    runs = {0.25: {40: np.linspace(2, 1.2, 40), 150: np.linspace(2, 1.0, 150)}, 1.0: {40: np.linspace(2, 1.9, 40)}}
    octaves, regrets = Evidence(np.full(40, 2.0), 1.0, runs, 300).profile()
    assert octaves.tolist() == pytest.approx([-2 - DRIFT_OCTAVES, 0 - DRIFT_OCTAVES * math.log2(300 / 40)])
    assert regrets[0] == 0
    assert regrets[1] > 0.5


def test_a_probe_as_long_as_the_training_is_not_shifted():
    octaves, _ = evidence({0.5: 1.0}, horizon=40).profile()
    assert octaves.tolist() == [-1.0]
