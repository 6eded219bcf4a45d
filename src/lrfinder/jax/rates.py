"""The rate of an optax optimizer: written into its state, or passed to the function that builds it."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lrfinder.errors import OptimizerError
from lrfinder.jax.arrival import WITH_A_CONSTANT_RATE, check_states, state_names

FAMILIES = {  # of the names of optax's states; the first that is found decides
    "ScaleByLionState": "sign",
    "ScaleByRssState": "adagrad",
    "ScaleByAdamState": "adaptive",
    "ScaleByRmsState": "adaptive",
    "ScaleByRStdDevState": "adaptive",
    "ScaleByBeliefState": "adaptive",
    "TraceState": "momentum",
}

OptimizerAt = Callable[[Any, jax.Array], tuple[optax.GradientTransformationExtraArgs, Any]]
"""A function from the optimizer's state and a rate to the optimizer and its state at that rate."""

NAME = "learning_rate"
SINGLE_PRECISION_BITS = 32
_HOW = (
    f"build it with optax.inject_hyperparams(optax.adam)({NAME}=1e-3), the name and a number, or give a function that "
    "builds it from a rate, tx=lambda lr: optax.adam(lr)."
)


class InjectedRates:
    """The hyperparameters ``learning_rate`` that ``optax.inject_hyperparams`` stores in the state of an optimizer.

    They may lie anywhere: in chains, masks, ``multi_transform`` and other wrappers. A rate that is written is that of the
    highest of them. The others keep the ratio to it that they had when this object was created.

    Raises:
        OptimizerError: there is none; or a schedule, or the optimizer itself, computes or changes one.
    """

    def __init__(self, opt_state: Any) -> None:
        check_states(opt_state)
        leaves = jax.tree_util.tree_flatten_with_path(opt_state)[0]
        scheduled = [path for path, _ in leaves if _names(path, "hyperparams_states")]
        if scheduled:
            where = jax.tree_util.keystr(scheduled[0])
            message = f"The optimizer's {NAME} is a schedule (its state{where}). {WITH_A_CONSTANT_RATE}"
            raise OptimizerError(message)
        self._indices = [index for index, (path, _) in enumerate(leaves) if _names(path, "hyperparams")]
        if not self._indices:
            message = f"The optimizer's state holds no {NAME} into which a rate could be written{_others(leaves)}; {_HOW}"
            raise OptimizerError(message)
        own = [float(leaves[index][1]) for index in self._indices]
        highest = max(own)
        self._ratios = [rate / highest if highest > 0 else 1.0 for rate in own]

    def check_written(self, opt_state: Any, lr: float) -> None:
        """Refuse a training that has changed what was written.

        Raises:
            OptimizerError: it names the hyperparameter, what was written and what it is.
        """
        leaves = jax.tree.leaves(opt_state)
        for index, ratio in zip(self._indices, self._ratios, strict=True):
            held, written = np.asarray(leaves[index]), lr * ratio
            rounding = jnp.finfo(held.dtype)
            if not math.isclose(held, written, rel_tol=4 * float(rounding.eps), abs_tol=float(rounding.tiny)):
                path = jax.tree_util.tree_flatten_with_path(opt_state)[0][index][0]
                message = (
                    f"The learning rate does not stay: after an iteration opt_state{jax.tree_util.keystr(path)} is "
                    f"{float(held):.4g}, and {written:.4g} was written. A part of the optimizer changes it; leave it "
                    "out of the search."
                )
                raise OptimizerError(message)

    def write(self, opt_state: Any, lr: jax.Array) -> Any:
        """Return the state at the rate ``lr``; each hyperparameter keeps its dtype."""
        leaves, structure = jax.tree.flatten(opt_state)
        for index, ratio in zip(self._indices, self._ratios, strict=True):
            leaves[index] = (lr * ratio).astype(jnp.asarray(leaves[index]).dtype)
        return jax.tree.unflatten(structure, leaves)


def optimizer_at(tx: Any, opt_state: Any) -> OptimizerAt:
    """Return how ``tx``, an optimizer or a function that builds one, gets its rate."""
    if not _is_optimizer(tx):
        check_states(opt_state)
        return lambda opt_state, lr: (build_optimizer(tx, lr), opt_state)
    rates, optimizer = InjectedRates(opt_state), optax.with_extra_args_support(tx)
    return lambda opt_state, lr: (optimizer, rates.write(opt_state, lr))


def written_check(tx: Any, opt_state: Any) -> Callable[[Any, float], None] | None:
    """Return the check of the state after an iteration at a rate; None for a function, which gets the rate each time."""
    return InjectedRates(opt_state).check_written if _is_optimizer(tx) else None


