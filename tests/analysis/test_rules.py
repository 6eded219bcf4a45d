import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfinder.analysis import rules
from lrfinder.analysis.landmarks import landmarks
from lrfinder.analysis.smoothing import smooth
from lrfinder.errors import CurveError

LRS = np.geomspace(1e-6, 10, 170)
ONE_RATE = LRS[1] / LRS[0]
BOWL = 2.3 - 1.5 / (1 + (1e-3 / LRS) ** 2) + np.where(LRS > 0.1, (LRS / 0.1 - 1) * 5, 0)


def test_half_edge_is_the_lowest_rate_at_most_half_of_where_it_diverges():
    seen = landmarks(LRS, BOWL)
    assert rules.half_edge(LRS, BOWL) == min(seen.lowest, seen.diverges / 2)
    assert 0.03 < rules.half_edge(LRS, BOWL) < 0.06  # the edge is at 0.1


def test_half_edge_uses_the_last_rate_as_the_edge_of_a_loss_that_keeps_falling():
    assert rules.half_edge(LRS, 2.3 - 1.5 / (1 + 0.1 / LRS)) == 5


@pytest.mark.parametrize("middle", [1e-5, 1e-3, 0.1])
def test_steepest_finds_the_middle_of_a_logistic_drop_wherever_it_lies(middle):
    drop = 1 / (1 + (LRS / middle) ** 2)
    assert rules.steepest(LRS, drop) == pytest.approx(middle, rel=ONE_RATE - 1)


@pytest.mark.parametrize("lowest", [1e-4, 1e-2, 1.0])
def test_minimum_is_a_tenth_of_the_rate_of_the_lowest_loss(lowest):
    parabola = np.log(LRS / lowest) ** 2
    assert rules.minimum(LRS, parabola) == pytest.approx(lowest / 10, rel=ONE_RATE - 1)


def fastai_valley(lrs, losses):
    """As fastai defines it, by the square of the number of losses."""
    longest = [1] * len(losses)
    for late in range(len(losses)):
        for early in range(late):
            if losses[late] < losses[early]:
                longest[late] = max(longest[late], longest[early] + 1)
    end = longest.index(max(longest))
    start = end - longest[end]
    section = (end - start) / 3
    return lrs[start + int(section) + int(section / 2)]


@pytest.mark.parametrize("seed", range(10))
def test_valley_equals_its_definition(seed):
    losses = BOWL + np.random.default_rng(seed).normal(0, 0.3, 170)
    assert rules.valley(LRS, losses) == fastai_valley(LRS, smooth(LRS, losses))


def fastai_slide(lrs, losses):
    """As fastai defines it, index by index from the right."""
    slope = np.gradient(losses)
    right, left = -1, -16
    lr = lrs[left]
    while left >= -len(losses) and abs(slope[right] - slope[left]) > 0.005:
        lr = lrs[left]
        right, left = right - 1, left - 1
    return lr


@pytest.mark.parametrize("scale", [0.01, 0.1, 1, 10, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_slide_equals_its_definition(seed, scale):
    losses = scale * (BOWL + np.random.default_rng(seed).normal(0, 0.3, 170))
    assert rules.slide(LRS, losses) == fastai_slide(LRS, smooth(LRS, losses))


@pytest.mark.parametrize("rule", rules.RULES.values())
@pytest.mark.parametrize("losses", [[], [1.0] * 9, [np.nan] * 50], ids=["empty", "short", "nan"])
def test_a_curve_that_is_too_short_raises_an_error(rule, losses):
    with pytest.raises(CurveError):
        rule(LRS[: len(losses)], losses)


def test_slide_needs_more_losses_than_its_window():
    with pytest.raises(CurveError, match="more than 15"):
        rules.slide(LRS[:15], BOWL[:15])


def test_half_edge_refuses_a_loss_that_never_falls():
    with pytest.raises(CurveError, match="falls nowhere"):
        rules.half_edge(LRS, np.arange(170.0))


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=60))
def test_every_answer_is_a_positive_number_or_none(curve):
    answers = rules.answers([lr for lr, _ in curve], [loss for _, loss in curve])
    assert list(answers) == list(rules.RULES)
    assert all(lr is None or lr >= 0 for lr in answers.values())


@pytest.mark.parametrize("rule", ["steepest", "minimum / 10"])
def test_a_coarse_sweep_is_read_as_it_is(rule):
    lrs = np.geomspace(1e-6, 10, 15)
    losses = np.array([2.0] * 9 + [1.9, 0.3, 1.8, 2.0, 5.0, 50.0])
    assert rules.RULES[rule](lrs, losses) == pytest.approx({"steepest": lrs[9], "minimum / 10": lrs[10] / 10}[rule])
