"""The recommended combination of a grid: properties that hold for any curves."""

import math

import numpy as np
import pytest

from lrfinder import Cell, Grid, Probe, RangeTest, Record, Settings, Stop, Suggestion

LRS = np.geomspace(1e-5, 10, 120)
STOPS_ABOVE = 5.0  # a loss that ends a sweep
SETTINGS = Settings(1e-5, 1.1, 10.0, 1000, 0.3, "none")


def curve(lowest=1.0, at=0.1, noise=0.0, seed=0):
    """A loss of 2 that falls to ``lowest`` about where the rate is ``at``, and rises above 2 soon after."""
    decades = np.log10(LRS / at)
    losses = 2 - (2 - lowest) / (1 + np.exp(-6 * (decades + 0.7))) + np.where(decades > 0, 8 * decades**2, 0)
    losses = losses + noise * np.random.default_rng(seed).standard_normal(len(LRS))
    length = int((losses > STOPS_ABOVE).argmax()) + 1
    return RangeTest(tuple(map(Record, LRS[:length].tolist(), losses[:length].tolist())), Stop.DIVERGED, SETTINGS)


def grid(**curves_of):
    """A grid over the weight decays, momenta and seeds that ``curve_of(weight_decay, momentum, seed)`` returns."""
    curve_of = curves_of.pop("curve_of")
    axes = {"weight_decay": (0.0, 0.01, 0.1), "momentum": (0.0, 0.9), "seed": (0, 1, 2)} | curves_of
    cells = []
    for decay in axes["weight_decay"]:
        for momentum in axes["momentum"]:
            for seed in axes["seed"]:
                settings = {"weight_decay": decay, "momentum": momentum, "seed": seed}
                cells.append(Cell(settings, curve_of(decay, momentum, seed)))
    return Grid(axes, "LRFinder.find", "factory", tuple(cells))


def chosen(**curves_of):
    return dict(grid(**curves_of).recommended.settings)


def test_the_largest_weight_decay_and_momentum_are_recommended_where_nothing_suffers():
    assert chosen(curve_of=lambda d, m, s: curve(at=0.1 * (1 - m))) == {"weight_decay": 0.1, "momentum": 0.9}


def test_a_weight_decay_that_keeps_the_loss_high_is_not_recommended():
    def curve_of(decay, momentum, seed):
        return curve(lowest=1.6 if decay == 0.1 else 1.0, at=0.1 * (1 - momentum))

    assert chosen(curve_of=curve_of) == {"weight_decay": 0.01, "momentum": 0.9}


def test_a_weight_decay_that_lets_only_small_rates_train_is_not_recommended():
    def curve_of(decay, momentum, seed):
        return curve(at=(0.02 if decay == 0.1 else 0.1) * (1 - momentum))

    assert chosen(curve_of=curve_of) == {"weight_decay": 0.01, "momentum": 0.9}


def test_a_momentum_that_costs_more_of_the_rate_than_it_gains_is_not_recommended():
    assert chosen(curve_of=lambda d, m, s: curve(at=0.1 if m == 0 else 0.002)) == {"weight_decay": 0.1, "momentum": 0.0}


def test_a_combination_with_a_seed_without_a_rate_is_not_recommended():
    def curve_of(decay, momentum, seed):
        return curve(lowest=2.0) if decay == 0.1 and seed == 2 else curve(at=0.1 * (1 - momentum))

    assert chosen(curve_of=curve_of)["weight_decay"] == 0.01


def test_nothing_is_recommended_where_no_combination_trains():
    assert grid(curve_of=lambda d, m, s: curve(lowest=2.0)).recommended is None


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_recommendation_is_the_same_for_scaled_and_shifted_losses(factor):
    def scaled(decay, momentum, seed):
        found = curve(lowest=1.6 if decay == 0.1 else 1.0, at=0.1 * (1 - momentum), noise=0.02, seed=seed)
        records = tuple(Record(lr, factor * (loss - 7)) for lr, loss in found)
        return RangeTest(records, found.stop, found.settings)

    assert chosen(curve_of=scaled) == {"weight_decay": 0.01, "momentum": 0.9}


