"""Objects beyond parameters that a Gluon training changes: what blocks and losses hold."""

from functools import partial

import pytest

import lrfinder
from lrfinder import LRFinder

pytest.importorskip("mxnet", reason="the session oldest has it")
import numpy as np
from counters import Drawing, Plain, Slotted
from gluon_nets import X, Y, make_learner, make_loader, make_trainer, mx, nn, seeded

from lrfinder.gluon import GluonLearner

FEW = lrfinder.testing.LRS[::8]
cross_entropy = mx.gluon.loss.SoftmaxCrossEntropyLoss()


class Dense(mx.gluon.Block):
    """A dense layer that counts its calls, in whatever it is given."""

    def __init__(self, counter, in_units=36):
        super().__init__()
        self.dense = nn.Dense(2, in_units=in_units)
        self.counter = counter

    def forward(self, x):
        self.counter.count()
        return self.dense(x) + 0.01 * float(self.counter.calls)


class OfArray(dict):
    """A counter in an array, an attribute of a dict."""

    def __init__(self):
        super().__init__()
        self.calls = mx.np.zeros(())

    def count(self):
        self.calls += 1
        self["last"] = float(self.calls)


class Centered(mx.gluon.loss.Loss):
    """A loss with a running center, an array that each call replaces."""

    def __init__(self):
        super().__init__(1.0, 0)
        self.center = mx.np.zeros(2)

    def forward(self, output, label):
        self.center = 0.9 * self.center + 0.1 * mx.np.mean(output.detach(), axis=0)
        return cross_entropy(output - self.center, label)


def of_closure():
    center = mx.np.zeros(2)

    def loss(output, label):
        center[:] = 0.9 * center + 0.1 * mx.np.mean(output.detach(), axis=0)
        return cross_entropy(output - center, label)

    return loss


def of_partial():
    def loss(center, output, label):
        center["mean"] = 0.9 * center["mean"] + 0.1 * mx.np.mean(output.detach(), axis=0)
        return cross_entropy(output - center["mean"], label)

    return partial(loss, {"mean": mx.np.zeros(2)})


center = mx.np.zeros(2)


def of_global():
    center[:] = 0

    def loss(output, label):
        global center  # noqa: PLW0603  (as in a script)
        center = 0.9 * center + 0.1 * mx.np.mean(output.detach(), axis=0)
        return cross_entropy(output - center, label)

    return loss


class Cross:
    """A callable object that draws noise from a generator of its own."""

    def __init__(self):
        self.noise = np.random.RandomState(2)

    def __call__(self, output, label):
        return cross_entropy(output + mx.np.array(self.noise.standard_normal(2)), label)


LOSSES = {"a block": Centered, "a closure": of_closure, "a partial": of_partial, "a global": of_global, "an object": Cross}


def trained(make_net, loss_fn, search):
    seeded()
    net = make_net()
    net.initialize(mx.init.Uniform(0.3))
    trainer, losses = make_trainer(net, "adam"), []
    learner = GluonLearner(net, make_loader(), loss_fn=loss_fn, trainer=trainer)
    for k in range(6):
        if k in {0, 3}:
            search(learner)
        x, y = (mx.np.array(part[20 * k : 20 * k + 20]) for part in (X, Y))
        with mx.autograd.record():
            loss = loss_fn(net(x), y)
        loss.backward()
        trainer.step(20)
        losses.append(loss.asnumpy().tobytes())
    return losses


def find(learner):
    LRFinder(learner).find(lr_start=1e-3, lr_multiplier=2)


def nothing(_):
    pass


@pytest.mark.parametrize("in_units", [36, 0], ids=["explicit shapes", "deferred shapes"])
@pytest.mark.parametrize("counter", [Plain, Slotted, OfArray, Drawing])
def test_what_a_block_holds_is_restored(counter, in_units):
    plain, searched = (trained(lambda: Dense(counter(), in_units), cross_entropy, search) for search in (nothing, find))
    assert searched == plain


@pytest.mark.parametrize("name", LOSSES)
def test_what_a_loss_holds_is_restored(name):
    plain, searched = (trained(lambda: nn.Dense(2, in_units=36), LOSSES[name](), search) for search in (nothing, find))
    assert searched == plain


def test_a_list_that_a_loss_fills_for_its_user_stays():
    seen = []

    def loss(output, label):
        seen.append(output.shape)
        return cross_entropy(output, label)

    trained(lambda: nn.Dense(2, in_units=36), loss, find)
    assert len(seen) > 6


def test_a_check_finds_everything_restored():
    found = lrfinder.check(make_learner("adam"), FEW)
    assert found.ok, found.lost
    kinds = {one.what.partition(":")[0] for one in found.state}
    assert {"parameter", "gradient", "optimizer state", "generator", "attribute", "mode"} <= kinds


class Forgetful(GluonLearner):
    """A learner that does not restore the center of its loss."""

    def restore(self, state):
        unrestored = self.loss_fn.center.copy()
        super().restore(state)
        self.loss_fn.center[:] = unrestored


def test_a_check_names_what_a_loss_holds_and_is_not_restored():
    seeded()
    net = nn.Dense(2, in_units=36)
    net.initialize()
    found = lrfinder.check(Forgetful(net, make_loader(), loss_fn=Centered()), FEW)
    assert "attribute: loss.center" in found.lost
