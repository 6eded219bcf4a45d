"""How a rate reaches an optax optimizer: written into its state, or by making the optimizer at that rate."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import optax

from lrfinder.errors import OptimizerError

AtRate = Callable[[Any, jax.Array], tuple[optax.GradientTransformationExtraArgs, Any]]
"""From the optimizer's state and a rate to the optimizer and its state at that rate."""

NAME = "learning_rate"
_HOW = (
    f"make it with optax.inject_hyperparams(optax.adam)({NAME}=1e-3), the name and a number, or give what makes it, "
    "tx=lambda lr: optax.adam(lr)."
)


class Rates:
    """Writes a rate into the hyperparameters ``learning_rate`` that ``optax.inject_hyperparams`` keeps in a state.

    They are found wherever they are, in chains, masks, ``multi_transform`` and other wrappers. The rate given is that of the
    highest of them; the others keep the ratio to it that they had when this object was made.

    Raises:
        OptimizerError: there is none, or one is a schedule, which writes over what is written into the state.
    """

    def __init__(self, opt_state: Any) -> None:
        leaves = jax.tree_util.tree_flatten_with_path(opt_state)[0]
        scheduled = [path for path, _ in leaves if _names(path, "hyperparams_states")]
        if scheduled:
            message = f"The optimizer's {NAME} is a schedule ({jax.tree_util.keystr(scheduled[0])}); {_HOW}"
            raise OptimizerError(message)
        self._places = [place for place, (path, _) in enumerate(leaves) if _names(path, "hyperparams")]
        if not self._places:
            message = f"The optimizer's state holds no {NAME} into which a rate could be written; {_HOW}"
            raise OptimizerError(message)
        own = [float(leaves[place][1]) for place in self._places]
        highest = max(own)
        self._ratios = [rate / highest if highest > 0 else 1.0 for rate in own]

    def write(self, opt_state: Any, lr: jax.Array) -> Any:
        """The same state at the rate ``lr``; each hyperparameter keeps its dtype."""
        leaves, structure = jax.tree.flatten(opt_state)
        for place, ratio in zip(self._places, self._ratios, strict=True):
            leaves[place] = (lr * ratio).astype(jnp.asarray(leaves[place]).dtype)
        return jax.tree.unflatten(structure, leaves)


def written(tx: optax.GradientTransformation, opt_state: Any) -> AtRate:
    """The optimizer ``tx``, the rate being written into its state."""
    rates, optimizer = Rates(opt_state), optax.with_extra_args_support(tx)
    return lambda opt_state, lr: (optimizer, rates.write(opt_state, lr))


def made(make: Callable[[Any], Any]) -> AtRate:
    """The optimizer that ``make`` makes of the rate.

    Raises:
        OptimizerError: it makes none.
    """
    return lambda opt_state, lr: (optimizer_of(make, lr), opt_state)


def optimizer_of(make: Callable[[Any], Any], lr: Any) -> optax.GradientTransformationExtraArgs:
    """What ``make`` makes of a rate.

    Raises:
        OptimizerError: it is no optimizer.
    """
    tx: Any = make(lr) if callable(make) else make
    if not is_optimizer(tx):
        message = f"tx is or makes a {type(tx).__name__}, which is no optax GradientTransformation; {_HOW}"
        raise OptimizerError(message)
    return optax.with_extra_args_support(tx)


def is_optimizer(tx: object) -> bool:
    """Whether ``tx`` has what a ``GradientTransformation`` has."""
    return hasattr(tx, "init") and hasattr(tx, "update")


def _names(path: tuple[Any, ...], mapping: str) -> bool:
    """Whether a path leads to, or through, the entry ``learning_rate`` of ``mapping``."""
    names = [getattr(key, "key", getattr(key, "name", None)) for key in path]  # of dicts, of named tuples
    return any(pair == (mapping, NAME) for pair in pairwise(names))
