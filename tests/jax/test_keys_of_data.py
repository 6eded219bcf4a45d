"""Keys of random numbers, which loaders and functions keep in arrays of JAX, wherever these are held."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import jax
import optax
from jax_nets import batches, cross_entropy, params

import lrfinder.testing
from lrfinder import LRFinder
from lrfinder.jax import OptaxLearner
from lrfinder.jax.held_arrays import Held


class Keys:
    """A key that is split for each use."""

    def __init__(self, samples=None):
        self.key, self.splits, self.samples = jax.random.key(3), 0, samples

    def __call__(self):
        self.splits += 1
        self.key, new = jax.random.split(self.key)
        return new


class InDict:
    def __init__(self):
        self.keys = {"shuffle": jax.random.PRNGKey(3)}  # of the older kind, an array of integers

    def __call__(self):
        self.keys["shuffle"], new = jax.random.split(self.keys["shuffle"])
        return new


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Place:
    key: jax.Array
    count: jax.Array


class Replaced:
    """A tree that is never changed, but replaced by another."""

    def __init__(self):
        self.place = Place(jax.random.key(3), jax.numpy.zeros((), int))

    def __call__(self):
        self.place = Place(self.place.key, self.place.count + 1)
        return jax.random.fold_in(self.place.key, self.place.count)


def of_flax():
    return pytest.importorskip("flax.nnx", reason="the session jax_and_keras has it").Rngs(3)


class Loader:
    def __init__(self, keys):
        self.keys, self.passes = keys, 0

    def __iter__(self):
        data = batches()
        for k in np.asarray(jax.random.permutation(self.keys(), len(data))):
            yield data[k]


class Around:
    """A loader around another, which counts its passes."""

    def __init__(self, keys):
        self.inside = [Loader(keys)]

    def __iter__(self):
        for loader in self.inside:
            loader.passes += 1
            for inputs, labels in loader:
                yield inputs + loader.passes, labels


def function(keys):
    data = batches()
    return lambda: data[int(jax.random.randint(keys(), (), 0, len(data)))]


KEYS = {"an object": Keys, "a dict": InDict, "a tree": Replaced, "Flax": of_flax}
DATA = {"a loader": Loader, "a loader around another": Around, "a function": function}


def first_batches(data):
    drawn = iter(data) if hasattr(data, "__iter__") else iter(data, None)
    return [next(drawn)[0].tolist() for _ in range(5)]


@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("data", DATA)
def test_the_data_after_a_search_are_those_of_the_twin(data, keys):
    plain, searched = (DATA[data](KEYS[keys]()) for _ in range(2))
    learner = OptaxLearner(cross_entropy, params(), optax.adam, searched, replay_bytes=600)
    LRFinder(learner).find(rates=[1e-3] * 20, stopping=lambda _: None)
    LRFinder(learner).compare([1e-3, 1e-2], iterations=8)
    assert first_batches(searched) == first_batches(plain)


def test_keys_in_the_data_obey_the_law():
    learner = OptaxLearner(cross_entropy, params(), optax.adam, Around(Keys()), replay_bytes=600)
    lrfinder.testing.check(learner)


def test_large_arrays_of_the_data_are_not_held():
    keys = Keys(jax.numpy.zeros(2_000))
    learner = OptaxLearner(cross_entropy, params(), optax.adam, Loader(keys))
    held = [value for _, value in learner.snapshot().randomness if isinstance(value, Held)]
    assert [[*one.values] for one in held] == [["key"]]


@pytest.mark.parametrize("kind", [list, tuple, lambda pairs: dict(enumerate(pairs))])
def test_samples_in_a_long_container_are_not_held(kind):
    keys = Keys(kind([(jax.numpy.zeros(2), 1)] * 2_000))
    learner = OptaxLearner(cross_entropy, params(), optax.adam, Loader(keys))
    held = [value for _, value in learner.snapshot().randomness if isinstance(value, Held)]
    assert [[*one.values] for one in held] == [["key"]]
