"""Parameters and states: what can be trained, and arrays that were donated."""

import numpy as np
import pytest

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import jax
import jax.numpy as jnp
import optax
from jax_nets import batches, bowl

from lrfinder import RestoreError
from lrfinder.errors import ModelError
from lrfinder.jax import OptaxLearner


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "hold no array"),
        ({"w": jnp.ones(2), "activation": jax.nn.relu}, r"params\['activation'\] is a .*partition"),
        ({"w": jnp.ones(2), "count": jnp.ones((), jnp.int32)}, r"params\['count'\] is of dtype int32"),
    ],
)
def test_parameters_that_cannot_be_trained_are_refused(given, reason):
    with pytest.raises(ModelError, match=reason):
        OptaxLearner(bowl, given, optax.sgd, batches())


def donated(array):
    array.delete()  # as a computation does with its donated arguments
    return array


def test_parameters_that_were_donated_are_refused():
    with pytest.raises(ModelError, match="donated"):
        OptaxLearner(bowl, {"w": donated(jnp.ones(2))}, optax.sgd, batches())
    one = OptaxLearner(bowl, jnp.ones(2), optax.sgd, [np.zeros(2)])
    donated(one.params)
    with pytest.raises(ModelError, match="params was donated"):
        one.iteration(0.1)


def test_a_state_that_was_donated_is_not_restored():
    one = OptaxLearner(lambda p, batch: bowl(p["w"], batch), {"w": jnp.ones(2)}, optax.sgd, [np.zeros(2)])
    state = one.snapshot()
    one.iteration(0.1)
    now = one.params
    donated(state.carry.params["w"])
    with pytest.raises(RestoreError, match=r"params\['w'\] was donated"):
        one.restore(state)
    assert one.params is now


def test_an_iteration_that_donates_spares_arrays_of_the_user_and_of_a_state():
    given = jnp.ones(2)
    one = OptaxLearner(bowl, given, optax.sgd, [np.zeros(2)], donate=True)
    one.iteration(0.5)
    state = one.snapshot()
    one.iteration(0.5)
    assert given.tolist() == [1.0, 1.0]
    assert state.carry.params.tolist() == [0.5, 0.5]


def test_an_iteration_that_donates_overwrites_the_result_of_the_one_before():
    one = OptaxLearner(bowl, jnp.ones(2), optax.sgd, [np.zeros(2)], donate=True)
    one.iteration(0.5)
    before = one.params
    one.iteration(0.5)
    assert before.is_deleted()
