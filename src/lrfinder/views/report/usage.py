"""Code that uses a suggested rate, for each framework."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lrfinder.schedules import constant, one_cycle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lrfinder._results.results import Suggestion

CONSTANT: Mapping[str, str] = {
    "PyTorch": """\
from lrfinder.torch import schedules

schedules.set_rate(optimizer, {lr})
# or with a warmup over a twentieth of the training, then along a cosine; call scheduler.step() after each iteration
scheduler = schedules.warmup_cosine(optimizer, {lr}, {iterations}, warmup={warmup})
""",
    "JAX": """\
import optax
from lrfinder.jax import schedules

tx = optax.sgd({lr})  # or your own optimizer
# or with a warmup over a twentieth of the training, then along a cosine
tx = optax.sgd(schedules.warmup_cosine({lr}, {iterations}, warmup={warmup}))
""",
    "Keras": """\
from lrfinder.keras import schedules

schedules.set_rate(model.optimizer, {lr})
# or, in a new optimizer, with a warmup over a twentieth of the training, then along a cosine
optimizer = keras.optimizers.SGD(learning_rate=schedules.warmup_cosine({lr}, {iterations}, warmup={warmup}))
""",
    "MXNet": """\
from lrfinder.gluon import schedules

schedules.set_rate(trainer, {lr})
# or, in a new trainer, with a warmup over a twentieth of the training, then along a cosine
schedule = schedules.warmup_cosine({lr}, {iterations}, warmup={warmup})
trainer = gluon.Trainer(net.collect_params(), "sgd", {{"learning_rate": {lr}, "lr_scheduler": schedule}})
""",
}
ONE_CYCLE: Mapping[str, str] = {
    "PyTorch": """\
from lrfinder.torch import schedules

scheduler = schedules.one_cycle(optimizer, {lr}, {iterations})  # call scheduler.step() after each iteration
""",
    "JAX": """\
import optax
from lrfinder.jax import schedules

tx = optax.sgd(schedules.one_cycle({lr}, {iterations}))  # or your own optimizer
""",
    "Keras": """\
from lrfinder.keras import schedules

optimizer = keras.optimizers.SGD(learning_rate=schedules.one_cycle({lr}, {iterations}))
""",
    "MXNet": """\
from lrfinder.gluon import schedules

schedule = schedules.one_cycle({lr}, {iterations})
trainer = gluon.Trainer(net.collect_params(), "sgd", {{"learning_rate": {lr}, "lr_scheduler": schedule}})
""",
}
MODULES: Mapping[str, str] = {"torch": "PyTorch", "jax": "JAX", "keras": "Keras", "mxnet": "MXNet"}
USUAL_HORIZON = 300  # iterations, if a suggestion has no horizon


def usage(suggestion: Suggestion) -> dict[str, str]:
    """Return the code by framework, first for those that are loaded.

    There is none without a rate, nor for a schedule of the user's own.
    """
    codes = {constant.__name__: CONSTANT, one_cycle.__name__: ONE_CYCLE}.get(suggestion.schedule, {})
    if not suggestion.lr:
        return {}
    iterations = suggestion.horizon or USUAL_HORIZON
    rate = f"{suggestion.lr:.3g}"
    loaded = {name for module, name in MODULES.items() if module in sys.modules}
    names = sorted(codes, key=lambda name: name not in loaded)
    return {name: codes[name].format(lr=rate, iterations=iterations, warmup=max(1, iterations // 20)) for name in names}


def versions() -> dict[str, str]:
    """Return the versions of lrfinder, Python, numpy and the frameworks that this process has loaded."""
    import platform

    import numpy as np

    import lrfinder

    frameworks = {
        name: str(getattr(sys.modules[module], "__version__", "unknown"))
        for module, name in MODULES.items()
        if module in sys.modules
    }
    return {"lrfinder": lrfinder.__version__, "Python": platform.python_version(), "numpy": np.__version__, **frameworks}
