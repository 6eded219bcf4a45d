"""The rate reaches every part of an optax optimizer, or the part that stands in the way is named."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import jax
import jax.numpy as jnp
import optax
from jax_nets import slope

from lrfinder import LRFinder
from lrfinder.errors import OptimizerError
from lrfinder.jax import OptaxLearner, schedules

sgd = optax.inject_hyperparams(optax.sgd)
LABELS = {"a": "a", "b": "b"}


def learner(tx):
    params = {"a": jnp.ones(()), "b": jnp.ones(())}
    return OptaxLearner(lambda p, batch: slope(p["a"] + p["b"], batch), params, tx, [np.ones(())])


REACHED = {
    "multi_transform": lambda: optax.multi_transform({"a": sgd(0.01), "b": sgd(0.02)}, LABELS),
    "multi_transform of chains": lambda: optax.chain(
        optax.clip(10.0),
        optax.multi_transform({"a": optax.chain(optax.clip(10.0), sgd(0.01)), "b": sgd(0.02)}, LABELS),
    ),
    "masks": lambda: optax.chain(
        optax.masked(sgd(0.01), {"a": True, "b": False}), optax.masked(sgd(0.02), {"a": False, "b": True})
    ),
    "MultiSteps": lambda: optax.MultiSteps(optax.multi_transform({"a": sgd(0.01), "b": sgd(0.02)}, LABELS), 2),
    "a function": lambda: lambda lr: optax.multi_transform({"a": optax.sgd(lr / 2), "b": optax.sgd(lr)}, LABELS),
}


@pytest.mark.parametrize("name", REACHED)
def test_every_part_gets_the_rate_at_its_ratio(name):
    one = learner(REACHED[name]())
    one.iteration(0.5)
    assert (float(one.params["a"]), float(one.params["b"])) == (0.75, 0.5)


NOT_REACHED = {
    "multi_transform": lambda: optax.multi_transform({"a": optax.sgd(0.01), "b": sgd(0.02)}, LABELS),
    "masks": lambda: optax.chain(
        optax.masked(sgd(0.01), {"a": False, "b": True}), optax.masked(optax.sgd(0.02), {"a": True, "b": False})
    ),
    "MultiSteps": lambda: optax.MultiSteps(optax.multi_transform({"a": optax.sgd(0.01), "b": sgd(0.02)}, LABELS), 2),
    "a function": lambda: lambda lr: optax.multi_transform({"a": optax.sgd(0.1), "b": optax.sgd(lr)}, LABELS),
    "a jitted update": lambda: lambda lr: jitted(optax.multi_transform({"a": optax.sgd(0.1), "b": optax.sgd(lr)}, LABELS)),
}


def jitted(tx):
    return optax.GradientTransformation(tx.init, jax.jit(tx.update))


@pytest.mark.parametrize("name", NOT_REACHED)
def test_a_parameter_that_the_rate_does_not_reach_is_named(name):
    one = learner(NOT_REACHED[name]())
    with pytest.raises(OptimizerError, match=r"does not reach params\['a'\]: the optimizer updates it at a rate of its own"):
        one.iteration(0.5)
    assert float(one.params["b"]) == 1.0


def test_an_optimizer_built_without_the_rate_is_refused():
    with pytest.raises(OptimizerError, match="does not reach any parameter"):
        learner(lambda lr: optax.adam(1e-3)).iteration(0.5)


def test_parameters_that_are_frozen_need_no_rate():
    one = learner(optax.multi_transform({"a": optax.set_to_zero(), "b": sgd(0.02)}, LABELS))
    one.iteration(0.5)
    assert (float(one.params["a"]), float(one.params["b"])) == (1.0, 0.5)


SCHEDULED = {
    "a rate that is a schedule": lambda: optax.inject_hyperparams(optax.adam)(optax.constant_schedule(1e-3)),
    "one of several rates is a schedule": lambda: optax.multi_transform(
        {"a": sgd(optax.constant_schedule(1e-3)), "b": sgd(0.02)}, LABELS
    ),
    "scale_by_schedule": lambda: optax.chain(sgd(0.02), optax.scale_by_schedule(optax.linear_schedule(0.0, 1.0, 100))),
    "a schedule of the rate": lambda: lambda lr: optax.adamw(optax.cosine_decay_schedule(lr, 100)),
    "in MultiSteps": lambda: optax.MultiSteps(optax.chain(sgd(0.1), optax.scale_by_schedule(lambda step: 0.5)), 2),
    "reduce_on_plateau": lambda: optax.chain(sgd(0.1), optax.contrib.reduce_on_plateau()),
}


@pytest.mark.parametrize("name", SCHEDULED)
def test_a_schedule_in_the_optimizer_is_refused_with_the_line_to_write(name):
    with pytest.raises(OptimizerError, match=r"(?s)schedule|plateau.*finder\.suggest\(schedule="):
        learner(SCHEDULED[name]())


@pytest.mark.parametrize("name", ["one of several rates is a schedule", "scale_by_schedule", "reduce_on_plateau"])
def test_a_rate_is_not_set_in_a_state_with_a_schedule(name):
    state = SCHEDULED[name]().init({"a": jnp.ones(()), "b": jnp.ones(())})
    with pytest.raises(OptimizerError, match=r"schedules\.warmup_cosine"):
        schedules.set_rate(state, 0.1)


@pytest.mark.parametrize("name", ["dadapt_adamw", "prodigy", "cocob", "dowg", "momo"])
def test_an_optimizer_that_computes_its_own_rate_is_refused(name):
    make = getattr(optax.contrib, name)
    with pytest.raises(OptimizerError, match=f"contains {name}, which computes its own rate"):
        learner((lambda lr: make(learning_rate=lr)) if name != "dowg" else lambda lr: make(lr))


def test_a_line_search_is_refused():
    with pytest.raises(OptimizerError, match="a line search, which computes its own rate"):
        learner(optax.lbfgs)


def test_a_part_that_changes_the_written_rate_is_named_after_the_first_iteration():
    inner = sgd(0.1)

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        updates, state = inner.update(updates, state, params)
        return updates, state._replace(hyperparams={**state.hyperparams, "learning_rate": jnp.asarray(0.001)})

    one = learner(optax.GradientTransformation(inner.init, update))
    with pytest.raises(OptimizerError, match=r"\['learning_rate'\] is 0.001, and 0.5 was written"):
        one.iteration(0.5)


def test_hyperparameters_of_other_names_are_named():
    with pytest.raises(OptimizerError, match=r"it holds step_size"):
        learner(optax.inject_hyperparams(optax.scale)(step_size=-0.1))


def late(after):
    """Return an optimizer that changes its own rate once it has made some updates."""
    inner = sgd(0.1)

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        updates, new = inner.update(updates, state, params)
        changed: Any = new  # a state with hyperparameters
        own = jnp.where(changed.count > after, 0.001, state.hyperparams["learning_rate"])
        return updates, changed._replace(hyperparams={**changed.hyperparams, "learning_rate": own})

    return optax.GradientTransformation(inner.init, update)


@pytest.mark.parametrize("search", ["find", "suggest", "compare"])
@pytest.mark.parametrize("after", [5, 40])
def test_a_part_that_begins_to_change_the_rate_later_is_named(search, after):
    finder = LRFinder(learner(late(after)))
    searches = {"find": finder.find, "suggest": finder.suggest, "compare": lambda: finder.compare([1e-3, 1e-2], 60)}
    with pytest.raises(OptimizerError, match=r"\['learning_rate'\] is 0.001, and .* was written"):
        searches[search]()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_a_rate_that_is_rounded_at_a_ratio_stays(dtype):
    params = jax.tree.map(lambda one: one.astype(dtype), {"a": jnp.ones(()), "b": jnp.ones(())})
    tx = optax.multi_transform({"a": sgd(0.03), "b": sgd(0.07)}, LABELS)
    one = OptaxLearner(lambda p, batch: slope(p["a"] + p["b"], batch.astype(dtype)), params, tx, [np.ones(())])
    assert len(list(one.iterations(np.geomspace(1e-7, 1e-2, 50)))) == 50


@pytest.mark.parametrize("tx", [dict, lambda: optax.adam(0.1), {}, "adam", 3, [optax.adam]])
def test_what_is_no_optimizer_is_refused(tx):
    with pytest.raises(OptimizerError, match=r"^tx is .*optax\.inject_hyperparams"):
        OptaxLearner(slope, jnp.ones(()), tx, [np.ones(())])
