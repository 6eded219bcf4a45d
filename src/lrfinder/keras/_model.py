"""What must exist before a snapshot: variables of layers, metrics and optimizer; and a loss that can be minimised."""

from __future__ import annotations

import importlib
from typing import Any

from lrfinder.errors import LossError, ModelError
from lrfinder.keras._framework import keras
from lrfinder.keras.rates import innermost

_backend: Any = importlib.import_module("keras.src.backend")


def check_compiled(model: Any) -> None:
    """Refuse what cannot be trained.

    Raises:
        ModelError: it is no Keras model, or not compiled.
        OptimizerError: it was compiled without an optimizer.
    """
    if not isinstance(model, keras.Model):
        message = f"model is a {type(model).__name__}; give a keras.Model."
        raise ModelError(message)
    if not model.compiled:
        message = f"The model {model.name!r} is not compiled; call model.compile(optimizer=..., loss=...) first."
        raise ModelError(message)
    innermost(model)


def is_built(model: Any) -> bool:
    """Whether every variable of the model, its metrics, its loss and its optimizer exists."""
    parts = [*model._flatten_layers(), model._compile_metrics, model._compile_loss, model.optimizer]
    return all(part is None or part.built for part in parts)


def build(model: Any, x: Any, y: Any, sample_weight: Any) -> None:
    """Make the variables that do not exist yet, by a forward in inference mode of which the shapes alone are worked out.

    It is what ``train_on_batch`` does first, on two of the three back ends.
    """
    model._symbolic_build(data_batch=(x, y, sample_weight))


def check_loss(model: Any, x: Any, y: Any, sample_weight: Any) -> None:
    """Refuse a loss that is not there or not one number, where Keras itself has not made sure of it.

    Nothing is computed: shapes alone are worked out, without a trace in the model.

    Raises:
        LossError: ``compile`` was given no loss and no layer adds one, or ``compute_loss`` gives no single number.
    """
    own_loss = type(model).compute_loss is not keras.Model.compute_loss
    if type(model).train_step is not keras.Model.train_step or (model.loss is not None and not own_loss):
        return
    added: list[bool] = []

    def loss(x: Any, y: Any, sample_weight: Any) -> Any:
        with keras.StatelessScope(collect_losses=True):  # else those that layers add are dropped
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
        message = f"compute_loss gives a loss of shape {shape}; it must be one number: take its mean or its sum."
        raise LossError(message)
