"""The facts that a Keras learner knows about its training."""

import pytest
from facts_cases import check_updates_are_seen
from keras_nets import batches, keras, net

from lrfinder import LRFinder
from lrfinder._results.facts import TrainingFacts
from lrfinder.keras import KerasLearner

optimizers = keras.optimizers


def learner(optimizer="adam", data=None):
    return KerasLearner(net(optimizer, inside=[]), batches() if data is None else data)


@pytest.mark.parametrize(("optimizer", "family"), [
    (lambda: optimizers.SGD(0.01), "sgd"), (lambda: optimizers.SGD(0.01, momentum=0.9), "momentum"),
    (lambda: optimizers.Adam(0.01), "adaptive"), (lambda: optimizers.RMSprop(0.01), "adaptive"),
    (lambda: optimizers.Lion(0.01), "sign"), (lambda: optimizers.Adagrad(0.01), "adagrad"),
    (lambda: optimizers.Adadelta(0.01), None),
])  # fmt: skip
def test_the_family_is_that_of_the_optimizer(optimizer, family):
    assert learner(optimizer()).facts().optimizer == family


def test_the_family_is_found_behind_loss_scaling():
    assert learner(optimizers.LossScaleOptimizer(optimizers.Adam(0.01))).facts().optimizer == "adaptive"


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_updates_are_seen_once_there_were_some_and_not_after_a_restore(optimizer):
    check_updates_are_seen(learner(optimizer))


@pytest.mark.parametrize("data", [batches, lambda: iter(batches())])
def test_the_batch_size_is_that_of_the_first_batch(data):
    one = learner(data=data())
    one.iteration(0.01)
    assert one.facts() == TrainingFacts("adaptive", 8, trained=True)


def test_a_range_test_has_the_facts_from_before_it_and_the_batch_size():
    one = learner()
    assert LRFinder(one).find(max_iterations=30).settings.facts == TrainingFacts("adaptive", 8)
    one.iteration(0.01)
    assert LRFinder(one).find(max_iterations=30).settings.facts == TrainingFacts("adaptive", 8, trained=True)
