"""Snapshot of the objects of a run: tensors are restored in place; the objects that hold them keep their identity."""

from __future__ import annotations

import sys
from collections import OrderedDict, deque
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset, Sampler

from lrfinder._state.attributes import has_slots
from lrfinder._state.framework import Framework
from lrfinder._state.garbage import collector_paused
from lrfinder._state.nodes import Node, has_state_dict, object_node
from lrfinder._state.object_graph import GraphSnapshot
from lrfinder._state.rollback import restore_all
from lrfinder._state.walk import named
from lrfinder.errors import LearnerError
from lrfinder.torch._distributed import sharding
from lrfinder.torch._randomness import own_generator
from lrfinder.torch._snapshot.pieces import PLAIN, SavedGenerator, SavedTensor, rehearse, saved_tensor
from lrfinder.torch._snapshot.stores import InMemory, copy_together

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lrfinder._state.walk import Piece
    from lrfinder.randomness import RandomGenerator
    from lrfinder.torch._snapshot.stores import CopyStore

_STATEFUL = (
    nn.Module,
    torch.optim.Optimizer,
    torch.optim.lr_scheduler.LRScheduler,
    torch.amp.GradScaler,
    torch.distributions.Distribution,
    torch.quasirandom.SobolEngine,
)
_DATA = (DataLoader, Dataset, Sampler)
_CONTAINERS = {dict, OrderedDict, list, tuple, set, deque}


class Snapshot(GraphSnapshot):
    """Copy of everything that can be reached from ``roots`` and from ``callables``, and that training changes.

    The walk enters modules, optimizers, schedulers, gradient scalers and objects of the user, with all their attributes. It
    copies tensors (values, memory, shape, ``requires_grad``, ``grad`` or its absence, attributes) and random generators. A
    tensor is restored as the same object in the same memory: tied weights stay tied, and compiled models and captured graphs
    stay valid.

    Raises:
        LearnerError: a root has neither attributes nor a ``state_dict()``.
        SnapshotError: something could not be copied, or could not be restored; nothing was changed.
    """

    def __init__(
        self,
        roots: Iterable[object],
        store: CopyStore | None = None,
        *,
        callables: Mapping[str, object] = MappingProxyType({}),
        data: Iterable[object] = (),
        of_data: Iterable[RandomGenerator] = (),
    ) -> None:
        roots = list(roots)
        for root in roots:
            _check_root(root)
        with collector_paused():
            super().__init__([*roots, *_global_hooks()], FRAMEWORK, callables, data, of_data)
            rehearse(self._pieces)
            tensors = [piece for piece in self._pieces if isinstance(piece[2], SavedTensor)]
            self._alone = [piece for piece in tensors if piece[2].flat is None]
            self._together = [piece for piece in tensors if piece[2].flat is not None]
            flat = [saved.flat for _, _, saved in self._together]
            self._copies = (InMemory() if store is None else store).store(flat)

    def tensors(self) -> list[tuple[object, SavedTensor]]:
        """Return the saved tensors, each with its path for error messages."""
        return [(path, piece) for path, piece in named(self._pieces) if isinstance(piece, SavedTensor)]

    @torch.no_grad()
    def restore(self) -> None:
        """Restore everything; a ``RestoreError`` names the parts that could not be restored."""
        with collector_paused():
            restore_all([("memory", super().restore), ("contents", self._fill)])

    def _fill(self) -> None:
        """Restore most contents in one call; if it fails, all of them one by one, so that only the failing ones are lost."""
        one_by_one: list[Piece] = [(parent, key, saved.fill) for parent, key, saved in self._alone if saved.is_placed]
        copies = zip(self._together, self._copies.views(), strict=True)
        placed = [(piece, copy) for piece, copy in copies if piece[2].is_placed]
        try:
            pairs = [saved.flat_pair(copy) for (_, _, saved), copy in placed]
            if pairs:
                copy_together([target for target, _ in pairs], [source for _, source in pairs])
        except Exception:  # noqa: BLE001  (the second attempt raises again)
            one_by_one += [(parent, key, partial(saved.fill_from, copy)) for (parent, key, saved), copy in placed]
        restore_all(named(one_by_one))


def _global_hooks() -> list[object]:
    """Return the hooks that run in every module and every optimizer."""
    of_module, of_optimizer = (vars(sys.modules[kind.__module__]) for kind in (nn.Module, torch.optim.Optimizer))
    kinds = [f"_global_{kind}_hooks" for kind in ("forward_pre", "forward", "backward_pre", "backward")]
    kinds += [f"_global_optimizer_{kind}_hooks" for kind in ("pre", "post")]
    return [names[kind] for names in (of_module, of_optimizer) for kind in kinds if names.get(kind)]


def _check_root(root: object) -> None:
    is_known = isinstance(root, (*_STATEFUL, Tensor, dict, list, set, deque)) or own_generator(root) is not None
    if not (is_known or hasattr(root, "__dict__") or hasattr(type(root), "__slots__") or has_state_dict(root)):
        message = (
            f"stateful holds a {type(root).__name__}, which has neither attributes nor state_dict() and load_state_dict(); "
            "give objects that have one of the two."
        )
        raise LearnerError(message)


def _visit(value: object) -> Node | None:
    kind = type(value)
    if kind in PLAIN or isinstance(value, Tensor):
        saved = saved_tensor(cast("Tensor", value))
        return Node(saved, saved.children())
    if kind in _CONTAINERS:
        return None
    if isinstance(value, DistributedDataParallel):
        return sharding.data_parallel_state(value)
    if isinstance(value, torch.jit.ScriptModule):  # whose tensors are not among its attributes
        return Node(children=[vars(value), dict(value.named_parameters()), dict(value.named_buffers())])
    if isinstance(value, _STATEFUL):
        return object_node(value) if has_slots(value) else Node(children=[vars(value)])
    generator = own_generator(value)
    return None if generator is None else Node(SavedGenerator(generator, type(value)), [getattr(value, "__dict__", None)])


def _is_state(value: object) -> bool:
    return isinstance(value, (Tensor, *_STATEFUL)) or own_generator(value) is not None


FRAMEWORK = Framework(_visit, _is_state, frozenset({"torch"}), _DATA)
