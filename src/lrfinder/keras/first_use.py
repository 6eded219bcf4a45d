"""State that Keras makes at the first step of a training: the compiled step, and the variables of the optimizer.

Both fit the layers that are trainable at that moment. A training that has not begun may still freeze or unfreeze layers
after a search, and then needs neither to exist.
"""

from __future__ import annotations

from typing import Any

from lrfinder._state.object_graph import GraphSnapshot
from lrfinder.keras._framework import keras
from lrfinder.keras.optimizers import optimizers_of
from lrfinder.keras.state import FRAMEWORK


class FirstUse:
    """The compiled step and the optimizer's variables of a model that had none when a search began.

    They are hidden between the learner's iterations, where the user can see the model, and kept, so that nothing is compiled
    twice.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._forget()

    def begin(self) -> None:
        """Note what does not exist yet, before a snapshot makes it."""
        self.show()
        self._hides_step |= self._model.train_function is None
        unbuilt = [one for one in optimizers_of(self._model).values() if not one.built]
        if self._unbuilt is None and unbuilt:
            self._optimizers, self._unbuilt = unbuilt, structure_of(*unbuilt)

    def hide(self) -> None:
        """Leave the model as it was before its first step."""
        if self._hides_step:
            self._step, self._model.train_function = self._model.train_function, None
        if self._unbuilt is not None:
            self._built = structure_of(*self._optimizers)
            self._unbuilt.restore()
        self._settings = _settings(self._model)
        self.is_hidden = True

    def show(self) -> None:
        """Bring back what is hidden, unless the user has trained or compiled the model or frozen a part of it meanwhile."""
        if not self.is_hidden:
            return
        self.is_hidden = False
        settings = _settings(self._model)
        if len(settings) != len(self._settings) or any(
            now is not then for now, then in zip(settings, self._settings, strict=True)
        ):
            self._forget()
        if self._built is not None:
            self._built.restore()
        if self._hides_step:
            self._model.train_function = self._step

    def _forget(self) -> None:
        self.is_hidden = self._hides_step = False
        self._unbuilt: GraphSnapshot | None = None
        self._optimizers: list[Any] = []
        self._built: GraphSnapshot | None = None
        self._step: Any = None
        self._settings: list[object] = []


def structure_of(*optimizers: Any) -> GraphSnapshot:
    """Return a copy of what optimizers hold, without the values of their variables."""
    return GraphSnapshot(optimizers, FRAMEWORK.without(keras.Variable))


def _settings(model: Any) -> list[object]:
    """Return what a compiled step and an optimizer's variables depend on."""
    trainable = [variable.trainable for variable in model.variables]
    return [
        model.train_function,
        model.optimizer,
        *(one.built for one in optimizers_of(model).values()),
        model._compile_loss,
        model._compile_metrics,
        *trainable,
    ]
