"""The loss of an iteration, and the state that it returns."""

import numpy as np
import pytest

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import jax.numpy as jnp
import optax
from jax_nets import batches, bowl, params, refused

from lrfinder import LRFinder
from lrfinder.errors import LossError
from lrfinder.jax import OptaxLearner


def test_state_may_change_its_dtype_in_the_first_iteration():
    def loss_fn(w, mean, batch):
        return bowl(w, batch), 0.5 * mean + jnp.float32(0.5) * w

    one = OptaxLearner(loss_fn, jnp.ones(()), optax.sgd, [np.zeros(1)], state=jnp.zeros((), jnp.bfloat16))
    assert LRFinder(one).find(rates=[0.5] * 4).losses.tolist() == [0.5, 0.125, 0.03125, 0.0078125]
    assert one.state.dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ("loss_fn", "reason"),
    [
        (lambda w, batch: w, r"shape \(2,\)"),
        (lambda w, batch: (w.sum(), w), "state="),
        (lambda w, batch: None, "NoneType"),
        (lambda w, batch: jnp.argmax(w), "int32"),
    ],
)
def test_a_loss_that_is_not_a_number_is_refused(loss_fn, reason):
    refused(loss_fn, [np.zeros(2)], reason)


def test_a_loss_with_state_must_return_a_pair():
    refused(lambda w, state, batch: w.sum(), [np.zeros(2)], "pair", state=jnp.zeros(()))


def test_a_loss_must_be_callable():
    with pytest.raises(LossError, match="give a function"):
        OptaxLearner(None, params(), optax.sgd, batches())
