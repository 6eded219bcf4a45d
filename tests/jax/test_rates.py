"""The rate of an optax optimizer."""

import numpy as np
import pytest

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import jax.numpy as jnp
import optax
from jax_nets import batches, bowl, cross_entropy, params, slope

from lrfinder.errors import OptimizerError
from lrfinder.jax import OptaxLearner


def test_a_rate_has_the_precision_of_the_parameters():
    one = OptaxLearner(slope, jnp.ones((), jnp.bfloat16), optax.sgd, [jnp.ones((), jnp.bfloat16)])
    one.iteration(0.25)
    assert one.params.dtype == jnp.bfloat16
    assert float(one.params) == 0.75


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
@pytest.mark.parametrize("tx", [optax.sgd, optax.inject_hyperparams(optax.sgd)(0.1)], ids=["a function", "injected"])
def test_a_range_test_records_the_rates_that_half_precision_applies(tx, dtype):
    one = OptaxLearner(slope, jnp.ones((), dtype), tx, [np.ones((), np.float32)])
    lrs = one.find(rates=[1e-5, 1.7e-4, 0.1], stopping=lambda _: False).lrs
    assert list(lrs) == [float(jnp.asarray(lr, dtype)) for lr in (1e-5, 1.7e-4, 0.1)]


def test_a_range_test_records_the_rates_that_were_asked_for_in_single_precision():
    one = OptaxLearner(slope, jnp.ones(()), optax.sgd, [np.ones(())])
    assert list(one.find(rates=[1e-5, 0.1], stopping=lambda _: False).lrs) == [1e-5, 0.1]


WRAPPED = {
    "a chain": lambda tx: optax.chain(optax.clip(10.0), tx),
    "a mask": lambda tx: optax.masked(tx, mask={"a": True, "b": True}),
    "apply_if_finite": lambda tx: optax.apply_if_finite(tx, 3),
    "multi_transform": lambda tx: optax.multi_transform({"all": tx}, {"a": "all", "b": "all"}),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_a_rate_is_found_inside_wrappers(name):
    tx = WRAPPED[name](optax.inject_hyperparams(optax.sgd)(1e-9))
    one = OptaxLearner(
        lambda p, batch: slope(p["a"] + p["b"], batch), {"a": jnp.ones(()), "b": jnp.ones(())}, tx, [np.ones(())]
    )
    one.iteration(0.25)
    assert (float(one.params["a"]), float(one.params["b"])) == (0.75, 0.75)


def test_several_rates_keep_their_ratio_to_the_highest():
    sgd = optax.inject_hyperparams(optax.sgd)
    tx = optax.multi_transform({"slow": sgd(0.01), "fast": sgd(0.02)}, {"a": "slow", "b": "fast"})
    one = OptaxLearner(
        lambda p, batch: slope(p["a"] + p["b"], batch), {"a": jnp.ones(()), "b": jnp.ones(())}, tx, [np.ones(())]
    )
    one.iteration(0.5)
    assert (float(one.params["a"]), float(one.params["b"])) == (0.75, 0.5)


@pytest.mark.skipif(not hasattr(optax, "polyak_sgd"), reason="older than optax 0.2.3")
def test_an_optimizer_may_use_the_loss():
    one = OptaxLearner(bowl, jnp.ones(()), lambda lr: optax.polyak_sgd(max_learning_rate=0.5, scaling=lr), [np.zeros(1)])
    assert one.iteration(1.0) == 0.5
    assert float(one.params) == 0.5


@pytest.mark.parametrize(
    ("tx", "reason"),
    [
        (optax.adam(1e-3), "holds no learning_rate"),
        (optax.inject_hyperparams(optax.adam)(optax.constant_schedule(1e-3)), "is a schedule"),
        (lambda lr: lr, "not an optax GradientTransformation"),
        (None, "not an optax GradientTransformation"),
    ],
)
def test_an_optimizer_that_the_rate_does_not_reach_is_refused(tx, reason):
    with pytest.raises(OptimizerError, match=reason):
        OptaxLearner(cross_entropy, params(), tx, batches())
