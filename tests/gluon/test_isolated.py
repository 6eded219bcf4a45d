import multiprocessing

import pytest

import lrfinder.testing
from lrfinder import LRFinder
from lrfinder.errors import LearnerError

pytest.importorskip("mxnet", reason="the session oldest has it")
from gluon_nets import fingerprint, make_learner, make_loader, make_net, mx, nn, seeded

from lrfinder.gluon import GluonLearner, Isolated

LRS = [1e-3 * 1.3**k for k in range(12)]


def trained(between):
    learner = make_learner("adam", dropout=0.5)
    losses = [learner.iteration() for _ in range(20)]
    between(learner)
    return losses + [learner.iteration() for _ in range(20)], fingerprint(learner)


def find(learner):
    LRFinder(Isolated(learner)).find(rates=LRS)


def compare(learner):
    LRFinder(Isolated(learner)).compare([0.001, 0.1], iterations=10)


def find_that_raises(learner):
    learner.trainer.step, step = None, learner.trainer.step
    with pytest.raises(TypeError, match="NoneType") as raised:
        LRFinder(Isolated(learner)).find(rates=LRS)
    learner.trainer.step = step
    assert "self.trainer.step(" in "".join(raised.value.__notes__)


@pytest.mark.parametrize("between", [find, compare, find_that_raises])
def test_a_training_with_dropout_equals_the_training_without_bit_for_bit(between):
    assert trained(between) == trained(lambda _: None)
    assert multiprocessing.active_children() == []


def test_the_losses_equal_those_of_the_learner_itself():
    isolated, plain = make_learner(), make_learner()
    assert LRFinder(Isolated(isolated)).find(rates=LRS) == LRFinder(plain).find(rates=LRS)


def test_time_repeats():
    lrfinder.testing.check_time_repeats(Isolated(make_learner(dropout=0.5)), LRS)


def test_without_a_snapshot_it_trains_in_this_process():
    isolated = Isolated(make_learner())
    losses, end = [isolated.iteration(0.1) for _ in range(5)], fingerprint(isolated.learner)
    plain = make_learner()
    assert [plain.iteration(0.1) for _ in range(5)] == losses
    assert fingerprint(plain) == end


def test_the_data_end_as_they_do_without():
    seeded()
    learner = GluonLearner(make_net(), iter(list(make_loader())))
    assert len(LRFinder(Isolated(learner)).find(rates=LRS)) == 5


def test_a_learner_that_a_fork_does_not_copy_is_refused():
    with pytest.raises(LearnerError, match="2 workers"):
        Isolated(GluonLearner(make_net(), make_loader(workers=2)))
    without_values = nn.Dense(2, use_bias=False)  # so that no GPU is needed
    with pytest.raises(LearnerError, match="gpu"):
        Isolated(GluonLearner(without_values, make_loader(), mx.gpu()))


def test_snapshots_that_nest_are_refused():
    isolated = Isolated(make_learner())
    state = isolated.snapshot()
    isolated.iteration(0.1)
    with pytest.raises(LearnerError, match="nest"):
        isolated.snapshot()
    isolated.restore(state)
    isolated.close()


def test_a_child_that_dies_is_reported():
    learner = make_learner()
    learner.trainer.step = lambda _: __import__("os")._exit(3)
    with pytest.raises(LearnerError, match="child process ended"):
        LRFinder(Isolated(learner)).find(rates=LRS)
