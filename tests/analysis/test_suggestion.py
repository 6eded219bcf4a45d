import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfinder._results.facts import TrainingFacts
from lrfinder.analysis.landmarks import landmarks
from lrfinder.analysis.reading import CENTER_OCTAVES
from lrfinder.analysis.suggestion import suggestion_from_curve

LRS = np.geomspace(1e-6, 10, 170)
BOWL = 2.3 - 1.5 / (1 + (1e-3 / LRS) ** 2) + np.where(LRS > 0.1, (LRS / 0.1 - 1) * 5, 0)
RNG = np.random.default_rng


def status(losses, lrs=LRS):
    suggestion = suggestion_from_curve(lrs[: len(losses)], losses)
    if suggestion.status != "ok":
        assert (suggestion.lr, suggestion.low, suggestion.high) == (None, None, None)
    return suggestion.status


def test_a_clear_curve_gets_a_rate_of_its_fall_within_its_interval():
    noisy = BOWL + RNG(0).normal(0, 0.05, 170)
    suggestion, seen = suggestion_from_curve(LRS, noisy), landmarks(LRS, noisy)
    assert suggestion.status == "ok"
    assert seen.steepest < suggestion.lr < seen.lowest
    assert suggestion.low < suggestion.lr < suggestion.high


@pytest.mark.parametrize("family", CENTER_OCTAVES)
@pytest.mark.parametrize("batch_size", [None, 1, 32, 4096])
@pytest.mark.parametrize("trained", [False, True])
def test_with_facts_the_rate_lies_above_the_start_of_the_fall_and_below_divergence(family, batch_size, trained):
    noisy = BOWL + RNG(0).normal(0, 0.05, 170)
    suggestion = suggestion_from_curve(LRS, noisy, TrainingFacts(family, batch_size, trained=trained))
    seen = landmarks(LRS, noisy)
    assert seen.falls_from < suggestion.lr < seen.diverges
    assert suggestion.low < suggestion.lr < suggestion.high


def test_facts_without_a_known_optimizer_change_nothing():
    assert suggestion_from_curve(LRS, BOWL, TrainingFacts(None, 32, trained=True)) == suggestion_from_curve(LRS, BOWL)
    assert suggestion_from_curve(LRS, BOWL, TrainingFacts("unheard of", 32)) == suggestion_from_curve(LRS, BOWL)


def test_one_sweep_has_low_confidence():
    assert suggestion_from_curve(LRS, BOWL).confidence == "low"


def test_every_iteration_is_counted_readable_or_not():
    assert suggestion_from_curve(LRS, np.where(LRS > 1, np.nan, BOWL)).iterations == 170


def test_the_interval_reaches_over_two_octaves_at_least():
    suggestion = suggestion_from_curve(LRS, BOWL)
    assert suggestion.high / suggestion.low >= 4


def test_noise_widens_the_interval():
    parabola = np.log10(LRS / 1e-2) ** 2

    def width(sigma):
        suggestion = suggestion_from_curve(LRS, parabola + RNG(3).normal(0, sigma, 170))
        return suggestion.high / suggestion.low

    assert width(2) > 1.5 * width(0.02)


def test_the_same_curve_gets_the_same_answer():
    noisy = BOWL + RNG(0).normal(0, 0.2, 170)
    assert suggestion_from_curve(LRS, noisy) == suggestion_from_curve(LRS, noisy)


def test_a_long_curve_gets_the_answer_of_a_short_one():
    lrs = np.geomspace(1e-6, 10, 50_000)
    losses = np.interp(np.log(lrs), np.log(LRS), BOWL) + RNG(0).normal(0, 0.05, len(lrs))
    assert (
        suggestion_from_curve(LRS, BOWL).lr / 2
        < suggestion_from_curve(lrs, losses).lr
        < 2 * suggestion_from_curve(LRS, BOWL).lr
    )


def test_a_loss_that_keeps_falling_is_noted():
    suggestion = suggestion_from_curve(LRS, 2.3 - 1.5 / (1 + 0.1 / LRS))
    assert suggestion.notes == ("at the boundary", "never diverges")
    assert suggestion.high <= LRS[-1]  # no rate that was not tried


