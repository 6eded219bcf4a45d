"""State of a PyTorch training, apart from its position in the data: shared by the learner, the sweep and the trainers."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.nn.parameter import is_lazy

from lrfinder._state.rollback import restore_all
from lrfinder.randomness import States, capture, restore_states
from lrfinder.torch import inspection
from lrfinder.torch._randomness import global_generators
from lrfinder.torch._snapshot.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Tensor, nn
    from torch.optim import Optimizer

    from lrfinder.randomness import RandomGenerator
    from lrfinder.torch._snapshot.host import CopyStore


class TrainingSnapshot(NamedTuple):
    """Copy of a :class:`TrainingState`; it can be restored any number of times."""

    objects: Snapshot
    randomness: States


class TrainingState:
    """Everything that a training changes, except the position in its data.

    Args:
        modules: every module that the training changes.
        optimizers: every optimizer that it steps.
        stateful: every other object that it changes; its attributes are restored.
        of_data: random generators that belong to the data. The global ones are always part of the state.
        store: storage for copies of the contents of tensors; by default the memory of the host.
    """

    def __init__(
        self,
        modules: Sequence[nn.Module],
        optimizers: Sequence[Optimizer],
        stateful: Iterable[object] = (),
        *,
        of_data: Iterable[RandomGenerator] = (),
        store: CopyStore | None = None,
    ) -> None:
        self.modules = modules
        self.optimizers = optimizers
        of_accelerate = [getattr(one, "gradient_state", None) for one in optimizers]  # its loaders write into these
        self.stateful = [*stateful, *(one for one in of_accelerate if one is not None)]
        self._of_data = tuple(of_data)
        self._store = store

    def generators(self) -> tuple[RandomGenerator, ...]:
        """Return the random generators that the training may draw from."""
        return (*global_generators(), *self._of_data)

    def lazy_modules(self) -> list[nn.Module]:
        """Return the modules that have uninitialized parameters or buffers, which no snapshot can store."""
        return [one for one in self.modules if any(map(is_lazy, chain(one.parameters(), one.buffers())))]

    @torch.no_grad()
    def initialize(self, forward: Callable[[nn.Module, Any], Tensor], batch: Any) -> None:
        """Initialize the lazy modules by one forward each, in evaluation mode."""
        for module in self.lazy_modules():
            modes = [(part, part.training) for part in module.modules()]
            try:
                forward(module.eval(), batch)
            finally:
                for part, training in modes:
                    part.training = training

    def snapshot(self) -> TrainingSnapshot:
        """Copy everything.

        Raises:
            LearnerError: one of ``stateful`` has neither attributes nor a ``state_dict()``.
        """
        roots = [*self.modules, *self.optimizers, *self.stateful]
        return TrainingSnapshot(Snapshot(roots, self._store), capture(self.generators()))

    def restore(self, snapshot: TrainingSnapshot) -> None:
        """Restore everything, tensors in place.

        Raises:
            RestoreError: a part could not be restored; all others were.
        """
        randomness = ("random numbers", partial(restore_states, snapshot.randomness))
        restore_all([("objects", snapshot.objects.restore), randomness])

    def parts(self) -> list[object]:
        """Return the modules, optimizers and parameters, none of which two threads may train at once."""
        modules = [part for module in self.modules for part in module.modules()]
        parameters = [parameter for module in self.modules for parameter in module.parameters()]
        return [*modules, *self.optimizers, *parameters]

    def observe(self, data: object = ()) -> dict[str, object]:
        """Return everything that can be compared, under readable names; see :func:`lrfinder.check`."""
        return inspection.observe(self.modules, self.optimizers, self.stateful, data)
