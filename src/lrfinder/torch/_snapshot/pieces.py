"""The pieces of a snapshot that are of PyTorch: tensors of every kind, and random generators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lrfinder._state.walk import named
from lrfinder.errors import SnapshotError
from lrfinder.randomness import RandomGenerator, capture, restore_states
from lrfinder.torch._distributed import sharding

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from lrfinder._state.walk import Piece

PLAIN = {Tensor, nn.Parameter}  # other classes may define copies of their own
_NO_HOOKS = None, None
_NO_ATTRIBUTES: dict[str, object] = {}  # shared by most tensors


def saved_tensor(tensor: Tensor) -> SavedTensor | SavedShell:
    """Return the piece of a tensor: all of it, the shard of this process, or a shell around other tensors."""
    if type(tensor) in PLAIN and not tensor.is_meta:  # most are
        return SavedTensor(tensor)
    if sharding.is_shard(tensor):
        return SavedShard(tensor)
    return SavedTensor(tensor) if _has_memory(tensor) else SavedShell(tensor)


def _has_memory(tensor: Tensor) -> bool:
    if tensor.is_meta or hasattr(type(tensor), "__tensor_flatten__"):
        return False
    if tensor.layout is not torch.strided:
        return True
    try:
        return tensor.untyped_storage().data_ptr() != 0 or tensor.numel() == 0
    except (RuntimeError, NotImplementedError):  # a wrapper without memory
        return False


class SavedGenerator:
    """The state of a random generator; a call restores it."""

    def __init__(self, generator: RandomGenerator, kind: type) -> None:
        self._states = capture([generator])
        self.kind = kind

    def __call__(self) -> None:
        """Restore the state."""
        restore_states(self._states)

    rehearse = __call__


class SavedShell:
    """A tensor without memory of its own: one on the ``meta`` device, or a wrapper of other tensors, which have pieces too.

    A call restores everything that it has: attributes, ``requires_grad``, and the gradient or its absence.
    """

    __slots__ = ("_attributes", "_grad", "_requires_grad", "_tensor")  # because a large model has many tensors

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        self._attributes = vars(tensor).copy() or _NO_ATTRIBUTES
        self._requires_grad = tensor.requires_grad
        self._grad = tensor.grad if tensor.is_leaf else None

    def children(self) -> dict[str, object]:
        """Return the other objects that belong to the tensor: what it wraps, its gradient, its hooks, its attributes."""
        flatten: Any = getattr(self._tensor, "__tensor_flatten__", None)
        inside = {} if flatten is None else {name: getattr(self._tensor, name) for name in flatten()[0]}
        return {"grad": self._grad, **_hooks(self._tensor), **inside, **self._attributes}

    def __call__(self) -> None:
        """Restore attributes, ``requires_grad``, and the gradient or its absence."""
        _restore_attributes(self._tensor, self._attributes)
        self._restore_gradient()

    def _restore_gradient(self) -> None:
        if self._tensor.is_leaf:
            if self._tensor.requires_grad != self._requires_grad:
                self._tensor.requires_grad_(self._requires_grad)
            if self._tensor.grad is not self._grad:
                self._tensor.grad = self._grad


class SavedTensor(SavedShell):
    """A tensor with memory; a call restores everything except its contents, which :meth:`fill` restores afterwards.

    ``flat`` is its memory, 1-D, or None if it cannot be copied together with others. Whoever copies many tensors together
    keeps the copies; the piece has the copy of a tensor that is copied alone. After a call that succeeds, ``is_placed``: the
    contents can be restored.
    """

    __slots__ = ("_alias", "_copy", "_nbytes", "flat", "is_placed")

    def __init__(self, tensor: Tensor, part: Tensor | None = None) -> None:
        super().__init__(tensor)
        part = tensor if part is None else part
        self._alias = alias = part.detach()  # the same memory, under a name that nobody else can redirect
        self._nbytes = alias.untyped_storage().nbytes() if alias.layout is torch.strided else 0
        self.flat = flat = _flat(alias) if type(part) in PLAIN and not part.is_inference() else None
        self._copy = None if flat is not None else self._writable_part().detach().to("cpu", copy=True)
        self.is_placed = False

    def children(self) -> dict[str, object]:
        """Return the other objects that belong to the tensor, its gradient first."""
        tensor = self._tensor
        if self._grad is None and _hook_tables(tensor) == _NO_HOOKS:  # as for most
            return self._attributes
        grad = {} if self._grad is None else {"grad": self._grad}
        return {**grad, **_hooks(tensor), **self._attributes}

    def __call__(self) -> None:
        """Restore memory, shape, attributes, ``requires_grad``, and the gradient or its absence."""
        self.is_placed = False
        if self._alias.layout is torch.strided:
            self._restore_memory()
        _restore_attributes(self._tensor, self._attributes)
        self._restore_gradient()
        self.is_placed = True

    def fill(self) -> None:
        """Restore the contents of a tensor that is copied alone."""
        self._write(self._writable_part() if self._alias.layout is torch.strided else self._tensor)

    def fill_from(self, copy: Tensor) -> None:
        """Restore the contents from a copy of ``flat``."""
        target, source = self.flat_pair(copy)
        target.copy_(source)

    @property
    def kind(self) -> Hashable:
        """Class, layout, dtype and mode, which decide whether a restore is possible."""
        return type(self._tensor), self._alias.layout, self._alias.dtype, self._alias.is_inference()

    def rehearse(self) -> None:
        """Write the copy into another copy."""
        with torch.inference_mode(self._alias.is_inference()):
            other = self._writable_part().clone()
        self._write(other)

    def _write(self, target: Tensor) -> None:
        assert self._copy is not None
        if self._alias.layout is not torch.strided:
            target.copy_(self._copy.clone())  # a sparse tensor keeps the memory that is copied into it
            return
        with torch.inference_mode(self._alias.is_inference()):  # outside of it, such a tensor cannot be written
            target.copy_(self._copy)

    def flat_pair(self, copy: Tensor) -> tuple[Tensor, Tensor]:
        """Return target and source of the restore from a copy of ``flat``, which is as bytes or in its dtype."""
        assert self.flat is not None
        return self.flat if copy.dtype is self.flat.dtype else self.flat.view(copy.dtype), copy

    def _restore_memory(self) -> None:
        tensor, alias = self._tensor, self._alias
        if alias.is_quantized:  # no comparison of memory is known for these
            return
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


def _hook_tables(tensor: Any) -> tuple[dict[int, object] | None, ...]:
    return tensor._backward_hooks, tensor._post_accumulate_grad_hooks  # noqa: SLF001  (no public name)


def _hooks(tensor: Tensor) -> dict[str, object]:
    """Return the functions that the backward calls for a tensor, if there are any."""
    tables = _hook_tables(tensor)
    return {} if tables == _NO_HOOKS else {"hooks": tuple(hook for one in tables if one for hook in one.values())}


def _flat(tensor: Tensor) -> Tensor | None:
    """Return the memory of a tensor as one row, whatever the order of its dimensions; None if it has gaps or overlaps."""
    if tensor.layout is not torch.strided or tensor.is_conj() or tensor.is_neg() or tensor.is_quantized:
        return None
    if not tensor.is_contiguous():
        tensor = tensor.permute(sorted(range(tensor.dim()), key=tensor.stride, reverse=True))
        if not tensor.is_contiguous():
            return None
    return tensor if tensor.dim() == 1 else tensor.view(-1)


def _restore_attributes(tensor: Tensor, attributes: dict[str, object]) -> None:
    now = vars(tensor)
    if not (now or attributes):
        return
    marks = {name: value for name, value in now.items() if name.startswith("_dynamo")}  # of compiled code, which stays
    now.clear()
    now.update(attributes | marks)


_REHEARSED = {SavedTensor, SavedShard, SavedGenerator}


def rehearse(pieces: Sequence[Piece]) -> None:
    """Try out, right after the snapshot, what could refuse to be restored, once for each class and layout.

    Plain tensors do not refuse. Of others a copy is written, because a live graph of autograd may hold the tensor itself.

    Raises:
        SnapshotError: something refused; nothing was changed.
    """
    odd = [one for one in pieces if type(one[2]) in _REHEARSED and getattr(one[2], "flat", None) is None]
    for path, piece in {piece.kind: (path, piece) for path, piece in named(odd)}.values():
        try:
            piece.rehearse()
        except Exception as error:
            message = f"{path} could not be restored after a search ({type(error).__name__}: {error}). Nothing was changed."
            raise SnapshotError(message) from error
