"""Code that uses a suggested rate, for each framework."""

from __future__ import annotations

import platform
import re
import sys
from typing import TYPE_CHECKING

import numpy as np

import lrfinder
from lrfinder.schedules import constant, cosine, one_cycle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lrfinder._results.results import Suggestion

_YOUR_OPTIMIZER = "# for your own optimizer, such as {}"
_FOR_OPTAX = _YOUR_OPTIMIZER.format("optax.adamw(learning_rate)")

CODE: Mapping[str, tuple[str, str, str]] = {  # imports, a constant rate, a schedule
    "PyTorch": (
        "from lrfinder.torch import schedules",
        "schedules.set_rate(optimizer, {lr})",
        "scheduler = schedules.{schedule}(optimizer, {arguments})\n# after each iteration: scheduler.step()",
    ),
    "JAX": (
        "",
        f"learning_rate = {{lr}}\n{_FOR_OPTAX}",
        f"from lrfinder.jax import schedules\n\nlearning_rate = schedules.{{schedule}}({{arguments}})\n{_FOR_OPTAX}",
    ),
    "Keras": (
        "from lrfinder.keras import schedules",
        "schedules.set_rate(model.optimizer, {lr})",
        "learning_rate = schedules.{schedule}({arguments})\n"
        + _YOUR_OPTIMIZER.format("keras.optimizers.AdamW(learning_rate); then compile the model"),
    ),
    "MXNet": (
        "from lrfinder.gluon import schedules",
        "schedules.set_rate(trainer, {lr})",
        "trainer.optimizer.lr_scheduler = schedules.{schedule}({arguments})",
    ),
}
MODULES: Mapping[str, str] = {"torch": "PyTorch", "jax": "JAX", "keras": "Keras", "mxnet": "MXNet"}
OF_WARMUP_COSINE = re.compile(r"warmup_cosine\(warmup=(0|0?\.\d+)\)")
USUAL_HORIZON = 300  # iterations, if a suggestion has no horizon


def usage(suggestion: Suggestion) -> dict[str, str]:
    """Return the code for the schedule of the search, by framework, the loaded ones first.

    There is none without a rate, nor for a schedule of the user's own.
    """
    iterations = suggestion.horizon or USUAL_HORIZON
    call = _call_of(suggestion.schedule, iterations)
    if not suggestion.lr or call is None:
        return {}
    lr = f"{suggestion.lr:.3g}"
    schedule, more = call
    arguments = f"{lr}, {iterations}{more}"
    codes: dict[str, str] = {}
    for name in sorted(CODE, key=lambda name: name not in _loaded()):
        imports, at_constant_rate, scheduled = CODE[name]
        lines = [imports, "", at_constant_rate if suggestion.is_constant else scheduled, ""]
        codes[name] = "\n".join(lines).lstrip().format(lr=lr, schedule=schedule, arguments=arguments)
    return codes


def _call_of(schedule: str, iterations: int) -> tuple[str, str] | None:
    """Return the function of the frameworks' ``schedules`` for a schedule, and its arguments after rate and iterations."""
    if schedule == one_cycle.__name__:
        return one_cycle.__name__, ""
    if schedule == cosine.__name__:
        return "warmup_cosine", ""
    warmup = OF_WARMUP_COSINE.fullmatch(schedule)
    if warmup is None and schedule != constant.__name__:
        return None
    part = float(warmup[1]) if warmup else 0.0
    return "warmup_cosine", f", warmup={round(iterations * part)}"


def versions() -> dict[str, str]:
    """Return the versions of lrfinder, Python, numpy and the frameworks that this process has loaded."""
    frameworks = {name: str(getattr(module, "__version__", "unknown")) for name, module in _loaded().items()}
    return {"lrfinder": lrfinder.__version__, "Python": platform.python_version(), "numpy": np.__version__, **frameworks}


def _loaded() -> dict[str, object]:
    return {name: sys.modules[module] for module, name in MODULES.items() if module in sys.modules}
