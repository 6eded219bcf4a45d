"""Snapshot of the objects of a run: tensors are restored in place; the objects that hold them keep their identity."""

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
from lrfinder.torch._snapshot.stores import InMemory, copy_together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lrfinder.torch._snapshot.stores import CopyStore

_CONTAINERS = {dict, OrderedDict, list, tuple, set, deque}
_STATEFUL = (nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler, torch.amp.GradScaler)
_COPIED_TOGETHER = (Tensor, nn.Parameter)  # other classes may define copies of their own
_NO_ATTRIBUTES: dict[str, object] = {}  # shared by most tensors


class Snapshot(object_graph.GraphSnapshot):
    """Copy of everything that can be reached from ``roots`` and that training changes.

    The walk enters modules, optimizers, schedulers and gradient scalers, with all their attributes. It copies tensors
    (values, memory, shape, ``requires_grad``, ``grad`` or its absence, attributes) and random generators. A tensor is
    restored as the same object in the same memory, so that tied weights stay tied, and compiled models and captured graphs
    stay valid.

    Roots are objects of PyTorch's classes, or objects of the user. The state of the latter is their attributes, or their
    ``state_dict()`` if they have none; one that has neither raises a ``LearnerError``. Copies of contents are in ``store``.
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
        """Restore everything; a ``RestoreError`` names the parts that could not be restored."""
        restore_all([("memory", super().restore), ("contents", self._fill)])

    def _fill(self) -> None:
        """Restore most contents in one call; if it fails, all of them one by one, so that only the failing ones are lost."""
        placed = [(path, saved) for path, saved in self.tensors() if saved.is_placed]
        one_by_one = [(path, saved) for path, saved in placed if saved.flat is None]
        try:
            pairs = [saved.flat_pair() for _, saved in placed if saved.flat is not None]
            if pairs:
                copy_together([target for target, _ in pairs], [source for _, source in pairs])
        except Exception:  # noqa: BLE001  (the second attempt raises again)
            one_by_one = placed
        restore_all((path, saved.fill) for path, saved in one_by_one)


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


class SavedTensor:
    """One tensor; a call restores everything except its contents, which :meth:`fill` restores afterwards.

    ``flat`` is its memory, 1-D, or None if it cannot be copied together with others. Whoever copies many tensors together
    sets ``copy``, as bytes or in their dtype. After a call that succeeds, ``is_placed``: the contents can be restored.
    """

    # slots, because a large model has many of these
    __slots__ = ("_alias", "_attributes", "_grad", "_nbytes", "_requires_grad", "_tensor", "copy", "flat", "is_placed")

    def __init__(self, tensor: Tensor, part: Tensor | None = None) -> None:
        part = tensor if part is None else part
        self._tensor = tensor
        self._alias = part.detach()  # the same memory, under a name that nobody else can redirect
        self._nbytes = self._alias.untyped_storage().nbytes() if part.layout is torch.strided else 0
        self._attributes = vars(tensor).copy() or _NO_ATTRIBUTES
        self._requires_grad = tensor.requires_grad
        self._grad = tensor.grad if tensor.is_leaf else None
        self.flat = _flat(self._alias) if type(part) in _COPIED_TOGETHER else None
        self.copy = None if self.flat is not None else self._writable_part().detach().to("cpu", copy=True)
        self.is_placed = False

    def children(self) -> dict[str, object]:
        """Return the other objects that belong to the tensor, its gradient first."""
        return self._attributes if self._grad is None else {"grad": self._grad, **self._attributes}

    def __call__(self) -> None:
        """Restore memory, shape, attributes, ``requires_grad``, and the gradient or its absence."""
        self.is_placed = False
        if self._alias.layout is torch.strided:
            self._restore_memory()
        _restore_attributes(self._tensor, self._attributes)
        self._restore_gradient()
        self.is_placed = True

    def fill(self) -> None:
        """Restore the contents."""
        assert self.copy is not None
        if self.flat is not None:
            target, source = self.flat_pair()
            target.copy_(source)
        elif self._alias.layout is torch.strided:
            self._writable_part().copy_(self.copy)
        else:
            self._tensor.copy_(self.copy.clone())  # a sparse tensor keeps the memory that is copied into it

    def flat_pair(self) -> tuple[Tensor, Tensor]:
        """Return target and source of a copy of ``flat``."""
        assert self.flat is not None
        assert self.copy is not None
        as_bytes = self.copy.dtype is not self.flat.dtype
        return self.flat.view(self.copy.dtype) if as_bytes else self.flat, self.copy

    def _restore_gradient(self) -> None:
        if self._tensor.is_leaf:
            self._tensor.requires_grad_(self._requires_grad)
            if self._tensor.grad is not self._grad:
                self._tensor.grad = self._grad

    def _restore_memory(self) -> None:
        tensor, alias = self._tensor, self._alias
        if tensor.dtype is not alias.dtype or not tensor.is_set_to(alias):
            tensor.data = alias  # the step had given it other memory, or another shape
        if alias.untyped_storage().nbytes() < self._nbytes:
            alias.untyped_storage().resize_(self._nbytes)  # the step had freed it; a copy into nothing ends the process

    def _writable_part(self) -> Tensor:
        """Return the tensor without repetition: an expanded one repeats its memory and cannot be written as a whole."""
        alias = self._alias
        if alias.layout is not torch.strided or 0 not in alias.stride():
            return alias
        return alias[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in alias.stride())]


class SavedShard(SavedTensor):
    """A tensor of which this process holds a part; that part is restored, wherever it is then, without communication."""

    __slots__ = ()

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(tensor, sharding.local_part(tensor))
        self._attributes = _NO_ATTRIBUTES

    def __call__(self) -> None:
        """Restore ``requires_grad``, and the gradient or its absence."""
        self.is_placed = False
        self._restore_gradient()
        alias = sharding.local_part(self._tensor).detach()
        if not alias.is_set_to(self._alias):
            self._alias = alias
            self.flat = None if self.flat is None else _flat(alias)
        self.is_placed = True


def _flat(tensor: Tensor) -> Tensor | None:
    """Return the memory of a tensor as one row, whatever the order of its dimensions; None if it has gaps or overlaps."""
    if tensor.layout is not torch.strided or tensor.is_conj() or tensor.is_neg() or tensor.is_quantized:
        return None
    if not tensor.is_contiguous():
        tensor = tensor.permute(sorted(range(tensor.dim()), key=tensor.stride, reverse=True))
    return tensor.view(-1) if tensor.is_contiguous() else None


def _restore_attributes(tensor: Tensor, attributes: dict[str, object]) -> None:
    now = vars(tensor)
    if not (now or attributes):
        return
    marks = {name: value for name, value in now.items() if name.startswith("_dynamo")}  # of compiled code, which stays
    now.clear()
    now.update(attributes | marks)
