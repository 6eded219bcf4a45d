"""Objects beyond variables that a Keras training changes: what models, metrics and losses hold or reach."""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

from functools import partial

import numpy as np
import pytest
from counters import Drawing, Plain, Slotted
from keras_nets import BACKEND, batches, compiled, keras, layers, nothing

import lrfinder
from lrfinder import LRFinder, restored
from lrfinder.keras import KerasLearner

ops = keras.ops
cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
CHANGES_AT_EACH_STEP = BACKEND != "jax"  # there, a step is compiled and must be pure


class OfDict(dict):
    """A counter in an attribute of a dict."""

    def __init__(self):
        super().__init__(last=0)
        self.calls = 0

    def count(self):
        self.calls += 1
        self["last"] = self.calls


class Counting(keras.Model):
    """A model whose training step counts, and whose loss depends on it."""

    def __init__(self, counter):
        super().__init__()
        self.__dict__["counter"] = counter  # as it is, without Keras's tracking
        self.body = layers.Dense(2)

    def call(self, x):
        return self.body(x)

    def train_step(self, *args):
        self.counter.count()
        return super().train_step(*args)

    def compute_loss(self, *args, **kwargs):
        return super().compute_loss(*args, **kwargs) * (1 + 0.1 * float(self.counter.calls))


def moved(center, y, outputs):
    center.assign(0.9 * center + 0.1 * ops.mean(outputs, axis=0))
    return cross_entropy(y, outputs - center)


def zeros():
    return keras.Variable(np.zeros(2, "float32"), trainable=False)


class Centered(keras.losses.Loss):
    """A loss with a center, in an object of an unknown class."""

    def __init__(self):
        super().__init__()
        self.inside = Plain()
        self.inside.center = zeros()

    def call(self, y_true, y_pred):
        return moved(self.inside.center, y_true, y_pred)


def of_closure():
    center = zeros()
    return lambda y, outputs: moved(center, y, outputs)


def of_partial():
    return partial(moved, zeros())


the_center = zeros()


def of_global():
    the_center.assign(np.zeros(2))
    return lambda y, outputs: moved(the_center, y, outputs)


def of_backend():
    if BACKEND == "torch":
        import torch

        center = torch.zeros(2)

        def loss(y, outputs):
            center.mul_(0.9).add_(0.1 * outputs.detach().mean(0))
            return cross_entropy(y, outputs - center)

        return loss
    import tensorflow as tf

    return partial(moved, tf.Variable([0.0, 0.0]))


LOSSES = {
    "an object": Centered,
    "a closure": of_closure,
    "a partial": of_partial,
    "a global": of_global,
    "the backend": of_backend,
}


def trained(make, search):
    keras.utils.set_random_seed(3)
    model, data = make(), batches()
    losses = [model.train_on_batch(*batch) for batch in data[:3]]
    search(model)
    return losses + [model.train_on_batch(*batch) for batch in data[3:6]]


def find(model):
    LRFinder(KerasLearner(model, batches())).find(max_iterations=6, stopping=nothing)


@pytest.mark.parametrize("counter", [Plain, Slotted, OfDict, Drawing])
def test_what_a_model_holds_is_restored(counter):
    def make():
        return compiled(Counting(counter()), run_eagerly=BACKEND != "jax", jit_compile=False)

    assert trained(make, find) == trained(make, nothing)


@pytest.mark.skipif(not CHANGES_AT_EACH_STEP, reason="a compiled step changes nothing that it was not given")
@pytest.mark.parametrize("name", LOSSES)
def test_what_a_loss_holds_is_restored(name):
    def make():
        return compiled(keras.Sequential([keras.Input((6,)), layers.Dense(2)]), loss=LOSSES[name]())

    assert trained(make, find) == trained(make, nothing)


class OwnLoss(keras.Model):
    """A model with a loss of its own, so that Keras never builds that of ``compile``; it counts the calls of its code."""

    def __init__(self):
        super().__init__()
        self.body, self.calls, self.noise = layers.Dense(2), 0, np.random.default_rng(0)

    def call(self, x):
        self.calls += 1
        return self.body(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return cross_entropy(y, y_pred) + self.noise.standard_normal()


@pytest.mark.parametrize("loss", [None, cross_entropy])
def test_a_snapshot_of_a_model_with_a_loss_of_its_own_runs_its_code_without_a_trace(loss):
    model = compiled(OwnLoss(), loss=loss, metrics=None)
    model.train_on_batch(*batches()[0])
    before = model.calls, model.noise.bit_generator.state
    learner = KerasLearner(model, batches())
    for _ in range(3):
        learner.snapshot()
    assert (model.calls, model.noise.bit_generator.state) == before
    assert trained(lambda: compiled(OwnLoss(), loss=loss, metrics=None), find) == trained(
        lambda: compiled(OwnLoss(), loss=loss, metrics=None), nothing
    )


def holding(value):
    """Return a learner whose model has a layer that holds a value."""
    layer = layers.Activation("linear")
    layer.__dict__["held"] = value
    return KerasLearner(compiled(keras.Sequential([keras.Input((6,)), layer, layers.Dense(2)])), batches())


def of_torch():
    torch = pytest.importorskip("torch")
    grows = torch.ones(3)
    sparse = torch.eye(3).to_sparse()

    def replace(tensor):
        tensor.data = (2 * tensor).detach()

    return {
        "sparse": (sparse, replace, lambda: sparse.to_dense().tolist()),
        "grows": (grows, lambda tensor: tensor.resize_(5).fill_(7), grows.tolist),
        "without data": (torch.empty(3, device="meta"), nothing, lambda: None),
        "expanded": (whole := torch.ones(1).expand(4), lambda _: whole.as_strided((1,), (1,)).fill_(3), whole.tolist),
    }


def of_tensorflow():
    tensorflow = pytest.importorskip("tensorflow")
    table = tensorflow.lookup.experimental.MutableHashTable("int64", "float32", -1.0)
    table.insert(np.array([1, 2]), np.array([1.0, 2.0], "float32"))

    def change(table):
        table.insert(np.array([2, 3]), np.array([5.0, 7.0], "float32"))

    words, any_shape = tensorflow.Variable(["a", "b"]), tensorflow.Variable([1.0], shape=tensorflow.TensorShape(None))
    return {
        "a table": (table, change, lambda: sorted(zip(*(part.numpy().tolist() for part in table.export()), strict=True))),
        "texts": (words, lambda variable: variable.assign(["c", "d"]), lambda: words.numpy().tolist()),
        "any shape": (any_shape, lambda variable: variable.assign([[2.0, 3.0]]), lambda: any_shape.numpy().tolist()),
    }


UNUSUAL = {"torch": of_torch, "tensorflow": of_tensorflow}


@pytest.mark.skipif(BACKEND == "jax", reason="arrays of JAX never change")
def test_unusual_values_of_the_backend_are_restored():
    for value, change, read in UNUSUAL[BACKEND]().values():
        before = read()
        with restored(holding(value)):
            change(value)
        assert read() == before


def test_memory_stays_resizable_on_torch():
    if BACKEND != "torch":
        pytest.skip("other backends have no such mark")
    model = compiled(keras.Sequential([keras.Input((6,)), layers.Dropout(0.3, seed=2), layers.Dense(2)]), "adam")
    model.train_on_batch(*batches()[0])
    resizable = [one.value.untyped_storage().resizable() for one in model.variables + model.optimizer.variables]
    find(model)
    lrfinder.check(KerasLearner(model, batches()), lrfinder.testing.LRS[::8])
    now = [one.value.untyped_storage().resizable() for one in model.variables + model.optimizer.variables]
    assert now == resizable
