"""The horizon of a search, in iterations or in epochs."""

import math

import pytest
from fake_learners import Bowl

import lrfinder
from lrfinder import Averaged, BaseLearner, LRFinder, RatesError, Validated


class Counted(Bowl):
    """A bowl that says how many iterations a pass over its data has."""

    def __init__(self, per_epoch):
        super().__init__(curvature=1.0, noise=0.01)
        self.per_epoch = per_epoch

    def iterations_per_epoch(self):
        return self.per_epoch


class OfTheHouse(Counted, BaseLearner):
    pass


@pytest.mark.parametrize("kind", [Counted, OfTheHouse])
@pytest.mark.parametrize(("epochs", "per_epoch", "horizon"), [(3, 40, 120), (0.5, 40, 20), (2.5, 10 / 3, 8), (1e-6, 40, 1)])
def test_the_horizon_is_the_epochs_times_the_iterations_of_each(kind, epochs, per_epoch, horizon):
    found = LRFinder(kind(per_epoch)).suggest(epochs=epochs, max_iterations=150)
    assert found == LRFinder(kind(per_epoch)).suggest(horizon, max_iterations=150)
    assert found.horizon == horizon


def test_a_search_of_a_factory_takes_epochs_too(tmp_path):
    found = lrfinder.suggest(lambda: Counted(40), epochs=3, max_iterations=150, path=tmp_path / "search")
    assert found == LRFinder(Counted(40)).suggest(120, max_iterations=150)


@pytest.mark.parametrize("learner", [Bowl(), Averaged(Bowl(), 2), Validated(Bowl(), lambda: 1.0), Counted(None)])
def test_epochs_of_data_without_a_length_are_refused(learner):
    with pytest.raises(RatesError, match="length of the learner's data is unknown; give horizon="):
        LRFinder(learner).suggest(epochs=2)


def test_epochs_and_another_horizon_than_the_default_are_refused_before_the_learner_is_created():
    for search in (LRFinder(Counted(10)).suggest, lambda *args, **given: lrfinder.suggest(pytest.fail, *args, **given)):
        with pytest.raises(RatesError, match="horizon is 1000 and epochs 3"):
            search(1000, epochs=3)


def test_epochs_and_a_horizon_that_equals_the_default_are_two_lengths_too():
    with pytest.raises(RatesError, match="horizon is 300 and epochs 3"):
        LRFinder(Counted(10)).suggest(horizon=300, epochs=3)


@pytest.mark.parametrize("given", [{"horizon": 1}, {"horizon": 2}, {"epochs": 0.05}])
def test_a_training_too_short_to_compare_is_refused_with_the_least_that_is_long_enough(given):
    for search in (LRFinder(Counted(40)).suggest, lambda **settings: lrfinder.suggest(lambda: Counted(40), **settings)):
        with pytest.raises(RatesError, match="give at least 3, or max_iterations=150"):
            search(**given)


def test_the_least_horizon_gets_a_rate_and_the_curve_alone_is_read_for_any():
    assert LRFinder(Counted(40)).suggest(3).lr is not None
    assert LRFinder(Counted(40)).suggest(1, max_iterations=150).lr is not None


@pytest.mark.parametrize("epochs", [0, -1, math.nan, math.inf, "3"])
def test_epochs_that_are_no_length_are_refused(epochs):
    with pytest.raises(RatesError, match="a number above 0"):
        LRFinder(Counted(10)).suggest(epochs=epochs)


def test_an_average_of_batches_has_fewer_iterations_in_an_epoch():
    assert Averaged(Counted(10), 4).iterations_per_epoch() == 2.5
    assert Validated(Counted(10), lambda: 1.0).iterations_per_epoch() == 10
