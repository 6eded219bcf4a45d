"""Checks and preparations of a Keras model: compiled, built, and with a loss that can be minimized."""

from __future__ import annotations

import importlib
from typing import Any

from lrfinder.errors import LossError, ModelError
from lrfinder.keras._framework import keras
from lrfinder.keras.rates import innermost_optimizer

_backend: Any = importlib.import_module("keras.src.backend")


def check_compiled(model: Any) -> None:
    """Refuse a model that cannot be trained.

    Raises:
        ModelError: it is not a Keras model, or not compiled.
        OptimizerError: it was compiled without an optimizer.
    """
    if not isinstance(model, keras.Model):
        message = f"model is a {type(model).__name__}; give a keras.Model."
        raise ModelError(message)
    if not model.compiled:
        message = f"The model {model.name!r} is not compiled; call model.compile(optimizer=..., loss=...) first."
        raise ModelError(message)
    innermost_optimizer(model)


def is_built(model: Any) -> bool:
    """Return whether every variable of the model, its metrics, its loss and its optimizer exists."""
    parts = [*model._flatten_layers(), model._compile_metrics, model._compile_loss, model.optimizer]
    return all(part is None or part.built for part in parts)


def build(model: Any, x: Any, y: Any, sample_weight: Any) -> None:
    """Create the variables that do not exist yet, by a forward in inference mode that computes shapes alone.

    ``train_on_batch`` does the same first, on two of the three backends.
    """
    model._symbolic_build(data_batch=(x, y, sample_weight))


def check_loss(model: Any, x: Any, y: Any, sample_weight: Any) -> None:
    """Refuse a missing loss, or one that is not a single number, where Keras itself does not check.

    It computes shapes alone, and leaves no trace in the model.

    Raises:
        LossError: ``compile`` was given no loss and no layer adds one, or ``compute_loss`` returns more than one number.
    """
    own_loss = type(model).compute_loss is not keras.Model.compute_loss
    if type(model).train_step is not keras.Model.train_step or (model.loss is not None and not own_loss):
        return
    added: list[bool] = []

    def loss(x: Any, y: Any, sample_weight: Any) -> Any:
        with keras.StatelessScope(collect_losses=True):  # without it, losses that layers add are dropped
            y_pred = model(x, training=False)
            added.append(bool(model.losses))
            return model.compute_loss(x, y, y_pred, sample_weight) if own_loss or added[-1] else keras.ops.zeros(())

    def spec(value: Any) -> Any:
        return None if value is None else keras.KerasTensor(value.shape, keras.backend.standardize_dtype(value.dtype))

    shapes = keras.tree.map_structure(spec, (x, y, sample_weight))
    shape = tuple(_backend.compute_output_spec(loss, *shapes).shape)
    if not own_loss and not added[-1]:
        message = "The model was compiled without a loss, and no layer adds one; give one: model.compile(loss=..., ...)."
        raise LossError(message)
    if shape != ():
        message = f"compute_loss returns a loss of shape {shape}; it must be one number: take its mean or its sum."
        raise LossError(message)
