"""The law on JAX: learners of every kind obey it, and one that leaves out any one kind of state breaks it."""

import random

import numpy as np
import pytest

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import jax
import jax.numpy as jnp
from jax_nets import OPTIMIZERS, Shuffled, batches, cross_entropy, params, state, with_dropout

import lrfinder
import lrfinder.testing
from lrfinder.errors import LawError
from lrfinder.jax import OptaxLearner
from lrfinder.jax.testing import fingerprint


def observing(learner):
    return lambda: fingerprint(learner.params, learner.opt_state, learner.state)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_shuffling_loader_with_dropout_obeys_the_law(name):
    np.random.seed(0)
    learner = OptaxLearner(with_dropout, params(), OPTIMIZERS[name](), Shuffled(), state=state())
    lrfinder.testing.check(learner, observe=observing(learner))


def test_a_learner_that_donates_obeys_the_law():
    learner = OptaxLearner(with_dropout, params(), OPTIMIZERS["Adam"](), batches(), state=state(), donate=True)
    lrfinder.testing.check(learner, observe=observing(learner))


def a_generator():
    while True:
        inputs = np.random.standard_normal((8, 6)).astype("float32")
        yield inputs, (inputs.sum(1) > random.random()).astype("int32")


def one_buffer():
    inputs = np.empty((8, 6), "float32")
    while True:
        inputs[:] = np.random.standard_normal((8, 6))
        yield inputs, (inputs.sum(1) > 0).astype("int32")


DATA = {
    "a list": lambda: batches(),
    "a tuple of JAX's arrays": lambda: tuple(jax.tree.map(jnp.asarray, batches())),
    "a list whose last batch is smaller": lambda: batches(10),
    "a list of 1 batch": lambda: batches(96),
    "a loader": lambda: Shuffled(),
    "a loader whose last batch is smaller": lambda: Shuffled(10),
    "a generator": a_generator,
    "a generator that writes into one array": one_buffer,
}


@pytest.mark.parametrize("replay_bytes", [1 << 30, 1000])
@pytest.mark.parametrize("name", DATA)
def test_every_kind_of_data_obeys_the_law(name, replay_bytes):
    if "generator" in name and replay_bytes == 1000:
        pytest.skip("an iterator past replay_bytes cannot obey the law, and warns")
    np.random.seed(0)
    learner = OptaxLearner(cross_entropy, params(), OPTIMIZERS["Adam"](), DATA[name](), replay_bytes=replay_bytes)
    lrfinder.testing.check(learner, observe=observing(learner))
    learner.close()


# each kind of state that a snapshot could leave out: how to read it, and how to write it
KINDS = {
    "parameters": (lambda learner: learner.params, lambda learner, value: setattr(learner, "params", value)),
    "optimizer state": (lambda learner: learner.opt_state, lambda learner, value: setattr(learner, "opt_state", value)),
    "state": (lambda learner: learner.state, lambda learner, value: setattr(learner, "state", value)),
    "numpy's generator": (lambda _: np.random.get_state(), lambda _, value: np.random.set_state(value)),
    "python's generator": (lambda _: random.getstate(), lambda _, value: random.setstate(value)),
    "the data's generator": (
        lambda learner: learner.data.noise.bit_generator.state,
        lambda learner, value: setattr(learner.data.noise.bit_generator, "state", value),
    ),
    "position in the data": (lambda learner: learner._batches().mark(), lambda learner, value: learner._batches().go(value)),
}


def learner_with_everything(cls=OptaxLearner):
    """A training in which every kind of state changes what follows."""
    np.random.seed(0)
    random.seed(0)
    data = Shuffled()
    learner = cls(with_dropout, params(), OPTIMIZERS["Adam"](), data, state=state())
    learner.data = data  # pyright: ignore[reportAttributeAccessIssue]
    return learner


def observing_data(learner):
    return lambda: observing(learner)() | {"the data's generator": learner.data.noise.bit_generator.state}


def test_a_training_with_every_kind_of_state_obeys_the_law():
    learner = learner_with_everything()
    lrfinder.testing.check(learner, observe=observing_data(learner))


@pytest.mark.parametrize("kind", KINDS)
def test_a_learner_that_leaves_out_one_kind_of_state_breaks_the_law(kind):
    read, write = KINDS[kind]

    class Forgetful(OptaxLearner):
        def iteration(self, lr):
            random.random()
            return super().iteration(lr)

        def restore(self, state):
            unrestored = read(self)
            super().restore(state)
            write(self, unrestored)

    learner = learner_with_everything(Forgetful)
    with pytest.raises(LawError):
        lrfinder.testing.check_time_repeats(learner, observe=observing_data(learner))


def test_check_names_what_a_learner_forgets():
    class Forgetful(OptaxLearner):
        def restore(self, state):
            unrestored = self.opt_state
            super().restore(state)
            self.opt_state = unrestored

    assert "optimizer" in str(lrfinder.check(learner_with_everything(Forgetful)))
    assert lrfinder.check(learner_with_everything()).ok
