"""The effect of the rate: trainings that ignore it, wholly or at first, and those that follow it."""

import math

import pytest
from fake_learners import Bowl

import lrfinder
from lrfinder import LRFinder, Status
from lrfinder._search.effect import rate_has_effect
from lrfinder._sweep import SweepRecorder
from lrfinder.learner import BaseLearner, adapted


class OwnRate(Bowl):
    """Trains at a rate of its own, whatever rate it gets."""

    def iteration(self, lr):
        return super().iteration(0.02)


class Late(Bowl):
    """Follows the rate from the 40th update on."""

    updates = 0

    def iteration(self, lr):
        self.updates += 1
        return super().iteration(lr if self.updates > 40 else 0.02)

    def snapshot(self):
        return self.updates, super().snapshot()

    def restore(self, state):
        self.updates = state[0]
        super().restore(state[1])


class Frozen(Bowl):
    """Is not trained at all."""

    def iteration(self, lr):
        return super().iteration(0.0)


class Chunked(BaseLearner):
    """Trains many iterations at once, at a rate of its own."""

    def __init__(self):
        self.bowl = OwnRate(noise=0.01)
        self.snapshot, self.restore, self.close = self.bowl.snapshot, self.bowl.restore, self.bowl.close

    def iteration(self, lr):
        return self.bowl.iteration(lr)

    def iterations(self, lrs):
        return map(self.iteration, lrs)


IGNORING = {
    "a training at a rate of its own": lambda: OwnRate(noise=0.01),
    "a frozen training": lambda: Frozen(noise=0.01),
    "many iterations at once": Chunked,
    "a training at a rate of its own that diverges": lambda: OwnRate(curvature=100.1),
}


@pytest.fixture(params=IGNORING.values(), ids=IGNORING)
def ignoring(request):
    return request.param


def test_find_gives_no_rate_where_the_rate_has_no_effect(ignoring):
    result = LRFinder(ignoring()).find()
    assert (result.suggestion.lr, result.suggestion.status) == (None, Status.NO_EFFECT)
    assert set(vars(result.landmarks).values()) == {None}
    assert "the rate has no effect" in result.suggestion.explain()


def test_suggest_gives_no_rate_where_the_rate_has_no_effect(ignoring):
    suggestion = LRFinder(ignoring()).suggest(horizon=1000)
    assert (suggestion.lr, suggestion.status) == (None, Status.NO_EFFECT)
    assert suggestion.curve.suggestion.status is Status.NO_EFFECT


@pytest.mark.parametrize("kind", [Bowl, Late])
def test_a_rate_that_has_an_effect_is_suggested(kind):
    assert LRFinder(kind(noise=0.001)).find().suggestion.lr is not None


def test_the_look_costs_two_iterations_where_the_rate_has_an_effect():
    class Counted(Bowl):
        count = 0

        def iteration(self, lr):
            self.count += 1
            return super().iteration(lr)

    learner = Counted()
    result = LRFinder(learner).find()
    assert learner.count == len(result) + 2


def test_nothing_is_trained_again_for_a_sweep_within_two_decades():
    learner = adapted(OwnRate())
    recorder = SweepRecorder([0.01, 0.1])
    recorder.records = [lrfinder.Record(0.01, 1.0), lrfinder.Record(0.1, 0.9)]
    assert rate_has_effect(learner, None, recorder)
    assert recorder.extra_iterations == 0


def test_an_exception_at_the_highest_rate_shows_an_effect():
    class Raising(Bowl):
        def iteration(self, lr):
            if lr > 1 and self.position == 1.0:
                raise ArithmeticError
            return super().iteration(0.02)

    result = LRFinder(Raising()).find()
    assert result.has_effect


def test_the_mark_is_stored_with_the_result(tmp_path):
    result = LRFinder(OwnRate(noise=0.01)).find()
    result.to_json(tmp_path / "result.json")
    loaded = lrfinder.load(tmp_path / "result.json")
    assert isinstance(loaded, lrfinder.RangeTest)
    assert loaded == result
    assert not loaded.has_effect
    assert math.isfinite(loaded.losses[-1])


def test_a_scheduler_that_was_left_out_is_among_the_notes_of_a_constant_rate():
    class Scheduled(Bowl):
        def scheduler_note(self):
            return "a scheduler was left out"

    finder = LRFinder(lrfinder.Averaged(Scheduled(noise=0.01), 2))
    assert "a scheduler was left out" in finder.find().suggestion.notes
    assert "a scheduler was left out" in finder.suggest(100, max_iterations=300).notes
    assert "a scheduler was left out" not in finder.suggest(100, max_iterations=300, schedule=lrfinder.cosine).notes


@pytest.mark.parametrize("lr", [0.0, 0.01])
def test_one_rate_again_and_again_shows_nothing_about_its_effect(lr):
    learner = OwnRate(noise=0.01)
    result = LRFinder(learner).find(rates=[lr] * 4)
    assert result.has_effect
