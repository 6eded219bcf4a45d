"""Properties of a fitted reading that hold whatever its weights are."""

import math

import numpy as np
import pytest

from lrfinder._results.facts import TrainingFacts
from lrfinder.analysis.curve import finite_part
from lrfinder.analysis.landmarks import shape
from lrfinder.analysis.reading import CENTER_OCTAVES, read, usual, view

LRS = np.geomspace(1e-6, 10, 170)
NOISE = np.random.default_rng(0).normal(0, 0.02, 170)
PAIRED = pytest.mark.parametrize("paired", [False, True])
FACTS = [None, *(TrainingFacts(family, 32) for family in CENTER_OCTAVES)]


def fall(at, lrs=LRS):
    """Return losses that fall from 2.3 to 0.8 around a rate, and diverge a hundred times above it."""
    return 2.3 - 1.5 / (1 + (at / lrs) ** 2) + np.clip((lrs / at / 100 - 1) * 5, 0, None)


def rise(at, lrs=LRS):
    return 2 + np.clip(lrs / at - 1, 0, None)


def read_of(losses, facts=None, *, paired=False, lrs=LRS):
    return read(shape(finite_part(lrs, losses)), facts, paired=paired)


@PAIRED
@pytest.mark.parametrize("facts", FACTS)
@pytest.mark.parametrize(
    "losses", [fall(1e-4), fall(1e-2), rise(1e-3), rise(0.1)], ids=["fall", "late", "rise", "late rise"]
)
def test_the_rate_lies_within_its_interval(losses, facts, paired):
    found = read_of(losses + NOISE, facts, paired=paired)
    assert 0 < found.low < found.lr < found.high


@PAIRED
def test_without_facts_a_curve_that_is_moved_moves_its_rate_with_it(paired):
    here = read_of(fall(1e-4) + NOISE, paired=paired)
    there = read_of(fall(1e-4) + NOISE, paired=paired, lrs=LRS * 50)
    assert np.array(there) == pytest.approx(50 * np.array(here))


@PAIRED
@pytest.mark.parametrize("facts", FACTS)
@pytest.mark.parametrize(("factor", "offset"), [(1, 100), (1e3, 0), (1e-3, -7)])
def test_it_is_the_same_for_shifted_or_scaled_losses(factor, offset, facts, paired):
    losses = fall(1e-3) + NOISE
    moved = read_of(factor * losses + offset, facts, paired=paired)
    assert np.array(moved) == pytest.approx(np.array(read_of(losses, facts, paired=paired)))


@PAIRED
@pytest.mark.parametrize("facts", FACTS)
@pytest.mark.parametrize("at", [1e-5, 1e-4, 1e-3, 1e-2])
def test_no_rate_lies_where_the_curve_has_diverged(at, facts, paired):
    """An unusual scale of the loss must not draw the rate of a known optimizer across the edge."""
    swept = 200 * at > LRS  # a sweep stops soon after
    losses = (fall(at) + NOISE)[swept]
    seen = shape(finite_part(LRS[swept], losses))
    assert read_of(losses, facts, paired=paired, lrs=LRS[swept]).lr <= seen.lrs[seen.diverges] * (1 + 1e-12)


def test_a_usual_rate_draws_the_answer_to_itself():
    losses = fall(1e-3) + NOISE
    lrs = {family: read_of(losses, TrainingFacts(family, 32)).lr for family in CENTER_OCTAVES}
    assert lrs["sign"] < lrs["adaptive"] < lrs["momentum"]


def test_larger_batches_get_higher_rates():
    lrs = [read_of(fall(1e-3) + NOISE, TrainingFacts("sgd", size)).lr for size in (1, 16, 256)]
    assert lrs == sorted(lrs)


@PAIRED
def test_an_unknown_optimizer_is_read_as_if_nothing_were_known(paired):
    losses = fall(1e-3) + NOISE
    assert read_of(losses, TrainingFacts(None, 8), paired=paired) == read_of(losses, paired=paired)


def test_an_unknown_batch_size_is_read():
    assert read_of(fall(1e-3) + NOISE, TrainingFacts("sgd", None)) is not None
    assert read_of(fall(1e-3) + NOISE, TrainingFacts("sgd", 0)) is not None


@pytest.mark.parametrize("facts", FACTS)
@pytest.mark.parametrize("losses", [2 + NOISE, np.full(170, 2.0), fall(1e5)], ids=["noise", "constant", "too low"])
def test_a_curve_that_shows_nothing_is_not_read(losses, facts):
    assert read_of(losses, facts) is None


def test_a_curve_that_still_falls_at_its_end_is_not_left_far_behind():
    losses = 2.3 - LRS / 10
    assert LRS[-1] / 8.001 < read_of(losses).lr < LRS[-1] * 2


@pytest.mark.parametrize("at", [1e-4, 1e-2])
def test_the_view_of_a_fall_is_anchored_at_the_lowest_point_and_that_of_a_rise_at_its_edge(at):
    lowest = view(shape(finite_part(LRS, fall(at) + NOISE)))
    edge = view(shape(finite_part(LRS, rise(at) + NOISE)))
    assert (lowest.kind, edge.kind) == ("fall", "edge")
    assert at < 2**lowest.anchor < 100 * at
    assert at < 2**edge.anchor < 10 * at


def test_facts_add_features_and_change_none():
    seen = shape(finite_part(LRS, fall(1e-3) + NOISE))
    without, known = view(seen).features, view(seen, TrainingFacts("sgd", 64, trained=True)).features
    assert without.items() < known.items()
    assert known["trained before"] == 1
    assert all(math.isfinite(number) for number in known.values())


def test_where_a_curve_shows_nothing_the_usual_rate_stands_for_a_reading_within_the_limits():
    assert usual((1e-8, 100), TrainingFacts("sgd")).lr == 2.0 ** CENTER_OCTAVES["sgd"]
    assert usual((0.5, 2.0), TrainingFacts("adaptive")).lr == pytest.approx(0.5)
    assert usual((1e-4, 1.0), None).lr == pytest.approx(1e-2)
    assert usual((1e-4, 1.0), TrainingFacts(None, 8)).lr == pytest.approx(1e-2)
