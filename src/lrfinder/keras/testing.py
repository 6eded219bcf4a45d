"""Everything that a user can see of a Keras model, for comparison: the ``observe`` of :mod:`lrfinder.testing`."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from lrfinder.keras._framework import keras
from lrfinder.keras.optimizers import innermost_optimizer
from lrfinder.testing import random_states


def fingerprint(model: Any) -> dict[str, object]:
    """Return everything of a compiled model, bit for bit, under readable names, and the global generators.

    It covers values and ``trainable`` of every variable of the model (seeds included), its optimizer and its metrics;
    ``trainable`` of layers; the rate or schedule of the optimizer; ``stop_training``; and the global generators of Python,
    NumPy, Keras, and PyTorch if it is loaded. It shares no code with the snapshot, so that neither hides the other's faults.
    """
    held = innermost_optimizer(model)._learning_rate
    found: dict[str, object] = {
        **random_states(),
        "Keras's generator": _seed_generator(),
        "stop_training": model.stop_training,
        "trainable": tuple(layer.trainable for layer in model._flatten_layers()),
        "schedule": "a variable" if isinstance(held, keras.Variable) else held,
    }
    torch: Any = sys.modules.get("torch")
    if hasattr(torch, "get_rng_state"):
        found["torch's generator"] = torch.get_rng_state().numpy().tobytes()
    for kind, variables in (
        ("model", model.variables),
        ("optimizer", model.optimizer.variables),
        ("metrics", model.metrics_variables),
    ):
        found[f"{kind}, number of variables"] = len(variables)
        for k, variable in enumerate(variables):
            found[f"{kind}: {k} {variable.path}"] = _content(variable), variable.trainable
    return found


def _content(variable: Any) -> tuple[object, ...]:
    value = np.asarray(keras.ops.convert_to_numpy(variable.value))
    return value.tobytes(), value.shape, variable.dtype


def _seed_generator() -> object:
    from keras.src.backend.common.global_state import get_global_attribute  # type: ignore[import-not-found]

    generator = get_global_attribute("global_seed_generator")
    return None if generator is None else _content(generator.state)