def test_the_rate_is_the_mean_of_the_seeds_and_the_interval_spans_them():
    recommended = grid(curve_of=lambda d, m, s: curve(at=0.1 * (1 - m) * (1 + s / 10))).recommended
    lrs = [measures.lr for measures in recommended.combination.measures]
    assert (recommended.low, recommended.high) == (min(lrs), max(lrs))
    assert recommended.lr == pytest.approx(math.prod(lrs) ** (1 / 3))


def test_the_difference_to_the_lowest_is_computed_seed_by_seed():
    """Seeds that differ by much, but all in the same way, leave little doubt."""

    def curve_of(decay, momentum, seed):
        return curve(lowest=1.0 + 0.2 * seed + (0.01 if decay == 0.1 else 0.0), at=0.1 * (1 - momentum))

    recommended = grid(curve_of=curve_of).recommended
    assert recommended.combination.spread > 0.15
    assert recommended.excess == pytest.approx(0.01, rel=0.1)
    assert recommended.standard_error < 0.002


def test_seeds_that_differ_by_more_than_the_decisive_difference_are_noted():
    def curve_of(decay, momentum, seed):
        return curve(lowest=1.0 + (0.4 * (seed - 1) if decay == 0.1 else 0.0), at=0.1 * (1 - momentum))

    assert any("seeds differ" in note for note in grid(curve_of=curve_of).recommended.notes)


def test_a_single_seed_is_noted_because_the_spread_is_unknown():
    recommended = grid(seed=(0,), curve_of=lambda d, m, s: curve(at=0.1 * (1 - m))).recommended
    assert math.isnan(recommended.standard_error)
    assert any("one seed" in note for note in recommended.notes)


def test_a_choice_at_the_end_of_its_axis_is_noted():
    notes = grid(curve_of=lambda d, m, s: curve(lowest=1.0 if d < 0.1 else 1.8, at=0.1 * (1 - m))).recommended.notes
    assert [note for note in notes if "largest tried" in note] == [
        "momentum: the largest tried was chosen, and a larger one may do as well"
    ]


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_a_weight_decay_that_range_tests_chose_is_noted(decay):
    cells = (Cell({"weight_decay": decay, "seed": 0}, curve()),)
    notes = Grid({"weight_decay": (decay,), "seed": (0,)}, "LRFinder.find", "factory", cells).recommended.notes
    assert any("range tests are short" in note for note in notes) == (decay > 0)


def test_missing_cells_are_noted():
    whole = grid(curve_of=lambda d, m, s: curve(at=0.1 * (1 - m)))
    part = Grid(whole.axes, whole.each, whole.factory, whole.cells[:7])
    assert "11 cells are missing" in part.recommended.notes


def test_the_lowest_combination_is_recommended_without_these_axes():
    axes = {"batch_size": (16, 64)}
    cells = tuple(Cell({"batch_size": size}, curve(lowest=1.0 + size / 640)) for size in axes["batch_size"])
    assert Grid(axes, "LRFinder.find", "factory", cells).recommended.settings == {"batch_size": 16}


def suggestion(lr, end, length):
    losses = tuple(np.linspace(2.0, end, 200)[:length])
    probe = Probe(lr, losses, Stop.MAX_ITERATIONS)
    return Suggestion(lr, lr / 2, lr * 2, "high", "ok", (), 600, 200, curve(), (probe,))


def test_suggestions_are_compared_after_the_same_number_of_iterations():
    """The first is lower after 100 iterations, the second at its end, for it went on to 200."""
    cells = tuple(
        Cell({"weight_decay": decay}, suggestion(0.1, end, length))
        for decay, end, length in ((0.0, 0.9, 100), (0.1, 1.0, 200))
    )
    combinations = Grid({"weight_decay": (0.0, 0.1)}, "LRFinder.suggest", "factory", cells).combinations
    assert combinations[0].lowest < combinations[1].lowest
