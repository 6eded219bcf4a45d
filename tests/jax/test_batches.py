"""Data of every form, and data that are refused."""

import numpy as np
import pytest

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import jax.numpy as jnp
import optax
from jax_nets import bowl, refused

from lrfinder import LRFinder, Stop
from lrfinder.errors import BatchError, DataError, EmptyDataError
from lrfinder.jax import OptaxLearner


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype float64")  # optax 0.2.0 warns of its own request
def test_a_pytree_may_be_a_single_array_of_numpy_and_the_data_one_array():
    one = OptaxLearner(bowl, np.float64(1.0), optax.inject_hyperparams(optax.sgd)(0.1), np.zeros((3, 1)))
    assert [one.iteration(0.5) for _ in range(3)] == [0.5, 0.125, 0.03125]


def test_a_batch_is_any_pytree_also_of_other_frameworks_arrays():
    class Foreign:
        def __array__(self, dtype=None, copy=None):
            return np.full(1, 2.0)

    for data in ([{"x": Foreign(), "scale": 0.5}], iter([{"x": Foreign(), "scale": 0.5}])):
        one = OptaxLearner(lambda w, batch: bowl(w, batch["x"] * batch["scale"]), jnp.zeros(()), optax.sgd, data)
        assert one.iteration(0.1) == 0.5


@pytest.mark.parametrize("data", [list, lambda: iter(()), lambda: range(0)])
def test_data_without_a_batch_are_refused(data):
    refused(bowl, data(), "no batch", EmptyDataError)


def test_data_that_end_later_end_the_sweep():
    result = LRFinder(OptaxLearner(bowl, jnp.ones(2), optax.sgd, iter([np.zeros(2)] * 5))).find()
    assert (len(result), result.stop) == (5, Stop.DATA_ENDED)


def test_data_must_be_iterable():
    refused(bowl, 3, "iterable", DataError)


@pytest.mark.parametrize("data", [[(np.zeros(2), "a word")], iter([(np.zeros(2), "a word")])])
def test_a_batch_that_holds_a_word_is_refused(data):
    refused(lambda w, batch: bowl(w, batch[0]), data, r"str at batch\[1\]", BatchError)
