"""An iteration is one update, also where the optimizer accumulates gradients."""

import functools
from typing import Any, cast

import numpy as np
import pytest

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import jax.numpy as jnp
import optax
from jax_nets import batches, cross_entropy, params

from lrfinder import LRFinder, testing
from lrfinder.jax import OptaxLearner
from lrfinder.jax.testing import fingerprint

sgd = optax.inject_hyperparams(optax.sgd)
BATCHES = [np.full((), value) for value in (1.0, 2.0, 3.0, 6.0)]


def learner(tx):
    return OptaxLearner(lambda p, batch: p * batch, jnp.ones(()), tx, BATCHES)


ACCUMULATED = {
    "MultiSteps": lambda: optax.MultiSteps(sgd(0.1), 2),
    "its transformation in a chain": lambda: optax.chain(
        optax.clip(100.0), optax.MultiSteps(sgd(0.1), 2).gradient_transformation()
    ),
    "built from the rate": lambda: lambda lr: optax.MultiSteps(optax.sgd(lr), 2),
    "a schedule of their number": lambda: optax.MultiSteps(sgd(0.1), lambda step: 2 + 0 * step),
    "the sum": lambda: optax.MultiSteps(optax.chain(optax.scale(0.5), sgd(0.1)), 2, use_grad_mean=False),
    "apply_every": lambda: optax.chain(sgd(0.1), optax.scale(0.5), optax.apply_every(2)),
    "two in one": lambda: optax.MultiSteps(optax.chain(sgd(0.1), optax.MultiSteps(optax.identity(), 1)), 2),
}


@pytest.mark.parametrize("name", ACCUMULATED)
def test_an_iteration_is_one_update_on_the_mean_of_its_batches(name):
    one = learner(ACCUMULATED[name]())
    assert one.iterations_per_epoch() == 2
    assert list(one.iterations([0.5, 0.5])) == [1.5, pytest.approx(0.25 * 4.5)]
    assert float(one.params) == pytest.approx(1 - 0.5 * 1.5 - 0.5 * 4.5)


def test_an_update_that_has_begun_is_completed():
    one = learner(optax.MultiSteps(sgd(0.1), 4))
    one.opt_state = cast("Any", one.opt_state)._replace(mini_step=jnp.asarray(3, jnp.int32))
    assert one.iterations_per_epoch() == 1
    assert one.iteration(0.0) == 1.0


def test_batches_that_the_optimizer_skips_belong_to_the_update():
    skip = functools.partial(optax.skip_large_updates, max_squared_norm=5.0)
    one = learner(optax.MultiSteps(sgd(0.1), 2, should_skip_update_fn=skip))
    assert (one.iteration(0.0), one.iteration(0.0)) == (1.5, 1.5)
    assert int(cast("Any", one.opt_state).gradient_step) == 2


def test_an_optimizer_that_skips_every_batch_ends_the_iteration():
    skip = functools.partial(optax.skip_large_updates, max_squared_norm=0.0)
    assert learner(optax.MultiSteps(sgd(0.1), 2, should_skip_update_fn=skip)).iteration(0.0) == 6.0  # the 16th


def test_a_loss_that_is_not_finite_ends_the_iteration():
    tx = optax.MultiSteps(sgd(0.1), 2, should_skip_update_fn=optax.skip_not_finite)
    one = OptaxLearner(lambda p, batch: p * batch, jnp.ones(()), tx, [np.full((), np.nan)])
    assert np.isnan(one.iteration(0.1))


def test_a_horizon_counts_updates():
    one = OptaxLearner(cross_entropy, params(), optax.MultiSteps(optax.inject_hyperparams(optax.adam)(1e-3), 3), batches())
    state = one.snapshot()
    comparison = LRFinder(one).compare([0.01, 0.1], iterations=5)
    assert np.shape(comparison.losses) == (2, 5)
    one.restore(state)
    list(one.iterations([0.01] * 5))
    assert int(cast("Any", one.opt_state).gradient_step) == 5
    assert one.facts().batch_size == 24


def test_an_accumulating_learner_obeys_the_law():
    one = OptaxLearner(cross_entropy, params(), optax.MultiSteps(optax.inject_hyperparams(optax.adam)(1e-3), 5), batches())
    testing.check(one, observe=lambda: fingerprint(one.params, one.opt_state, one.state))
