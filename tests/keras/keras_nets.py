"""Small Keras trainings for the tests; the back end is KERAS_BACKEND's."""

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the keras session has it")

layers = keras.layers
BACK_END = keras.backend.backend()


def batches(count=12, size=8, seed=0):
    """A list of (x, y): 6 numbers, and whether their sum is positive."""
    random = np.random.default_rng(seed)
    inputs = random.standard_normal((count, size, 6)).astype("float32")
    return [(x, (x.sum(1) > 0).astype("int32")) for x in inputs]


def compiled(model, optimizer="sgd", **settings):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, **{"loss": loss, "metrics": ["accuracy"], **settings})
    return model


def net(optimizer="sgd", *, inside=(), seed=0, **settings):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(16, activation="relu"), *inside, layers.Dense(2)])
    return compiled(model, optimizer, **settings)


def nothing(*_):
    pass
