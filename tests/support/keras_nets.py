"""Small Keras trainings for the tests, on the backend that KERAS_BACKEND names."""

import sys

import numpy as np
import pytest

# "keras" alone would import the folder tests/keras where Keras is missing
layers = pytest.importorskip("keras.layers", reason="the session jax_and_keras has it")
keras = sys.modules["keras"]

BACKEND = keras.backend.backend()


def batches(count=12, size=8, seed=0):
    """Return a list of (x, y): 6 numbers, and whether their sum is positive."""
    random = np.random.default_rng(seed)
    inputs = random.standard_normal((count, size, 6)).astype("float32")
    return [(x, (x.sum(1) > 0).astype("int32")) for x in inputs]


def compiled(model, optimizer="sgd", **settings):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, **{"loss": loss, "metrics": ["accuracy"], **settings})
    return model


def net(optimizer="sgd", *, inside=(layers.Dropout,), seed=0, **settings):
    """Return two dense layers with others between them, built here so that they follow the seed."""
    keras.utils.set_random_seed(seed)
    between = [one(0.3) if one is layers.Dropout else one() for one in inside]
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu"), *between, layers.Dense(2)])
    return compiled(model, optimizer, **settings)


def evaluated(model, batch):
    """Return the loss of a batch; up to Keras 3.14, ``test_on_batch`` alone gives a running mean."""
    model.reset_metrics()
    return float(model.test_on_batch(*batch, return_dict=True)["loss"])


def nothing(*_):
    pass
