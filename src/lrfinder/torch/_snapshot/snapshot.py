"""Snapshot of the objects of a training: tensors are restored in place, everything around them as the same objects."""

from __future__ import annotations

import copy
from collections import OrderedDict, deque
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lrfinder._state import object_graph
from lrfinder._state.rollback import restore_all
from lrfinder.errors import LearnerError
from lrfinder.randomness import capture, restore_states
from lrfinder.torch._distributed import sharding
from lrfinder.torch._randomness import own_generator
from lrfinder.torch._snapshot.host import InMemory
from lrfinder.torch._snapshot.tensors import SavedShard, SavedTensor, fill_together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lrfinder.torch._snapshot.host import CopyStore

_CONTAINERS = {dict, OrderedDict, list, tuple, set, deque}
_STATEFUL = (nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler, torch.amp.GradScaler)


class Snapshot(object_graph.GraphSnapshot):
    """Copy of everything that can be reached from ``roots`` and that training changes.

    The walk enters modules, optimizers, schedulers and gradient scalers, with all their attributes. It copies tensors
    (values, memory, shape, ``requires_grad``, ``grad`` or its absence, attributes) and random generators. A tensor is
    restored as the same object in the same memory, so that tied weights stay tied, and compiled models and captured graphs
    stay valid.

    Args:
        roots: objects of PyTorch's classes, or objects of the user. The state of the latter is their attributes, or their
            ``state_dict()`` if they have none.
        store: stores the copies of the contents of tensors; by default, in the memory of the host.

    Raises:
        LearnerError: a root has neither attributes nor a ``state_dict()``.
    """

    def __init__(self, roots: Iterable[object], store: CopyStore | None = None) -> None:
        roots = list(roots)
        loads: list[tuple[object, Callable[[], object]]] = []
        inside = [_inside(root, loads) for root in roots if not isinstance(root, (*_STATEFUL, Tensor))]
        super().__init__([*roots, *inside], _saved)
        flat = {saved: saved.flat for _, saved in self.tensors() if saved.flat is not None}
        copies, self._owner = (InMemory() if store is None else store).store(list(flat.values()))
        for saved, copied in zip(flat, copies, strict=True):
            saved.copy = copied
        self._pieces[:0] = loads

    def tensors(self) -> list[tuple[object, SavedTensor]]:
        """Return the saved tensors, each with its path for error messages."""
        return [(path, piece) for path, piece in self._pieces if isinstance(piece, SavedTensor)]

    @torch.no_grad()
    def restore(self) -> None:
        """Restore everything.

        Raises:
            RestoreError: a part could not be restored; all others were.
        """
        restore_all([("memory", super().restore), ("contents", self._fill)])

    def _fill(self) -> None:
        """Restore the contents in one call; if it fails, one by one, so that only the failing ones are lost."""
        placed = [(path, saved) for path, saved in self.tensors() if saved.is_placed]
        try:
            fill_together([saved for _, saved in placed])
        except Exception:  # noqa: BLE001  (the second attempt raises again)
            restore_all((path, saved.fill) for path, saved in placed)


def _inside(root: object, loads: list[tuple[object, Callable[[], object]]]) -> object:
    """Return the attributes of a user's object; if it has none, append to ``loads`` how its ``state_dict()`` is restored."""
    name = type(root).__name__
    if hasattr(root, "__dict__"):
        return {name: vars(root)}
    load, state_dict = getattr(root, "load_state_dict", None), getattr(root, "state_dict", None)
    if load is None or state_dict is None:
        if isinstance(root, dict | list | set | deque) or own_generator(root) is not None:
            return None
        message = (
            f"stateful holds a {name}, which has neither attributes nor state_dict() and load_state_dict(); give objects "
            "that have one of the two."
        )
        raise LearnerError(message)
    state = copy.deepcopy(state_dict())
    loads.append((name, lambda: load(copy.deepcopy(state))))
    return None


def _saved(value: object) -> object_graph.Node | None:
    if type(value) in _CONTAINERS:  # most values are
        return None
    if isinstance(value, Tensor):
        saved = SavedShard(value) if sharding.is_shard(value) else SavedTensor(value)
        return object_graph.Node(saved, saved.children())
    if isinstance(value, DistributedDataParallel):
        return sharding.data_parallel_state(value)
    if isinstance(value, _STATEFUL):
        return object_graph.Node(children=[vars(value)])
    generator = own_generator(value)
    return None if generator is None else object_graph.Node(partial(restore_states, capture([generator])))
