"""Twins: a training with the finder in its middle is, bit for bit, the training without it."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch_nets import OPTIMIZERS, loader, net

from lrfinder import LRFinder, Stop, restored
from lrfinder.torch import TorchLearner
from lrfinder.torch.inspection import fingerprint


class Training:
    """A script's own loop, which calls a function in its middle."""

    def __init__(self, make_optimizer, in_the_middle):
        torch.manual_seed(7)
        random.seed(7)
        np.random.seed(7)
        self.model = net()
        self.optimizer = make_optimizer(self.model.parameters())
        self.loader = loader()
        self.losses = []
        batches = self.epochs()
        for _ in range(20):
            self.train(next(batches))
        in_the_middle(self)
        for _ in range(20):
            self.train(next(batches))

    def epochs(self):
        while True:
            yield from self.loader

    def train(self, batch):
        inputs, target = batch
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.model(inputs), target)
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item())

    def learner(self, loss_fn=nn.functional.cross_entropy):
        return TorchLearner(self.model, self.optimizer, loss_fn, self.loader)

    def seen(self):
        return fingerprint(self.model, self.optimizer)


class FromTheThirtieth:
    """A loss function that does something else from a given call on."""

    def __init__(self, then, call=30):
        self.then = then
        self.call = call
        self.calls = 0

    def __call__(self, output, target):
        self.calls += 1
        loss = nn.functional.cross_entropy(output, target)
        return self.then(loss) if self.calls >= self.call else loss


def nothing(_):
    pass


def find(training):
    assert len(LRFinder(training.learner()).find()) > 20


def find_twice_and_compare(training):
    finder = LRFinder(training.learner())
    assert finder.find() == finder.find()
    finder.compare([0.01, 100.0], iterations=30)


def find_while_an_iteration_raises(training):
    def fail(_):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        LRFinder(training.learner(FromTheThirtieth(fail))).find(stopping=nothing)


def find_while_the_loss_is_nan(training):
    result = LRFinder(training.learner(FromTheThirtieth(lambda loss: loss * float("nan"), call=5))).find()
    assert (len(result), result.stop) == (5, Stop.NOT_FINITE)


def train_into_nan(training):
    """Train until not only the loss but weights, momenta and statistics are NaN before the restore."""
    learner = training.learner()
    with restored(learner):
        for _ in range(30):
            learner.iteration(1e30)
        assert not all(parameter.isfinite().all() for parameter in training.model.parameters())


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(
    "what",
    [find, find_twice_and_compare, find_while_an_iteration_raises, find_while_the_loss_is_nan, train_into_nan],
)
def test_a_training_goes_on_as_if_the_finder_had_never_run(what, name):
    plain = Training(OPTIMIZERS[name], nothing)
    with_finder = Training(OPTIMIZERS[name], what)
    assert with_finder.losses == plain.losses
    assert with_finder.seen() == plain.seen()


def test_the_twin_check_sees_a_finder_that_draws_one_random_number():
    plain = Training(OPTIMIZERS["Adam"], nothing)
    assert Training(OPTIMIZERS["Adam"], lambda _: torch.rand(1)).losses != plain.losses
