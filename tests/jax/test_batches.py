"""Data of every form, and data that are refused."""

import random

import numpy as np
import pytest

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import jax.numpy as jnp
import optax
from jax_nets import bowl, refused

import lrfinder.testing
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
    with pytest.raises(DataError, match="of type int; give an iterable"):
        OptaxLearner(bowl, jnp.zeros(()), optax.sgd, 3)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("data", [[(np.zeros(2), "a word")], iter([(np.zeros(2), "a word")])])
def test_a_batch_that_holds_a_word_is_refused(data):
    refused(lambda w, batch: bowl(w, batch[0]), data, r"str at batch\[1\]", BatchError)


class Reordered:
    """Data that shuffle their own order in place, pop from a list, and write each batch into the same memory."""

    def __init__(self):
        self.order = np.arange(5)
        self.left = [0.5, 0.25]

    def __iter__(self):
        np.random.shuffle(self.order)
        batch = np.empty(1)
        for k in self.order:
            if not self.left:
                self.left += [random.random() for _ in range(3)]
            batch[:] = k + self.left.pop()
            yield {"x": batch}


@pytest.mark.parametrize("replay_bytes", [1 << 30, 16])
def test_data_that_keep_their_place_in_arrays_and_lists_come_back(replay_bytes):
    random.seed(0)
    np.random.seed(0)
    data = Reordered()
    learner = OptaxLearner(lambda w, batch: bowl(w, batch["x"]), jnp.zeros(()), optax.sgd, data, replay_bytes=replay_bytes)
    lrfinder.testing.check(learner)
    before = data.order.tolist(), list(data.left)
    LRFinder(learner).find(rates=[1e-3] * 12)
    assert (data.order.tolist(), data.left) == before
