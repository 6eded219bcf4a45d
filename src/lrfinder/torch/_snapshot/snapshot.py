"""What a PyTorch training changes, copied and put back: tensors in place, everything around them as the same objects."""

from __future__ import annotations

import copy
from collections import OrderedDict, deque
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lrfinder._state import object_graph as memory
from lrfinder._state.rollback import put_back_all
from lrfinder.errors import LearnerError
from lrfinder.randomness import capture, put_back
from lrfinder.torch._distributed import sharding
from lrfinder.torch._randomness import own_generator
from lrfinder.torch._snapshot.host import InMemory
from lrfinder.torch._snapshot.tensors import Piece, Shard, fill_together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lrfinder.torch._snapshot.host import Copies

_CONTAINERS = {dict, OrderedDict, list, tuple, set, deque}
_STATEFUL = (nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler, torch.amp.GradScaler)


class Memory(memory.Memory):
    """A copy of everything that can be reached from ``roots`` and that training changes; ``restore()`` puts it back.

    The walk goes through modules, optimizers, schedulers and gradient scalers (all their attributes) and takes tensors
    (values, memory, shape, ``requires_grad``, ``grad`` or its absence, attributes) and random generators. A tensor comes
    back as the same object in the same memory, so that tied weights stay tied and compiled models and captured graphs go
    on working.

    Args:
        roots: of PyTorch's kinds; or objects of the user's, which are their attributes, or else what ``state_dict()`` gives.
        copies: keeps the copies of what the tensors hold; on the host, unless it is given.

    Raises:
        LearnerError: one of the roots is of neither kind.
    """

    def __init__(self, roots: Iterable[object], copies: Copies | None = None) -> None:
        roots = list(roots)
        loads: list[tuple[object, Callable[[], object]]] = []
        inside = [_inside(root, loads) for root in roots if not isinstance(root, (*_STATEFUL, Tensor))]
        super().__init__([*roots, *inside], _take)
        contents = [piece.contents for _, piece in self._tensors()]
        flat = [one.flat for one in contents if one.flat is not None]
        kept, self._lives_by = (InMemory() if copies is None else copies).keep(flat)
        for one, copied in zip((one for one in contents if one.flat is not None), kept, strict=True):
            one.copy = copied
        self._pieces[:0] = loads

    def _tensors(self) -> list[tuple[object, Piece]]:
        return [(path, piece) for path, piece in self._pieces if isinstance(piece, Piece)]

    @torch.no_grad()
    def restore(self) -> None:
        """Put everything back.

        Raises:
            RestoreError: some of it could not be; all else has been.
        """
        put_back_all([("memory", super().restore), ("contents", self._fill)])

    def _fill(self) -> None:
        """In one call; where that fails, one by one, to find out which it was and to have all others."""
        pieces = [(path, piece.contents) for path, piece in self._tensors() if piece.in_place]
        try:
            fill_together([contents for _, contents in pieces])
        except Exception:  # noqa: BLE001  (what raised is tried again)
            put_back_all((path, contents.fill) for path, contents in pieces)


def _inside(root: object, loads: list[tuple[object, Callable[[], object]]]) -> object:
    """What to walk into for an object of the user's that was named as stateful; where its state is loaded, how."""
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


def _take(value: object) -> memory.Taken | None:
    if type(value) in _CONTAINERS:  # as most is that is found
        return None
    if isinstance(value, Tensor):
        piece = Shard(value) if sharding.is_shard(value) else Piece(value)
        return memory.Taken(piece, piece.further())
    if isinstance(value, DistributedDataParallel):
        return sharding.data_parallel_state(value)
    if isinstance(value, _STATEFUL):
        return memory.Taken(further=[vars(value)])
    generator = own_generator(value)
    return None if generator is None else memory.Taken(partial(put_back, capture([generator])))