def applied_rate(params: Any, opt_state: Any, lr: float) -> float:
    """Return ``lr`` as it is applied where the injected rates, or all parameters, are in half precision."""
    leaves = jax.tree_util.tree_flatten_with_path(opt_state)[0]
    injected = [jnp.asarray(leaf).dtype for path, leaf in leaves if _names(path, "hyperparams")]
    dtypes = {jnp.asarray(leaf).dtype for leaf in jax.tree.leaves(params)}
    floating = [dtype for dtype in dtypes if jnp.issubdtype(dtype, jnp.floating)]
    for dtype in (*injected, *(floating if len(floating) == 1 else ())):
        if jnp.finfo(dtype).bits < SINGLE_PRECISION_BITS:
            return float(jnp.asarray(lr).astype(dtype))
    return lr


def build_optimizer(tx: Any, lr: Any) -> optax.GradientTransformationExtraArgs:
    """Return the optimizer that ``tx`` is, or builds at the rate ``lr``.

    Raises:
        OptimizerError: it is not an optimizer.
    """
    optimizer: Any = _built(tx, lr) if callable(tx) else tx
    if not _is_optimizer(optimizer):
        message = f"tx is or builds a {type(optimizer).__name__}, not an optax GradientTransformation; {_HOW}"
        raise OptimizerError(message)
    return optax.with_extra_args_support(optimizer)


def _built(tx: Callable[[Any], Any], lr: Any) -> Any:
    try:
        return tx(lr)
    except TypeError as error:
        if isinstance(error, jax.errors.JAXTypeError):  # its text says what the function does with a traced rate
            raise
        message = f"tx is called with the rate alone, and raised TypeError: {error}; {_HOW}"
        raise OptimizerError(message) from error


def check_state_fits(optimizer: optax.GradientTransformation, params: Any, opt_state: Any) -> None:
    """Check that a state is one of this optimizer and these parameters.

    Raises:
        OptimizerError: it has another structure, or an array of another shape.
    """
    wanted, how = (
        jax.eval_shape(optimizer.init, params),
        "give tx.init(params), or the state of a training with this optimizer.",
    )
    if jax.tree.structure(opt_state) != jax.tree.structure(wanted):
        message = f"opt_state has another structure than the state of this optimizer for these parameters; {how}"
        raise OptimizerError(message)
    for (path, leaf), like in zip(jax.tree_util.tree_flatten_with_path(opt_state)[0], jax.tree.leaves(wanted), strict=True):
        if jnp.shape(leaf) != like.shape:
            place = jax.tree_util.keystr(path)
            message = (
                f"opt_state{place} has the shape {jnp.shape(leaf)}, and {like.shape} is needed for these parameters; {how}"
            )
            raise OptimizerError(message)


def _is_optimizer(tx: object) -> bool:
    return hasattr(tx, "init") and hasattr(tx, "update")


def _others(leaves: Any) -> str:
    """Return a remark on the hyperparameters that a state holds under other names."""
    names = {str(last.key) for path, _ in leaves for before, last in pairwise(path) if _name(before) == "hyperparams"}
    return f" (it holds {', '.join(sorted(names))})" if names else ""


def _name(key: Any) -> object:
    return getattr(key, "key", getattr(key, "name", None))  # of a dict, of a named tuple


def _names(path: tuple[Any, ...], mapping: str) -> bool:
    """Return whether a path leads to, or through, the entry ``learning_rate`` of ``mapping``."""
    names = [_name(key) for key in path]
    return any(pair == (mapping, NAME) for pair in pairwise(names))


def family_and_use(opt_state: Any) -> tuple[str | None, bool]:
    """Return the optimizer's family as far as its state shows it, and whether the optimizer has made updates before.

    A state without anything to remember is that of plain gradient descent, whose use nothing shows.
    """
    names = state_names(opt_state)
    family = next((family for name, family in FAMILIES.items() if name in names), None)
    plain = all(name.startswith(("Empty", "Inject", "ScaleState", "ScaleBySchedule")) for name in names)
    leaves = jax.tree_util.tree_flatten_with_path(opt_state)[0]
    used = any(_last_name(path) in {"count", "trace"} and bool(jnp.any(leaf != 0)) for path, leaf in leaves)
    return family or ("sgd" if plain else None), used


def _last_name(path: tuple[Any, ...]) -> object:
    return next((key.name for key in reversed(path) if hasattr(key, "name")), None)
