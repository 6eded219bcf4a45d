"""The facts that an optax learner knows about its training."""

import pytest
from facts_cases import check_updates_are_seen

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import optax
from jax_nets import Shuffled, batches, cross_entropy, params

from lrfinder import LRFinder
from lrfinder._results.facts import TrainingFacts
from lrfinder.jax import OptaxLearner

inject = optax.inject_hyperparams


def learner(tx, data=None):
    return OptaxLearner(cross_entropy, params(), tx, batches() if data is None else data)


OPTIMIZERS = {
    "sgd": (optax.sgd, "sgd"),
    "momentum": (lambda lr: optax.sgd(lr, momentum=0.9), "momentum"),
    "nesterov": (lambda lr: optax.sgd(lr, momentum=0.9, nesterov=True), "momentum"),
    "adam": (optax.adam, "adaptive"),
    "adamw": (optax.adamw, "adaptive"),
    "nadam": (optax.nadam, "adaptive"),
    "rmsprop": (optax.rmsprop, "adaptive"),
    "rmsprop with momentum": (lambda lr: optax.rmsprop(lr, momentum=0.9), "adaptive"),
    "adabelief": (optax.adabelief, "adaptive"),
    "lamb": (optax.lamb, "adaptive"),
    "lion": (optax.lion, "sign"),
    "adagrad": (optax.adagrad, "adagrad"),
}
INJECTED = {
    "sgd": (optax.sgd, {}, "sgd"),
    "momentum": (optax.sgd, {"momentum": 0.9}, "momentum"),
    "adam": (optax.adam, {}, "adaptive"),
    "lion": (optax.lion, {}, "sign"),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_family_is_that_of_the_optimizer(name):
    optimizer, family = OPTIMIZERS[name]
    assert learner(optimizer).facts().optimizer == family


@pytest.mark.parametrize("name", INJECTED)
def test_the_family_is_found_behind_an_injected_rate(name):
    optimizer, settings, family = INJECTED[name]
    assert learner(inject(optimizer)(0.01, **settings)).facts().optimizer == family


def test_the_family_is_found_within_a_chain():
    tx = optax.chain(optax.clip_by_global_norm(1.0), inject(optax.adamw)(0.01))
    assert learner(tx).facts().optimizer == "adaptive"


@pytest.mark.parametrize("name", ["momentum", "adam", "lion"])
def test_updates_are_seen_once_there_were_some_and_not_after_a_restore(name):
    check_updates_are_seen(learner(OPTIMIZERS[name][0]))


def test_an_injected_rate_shows_updates_of_plain_descent_too():
    one = learner(inject(optax.sgd)(0.01))
    assert not one.facts().trained
    one.iteration(0.01)
    assert one.facts().trained


@pytest.mark.parametrize("data", [batches, Shuffled, lambda: iter(batches())])
def test_the_batch_size_is_that_of_the_first_batch(data):
    one = learner(optax.adam, data())
    one.iteration(0.01)
    assert one.facts() == TrainingFacts("adaptive", 8, trained=True)


def test_the_batch_size_of_a_dict_is_that_of_its_first_array():
    data = [{"x": x, "y": y} for x, y in batches(6)]
    one = OptaxLearner(lambda p, b: cross_entropy(p, (b["x"], b["y"])), params(), optax.adam, data)
    one.iteration(0.01)
    assert one.facts().batch_size == 6


def test_a_range_test_has_the_facts_from_before_it_and_the_batch_size():
    one = learner(optax.adam)
    assert LRFinder(one).find(max_iterations=30).settings.facts == TrainingFacts("adaptive", 8)
    one.iteration(0.01)
    assert LRFinder(one).find(max_iterations=30).settings.facts == TrainingFacts("adaptive", 8, trained=True)
