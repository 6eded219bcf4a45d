"""A learner that prepares its trainer at the first use."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from lrfinder.learner import adapted
from lrfinder.randomness import capture, restore_states
from lrfinder.torch._training_state import TrainingState
from lrfinder.wrappers import Wrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import nn

    from lrfinder.torch import TorchLearner


class LazyLearner(Wrapper):
    """A learner whose trainer is prepared at the first use, not when the learner is created.

    The random numbers that the preparation draws are restored, those of the data included.

    Args:
        prepare: prepares the trainer and returns the learner that drives it.
        modules: the modules that are trained, as far as they exist already.
        data: the data, whose random generators are restored.
    """

    def __init__(self, prepare: Callable[[], TorchLearner], modules: Sequence[nn.Module], data: Iterable[Any] = ()) -> None:
        self._prepare = prepare
        self._modules = modules
        self._data = data

    @cached_property
    def learner(self) -> TorchLearner:  # pyright: ignore[reportIncompatibleVariableOverride]  (not known from the start)
        """The learner that drives the trainer's own step."""
        before = capture(TrainingState([], [], data=self._data).generators())
        try:
            return self._prepare()
        finally:
            restore_states(before)

    @cached_property
    def _full(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]  (as above)
        return adapted(self.learner)

    def parts(self) -> list[object]:
        """Return the modules and parameters, none of which two threads may train at once."""
        return TrainingState(self._modules, []).parts()

    def close(self) -> None:
        """Close the iterator over the data, which ends its worker processes."""
        if "learner" in vars(self):
            self.learner.close()
