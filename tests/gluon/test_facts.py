"""The facts that a Gluon learner knows about its training."""

import pytest
from facts_cases import check_updates_are_seen

from lrfinder import LRFinder
from lrfinder._results.facts import TrainingFacts

pytest.importorskip("mxnet", reason="the session oldest has it")
from gluon_nets import CPU, X, Y, make_learner, make_net, mx, seeded

from lrfinder.gluon import GluonLearner


@pytest.mark.parametrize(("optimizer", "family"), [
    ("sgd", "sgd"), ("momentum", "momentum"), ("nag", "momentum"), ("adam", "adaptive"), ("adamw", "adaptive"),
    ("lamb", "adaptive"), ("rmsprop", "adaptive"), ("nadam", "adaptive"), ("ftrl", None),
])  # fmt: skip
def test_the_family_is_that_of_the_optimizer(optimizer, family):
    assert make_learner(optimizer).facts().optimizer == family


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_updates_are_seen_once_there_were_some_and_not_after_a_restore(optimizer):
    check_updates_are_seen(make_learner(optimizer))


def test_the_batch_size_is_that_of_the_first_batch_of_a_loader():
    one = make_learner("adam")
    one.iteration(0.01)
    assert one.facts() == TrainingFacts("adaptive", 32, trained=True)


def test_the_batch_size_of_a_list_is_known():
    seeded()
    one = GluonLearner(make_net(), [(mx.np.array(X[:10]), mx.np.array(Y[:10]))], CPU)
    one.iteration(0.01)
    assert one.facts().batch_size == 10


def test_a_range_test_has_the_facts_from_before_it_and_the_batch_size():
    one = make_learner("adam")
    assert LRFinder(one).find(max_iterations=30).settings.facts == TrainingFacts("adaptive", 32)
    one.iteration(0.01)
    assert LRFinder(one).find(max_iterations=30).settings.facts == TrainingFacts("adaptive", 32, trained=True)
