"""Models of Flax NNX and Equinox, split and merged as in the examples."""

import numpy as np
import pytest

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import jax
import optax
from jax_nets import batches

import lrfinder.testing
from lrfinder import LRFinder
from lrfinder.jax import OptaxLearner
from lrfinder.jax.testing import fingerprint


def cross_entropy(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def flax_learner():
    nnx = pytest.importorskip("flax.nnx", reason="the session jax_and_keras has it")
    rngs = nnx.Rngs(0)
    model = nnx.Sequential(
        nnx.Linear(6, 16, rngs=rngs), nnx.BatchNorm(16, rngs=rngs), nnx.Dropout(0.2, rngs=rngs), nnx.Linear(16, 2, rngs=rngs)
    )
    graph, params, rest = nnx.split(model, nnx.Param, ...)

    def loss_fn(params, rest, batch):
        inputs, labels = batch
        model = nnx.merge(graph, params, rest, copy=True)
        loss = cross_entropy(model(inputs), labels)
        return loss, nnx.split(model, nnx.Param, ...)[2]

    return OptaxLearner(loss_fn, params, optax.inject_hyperparams(optax.adam)(1e-3), batches(), state=rest)


def equinox_learner():
    eqx = pytest.importorskip("equinox", reason="the session jax_and_keras has it")
    params, rest = eqx.partition(eqx.nn.MLP(6, 2, 16, 1, key=jax.random.key(0)), eqx.is_inexact_array)

    def loss_fn(params, batch):
        inputs, labels = batch
        return cross_entropy(jax.vmap(eqx.combine(params, rest))(inputs), labels)

    return OptaxLearner(loss_fn, params, optax.adam, batches())


@pytest.mark.parametrize("make", [flax_learner, equinox_learner])
def test_a_model_of_a_library_obeys_the_law(make):
    learner = make()
    lrfinder.testing.check(learner, observe=lambda: fingerprint(learner.params, learner.opt_state, learner.state))


@pytest.mark.parametrize("make", [flax_learner, equinox_learner])
def test_a_model_of_a_library_learns_and_a_sweep_leaves_no_trace(make):
    learner = make()
    before = learner.params, learner.state
    result = LRFinder(learner).find(rates=np.geomspace(1e-5, 1e-1, 30).tolist(), stopping=lambda _: None)
    assert len(result) == 30
    assert learner.params is before[0]
    assert learner.state is before[1]
    losses = list(learner.iterations([0.02] * 60))
    assert np.mean(losses[-12:]) < 0.7 * np.mean(losses[:12])


def test_dropout_and_statistics_of_flax_change_with_each_iteration_and_are_restored():
    learner = flax_learner()
    start = learner.snapshot()
    before = fingerprint(learner.state)
    learner.iteration(0.01)
    changed = {name for name, value in fingerprint(learner.state).items() if value != before[name]}
    assert any("mean" in name for name in changed)
    assert any("count" in name for name in changed)
    learner.restore(start)
    assert fingerprint(learner.state) == before
