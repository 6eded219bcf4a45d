import math

import numpy as np
import pytest

from lrfinder._search.evidence import Evidence

NOISE = np.random.default_rng(0).normal(0, 0.1, 100)
UNTRAINED = 2 + NOISE[:40]


def evidence(ends, length=40):
    """Return probes that fall in a line from the untrained loss to given ends, on the same batches."""
    runs = {lr: {length: np.linspace(2, end, length) + NOISE[:length]} for lr, end in ends.items()}
    return Evidence(UNTRAINED, runs, 300)


def test_scores_are_in_the_order_of_the_rates():
    scores = evidence({0.1: 1.0, 0.01: 1.9, 1.0: 1.5}).scores(40)
    assert scores.lrs.tolist() == [0.01, 0.1, 1.0]
    assert scores.losses.argmin() == 1


@pytest.mark.parametrize(("factor", "offset"), [(1, -100), (5, 0), (1e-3, 7)])
def test_scores_move_with_the_losses_when_these_are_shifted_or_scaled(factor, offset):
    plain = evidence({0.1: 1.0, 0.05: 1.3, 0.01: 2.4})
    runs = {lr: {40: factor * losses[40] + offset} for lr, losses in plain.runs.items()}
    moved = Evidence(factor * plain.untrained + offset, runs, 300)
    scores, others = plain.scores(40), moved.scores(40)
    assert others.losses == pytest.approx(factor * scores.losses + offset)
    assert others.errors == pytest.approx(factor * scores.errors, abs=1e-9)
    assert others.level == pytest.approx(factor * scores.level + offset)
    assert others.level_error == pytest.approx(factor * scores.level_error)
    assert moved.signal(40) == pytest.approx(plain.signal(40))
    assert moved.best(40) == plain.best(40)


def test_the_best_probe_is_the_lowest_and_of_equals_that_of_the_lowest_rate():
    assert evidence({0.1: 1.0, 0.05: 1.3}).best(40) == 0.1
    assert evidence({0.1: 1.0, 0.05: 1.0, 1.0: 2.0}).best(40) == 0.05


def test_noise_that_two_probes_share_is_no_error_of_their_difference():
    rng = np.random.default_rng(1)
    shared = Evidence(UNTRAINED, {0.1: {40: 1 + NOISE[:40]}, 0.2: {40: 1.1 + NOISE[:40]}}, 300)
    own = Evidence(UNTRAINED, {0.1: {40: 1 + rng.normal(0, 0.1, 40)}, 0.2: {40: 1.1 + rng.normal(0, 0.1, 40)}}, 300)
    assert shared.scores(40).errors == pytest.approx([0, 0])
    assert own.scores(40).errors.max() > 0.01


def test_a_probe_that_is_not_finite_at_its_end_has_an_infinite_score():
    broken = {0.1: {40: np.linspace(2, 1, 40)}, 1.0: {40: np.array([2.0, 50.0, np.nan])}}
    assert Evidence(UNTRAINED, broken, 300).scores(40).losses.tolist()[1] == math.inf


def test_a_training_that_breaks_out_in_between_is_worse_than_one_that_does_not():
    calm = np.linspace(2, 1, 40)
    wild = calm.copy()
    wild[15:25] = 9
    scores = Evidence(UNTRAINED, {0.1: {40: calm}, 0.2: {40: wild}}, 300).scores(40)
    assert scores.losses[1] > scores.losses[0] + 0.2


def test_longer_probes_are_compared_with_the_mean_of_the_untrained_losses():
    longer = evidence({0.1: 1.0, 0.2: 1.1}, length=100).scores(100)
    assert longer.level == pytest.approx(UNTRAINED.mean())


def test_a_probe_trains_if_it_ends_below_the_untrained_losses_of_its_batches():
    seen = evidence({1e-9: 2.0, 0.1: 1.9, 10.0: 4.0})
    assert [seen.trains(lr, 40) for lr in (1e-9, 0.1, 10.0)] == [False, True, False]
    assert seen.any_trains


def test_noise_alone_seldom_counts_as_training():
    trains = 0
    for seed in range(200):
        untrained, losses = np.random.default_rng(seed).normal(2, 0.1, (2, 100))
        trains += Evidence(untrained, {0.1: {100: losses}}, 300).trains(0.1, 100)
    assert trains < 0.15 * 200


@pytest.mark.parametrize("end", [[np.inf], [1e300, np.inf], [np.nan]])
def test_a_probe_that_is_not_finite_does_not_train(end):
    runs = {1.0: {40: np.array([2.0] * 5 + end)}}
    assert not Evidence(UNTRAINED, runs, 300).any_trains


def test_lengths_come_longest_first_and_rates_rising():
    runs = {0.2: {40: UNTRAINED, 100: 2 + NOISE}, 0.1: {40: UNTRAINED}}
    seen = Evidence(UNTRAINED, runs, 300)
    assert seen.lengths == [100, 40]
    assert seen.rates(40) == [0.1, 0.2]
    assert seen.rates(100) == [0.2]


def test_the_signal_is_larger_the_more_is_learned_and_the_less_noise_there_is():
    def signal(end, deviation):
        rng = np.random.default_rng(3)
        runs = {lr: {40: np.linspace(2, end + lr, 40) + rng.normal(0, deviation, 40)} for lr in (0.1, 0.2)}
        return Evidence(UNTRAINED, runs, 300).signal(40)

    assert signal(0.5, 0.1) > signal(1.5, 0.1)
    assert signal(1.0, 0.01) > signal(1.0, 0.1)


@pytest.mark.parametrize("factor", [1.5, 3, 1e2])
def test_an_explosion_is_no_noise(factor):
    exploded = 2 * factor ** np.arange(100.0)
    runs = {0.1: {100: np.linspace(2, 1, 100)}, 1.0: {100: exploded}}
    scores = Evidence(UNTRAINED, runs, 300).scores(100)
    assert scores.losses[1] > 100
    assert scores.errors[1] < 0.1
