"""Small JAX trainings for the tests."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lrfinder import LRFinder
from lrfinder.errors import LossError
from lrfinder.jax import OptaxLearner


def arrays(count=96, seed=0):
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((count, 6)).astype("float32")
    return inputs, (inputs.sum(1) > 0).astype("int32")


def batches(size=8, count=96):
    inputs, labels = arrays(count)
    return [(inputs[k : k + size], labels[k : k + size]) for k in range(0, count, size)]


class Shuffled:
    """A loader whose order comes from NumPy's global generator, and its noise from its own generator."""

    def __init__(self, size=8, seed=1):
        self.size = size
        self.noise = np.random.default_rng(seed)

    def __iter__(self):
        inputs, labels = arrays()
        order = np.random.permutation(len(labels))
        for k in range(0, len(order), self.size):
            chosen = order[k : k + self.size]
            yield inputs[chosen] + 0.01 * self.noise.standard_normal((len(chosen), 6)).astype("float32"), labels[chosen]


def params(seed=0, hidden=16):
    keys = jax.random.split(jax.random.key(seed), 2)
    return {
        "hidden": {"w": jax.random.normal(keys[0], (6, hidden)) / 6**0.5, "b": jnp.zeros(hidden)},
        "out": {"w": jax.random.normal(keys[1], (hidden, 2)) / hidden**0.5, "b": jnp.zeros(2)},
    }


def cross_entropy(params, batch):
    inputs, labels = batch
    hidden = jax.nn.relu(inputs @ params["hidden"]["w"] + params["hidden"]["b"])
    logits = hidden @ params["out"]["w"] + params["out"]["b"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def state():
    """Return a key for dropout, a running mean as in BatchNorm, and a counter."""
    return {"key": jax.random.key(5), "mean": jnp.zeros(16), "count": jnp.zeros((), jnp.int32)}


def with_dropout(params, state, batch):
    inputs, labels = batch
    key, now = jax.random.split(state["key"])
    hidden = inputs @ params["hidden"]["w"] + params["hidden"]["b"]
    mean = 0.9 * state["mean"] + 0.1 * jax.lax.stop_gradient(hidden.mean(0))
    active = jax.random.bernoulli(now, 0.7, hidden.shape)
    logits = jnp.where(active, jax.nn.relu(hidden - mean), 0) @ params["out"]["w"] + params["out"]["b"]
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    return loss, {"key": key, "mean": mean, "count": state["count"] + 1}


OPTIMIZERS = {
    "SGD with momentum": lambda: optax.inject_hyperparams(optax.sgd)(0.05, momentum=0.9),
    "Adam": lambda: optax.inject_hyperparams(optax.adam)(0.01),
    "a chain": lambda: optax.chain(optax.clip_by_global_norm(1.0), optax.inject_hyperparams(optax.adamw)(0.01)),
    "built from the rate": lambda: lambda lr: optax.sgd(lr, momentum=0.9),
}


def bowl(w, batch):
    return jnp.sum((w - batch) ** 2) / 2


def slope(w, batch):
    return jnp.sum(w * batch)


def refused(loss_fn, data, reason, error=LossError, **settings):
    """Assert that a search is refused for a reason, and leaves the parameters."""
    one = OptaxLearner(loss_fn, jnp.ones(2), optax.sgd, data, **settings)
    before = one.params
    with pytest.raises(error, match=reason):
        LRFinder(one).find()
    assert one.params is before
