"""State that a loss reaches beyond its arguments: JAX traces the loss once, and a search must not use up what that draws."""

import random

import numpy as np
import pytest

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import jax
import optax
from jax_nets import batches, cross_entropy, params

from lrfinder import LRFinder
from lrfinder.errors import SnapshotError
from lrfinder.jax import OptaxLearner


def of_generator():
    generator = np.random.default_rng(2)

    def loss(params, batch):  # the noise is a constant of the compiled program
        inputs, labels = batch
        return cross_entropy(params, (inputs + generator.standard_normal(6), labels))

    return loss


def of_object():
    class Noise:
        def __init__(self):
            self.random = random.Random(3)
            self.mean = np.zeros(6)

        def __call__(self, params, batch):
            self.mean = self.mean + self.random.random()
            inputs, labels = batch
            return cross_entropy(params, (inputs + self.mean, labels))

    return Noise()


def of_array():
    shift = np.zeros(6)

    def loss(params, batch):
        shift[:] += 0.1
        inputs, labels = batch
        return cross_entropy(params, (inputs + shift, labels))

    return loss


LOSSES = {"a generator": of_generator, "an object": of_object, "an array": of_array}


def trained(loss_fn, search):
    now, tx = params(), optax.adam(0.01)
    search(OptaxLearner(loss_fn, now, optax.adam, batches()))
    value_and_grad, opt_state, losses = jax.jit(jax.value_and_grad(loss_fn)), tx.init(now), []
    for batch in batches()[:4]:
        loss, gradients = value_and_grad(now, batch)
        updates, opt_state = tx.update(gradients, opt_state, now)
        now = optax.apply_updates(now, updates)
        losses.append(float(loss))
    return losses


@pytest.mark.parametrize("name", LOSSES)
def test_a_training_after_a_search_is_that_of_its_twin(name):
    def find(learner):
        LRFinder(learner).find(max_iterations=6)

    assert trained(LOSSES[name](), find) == trained(LOSSES[name](), lambda _: None)


def test_a_snapshot_of_a_donated_array_is_refused_and_nothing_is_changed():
    learner = OptaxLearner(cross_entropy, params(), optax.adam, batches())
    learner.iteration(0.1)
    for where in ("params", "opt_state"):
        held = getattr(learner, where)
        copy = jax.tree.map(jax.numpy.copy, held)
        setattr(learner, where, copy)
        jax.tree.leaves(copy)[-1].delete()
        with pytest.raises(SnapshotError, match=where):
            LRFinder(learner).find()
        setattr(learner, where, held)
    assert learner.iteration(0.1) > 0
