"""Twins: a training interrupted by a finder equals, bit for bit, the training without it."""

import functools
import random

import numpy as np
import pytest

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import jax
import optax
from jax_nets import OPTIMIZERS, Shuffled, params, state, with_dropout

from lrfinder import LRFinder, Stop, restored
from lrfinder.jax import OptaxLearner
from lrfinder.jax.testing import fingerprint


class Training:
    """The loop of a script over its own jitted step, interrupted in the middle."""

    def __init__(self, tx, in_the_middle, donate=()):
        np.random.seed(7)
        random.seed(7)
        self.tx = tx
        optimizer = tx(0.01) if not hasattr(tx, "init") else tx
        self.params, self.state = params(), state()
        self.opt_state = optimizer.init(self.params)
        self.data = Shuffled()
        self.losses = []

        def step(params, opt_state, state, batch):
            (loss, state), gradients = jax.value_and_grad(with_dropout, has_aux=True)(params, state, batch)
            updates, opt_state = optimizer.update(gradients, opt_state, params)
            return optax.apply_updates(params, updates), opt_state, state, loss

        self.step = jax.jit(step, donate_argnums=donate)
        passes = self.passes()
        for _ in range(20):
            self.train(next(passes))
        in_the_middle(self)
        for _ in range(20):
            self.train(next(passes))

    def passes(self):
        while True:
            yield from self.data

    def train(self, batch):
        self.params, self.opt_state, self.state, loss = self.step(self.params, self.opt_state, self.state, batch)
        self.losses.append(float(loss))

    def learner(self, loss_fn=with_dropout, **settings):
        return OptaxLearner(loss_fn, self.params, self.tx, self.data, state=self.state, opt_state=self.opt_state, **settings)

    def fingerprint(self):
        return fingerprint(self.params, self.opt_state, self.state)


def nothing(_):
    pass


def find(training):
    assert len(LRFinder(training.learner()).find()) > 20


def find_donating(training):
    assert len(LRFinder(training.learner(donate=True)).find()) > 20


def find_twice_and_compare(training):
    finder = LRFinder(training.learner())
    assert finder.find() == finder.find()
    finder.compare([0.01, 100.0], iterations=30)


def find_and_continue_from_the_learner(training):
    learner = training.learner()
    LRFinder(learner).find()
    training.params, training.opt_state, training.state = learner.params, learner.opt_state, learner.state


def find_while_a_callback_raises(training):
    def fail(record):
        if record.lr > 3e-6:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        LRFinder(training.learner()).find(on_record=fail)


def find_while_the_loss_is_nan(training):
    def nan(params, state, batch):
        loss, state = with_dropout(params, state, batch)
        return loss / (state["count"] < 25), state

    assert LRFinder(training.learner(nan)).find().stop is Stop.NOT_FINITE


def train_into_nan(training):
    learner = training.learner()
    with restored(learner):
        for _ in range(30):
            learner.iteration(1e30)
        assert not np.isfinite(learner.params["out"]["w"]).all()


@functools.cache
def plain(name):
    return Training(OPTIMIZERS[name](), nothing)


@pytest.mark.parametrize(
    "interruption",
    [
        find,
        find_donating,
        find_twice_and_compare,
        find_and_continue_from_the_learner,
        find_while_a_callback_raises,
        find_while_the_loss_is_nan,
        train_into_nan,
    ],
)
def test_a_training_continues_as_if_the_finder_had_never_run(interruption):
    with_finder = Training(OPTIMIZERS["Adam"](), interruption)
    assert with_finder.losses == plain("Adam").losses
    assert with_finder.fingerprint() == plain("Adam").fingerprint()


@pytest.mark.parametrize("name", ["SGD with momentum", "built from the rate"])
def test_a_training_with_another_optimizer_continues_likewise(name):
    with_finder = Training(OPTIMIZERS[name](), find)
    assert with_finder.losses == plain(name).losses
    assert with_finder.fingerprint() == plain(name).fingerprint()


def test_a_training_that_donates_its_arrays_continues_likewise():
    with_finder = Training(OPTIMIZERS["Adam"](), find, donate=(0, 1, 2))
    assert with_finder.losses == plain("Adam").losses
    assert with_finder.fingerprint() == plain("Adam").fingerprint()


def test_the_comparison_detects_a_finder_that_draws_one_random_number():
    assert Training(OPTIMIZERS["Adam"](), lambda _: np.random.random()).losses != plain("Adam").losses
