"""State of a PyTorch training, apart from its position in the data: shared by the learner, the sweep and the trainers."""

from __future__ import annotations

from functools import partial
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from torch.nn.parameter import is_lazy

from lrfinder._state.rollback import restore_all
from lrfinder.randomness import States, capture, restore_states
from lrfinder.torch._randomness import data_generators, data_objects, global_generators
from lrfinder.torch._snapshot.snapshot import Snapshot
from lrfinder.torch._snapshot.stores import InMemory, OnDisk
from lrfinder.torch.evaluation import evaluation_mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from os import PathLike

    from torch import Tensor, nn
    from torch.optim import Optimizer

    from lrfinder.randomness import RandomGenerator


class TrainingSnapshot(NamedTuple):
    """Copy of a :class:`TrainingState`; it can be restored any number of times."""

    objects: Snapshot
    randomness: States


def _has_lazy(module: Any) -> bool:
    """Return whether a module itself holds uninitialized tensors. Iterating over its ``parameters()`` is much slower."""
    return any(map(is_lazy, chain(module._parameters.values(), module._buffers.values())))  # noqa: SLF001


class TrainingState:
    """Everything that a training changes, except the position in its data.

    Of other objects (``stateful``), the attributes are restored; of ``callables``, what they reach and holds state. The
    global random generators are always part of the state, in addition to those of the data. Copies of tensors are in
    memory, or in ``snapshot_dir``.
    """

    def __init__(  # noqa: PLR0913  (each is a kind of state)
        self,
        modules: Sequence[nn.Module],
        optimizers: Sequence[Optimizer],
        stateful: Iterable[object] = (),
        *,
        data: Iterable[Any] = (),
        callables: Mapping[str, object] = MappingProxyType({}),
        snapshot_dir: str | PathLike[str] | None = None,
    ) -> None:
        self.modules = modules
        self.optimizers = optimizers
        of_accelerate = [getattr(one, "gradient_state", None) for one in optimizers]  # its loaders write into these
        self.stateful = [*stateful, *(one for one in of_accelerate if one is not None)]
        self.data = data
        self.callables = callables
        self._of_data = data_generators(data)
        self._generators: tuple[tuple[RandomGenerator, ...], ...] = (), ()  # the global ones, and all
        self._store = InMemory() if snapshot_dir is None else OnDisk(snapshot_dir)

    def generators(self) -> tuple[RandomGenerator, ...]:
        """Return the random generators that the training may draw from."""
        of_all = global_generators()
        if of_all is not self._generators[0]:
            self._generators = of_all, (*of_all, *self._of_data)
        return self._generators[1]

    def lazy_modules(self) -> list[nn.Module]:
        """Return the modules that have uninitialized parameters or buffers, which no snapshot can store."""
        return [module for module in self.modules if any(map(_has_lazy, module.modules()))]

    def initialize(self, forward: Callable[[nn.Module, Any], Tensor], batch: Any) -> None:
        """Initialize the lazy modules by one forward each, in evaluation mode; what the callables reach stays as it is.

        That also holds where the forward raises.
        """
        others = Snapshot([], callables=self.callables, data=[*data_objects(self.data), *self.parts(), *self.stateful])
        try:
            for module in self.lazy_modules():
                with evaluation_mode(module):
                    forward(module, batch)
        finally:
            others.restore()

    def snapshot(self) -> TrainingSnapshot:
        """Copy everything; one of ``stateful`` without attributes and ``state_dict()`` raises a ``LearnerError``."""
        roots = [*self.modules, *self.optimizers, *self.stateful]
        data = data_objects(self.data)
        objects = Snapshot(roots, self._store, callables=self.callables, data=data, of_data=self._of_data)
        return TrainingSnapshot(objects, capture(self.generators()))

    def restore(self, snapshot: TrainingSnapshot) -> None:
        """Restore everything, tensors in place; a ``RestoreError`` names the parts that could not be restored."""
        randomness = ("random numbers", partial(restore_states, snapshot.randomness))
        restore_all([("objects", snapshot.objects.restore), randomness])

    def parts(self) -> list[object]:
        """Return the modules, optimizers and parameters, none of which two threads may train at once."""
        modules = [part for module in self.modules for part in module.modules()]
        parameters = [parameter for module in self.modules for parameter in module.parameters()]
        return [*modules, *self.optimizers, *parameters]
