"""Reports by find, suggest and compare of trainings that do not repeat."""

import warnings

import numpy as np
import pytest
from recorded_searches import Drifting, Training

from lrfinder import LRFinder, LRFinderWarning, RangeTest, Record, Stop
from lrfinder._results.records import Settings
from lrfinder._search.conclusion import not_repeated
from lrfinder.wrappers import Averaged

SETTINGS = Settings(None, None, None, 1, 0.3, "")


class LateDrift(Training):
    """Forgets only how far its velocity had come, so that the first losses are equal."""

    def restore(self, state):
        velocity = list(self.velocity)
        super().restore(state)
        self.velocity = velocity


def test_trainings_at_one_rate_that_differ_are_reported_by_compare():
    with pytest.warns(LRFinderWarning, match=r"two trainings at the rate 0.05 .* iteration 0"):
        LRFinder(Drifting()).compare([0.05, 0.05], 20)
    with pytest.warns(LRFinderWarning, match=r"two trainings at the rate 0.05 .* iteration [1-9]"):
        LRFinder(LateDrift()).compare([0.05, 0.05], 20)


def test_first_losses_that_do_not_come_back_are_reported_by_compare():
    with pytest.warns(LRFinderWarning, match=r"the first loss at the rate 0.05 was .* and after a restore"):
        LRFinder(Drifting()).compare([0.05, 0.1], 20)


def test_first_losses_that_depend_on_the_rate_are_not_reported():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compared = LRFinder(Averaged(Training(), 3)).compare([0.05, 0.5], 20)
    assert compared.losses[0, 0] != compared.losses[1, 0]


def test_a_repeatable_training_is_compared_without_a_further_iteration():
    learner = Training()
    drawn = []
    original = learner.iteration
    learner.iteration = lambda lr: drawn.append(lr) or original(lr)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compared = LRFinder(learner).compare([0.05, 0.05, 0.5], 20)
    np.testing.assert_array_equal(compared.losses[0], compared.losses[1])
    assert len(drawn) == 60


def test_a_search_notes_first_losses_that_do_not_come_back():
    suggested = LRFinder(Drifting()).suggest(300, max_iterations=2000)
    assert [note for note in suggested.notes if note.startswith("not repeatable: the first loss after a restore")]
    assert suggested.confidence == "low"


@pytest.mark.parametrize(
    ("starts", "note"),
    [
        ({0.0: [1.0, 1.0], 0.1: [1.5, 1.5]}, None),  # another first loss at another rate: the step may report one after it
        ({0.0: [1.0], 0.1: [1.0, 1.2]}, "1.2, of another probe at the same rate 1"),
        ({0.0: [1.1]}, "1.1, before it 1"),
        ({0.0: [1.0, 1.1]}, "1.1, before it 1"),
        ({}, None),
    ],
)
def test_the_first_losses_of_all_probes_at_one_rate_have_to_be_equal(starts, note):
    curve = RangeTest((Record(1e-7, 1.0),), Stop.LEFT, SETTINGS)
    found = not_repeated(curve, starts)
    assert found is None if note is None else note in found
