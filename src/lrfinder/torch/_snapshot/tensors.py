"""Saved tensors: restored in place, as the same objects in the same memory; the contents of many are copied together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lrfinder.torch._distributed.sharding import local_part
from lrfinder.torch._snapshot.host import copy_together

if TYPE_CHECKING:
    from collections.abc import Sequence

_COPIED_TOGETHER = (Tensor, nn.Parameter)  # other classes may define copies of their own
_NO_ATTRIBUTES: dict[str, object] = {}  # shared by most tensors


class SavedTensor:
    """One tensor; a call restores everything except its contents, which :meth:`fill` restores afterwards.

    Attributes:
        flat: the memory of the tensor, 1-D; None if it cannot be copied together with others.
        copy: the copy of the contents. The caller that copies many tensors together sets it, as bytes or in their dtype.
        is_placed: whether the last call succeeded, so that the contents can be restored.
    """

    # slots, because a large model has many of these
    __slots__ = ("_alias", "_attributes", "_grad", "_nbytes", "_requires_grad", "_tensor", "copy", "flat", "is_placed")

    def __init__(self, tensor: Tensor) -> None:
        part = self._part(tensor)
        self._tensor = tensor
        self._alias = part.detach()  # the same memory, under a name that nobody else can redirect
        self._nbytes = self._alias.untyped_storage().nbytes() if part.layout is torch.strided else 0
        self._attributes = vars(tensor).copy() or _NO_ATTRIBUTES
        self._requires_grad = tensor.requires_grad
        self._grad = tensor.grad if tensor.is_leaf else None
        self.flat = _flat(self._alias) if type(part) in _COPIED_TOGETHER else None
        self.copy = None if self.flat is not None else self._writable_part().detach().to("cpu", copy=True)
        self.is_placed = False

    @staticmethod
    def _part(tensor: Tensor) -> Tensor:
        return tensor

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
        super().__init__(tensor)
        self._attributes = _NO_ATTRIBUTES

    @staticmethod
    def _part(tensor: Tensor) -> Tensor:
        return local_part(tensor)

    def __call__(self) -> None:
        """Restore ``requires_grad``, and the gradient or its absence."""
        self.is_placed = False
        self._restore_gradient()
        alias = local_part(self._tensor).detach()
        if not alias.is_set_to(self._alias):
            self._alias = alias
            self.flat = None if self.flat is None else _flat(alias)
        self.is_placed = True


def fill_together(tensors: Sequence[SavedTensor]) -> None:
    """Restore the contents of many tensors, as many as possible in one call."""
    pairs = [saved.flat_pair() for saved in tensors if saved.flat is not None]
    if pairs:
        copy_together([target for target, _ in pairs], [source for _, source in pairs])
    for saved in tensors:
        if saved.flat is None:
            saved.fill()


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