def test_a_constant_loss_means_that_the_rate_has_no_effect():
    assert status(np.full(170, 2.3)) == "the rate has no effect"


def test_losses_that_repeat_with_the_batches_mean_the_same():
    assert status(np.tile([2.0, 2.5, 2.2], 57)[:170]) == "the rate has no effect"


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_low_signal(seed):
    assert status(RNG(seed).normal(2.3, 0.1, 170)) == "low signal"


@pytest.mark.parametrize("seed", range(5))
def test_noise_larger_than_the_drop_is_low_signal(seed):
    assert status(BOWL[LRS < 0.1] + RNG(seed).normal(0, 10, (LRS < 0.1).sum())) == "low signal"


@pytest.mark.parametrize("edge", [1e-3, 0.1, 1.0])
@pytest.mark.parametrize("facts", [None, TrainingFacts("sgd", 32)])
def test_a_flat_loss_that_then_diverges_gets_a_rate_below_its_edge(edge, facts):
    losses = np.where(edge < LRS, 2 + 20 * LRS / edge, 2) + RNG(0).normal(0, 0.01, 170)
    suggestion = suggestion_from_curve(LRS, losses, facts)
    assert suggestion.status == "ok"
    assert "no fall" in suggestion.notes
    assert edge / 1000 < suggestion.lr < edge


def test_a_flat_loss_that_then_diverges_is_unstable_where_the_rate_would_lie_below_those_tried():
    losses = np.where(LRS[:24] > LRS[16], 9.0, 2.0) + RNG(0).normal(0, 0.01, 24)
    assert status(losses) == "unstable from the start"


@pytest.mark.parametrize("growth", [1.01, 1.5, 10])
def test_a_loss_that_rises_from_the_first_rate_on_is_unstable(growth):
    assert status(2.3 * growth ** np.arange(30)) == "unstable from the start"


@pytest.mark.parametrize("losses", [[np.nan], [2.0, 5.0, np.inf]])
def test_a_loss_that_is_not_finite_within_a_few_rates_is_unstable(losses):
    assert status(losses) == "unstable from the start"


@pytest.mark.parametrize("n", [0, 1, 9])
def test_a_few_losses_are_too_few_points(n):
    assert status(BOWL[:n]) == "too few points"


def test_losses_within_half_a_decade_are_too_few_points():
    assert status(np.linspace(2, 1, 100), np.geomspace(0.1, 0.2, 100)) == "too few points"


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=80))
def test_a_suggestion_never_raises_and_has_numbers_exactly_where_it_is_ok(curve):
    suggestion = suggestion_from_curve([lr for lr, _ in curve], [loss for _, loss in curve])
    numbers = [suggestion.low, suggestion.lr, suggestion.high]
    if suggestion.status == "ok":
        assert sorted(numbers) == numbers
    else:
        assert numbers == [None, None, None]


@given(st.lists(st.floats(-1e300, 1e300), min_size=10, max_size=80), st.booleans())
def test_a_suggestion_lies_within_the_rates_tried(losses, falling):
    lrs = np.geomspace(1e-6, 1, len(losses))
    suggestion = suggestion_from_curve(lrs, sorted(losses, reverse=True) if falling else losses)
    assert suggestion.lr is None or lrs[0] <= suggestion.low <= suggestion.lr <= suggestion.high <= lrs[-1]


def test_a_curve_that_ends_far_above_its_level_keeps_the_rate_below_its_end():
    lrs = np.geomspace(1e-6, 2.8e-4, 60)
    fall = np.where(lrs > 1e-5, -8.0, 0.0) * np.clip(np.log2(lrs / 1e-5), 0, 1)
    losses = 10 + fall + 150 * (lrs / lrs[-1]) ** 6 + np.random.default_rng(0).normal(0, 3, 60)
    assert suggestion_from_curve(lrs, losses).lr <= lrs[-1] / 4


def test_data_that_end_long_before_the_curve_shows_anything_give_no_rate():
    lrs = np.geomspace(1e-7, 2e-6, 15)
    suggestion = suggestion_from_curve(lrs, 2 - 1e3 * lrs, TrainingFacts("sgd", 32), paired=True)
    assert suggestion.status == "too few points"
