"""Losses without updates: forwards alone, on the same batches and random numbers as iterations at the rate 0."""

import pytest

pytest.importorskip("mxnet", reason="the session oldest has it")
from gluon_nets import make_learner, make_loader, make_net, make_trainer, mx

from lrfinder import LRFinder, restored
from lrfinder.gluon import GluonLearner

COUNT = 8  # more than a pass


def both(learner):
    """The losses at the rate 0, and those without updates, from one state."""
    with restored(learner) as state:
        trained = [learner.iteration(0.0) for _ in range(COUNT)]
        learner.restore(state)
        untrained = learner.untrained(COUNT)
        return trained, untrained and list(untrained)


@pytest.mark.parametrize("hybrid", [False, True], ids=["plain", "hybridized"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_losses_without_updates_equal_those_at_the_rate_0_bit_for_bit(optimizer, hybrid):
    trained, untrained = both(make_learner(optimizer, dropout=0.5, hybrid=hybrid))
    assert untrained == trained


def test_forwards_alone_leave_no_trace():
    learner = make_learner(dropout=0.5)
    with restored(learner):
        seen = learner.observe()
        losses = learner.untrained(3)
        assert losses is not None
        list(losses)
    assert learner.observe() == seen


def test_noise_in_the_update_and_an_iteration_of_its_own_are_run_at_the_rate_0():
    class Own(GluonLearner):
        def iteration(self, lr=None, take_step=True):
            return super().iteration(lr, take_step)

    noisy = make_learner()
    noisy.trainer._optimizer = mx.optimizer.SGLD()
    own = Own(net := make_net(), make_loader(), trainer=make_trainer(net))
    assert noisy.untrained(3) is None
    assert own.untrained(3) is None


def test_an_optimizer_that_divides_by_its_rate_gets_a_rate():
    learner = make_learner("ftrl")
    assert LRFinder(learner).suggest(max_iterations=200).status != "unstable from the start"
    trained, untrained = both(learner)
    assert untrained != trained
