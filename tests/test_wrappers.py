"""Learners that wrap a learner."""

import pytest
from fake_learners import Bowl, Scripted

from lrfinder import Averaged, BaseLearner, DataEndedError, LRFinder, RatesError, Validated


class Able(Bowl):
    """A bowl with every optional ability."""

    rank = 1

    def iterations(self, lrs):
        return (self.iteration(lr) for lr in lrs)

    def untrained(self, count):
        return (self.iteration(0.0) for _ in range(count))

    def trim(self):
        self.trims = getattr(self, "trims", 0) + 1

    def observe(self):
        return {"bowl: position": self.position}

    def parts(self):
        return [self.generator]


WRAPPERS = {"averaged": lambda learner: Averaged(learner, 2), "validated": lambda learner: Validated(learner, lambda: 1.0)}


@pytest.fixture(params=WRAPPERS.values(), ids=WRAPPERS)
def wrap(request):
    return request.param


def test_a_wrapper_has_the_rank_of_its_learner(wrap):
    assert (wrap(Able()).rank, wrap(Bowl()).rank) == (1, 0)


def test_a_wrapper_of_a_wrapper_has_the_rank_of_the_innermost_learner(wrap):
    assert Averaged(wrap(Able()), 2).rank == 1


def test_a_wrapper_shows_what_can_be_compared_of_its_learner(wrap):
    assert (wrap(Able()).observe(), wrap(Bowl()).observe()) == ({"bowl: position": 1.0}, {})


def test_a_wrapper_trains_its_learner_and_the_parts_of_it(wrap):
    able = Able()
    assert {id(able), id(able.generator)} <= set(map(id, wrap(able).parts()))


def test_a_wrapper_never_skips_its_own_iteration(wrap):
    assert isinstance(wrap(Able()), BaseLearner)
    assert LRFinder(wrap(Able())).find() == LRFinder(wrap(Bowl())).find()


def test_an_average_uses_many_iterations_at_once_where_its_learner_has_them():
    one_by_one = Averaged(Bowl(noise=0.1), 3)
    at_once = Averaged(Able(noise=0.1), 3).iterations([0.1, 0.2])
    assert list(at_once) == [one_by_one.iteration(0.1), one_by_one.iteration(0.2)]
    assert Averaged(Bowl(), 3).iterations([0.1]) is None


def test_an_average_has_the_untrained_losses_of_its_learner_and_trims_it():
    one_by_one, able = Averaged(Bowl(noise=0.1), 3), Able(noise=0.1)
    average = Averaged(able, 3)
    losses = average.untrained(2)
    assert losses is not None
    assert list(losses) == [one_by_one.iteration(0.0), one_by_one.iteration(0.0)]
    assert Averaged(Bowl(), 3).untrained(2) is None
    average.trim()
    assert able.trims == 1


def test_a_validated_learner_has_no_untrained_losses_of_batches_and_keeps_what_its_evaluation_may_read():
    able = Able()
    validated = Validated(able, lambda: 1.0)
    assert validated.untrained(2) is None
    validated.trim()
    assert not hasattr(able, "trims")


def test_an_average_ends_with_the_data_of_its_learner():
    class Ending(Scripted):
        def iterations(self, lrs):
            for lr in lrs:
                try:
                    yield self.iteration(lr)
                except DataEndedError:
                    return

    assert list(Averaged(Ending([1.0, 3.0, 5.0]), 2).iterations([0.1, 0.2])) == [2.0]


def test_an_averaged_learner_runs_several_updates_at_each_rate():
    scripted = Scripted([1.0, 3.0, 5.0, 7.0])
    result = LRFinder(Averaged(scripted, 2)).find(rates=[0.1, 0.2])
    assert list(result) == [(0.1, 2.0), (0.2, 6.0)]
    assert scripted.lrs == [0.1, 0.1, 0.2, 0.2]


def test_an_average_of_no_batches_is_refused():
    with pytest.raises(RatesError, match="batches"):
        Averaged(Bowl(), 0)


def test_a_validated_learner_records_the_evaluation_before_each_update():
    bowl = Bowl()
    result = LRFinder(Validated(bowl, lambda: 100 * bowl.position)).find(rates=[0.5, 0.5])
    assert result.losses.tolist() == [100.0, 50.0]


def test_an_evaluation_leaves_no_trace():
    bowl = Bowl(noise=0.1)

    def evaluate():
        bowl.position = 99.0
        return bowl.generator.standard_normal()

    training, plain = Validated(bowl, evaluate), Bowl(noise=0.1)
    for _ in range(3):
        training.iteration(0.1)
        plain.iteration(0.1)
    assert bowl.snapshot() == plain.snapshot()
