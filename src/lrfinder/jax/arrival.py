"""Checks that a rate arrives: parts of an optimizer that change it, and parameters that are updated without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax

from lrfinder.errors import OptimizerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    Flags = list[bool]

SCHEDULED = {"ScaleByScheduleState": "a schedule (scale_by_schedule)", "ReduceLROnPlateauState": "reduce_on_plateau"}
"""Names of the states of transformations that multiply the rate during a training."""

OWN_RATE = {  # names of the states of optimizers that compute their rate
    "COCOBState": "cocob",
    "DAdaptAdamWState": "dadapt_adamw",
    "DoGState": "dog",
    "DoWGState": "dowg",
    "MechanicState": "mechanize",
    "MomoAdamState": "momo_adam",
    "MomoState": "momo",
    "ProdigyState": "prodigy",
    "ScaleByBacktrackingLinesearchState": "a line search",
    "ScaleByDistanceOverGradientsState": "scale_by_distance_over_gradients",
    "ScaleByRpropState": "rprop",
    "ScaleByZoomLinesearchState": "a line search",
}

WITH_A_CONSTANT_RATE = (
    "A search needs a constant rate, such as optax.inject_hyperparams(optax.adam)(learning_rate=1e-3). To search for the "
    "peak of a schedule, also call finder.suggest(schedule=lrfinder.jax.schedules.shape_of(schedule, iterations)). For the "
    "training, build it with a schedule of that peak: optax.adam(schedules.warmup_cosine(suggestion, iterations))."
)


def check_states(opt_state: Any) -> None:
    """Refuse an optimizer with a part that changes or computes the rate.

    Raises:
        OptimizerError: its state holds that of such a part.
    """
    for name in sorted(state_names(opt_state)):
        if name in SCHEDULED:
            message = f"The optimizer contains {SCHEDULED[name]}, which changes every rate. {WITH_A_CONSTANT_RATE}"
            raise OptimizerError(message)
        if name in OWN_RATE:
            message = (
                f"The optimizer contains {OWN_RATE[name]}, which computes its own rate, so that none needs to be found; "
                "use another optimizer, such as optax.adam, to search for a rate."
            )
            raise OptimizerError(message)


def state_names(opt_state: Any) -> set[str]:
    """Return the names of the classes of all named tuples in a state."""
    parts = opt_state.values() if isinstance(opt_state, dict) else opt_state if isinstance(opt_state, tuple | list) else ()
    own = {type(opt_state).__name__} if hasattr(opt_state, "_fields") else set[str]()
    return own.union(*map(state_names, parts))


def check_arrival(jaxpr: Any, params: Any, carried: int) -> None:
    """Refuse a training step in which a parameter follows the batch but not the rate.

    Args:
        jaxpr: the closed program of ``train_step(carry, lr, batch)``, where the parameters come first in ``carry``.
        params: the parameters.
        carried: the number of arrays in ``carry``.

    Raises:
        OptimizerError: it names the parameters that the rate does not reach.
    """
    inputs = len(jaxpr.jaxpr.invars)
    of_rate = _reached(jaxpr.jaxpr, [k == carried for k in range(inputs)])
    of_batch = _reached(jaxpr.jaxpr, [k > carried for k in range(inputs)])
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(params)[0]]
    missed = [
        f"params{jax.tree_util.keystr(path)}"
        for path, rate, batch in zip(paths, of_rate, of_batch, strict=False)
        if batch and not rate
    ]
    if missed:
        which = "any parameter" if len(missed) == len(paths) else _listed(missed)
        message = (
            f"The learning rate does not reach {which}: the optimizer updates it at a rate of its own. Inject the rate of "
            "every part, optax.inject_hyperparams(optax.adam)(learning_rate=1e-3), or use it everywhere in tx=lambda lr: ..."
        )
        raise OptimizerError(message)


def _listed(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _reached(jaxpr: Any, sources: Flags) -> Flags:
    """Return which outputs of a program depend on one of the inputs that are flagged."""
    flagged = {id(variable) for variable, flag in zip(jaxpr.invars, sources, strict=True) if flag}

    def flags(variables: Sequence[Any]) -> Flags:
        return [id(variable) in flagged for variable in variables]

    for equation in jaxpr.eqns:
        reached = _outputs_reached(equation, flags(equation.invars))
        flagged.update(id(variable) for variable, flag in zip(equation.outvars, reached, strict=True) if flag)
    return flags(jaxpr.outvars)


def _outputs_reached(equation: Any, inputs: Flags) -> Flags:
    """Return the same for one equation; of programs inside it, those of calls and conditions are followed."""
    if not any(inputs):
        return [False] * len(equation.outvars)
    inner = _programs(equation.params)
    if equation.primitive.name == "cond":
        return _any([[inputs[0]] * len(equation.outvars), *(_reached(one, inputs[1:]) for one in inner)])
    if len(inner) == 1 and equation.primitive.name in {"jit", "pjit", "closed_call", "remat2", "checkpoint"}:
        return _reached(inner[0], inputs)
    return [True] * len(equation.outvars)


def _programs(params: dict[str, Any]) -> list[Any]:
    closed = params.get("branches") or [params[name] for name in ("jaxpr", "call_jaxpr") if name in params]
    return [getattr(one, "jaxpr", one) for one in closed]


def _any(rows: Sequence[Flags]) -> Flags:
    return list(map(any, zip(*rows, strict=True)))
