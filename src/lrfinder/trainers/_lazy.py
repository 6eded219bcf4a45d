"""What the rooms of all trainers share: a learner that stands up late, the objects of a trainer, batches in groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lrfinder.errors import LossError
from lrfinder.randomness import capture, put_back
from lrfinder.torch._data_state import data_generators
from lrfinder.torch._training_state import TrainingState
from lrfinder.torch.batches import own_source
from lrfinder.wrappers import Wrapping

if TYPE_CHECKING:
    from collections.abc import Callable

    from lrfinder.torch import TorchLearner


class Standing(Wrapping):
    """A learner whose trainer is made ready when the learner is first asked for something, and not when it is made.

    Making ready may draw random numbers; they are put back, those of ``data`` too.

    Args:
        stand_up: makes the trainer ready, and the learner that drives it.
        model: what is trained, for :meth:`parts`.
        data: whose generators come back.
    """

    def __init__(self, stand_up: Callable[[], TorchLearner], model: nn.Module, data: object) -> None:
        self._stand_up = stand_up
        self._model = model
        self._data = data
        self._learner: TorchLearner | None = None

    @property
    def learner(self) -> TorchLearner:  # pyright: ignore[reportIncompatibleVariableOverride]  (an attribute there)
        """The learner that drives the trainer's own step."""
        if self._learner is None:
            before = capture(TrainingState([], [], of_data=data_generators(self._data)).generators())
            try:
                self._learner = self._stand_up()
            finally:
                put_back(before)
        return self._learner

    def parts(self) -> list[object]:
        """The model's modules and parameters; two learners that share one of them cannot be swept at once."""
        return [*self._model.modules(), *self._model.parameters()]

    def close(self) -> None:
        """Let go of the data's iterator, and so of the worker processes that it started."""
        if self._learner is not None:
            self._learner.close()


def objects_of(roots: Iterable[object], *packages: str) -> list[object]:
    """The roots, and all objects of classes from ``packages`` that can be reached from them.

    The way goes through attributes, lists, tuples, sets and dicts; it does not enter modules and optimizers.
    """
    found: list[object] = []
    pending = list(roots)
    seen: set[int] = set()
    asked = set(map(id, pending))
    while pending:
        value = pending.pop()
        if id(value) in seen or isinstance(value, nn.Module | Optimizer | Tensor | type):
            continue
        seen.add(id(value))
        if isinstance(value, Mapping):
            pending.extend(cast("Mapping[object, object]", value).values())
        elif isinstance(value, list | tuple | set):
            pending.extend(cast("list[object]", value))
        elif id(value) in asked or type(value).__module__.partition(".")[0] in packages:
            inside = getattr(value, "__dict__", None)
            if inside is not None:
                found.append(value)
                pending.extend(cast("dict[str, object]", inside).values())
    return found


class Grouped:
    """Batches in lists of ``size``; the last list of a pass may be shorter, as trainers that accumulate have it."""

    def __init__(self, data: Iterable[Any], size: int) -> None:
        self.data = own_source(data)
        self.size = size

    def __iter__(self) -> Iterator[list[Any]]:
        batches = iter(self.data)
        while group := list(islice(batches, self.size)):
            yield group


def loss_in(output: object, what: str) -> Tensor:
    """The loss that ``what`` gave, detached.

    Raises:
        LossError: it gave none.
    """
    loss = cast("Mapping[str, object]", output).get("loss") if isinstance(output, Mapping) else output
    if isinstance(loss, float):
        return torch.tensor(loss, dtype=torch.float64)
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        message = f"{what} gave {output!s:.80}; it must give the loss as one number, or a dict with a 'loss'."
        raise LossError(message)
    return loss.detach()
